"""What the sandbox's merchant sells: one list, shared by the stand-in marketplaces and the stand-in Odoo.

What belongs here: SKU, title, price and weight of each article. What does not: stock (the stand-in Odoo keeps it),
listings and their ids (each marketplace makes its own from the SKU).
"""

from __future__ import annotations

from typing import NamedTuple


class Article(NamedTuple):
    """One sellable article. Price in euro cents with VAT included, weight in grams."""

    sku: str
    title: str
    price_minor_eur: int
    weight_g: int


CATALOGUE: list[Article] = [
    Article("KET-GN-17", "Gooseneck Kettle 1.7 l, Matte Black", 6990, 1450),
    Article("KET-GN-09", "Gooseneck Kettle 0.9 l, Brushed Steel", 5490, 980),
    Article("GRD-HND-38", "Hand Coffee Grinder, 38 mm Steel Burr", 8900, 620),
    Article("GRD-EL-54", "Electric Burr Grinder 54 mm", 21900, 3900),
    Article("DRP-CER-02", "Ceramic Coffee Dripper, Size 02, White", 2495, 480),
    Article("DRP-CER-01", "Ceramic Coffee Dripper, Size 01, Oat", 2195, 410),
    Article("FLT-PAP-02-100", "Paper Filters Size 02, 100 Sheets", 549, 160),
    Article("FLT-PAP-01-100", "Paper Filters Size 01, 100 Sheets", 499, 130),
    Article("SRV-GLS-600", "Glass Coffee Server 600 ml", 2290, 390),
    Article("SCL-TMR-2K", "Brewing Scale with Timer, 2 kg / 0.1 g", 4490, 520),
    Article("MUG-STN-350-BL", "Stoneware Mug 350 ml, Ink Blue", 1690, 390),
    Article("MUG-STN-350-GR", "Stoneware Mug 350 ml, Moss Green", 1690, 390),
    Article("MUG-STN-350-SET4", "Stoneware Mugs 350 ml, Set of 4", 5990, 1600),
    Article("CUP-ESP-80", "Espresso Cup 80 ml with Saucer", 1290, 260),
    Article("TMB-ISO-450", "Insulated Tumbler 450 ml, Leakproof", 2995, 340),
    Article("TMB-ISO-LID", "Spare Lid for Insulated Tumbler", 690, 60),
    Article("FRP-STL-1L", "French Press 1 l, Double-Walled Steel", 5290, 1150),
    Article("FRP-GLS-350", "French Press 350 ml, Borosilicate Glass", 2490, 430),
    Article("MOK-ALU-06", "Moka Pot, 6 Cups, Aluminium", 3190, 650),
    Article("MOK-SEAL-06", "Gasket and Filter Kit for 6-Cup Moka Pot", 595, 25),
    Article("FRT-MLK-MAN", "Milk Frother, Handheld, USB-C", 1899, 140),
    Article("PTC-MLK-600", "Milk Pitcher 600 ml, Stainless Steel", 2150, 330),
    Article("TMP-585", "Coffee Tamper 58.5 mm, Walnut Handle", 3995, 470),
    Article("MAT-TMP", "Silicone Tamping Mat, Anthracite", 1450, 210),
    Article("KNB-BOX", "Knock Box with Non-Slip Base", 2790, 880),
    Article("CLN-TAB-20", "Cleaning Tablets for Espresso Machines, 20 pcs", 899, 70),
    Article("CLN-DSC-500", "Liquid Descaler 500 ml", 1099, 560),
    Article("CAN-AIR-1200", "Airtight Coffee Canister 1.2 l", 3490, 700),
    Article("CAN-AIR-700", "Airtight Coffee Canister 0.7 l", 2890, 520),
    Article("SPN-DOS-10", "Dosing Spoon 10 g, Brass", 990, 45),
    Article("TEA-INF-SS", "Tea Infuser Basket, Extra Fine Mesh", 1190, 85),
    Article("TEA-POT-1200", "Teapot 1.2 l, Cast Iron, Ume Blossom", 6490, 2100),
    Article("TEA-MAT-WHK", "Matcha Whisk (Chasen), 100 Prongs", 1995, 40),
    Article("APR-CNV-OLV", "Barista Apron, Waxed Canvas, Olive", 4890, 560),
    Article("TWL-WAF-3", "Waffle Bar Towels, Pack of 3", 1490, 240),
    Article("BK-BREW-EN", "The Brewing Handbook (Hardcover, English)", 3200, 890),
    Article("BK-BREW-DE", "Das Brühbuch (gebunden, Deutsch)", 3200, 890),
    Article("COF-BLD-250", "House Blend, Whole Beans 250 g", 890, 265),
    Article("COF-BLD-1000", "House Blend, Whole Beans 1 kg", 2890, 1030),
    Article("COF-ETH-250", "Ethiopia Sidamo, Whole Beans 250 g", 1190, 265),
    Article("GIFT-SET-PO", "Pour-Over Starter Set in a Gift Box", 9990, 2600),
    Article("THM-BRW-LCD", "Brewing Thermometer, Instant Read", 1795, 95),
]

# What a German merchant sells at 7 %: books, coffee beans (Annex 2 of the Umsatzsteuergesetz, no. 49 and 12).
REDUCED_RATE = frozenset({"BK-BREW-EN", "BK-BREW-DE", "COF-BLD-250", "COF-BLD-1000", "COF-ETH-250"})
