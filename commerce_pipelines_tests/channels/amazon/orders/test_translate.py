"""Amazon's orders as the business sees them: every official sample, then states and people."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from commerce_pipelines.channels.amazon.orders import translate
from commerce_pipelines.core.errors import RecordError
from commerce_pipelines.domain.money import to_minor
from commerce_pipelines.domain.orders.order import FulfilledBy, OrderStatus, Shipped

from ..payloads import amounts, item, order, part, read, refused, sold

SPECS = os.environ.get("COMMERCE_SPECS", "")
with_samples = pytest.mark.skipif(not SPECS, reason="COMMERCE_SPECS is not set: Amazon's samples are not at hand")


def samples() -> list[Any]:
    """Every order that Amazon publishes as an example of v2026-01-01."""
    if not SPECS:
        return []
    folder = Path(SPECS).parent / "payloads" / "amazon"
    files = sorted((folder / "orders_2026-01-01").glob("*.json"))
    cases = [pytest.param(json.loads(path.read_bytes()), id=path.stem) for path in files]
    pairs = json.loads((folder / "sandbox_pairs" / "orders_2026-01-01.pairs.json").read_bytes())
    for at, pair in enumerate(pairs):
        if pair["status"] == 200:
            orders = pair["response"].get("orders") or [pair["response"]["order"]]
            cases += [pytest.param(sale, id=f"pair{at}") for sale in orders]
    return cases


@with_samples
@pytest.mark.parametrize("payload", samples())
def test_every_official_sample_becomes_a_sound_order(payload: dict[str, Any]) -> None:
    result = sold(payload)
    grand = payload["proceeds"]["grandTotal"]
    assert result.order_id == payload["orderId"]
    assert result.currency == grand["currencyCode"]
    assert result.total + result.collected == to_minor(grand["amount"], grand["currencyCode"])
    assert translate.head(json.dumps(payload).encode()).record_id == result.order_id


@with_samples
@pytest.mark.parametrize("payload", samples())
@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("orderId",), 7),
        (("orderId",), "../../etc/passwd"),
        (("createdTime",), "2025-03-15T10:30:00"),
        (("fulfillment", "fulfillmentStatus"), "Anna Schmidt"),
        (("orderItems", 0, "quantityOrdered"), "two"),
        (("orderItems", 0, "proceeds", "proceedsTotal", "amount"), 12.5),
    ],
)
def test_nonsense_is_refused_with_its_path_and_without_its_value(
    payload: dict[str, Any], path: tuple[Any, ...], value: object
) -> None:
    broken = json.loads(json.dumps(payload))
    place = broken
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    error = refused(broken)
    assert error.code == "bad_payload"
    assert error.subject == "$" + "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)
    assert error.subject in error.message
    assert str(value) not in error.message


@pytest.mark.parametrize("raw", [b"", b"{}", b"[]", b"\xff", b'{"orderId": "\xff"}', b"{" * 100_000, b'{"orderId":"a"'])
def test_what_is_no_order_is_a_bad_payload(raw: bytes) -> None:
    for reader in (translate.head, lambda raw: translate.translate(raw, "amazon")):
        with pytest.raises(RecordError) as caught:
            reader(raw)
        assert caught.value.code == "bad_payload"


def test_unknown_fields_are_no_obstacle() -> None:
    payload = order(item("5.00", part("ITEM", "5.00"), brandNew={"a": [1]}), total="5.00", alsoNew=None)
    assert sold(payload).total == 500


def test_times_are_aware_utc_instants() -> None:
    result = sold(order(item("5.00", part("ITEM", "5.00")), total="5.00"))
    assert result.placed_at == result.updated_at == datetime(2026, 11, 20, 10, tzinfo=UTC)


class TestStates:
    @pytest.mark.parametrize(
        ("status", "expected", "shipped"),
        [
            ("PENDING_AVAILABILITY", OrderStatus.WAITING, Shipped.NO),
            ("PENDING", OrderStatus.WAITING, Shipped.NO),
            ("UNSHIPPED", OrderStatus.PAID, Shipped.NO),
            ("PARTIALLY_SHIPPED", OrderStatus.PAID, Shipped.PARTLY),
            ("SHIPPED", OrderStatus.PAID, Shipped.YES),
            ("CANCELLED", OrderStatus.CANCELLED, Shipped.NO),
            ("UNFULFILLABLE", OrderStatus.CANCELLED, Shipped.NO),
        ],
    )
    def test_status(self, status: str, expected: OrderStatus, shipped: Shipped) -> None:
        result = read(order(item("5.00", part("ITEM", "5.00")), total="5.00", status=status))
        assert (result.status, result.shipped) == (expected, shipped)

    def test_a_pending_order_has_no_price_and_waits_then_has_one(self) -> None:
        """G57: never an order of 0.00; afterwards one of 24.99."""
        waiting = read(order(item(None), status="PENDING"))
        assert (waiting.status, waiting.total, waiting.currency) == (OrderStatus.WAITING, 0, "EUR")
        assert [line.sku for line in waiting.lines] == ["SKU-1"]
        assert sold(order(item("24.99", part("ITEM", "24.99")), total="24.99")).total == 2499

    def test_an_unshipped_order_without_proceeds_waits(self) -> None:
        assert read(order(item(None))).status is OrderStatus.WAITING

    def test_a_shipped_order_without_proceeds_is_said(self) -> None:
        assert refused(order(item(None), status="SHIPPED")).code == "missing_proceeds"

    def test_one_item_of_several_without_a_price_is_not_sold_for_nothing(self) -> None:
        items = item("5.00", part("ITEM", "5.00")), item(None, number=2)
        assert read(order(*items)).status is OrderStatus.WAITING
        assert refused(order(*items, status="SHIPPED")).code == "missing_proceeds"
        assert sold(order(*items, total="5.00")).total == 500  # here the total says that it was free

    def test_a_replacement_is_free(self) -> None:
        links = [{"orderId": "302-1", "associationType": "REPLACEMENT_ORIGINAL_ID"}]
        result = sold(order(item(None), status="SHIPPED", associatedOrders=links))
        assert (result.total, len(result.lines), result.replaces) == (0, 1, "302-1")

    def test_an_exchange_has_its_price_and_names_its_order(self) -> None:
        links = [{"orderId": "302-1", "associationType": "EXCHANGE_ORIGINAL_ID"}]
        result = sold(order(item("5.00", part("ITEM", "5.00")), total="5.00", associatedOrders=links))
        assert (result.total, result.replaces) == (500, "302-1")

    def test_an_item_without_proceeds_is_free_when_the_total_is_that_of_the_others(self) -> None:
        result = sold(order(item("5.00", part("ITEM", "5.00")), item(None, number=2), total="5.00"))
        assert amounts(result) == {"item1": (500, 0), "item2": (0, 0)}

    def test_an_item_without_proceeds_is_not_free_otherwise(self) -> None:
        payload = order(item("5.00", part("ITEM", "5.00")), item(None, number=2), total="8.00")
        assert refused(payload).code == "unbalanced"

    @pytest.mark.parametrize("status", ["PENDING", "CANCELLED"])
    def test_bad_money_does_not_hold_up_what_is_not_sold(self, status: str) -> None:
        result = read(order(item("5.00", part("ITEM", "9.00")), total="7.00", status=status))
        assert (result.total, len(result.lines)) == (0, 1)

    def test_orders_of_other_channels_are_marked(self) -> None:
        """Multi-channel fulfilment has no proceeds of its own and is no sale here."""
        payload = order(item(None), status="SHIPPED")
        payload["salesChannel"] = {"channelName": "NON_AMAZON"}
        payload["fulfillment"]["fulfilledBy"] = "AMAZON"
        assert read(payload).is_other_channel

    def test_who_fulfils(self) -> None:
        payload = order(item("5.00", part("ITEM", "5.00")), total="5.00")
        assert sold(payload).fulfilled_by is FulfilledBy.MERCHANT
        payload["fulfillment"]["fulfilledBy"] = "AMAZON"
        assert sold(payload).fulfilled_by is FulfilledBy.CHANNEL
        del payload["fulfillment"]["fulfilledBy"]
        assert refused(payload).subject == "$.fulfillment.fulfilledBy"
        del payload["fulfillment"]
        assert refused(payload).subject == "$.fulfillment"


class TestPeople:
    def test_an_fba_order_without_personal_data(self) -> None:
        """G53: city, postcode and country are enough; nobody is invented."""
        payload = order(
            item("5.00", part("ITEM", "5.00")), total="5.00", status="SHIPPED",
            recipient={"deliveryAddress": {"city": "Köln", "postalCode": "50667", "countryCode": "DE"}},
        )  # fmt: skip
        payload["fulfillment"]["fulfilledBy"] = "AMAZON"
        result = sold(payload)
        assert (result.buyer.name, result.buyer.email, result.buyer.email_is_relay) == ("", "", False)
        assert result.destination.country == "DE"
        assert result.destination.street == result.destination.name == ""
        assert translate.head(json.dumps(payload).encode()).subject == "order:302-0000001-0000001"

    def test_no_recipient_at_all(self) -> None:
        assert sold(order(item("5.00", part("ITEM", "5.00")), total="5.00")).shipping is None

    def test_the_address_is_amazon_s_relay(self) -> None:
        payload = order(
            item("5.00", part("ITEM", "5.00")), total="5.00", buyer={"buyerEmail": " Ab1@Marketplace.amazon.de"}
        )
        assert sold(payload).buyer.email_is_relay
        assert translate.head(json.dumps(payload).encode()).subject == "email:ab1@marketplace.amazon.de"

    def test_a_business_buyer(self) -> None:
        registration = {
            "entityType": "BUYER", "legalName": "Müller GmbH", "taxRegistrationType": "VAT",
            "taxRegistrationNumber": "DE123456789",
            "taxRegistrationAddress": {"addressLine1": "Ring 1", "countryCode": "DE"},
        }  # fmt: skip
        payload = order(
            item("5.00", part("ITEM", "5.00")), total="5.00", programs=["AMAZON_BUSINESS"],
            buyer={"buyerName": "Eva Müller"},
            tax={"taxRegistrations": [{"entityType": "MERCHANT", "taxRegistrationNumber": "X"}, registration]},
        )  # fmt: skip
        result = sold(payload)
        buyer = result.buyer
        assert (buyer.company, buyer.vat_number, buyer.is_business, buyer.language) == (
            "Müller GmbH", "DE123456789", True, "de-DE",
        )  # fmt: skip
        assert result.billing is not None
        assert result.billing.street == "Ring 1"

    def test_a_person_s_tax_number_is_no_vat_number(self) -> None:
        person = {"entityType": "BUYER", "taxRegistrationType": "CPF", "taxRegistrationNumber": "123"}
        buyer = sold(order(item("5.00", part("ITEM", "5.00")), total="5.00", tax={"taxRegistrations": [person]})).buyer
        assert (buyer.vat_number, buyer.is_business) == ("", False)

    def test_address_lines_close_up(self) -> None:
        address = {
            "addressLine1": " ",
            "addressLine2": "Hauptstr. 1",
            "addressLine3": "Hinterhaus",
            "countryCode": "DE",
        }
        shipping = sold(
            order(item("5.00", part("ITEM", "5.00")), total="5.00", recipient={"deliveryAddress": address})
        ).shipping
        assert shipping is not None
        assert (shipping.street, shipping.street2) == ("Hauptstr. 1", "Hinterhaus")

    @pytest.mark.parametrize(("countries", "expected"), [(["PL", "PL"], "PL"), (["PL", "DE"], ""), ([], "")])
    def test_departure_is_where_all_parcels_left_from(self, countries: list[str], expected: str) -> None:
        packages = [
            {"packageReferenceId": str(at), "shipFromAddress": {"countryCode": country}}
            for at, country in enumerate(countries)
        ]
        payload = order(item("5.00", part("ITEM", "5.00")), total="5.00", packages=packages)
        assert sold(payload).departure_country == expected


def test_the_goods_are_delivered_by_the_promise_or_after_the_last_parcel_left() -> None:
    promise = {"fulfillmentStatus": "SHIPPED", "fulfilledBy": "MERCHANT",
               "deliverByWindow": {"latestDateTime": "2026-11-25T22:59:59Z"}}  # fmt: skip
    promised = datetime(2026, 11, 25, 22, 59, 59, tzinfo=UTC)
    goods = item("11.90", part("ITEM", "11.90"))
    assert sold(order(goods, total="11.90", fulfillment=promise)).delivered_by == promised
    late = [{"shipTime": "2026-11-28T10:00:00Z"}, {"shipTime": "not yet"}, {}]
    assert sold(order(goods, total="11.90", fulfillment=promise, packages=late)).delivered_by == datetime(
        2026, 11, 28, 10, tzinfo=UTC
    )
    assert sold(order(goods, total="11.90", packages=late)).delivered_by is None
    odd = {**promise, "deliverByWindow": {"latestDateTime": "soon"}}
    assert sold(order(goods, total="11.90", fulfillment=odd)).delivered_by is None
