"""The marketplaces on which the sandbox's merchant sells.

What belongs here: ids, names, currencies, and a plausible address of each. What does not: orders (demo.py).
"""

from __future__ import annotations

from typing import NamedTuple


class Place(NamedTuple):
    """per_euro: what a euro's worth of goods costs there, in thousandths. vat: the standard rate in per cent."""

    id: str
    name: str
    country: str
    currency: str
    language: str
    per_euro: int
    vat: int
    names: tuple[str, ...]
    streets: tuple[str, ...]
    cities: tuple[tuple[str, str], ...]


DE = Place(
    "A1PA6795UKMFR9", "Amazon.de", "DE", "EUR", "de_DE", 1000, 19,
    ("Jürgen Groß", "Anneliese Müller-Lüdenscheidt", "Şeyma Yıldız", "Björn Weiß"),
    ("Königstraße 7", "Am Süßbach 12 b", "Straße des 17. Juni 135"),
    (("10623", "Berlin"), ("80331", "München"), ("24837", "Schleswig"), ("50667", "Köln")),
)  # fmt: skip
FR = Place(
    "A13V1IB3VIYZZH", "Amazon.fr", "FR", "EUR", "fr_FR", 1000, 20,
    ("Zoé Lefèvre", "François d'Aubigné", "Maëlle Garçon"),
    ("12 bis, rue de l'Échiquier", "3 quai Saint-Nicolas"),
    (("75010", "Paris"), ("67000", "Strasbourg"), ("13001", "Marseille")),
)  # fmt: skip
PL = Place(
    "A1C3SOZRARQ6R3", "Amazon.pl", "PL", "PLN", "pl_PL", 4290, 23,
    ("Łukasz Żółkiewski", "Małgorzata Świątek"),
    ("ul. Święty Marcin 29/8", "al. Jerozolimskie 54"),
    (("61-806", "Poznań"), ("00-024", "Warszawa"), ("90-001", "Łódź")),
)  # fmt: skip
SE = Place(
    "A2NODRKZP88ZB9", "Amazon.se", "SE", "SEK", "sv_SE", 11200, 25,
    ("Åsa Öberg", "Nils Sjöström"), ("Järntorgsgatan 4", "Östra Ågatan 31"),
    (("413 01", "Göteborg"), ("753 22", "Uppsala")),
)  # fmt: skip
UK = Place(
    "A1F83G8C2ARO7P", "Amazon.co.uk", "GB", "GBP", "en_GB", 870, 20,
    ("Siobhán O'Brien", "Rhys Llewellyn"), ("Flat 3, 18 Rye Lane", "1 Cardigan Street"),
    (("SE15 5BS", "London"), ("SY23 2JS", "Aberystwyth")),
)  # fmt: skip

PLACES = (DE, FR, PL, SE, UK)
