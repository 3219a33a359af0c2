"""A merchant's days on Amazon: ordinary orders, and among them one of each unusual kind.

What belongs here: which kinds there are. What does not: the parts of an order (making.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from ..catalogue import Article
from .answers import written
from .making import Maker, local_price
from .places import DE, FR, PL, SE, UK, Place

PER_DAY = 15
FBA_SHARE = 0.4


def demo_orders(seed: int, days: int, start: datetime, catalogue: Sequence[Article]) -> Iterator[dict[str, Any]]:
    """Orders of the last `days` days before `start`, in no order; one of each unusual kind, the rest ordinary."""
    maker = Maker(seed, catalogue)
    span = int(timedelta(days=days).total_seconds()) - 7200
    kinds = [*ODD, *[_make_ordinary] * max(PER_DAY * days - len(ODD), 0)]
    maker.random.shuffle(kinds)
    for kind in kinds:
        yield kind(maker, start - timedelta(seconds=maker.random.randint(7200, 7200 + span)))


def _make_ordinary(maker: Maker, placed: datetime) -> dict[str, Any]:
    place = maker.random.choices((DE, FR, PL), (6, 3, 2))[0]
    quantities = maker.random.choices((1, 2, 3), (8, 3, 1), k=maker.random.choices((1, 2, 3), (7, 2, 1))[0])
    by_amazon = maker.random.random() < FBA_SHARE
    chosen = maker.articles(place, len(quantities), by_amazon)
    shipping = local_price(place, maker.random.choice((0, 0, 399, 499)))
    items = [
        maker.item(place, article, quantity, shipping=0 if at else shipping)
        for at, (article, quantity) in enumerate(zip(chosen, quantities, strict=True))
    ]
    if by_amazon:
        return _make_fulfilled_by_amazon(maker, maker.order(place, placed, items), placed)
    order = maker.order(place, placed, items)
    return _add_shipment(maker, order, placed) if maker.random.random() < 0.5 else order


def _make_fulfilled_by_amazon(maker: Maker, order: dict[str, Any], placed: datetime) -> dict[str, Any]:
    """Fulfilled by Amazon: no e-mail, no name, no street, no parcels."""
    address = order["recipient"]["deliveryAddress"]
    bare = {name: address[name] for name in ("city", "postalCode", "countryCode")}
    order = _add_shipped_units(order, placed) | {"programs": ["PRIME"], "recipient": {"deliveryAddress": bare}}
    order["fulfillment"] = maker.fulfillment(placed, "SHIPPED", "AMAZON")
    return {name: value for name, value in order.items() if name != "buyer"}


def _add_shipment(maker: Maker, order: dict[str, Any], placed: datetime) -> dict[str, Any]:
    order = _add_shipped_units(order, placed)
    order["fulfillment"] = maker.fulfillment(placed, "SHIPPED")
    order["packages"] = [
        {
            "packageReferenceId": "1",
            "createdTime": written(placed + timedelta(hours=1)),
            "shipTime": written(placed + timedelta(hours=2)),
            "packageStatus": {"status": "IN_TRANSIT"},
            "carrier": "DHL",
            "shippingService": "DHL Paket",
            "trackingNumber": f"003404341610{maker.random.randint(0, 10**8 - 1):08d}",
            "shipFromAddress": {"name": "Third Wave Supplies", "addressLine1": "Speicherstr. 1", "city": "Hamburg",
                                "postalCode": "20457", "countryCode": "DE"},
            "packageItems": [
                {"orderItemId": item["orderItemId"], "quantity": item["quantityOrdered"]}
                for item in order["orderItems"]
            ],
        }
    ]  # fmt: skip
    return order


def _add_shipped_units(order: dict[str, Any], placed: datetime) -> dict[str, Any]:
    """All units sent, an hour and three quarters after the order."""
    for item in order["orderItems"]:
        item["fulfillment"] = {"quantityFulfilled": item["quantityOrdered"], "quantityUnfulfilled": 0}
    return {**order, "lastUpdatedTime": written(placed + timedelta(minutes=105))}


def _make_one_item(
    maker: Maker, place: Place, quantity: int = 1, by_amazon: bool = False, **more: Any
) -> list[dict[str, Any]]:
    (article,) = maker.articles(place, 1, by_amazon)
    return [maker.item(place, article, quantity, **more)]


def _make_fba(maker: Maker, placed: datetime) -> dict[str, Any]:
    return _make_fulfilled_by_amazon(maker, maker.order(PL, placed, _make_one_item(maker, PL, by_amazon=True)), placed)


def _make_pending(maker: Maker, placed: datetime) -> dict[str, Any]:
    """Not authorised yet: no proceeds, no buyer."""
    items = _make_one_item(maker, DE)
    del items[0]["proceeds"], items[0]["product"]["price"]
    waiting = maker.fulfillment(placed, "PENDING")
    return maker.order(DE, placed, items, buyer=None, recipient=None, proceeds=None, fulfillment=waiting)


def _make_cancelled(maker: Maker, placed: datetime) -> dict[str, Any]:
    items = _make_one_item(maker, DE)
    cancel_item(items[0], "BUYER", "Ordered by mistake")
    del items[0]["proceeds"]
    return maker.order(DE, placed, items, proceeds=None, fulfillment=maker.fulfillment(placed, "CANCELLED"))


def _make_partly_cancelled(maker: Maker, placed: datetime) -> dict[str, Any]:
    items = _make_one_item(maker, DE) + _make_one_item(maker, DE)
    cancel_item(items[1], "MERCHANT", "Out of stock")
    del items[1]["proceeds"]
    return maker.order(DE, placed, items)


def _make_cancellation_asked(maker: Maker, placed: datetime) -> dict[str, Any]:
    """The buyer only asks for the cancellation, which changes nothing."""
    items = _make_one_item(maker, FR)
    items[0]["cancellation"] = {"cancellationRequest": {"requester": "BUYER", "cancelReason": "Changed my mind"}}
    return maker.order(FR, placed, items)


def cancel_item(item: dict[str, Any], by: str, why: str) -> None:
    """The item is cancelled: nothing of it is to be sent any more."""
    item["cancellation"] = {"cancellationExecution": {"cancelledBy": by, "cancelReason": why}}
    item["fulfillment"] = {"quantityFulfilled": 0, "quantityUnfulfilled": 0}


def _make_gift(maker: Maker, placed: datetime) -> dict[str, Any]:
    items = _make_one_item(maker, DE, 2, gift_wrap=598, shipping=399)
    gift = {"giftOption": {"giftMessage": "Alles Gute, Opa! 🎂", "giftWrapLevel": "PREMIUM"}}
    items[0]["fulfillment"]["packing"] = gift
    return maker.order(DE, placed, items)


def _make_promotion(maker: Maker, placed: datetime) -> dict[str, Any]:
    items = _make_one_item(maker, FR, 3, discount=750, shipping=499)
    items[0]["promotion"] = {"breakdowns": [{"promotionId": "FR-RENTREE-2026"}]}
    return maker.order(FR, placed, items)


def _make_business(maker: Maker, placed: datetime) -> dict[str, Any]:
    """A German business buyer: net prices, tax on top, invoice address of its own."""
    items = _make_one_item(maker, DE, 4, net=True)
    items[0]["product"]["price"]["priceDesignation"] = "BUSINESS_PRICE"
    return _make_company_order(maker, DE, placed, items, "Café Brühwerk GmbH", "DE136695976")


def _make_reverse_charge(maker: Maker, placed: datetime) -> dict[str, Any]:
    """A French business with a valid VAT number: no tax is charged."""
    items = _make_one_item(maker, FR, 6, net=True, untaxed=True)
    return _make_company_order(maker, FR, placed, items, "Torréfaction de l'Île SARL", "FR40303265045")


def _make_company_order(
    maker: Maker, place: Place, placed: datetime, items: list[dict[str, Any]], company: str, number: str
) -> dict[str, Any]:
    order = maker.order(place, placed, items, programs=["AMAZON_BUSINESS"])
    address = order["recipient"]["deliveryAddress"] | {"companyName": company, "addressType": "COMMERCIAL"}
    order["buyer"] |= {"buyerCompanyName": company, "buyerPurchaseOrderNumber": "PO-4711"}
    order["recipient"] = {"deliveryAddress": address}
    registration = {"entityType": "BUYER", "legalName": company, "taxRegistrationType": "VAT",
                    "taxRegistrationNumber": number, "taxRegistrationAddress": address}  # fmt: skip
    return order | {"tax": {"taxRegistrations": [registration]}}


def _make_import_scheme(maker: Maker, placed: datetime) -> dict[str, Any]:
    """Sent from outside the Union: Amazon collects the VAT under its IOSS number."""
    items = _make_one_item(maker, FR)
    items[0]["tax"] = _build_collection("IOSS", "Amazon Services Europe S.à r.l.")
    items[0]["fulfillment"]["shipping"] = {"internationalShipping": {"iossNumber": "IM4420001201"}}
    return maker.order(FR, placed, items)


def _make_deemed_supplier(maker: Maker, placed: datetime) -> dict[str, Any]:
    """To a British consumer, up to 135 GBP: for the tax office, Amazon is the supplier."""
    items = [maker.item(UK, next(article for article in maker.full_rate if article.price_minor_eur < 9000))]
    items[0]["tax"] = {"taxCollections": _build_collection("", "Amazon EU S.à r.l., UK Branch")["taxCollections"]}
    return maker.order(UK, placed, items)


def _build_collection(scheme: str, party: str) -> dict[str, Any]:
    return {
        "taxCalculationBreakdowns": [{"reportingScheme": scheme}],
        "taxCollections": [{"model": "MARKETPLACE_FACILITATOR", "responsibleParty": party}],
    }


def _make_non_amazon(maker: Maker, placed: datetime) -> dict[str, Any]:
    """Multi-channel fulfilment: Amazon sends what was sold elsewhere, so it is no sale here."""
    items = _make_one_item(maker, DE, by_amazon=True)
    del items[0]["proceeds"], items[0]["product"]["price"]
    order = _make_fulfilled_by_amazon(maker, maker.order(DE, placed, items, proceeds=None), placed)
    channel = {"channelName": "NON_AMAZON", "marketplaceId": DE.id, "marketplaceName": "Non-Amazon"}
    return order | {"salesChannel": channel, "programs": []}


def _make_zloty(maker: Maker, placed: datetime) -> dict[str, Any]:
    return maker.order(PL, placed, _make_one_item(maker, PL, 2, shipping=1499))


def _make_krona(maker: Maker, placed: datetime) -> dict[str, Any]:
    return maker.order(SE, placed, _make_one_item(maker, SE, 2))


def _make_replacement(maker: Maker, placed: datetime) -> dict[str, Any]:
    """Free of charge, in place of an earlier order's goods."""
    items = _make_one_item(maker, DE)
    del items[0]["proceeds"], items[0]["product"]["price"]
    link = {"orderId": f"304-{maker.seed:07d}-9999999", "associationType": "REPLACEMENT_ORIGINAL_ID"}
    return maker.order(DE, placed, items, proceeds=None, associatedOrders=[link])


def _make_sixty_lines(maker: Maker, placed: datetime) -> dict[str, Any]:
    return maker.order(DE, placed, [maker.item(DE, article) for article in maker.articles(DE, 60)])


def _make_partly_shipped(maker: Maker, placed: datetime) -> dict[str, Any]:
    items = _make_one_item(maker, DE, 3)
    items[0]["fulfillment"] = {"quantityFulfilled": 1, "quantityUnfulfilled": 2}
    return maker.order(DE, placed, items, fulfillment=maker.fulfillment(placed, "PARTIALLY_SHIPPED"))


def _make_unknown_sku(maker: Maker, placed: datetime) -> dict[str, Any]:
    """Listed by hand on Amazon, never entered in Odoo."""
    items = _make_one_item(maker, DE)
    items[0]["product"] |= {"sellerSku": "OLD-STOCK-2019", "title": "Restposten Kaffeemühle"}
    return maker.order(DE, placed, items)


def _make_without_buyer(maker: Maker, placed: datetime) -> dict[str, Any]:
    """No e-mail and no name of the buyer, an address that is long and far from ASCII."""
    order = maker.order(DE, placed, _make_one_item(maker, DE), buyer=None)
    order["recipient"]["deliveryAddress"] |= {
        "name": "Ærøskøbing Čapek-Þórsdóttir 李小龍",
        "addressLine1": "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkstraße 128",
        "addressLine2": "Hinterhaus, 4. OG links, bei „Müller & Söhne“ klingeln",
        "addressLine3": "c/o O'Neill",
    }
    return order


ODD = (
    _make_fba, _make_pending, _make_cancelled, _make_partly_cancelled, _make_cancellation_asked, _make_gift,
    _make_promotion, _make_business, _make_reverse_charge, _make_import_scheme, _make_deemed_supplier, _make_non_amazon,
    _make_zloty, _make_krona, _make_replacement, _make_sixty_lines, _make_partly_shipped, _make_unknown_sku,
    _make_without_buyer,
)  # fmt: skip
