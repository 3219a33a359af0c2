"""Amazon's orders as the business sees them: every official sample, then each rule that money, states and people follow."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce_pipelines.channels.amazon import Settings, proceeds, translate
from commerce_pipelines.domain.errors import RecordError, SettingsError
from commerce_pipelines.domain.money import to_minor
from commerce_pipelines.domain.orders import FulfilledBy, LineKind, Order, OrderStatus, Shipped, balance, check

SPECS = os.environ.get("COMMERCE_SPECS", "")
with_samples = pytest.mark.skipif(not SPECS, reason="COMMERCE_SPECS is not set: Amazon's samples are not at hand")

DE, US = "A1PA6795UKMFR9", "ATVPDKIKX0DER"


def samples() -> Iterator[Any]:
    """Every order that Amazon publishes as an example of v2026-01-01."""
    if not SPECS:
        return
    folder = Path(SPECS).parent / "payloads" / "amazon"
    for path in sorted((folder / "orders_2026-01-01").glob("*.json")):
        yield pytest.param(json.loads(path.read_bytes()), id=path.stem)
    pairs = json.loads((folder / "sandbox_pairs" / "orders_2026-01-01.pairs.json").read_bytes())
    for at, pair in enumerate(pairs):
        if pair["status"] == 200:
            for order in pair["response"].get("orders") or [pair["response"]["order"]]:
                yield pytest.param(order, id=f"pair{at}")


def eur(amount: str) -> dict[str, str]:
    return {"amount": amount, "currencyCode": "EUR"}


def part(kind: str, amount: str, **details: str) -> dict[str, Any]:
    result: dict[str, Any] = {"type": kind, "subtotal": eur(amount)}
    if details:
        result["detailedBreakdowns"] = [{"subtype": k, "value": eur(v)} for k, v in details.items()]
    return result


def item(total: str | None, *parts: dict[str, Any], number: int = 1, quantity: int = 1, **more: Any) -> dict[str, Any]:
    result = {
        "orderItemId": f"item{number}",
        "quantityOrdered": quantity,
        "product": {"asin": "B000000001", "title": "Kettle", "sellerSku": f"SKU-{number}"},
        **more,
    }
    if total is not None:
        result["proceeds"] = {"proceedsTotal": eur(total), "breakdowns": list(parts)}
    return result


def order(*items: dict[str, Any], total: str | None = None, status: str = "UNSHIPPED", **more: Any) -> dict[str, Any]:
    result = {
        "orderId": "302-0000001-0000001",
        "createdTime": "2026-11-20T10:00:00Z",
        "lastUpdatedTime": "2026-11-20T11:00:00+01:00",
        "salesChannel": {"channelName": "AMAZON", "marketplaceId": DE, "marketplaceName": "Amazon.de"},
        "fulfillment": {"fulfillmentStatus": status, "fulfilledBy": "MERCHANT", "fulfillmentServiceLevel": "STANDARD"},
        "orderItems": list(items),
        **more,
    }
    if total is not None:
        result.setdefault("proceeds", {"grandTotal": eur(total)})
    return result


def read(payload: dict[str, Any], **options: Any) -> Order:
    return translate.translate(json.dumps(payload).encode(), "amazon_de", **options)


def sold(payload: dict[str, Any], **options: Any) -> Order:
    """A translated order that must be sound and paid."""
    result = read(payload, **options)
    assert result.status is OrderStatus.PAID
    check(result)
    return result


def refused(payload: dict[str, Any]) -> RecordError:
    with pytest.raises(RecordError) as caught:
        read(payload)
    return caught.value


def amounts(result: Order) -> dict[str, tuple[int, int]]:
    return {line.line_id: (line.amount, line.tax) for line in result.lines}


@with_samples
@pytest.mark.parametrize("payload", samples())
def test_every_official_sample_becomes_a_sound_order(payload: dict[str, Any]) -> None:
    result = sold(payload)
    grand = payload["proceeds"]["grandTotal"]
    assert result.order_id == payload["orderId"]
    assert result.currency == grand["currencyCode"]
    assert result.total + result.collected == to_minor(grand["amount"], grand["currencyCode"])
    assert translate.head(json.dumps(payload).encode()).order_id == result.order_id


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


class TestTaxBasis:
    def test_tax_on_top(self) -> None:
        payload = order(item("119.00", part("ITEM", "100.00"), part("TAX", "19.00")), total="119.00")
        result = sold(payload)
        assert (result.prices_include_tax, result.total) == (False, 11900)
        assert amounts(result) == {"item1": (10000, 1900)}

    def test_tax_inside(self) -> None:
        result = sold(order(item("119.00", part("ITEM", "119.00"), part("TAX", "19.00")), total="119.00"))
        assert (result.prices_include_tax, result.total) == (True, 11900)
        assert amounts(result) == {"item1": (11900, 1900)}

    def test_neither_is_for_a_person(self) -> None:
        error = refused(order(item("118.00", part("ITEM", "100.00"), part("TAX", "19.00")), total="118.00"))
        assert (error.code, error.subject) == ("unbalanced", "item1")

    def test_items_that_contradict_each_other(self) -> None:
        items = (
            item("119.00", part("ITEM", "100.00"), part("TAX", "19.00")),
            item("119.00", part("ITEM", "119.00"), part("TAX", "19.00"), number=2),
        )
        assert refused(order(*items, total="238.00")).code == "tax_basis"

    @pytest.mark.parametrize(
        ("marketplace", "setting", "expected"),
        [(DE, None, True), (US, None, False), (DE, False, False), (US, True, True), ("unheard-of", None, True)],
    )
    def test_undecided_orders_follow_the_setting_then_the_marketplace(
        self, marketplace: str, setting: bool | None, expected: bool
    ) -> None:
        payload = order(item("5.00", part("ITEM", "5.00")), total="5.00")
        payload["salesChannel"]["marketplaceId"] = marketplace
        assert sold(payload, prices_include_tax=setting).prices_include_tax is expected

    def test_amounts_beat_the_setting(self) -> None:
        payload = order(item("119.00", part("ITEM", "119.00"), part("TAX", "19.00")), total="119.00")
        assert sold(payload, prices_include_tax=False).prices_include_tax is True


class TestCategories:
    def test_each_becomes_a_line_of_its_own(self) -> None:
        payload = order(
            item(
                "57.45",
                part("ITEM", "40.00"), part("SHIPPING", "4.99"), part("GIFT_WRAP", "2.50"),
                part("COD_FEE", "3.00"), part("OTHER", "1.00"),
                part("DISCOUNT", "-5.99", ITEM="-1.00", SHIPPING="-4.99"),
                part("TAX", "11.95", ITEM="10.00", SHIPPING="2.00", GIFT_WRAP="0.50", COD_FEE="0.60", OTHER="0.05",
                     DISCOUNT="-1.20"),
                quantity=2,
            ),
            total="57.45",
        )  # fmt: skip
        result = sold(payload)
        assert {line.line_id: (line.kind, line.amount, line.tax, line.quantity, line.of) for line in result.lines} == {
            "item1": (LineKind.PRODUCT, 4000, 1000, 2, ""),
            "item1_shipping": (LineKind.SHIPPING, 499, 200, 1, "item1"),
            "item1_gift_wrap": (LineKind.GIFT_WRAP, 250, 50, 1, "item1"),
            "item1_cod_fee": (LineKind.FEE, 300, 60, 1, "item1"),
            "item1_other": (LineKind.FEE, 100, 5, 1, "item1"),
            "item1_discount_item": (LineKind.DISCOUNT, -100, -20, 1, "item1"),
            "item1_discount_shipping": (LineKind.DISCOUNT, -499, -100, 1, "item1_shipping"),
        }
        assert result.lines[0].sku == "SKU-1"

    @pytest.mark.parametrize("written", ["-10.00", "10.00"])
    def test_a_discount_reduces_whatever_its_sign(self, written: str) -> None:
        result = sold(order(item("90.00", part("ITEM", "100.00"), part("DISCOUNT", written)), total="90.00"))
        assert amounts(result) == {"item1": (10000, 0), "item1_discount": (-1000, 0)}

    def test_undivided_tax_is_shared_at_one_rate(self) -> None:
        parts = (part("ITEM", "100.00"), part("SHIPPING", "10.00"), part("DISCOUNT", "-20.00"), part("TAX", "17.10"))
        result = sold(order(item("107.10", *parts), total="107.10"))
        assert amounts(result) == {
            "item1": (10000, 1900), "item1_shipping": (1000, 190), "item1_discount": (-2000, -380),
        }  # fmt: skip

    def test_a_gift_given_free_of_charge(self) -> None:
        """A full discount (Amazon Vine, for one) leaves an order of nothing, which is legal."""
        result = sold(order(item("0.00", part("ITEM", "30.00"), part("DISCOUNT", "-30.00")), total="0.00"))
        assert (result.total, len(result.lines)) == (0, 2)

    def test_the_order_s_tip_is_a_line(self) -> None:
        tip = {**part("DELIVERY_TIP", "5.00"), "status": "FINALIZED"}
        payload = order(
            item("10.00", part("ITEM", "10.00")), proceeds={"grandTotal": eur("15.00"), "breakdowns": [tip]}
        )
        assert amounts(sold(payload)) == {"item1": (1000, 0), "delivery_tip": (500, 0)}

    @pytest.mark.parametrize(("grand", "tip"), [("10.00", 0), ("15.00", 500)])
    def test_a_pending_tip_counts_when_the_total_contains_it(self, grand: str, tip: int) -> None:
        pending = {**part("DELIVERY_TIP", "5.00"), "status": "PENDING"}
        payload = order(
            item("10.00", part("ITEM", "10.00")), proceeds={"grandTotal": eur(grand), "breakdowns": [pending]}
        )
        assert sum(line.amount for line in sold(payload).lines if line.kind is LineKind.TIP) == tip

    def test_items_that_miss_the_grand_total(self) -> None:
        assert refused(order(item("10.00", part("ITEM", "10.00")), total="10.01")).code == "unbalanced"

    def test_an_unknown_category_is_named(self) -> None:
        error = refused(order(item("10.00", part("ITEM", "9.00"), part("DRONE_FEE", "1.00")), total="10.00"))
        assert error.code == "unknown_charge"
        assert "DRONE_FEE" in error.message

    def test_negative_charges_are_refused(self) -> None:
        assert refused(order(item("-1.00", part("ITEM", "-1.00")), total="-1.00")).code == "bad_amount"

    def test_two_currencies_in_one_order_are_refused(self) -> None:
        payload = order(
            item("10.00", part("ITEM", "10.00")), proceeds={"grandTotal": {"amount": "10.00", "currencyCode": "GBP"}}
        )
        assert refused(payload).code == "mixed_currency"

    @pytest.mark.parametrize(("currency", "minor"), [("JPY", 5980), ("EUR", 598000), ("KWD", 5980000)])
    def test_minor_units_are_those_of_the_currency(self, currency: str, minor: int) -> None:
        text = json.dumps(order(item("5980", part("ITEM", "5980")), total="5980")).replace("EUR", currency)
        assert sold(json.loads(text)).total == minor


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

    def test_a_replacement_is_free(self) -> None:
        links = [{"orderId": "302-1", "associationType": "REPLACEMENT_ORIGINAL_ID"}]
        result = sold(order(item(None), status="SHIPPED", associatedOrders=links))
        assert (result.total, len(result.lines)) == (0, 1)

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


class TestCancelledItems:
    done = {"cancellationExecution": {"cancelledBy": "MERCHANT"}}  # noqa: RUF012

    def test_a_request_changes_nothing(self) -> None:
        asked = {"cancellationRequest": {"requester": "BUYER"}}
        assert sold(order(item("5.00", part("ITEM", "5.00"), cancellation=asked), total="5.00")).total == 500

    @pytest.mark.parametrize(("grand", "ids"), [("5.00", ["item1"]), ("8.00", ["item1", "item2"])])
    def test_a_cancelled_item_stays_while_the_total_contains_it(self, grand: str, ids: list[str]) -> None:
        items = (
            item("5.00", part("ITEM", "5.00")),
            item("3.00", part("ITEM", "3.00"), number=2, cancellation=self.done),
        )
        assert [line.line_id for line in sold(order(*items, total=grand)).lines] == ids

    def test_without_proceeds_it_goes(self) -> None:
        gone = item(None, number=2, quantity=0, cancellation=self.done)
        assert len(sold(order(item("5.00", part("ITEM", "5.00")), gone, total="5.00")).lines) == 1

    def test_an_order_of_nothing_else_is_cancelled(self) -> None:
        assert read(order(item(None, cancellation=self.done))).status is OrderStatus.CANCELLED

    def test_but_not_while_money_is_owed(self) -> None:
        payload = order(item("5.00", part("ITEM", "5.00"), cancellation=self.done), total="5.00", status="SHIPPED")
        assert sold(payload).total == 500


class TestCollectedTax:
    def facilitated(self, scheme: str = "UOSS") -> dict[str, Any]:
        return {"taxCalculationBreakdowns": [{"reportingScheme": scheme}],
                "taxCollections": [{"model": "MARKETPLACE_FACILITATOR", "responsibleParty": "Amazon"}]}  # fmt: skip

    def to(self, country: str) -> dict[str, Any]:
        return {"deliveryAddress": {"countryCode": country, "city": "X"}}

    def test_tax_on_top_that_amazon_remits_is_not_owed_to_the_seller(self) -> None:
        parts = part("ITEM", "100.00"), part("TAX", "8.00")
        payload = order(item("108.00", *parts, tax=self.facilitated("")), total="108.00", recipient=self.to("US"))
        result = sold(payload)
        assert (result.total, result.collected, result.collected_as) == (10000, 800, "US_FACILITATOR")
        assert amounts(result) == {"item1": (10000, 0)}

    @pytest.mark.parametrize(("scheme", "name"), [("IOSS", "IOSS"), ("UOSS", "deemed_supplier")])
    def test_tax_inside_is_taken_out_of_the_price(self, scheme: str, name: str) -> None:
        parts = part("ITEM", "119.00"), part("TAX", "19.00")
        payload = order(item("119.00", *parts, tax=self.facilitated(scheme)), total="119.00", recipient=self.to("DE"))
        result = sold(payload)
        assert (result.total, result.collected, result.collected_as) == (10000, 1900, name)

    def test_only_the_items_that_it_remits_for(self) -> None:
        items = (
            item("108.00", part("ITEM", "100.00"), part("TAX", "8.00"), tax=self.facilitated()),
            item("54.00", part("ITEM", "50.00"), part("TAX", "4.00"), number=2),
        )
        result = sold(order(*items, total="162.00", recipient=self.to("US")))
        assert (result.total, result.collected) == (15400, 800)

    @pytest.mark.parametrize(("country", "collected"), [("FR", 400), ("GB", 0)])
    def test_without_the_tax_data_an_ioss_number_tells_for_goods_into_the_union(
        self, country: str, collected: int
    ) -> None:
        number = {"shipping": {"internationalShipping": {"iossNumber": "IM1234567890"}}}
        payload = order(
            item("24.00", part("ITEM", "20.00"), part("TAX", "4.00"), fulfillment=number),
            total="24.00", recipient=self.to(country),
        )  # fmt: skip
        result = sold(payload)
        assert (result.collected, result.collected_as) == (collected, "IOSS" if collected else "")

    def test_an_unknown_model_is_never_guessed(self) -> None:
        unknown = {"taxCollections": [{"model": "SHARED"}]}
        assert refused(order(item("5.00", part("ITEM", "5.00"), tax=unknown), total="5.00")).code == "unknown_tax_model"


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
            "taxRegistrationNumber": "DE123456789", "taxRegistrationAddress": {"addressLine1": "Ring 1", "countryCode": "DE"},
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
            {"packageReferenceId": str(at), "shipFromAddress": {"countryCode": each}}
            for at, each in enumerate(countries)
        ]
        payload = order(item("5.00", part("ITEM", "5.00")), total="5.00", packages=packages)
        assert sold(payload).departure_country == expected


cents = st.integers(0, 10**7)


@given(
    charges=st.dictionaries(st.sampled_from(sorted(proceeds.CHARGES)), cents, min_size=1),
    reduced=st.integers(0, 100),
    tax=cents,
    included=st.booleans(),
    sign=st.sampled_from((-1, 1)),
    collects=st.booleans(),
    quantity=st.integers(1, 60),
)
def test_whatever_the_amounts_the_lines_add_up(
    charges: dict[str, int], reduced: int, tax: int, included: bool, sign: int, collects: bool, quantity: int
) -> None:
    charged = sum(charges.values())
    discount = charged * reduced // 100
    total = charged - discount + (0 if included else tax)
    parts = [part(kind, f"{value / 100:.2f}") for kind, value in charges.items()]
    parts += [part("DISCOUNT", f"{sign * discount / 100:.2f}"), part("TAX", f"{tax / 100:.2f}")]
    more = {"tax": {"taxCollections": [{"model": proceeds.FACILITATOR}]}} if collects else {}
    text = f"{total / 100:.2f}"
    result = sold(order(item(text, *parts, quantity=quantity, **more), total=text))
    assert result.total + result.collected == total
    assert result.collected == (tax if collects else 0)
    assert sum(line.tax for line in result.lines) == (0 if collects else tax)
    assert balance(result) == 0


class TestSettings:
    def settings(self, **keys: Any) -> Settings:
        secrets = {key: {"env": key.upper()} for key in ("client_id", "client_secret", "refresh_token")}
        return msgspec.convert({"kind": "amazon", "name": "amazon_eu", "credentials": secrets, **keys}, Settings)

    def test_defaults(self) -> None:
        settings = self.settings()
        assert settings.base_url == "https://sellingpartnerapi-eu.amazon.com"
        assert settings.token_url == "https://api.amazon.com/auth/o2/token"
        assert (settings.poll_seconds, settings.marketplace_ids) == (900, ())

    def test_overrides_and_names(self) -> None:
        settings = self.settings(
            endpoint="http://127.0.0.1:8080/", token_endpoint="http://127.0.0.1:8080/t", marketplaces=["de", DE, "UK"]
        )
        assert settings.base_url == "http://127.0.0.1:8080"
        assert settings.token_url == "http://127.0.0.1:8080/t"
        assert settings.marketplace_ids == (DE, "A1F83G8C2ARO7P")

    @pytest.mark.parametrize(
        ("keys", "says"),
        [
            ({"marketplaces": ["US"]}, "belongs to the region na"),
            ({"marketplaces": ["Atlantis"]}, "neither a marketplace id nor a country code"),
            ({"marketplaces": [DE] * 51}, "at most 50"),
            ({"endpoint": "https://sellingpartnerapi-na.amazon.com"}, "does not serve the region eu"),
            ({"region": "fe", "marketplaces": ["DE"]}, "belongs to the region eu"),
        ],
    )
    def test_data_stays_in_its_region(self, keys: dict[str, Any], says: str) -> None:
        with pytest.raises((SettingsError, msgspec.ValidationError), match=says):
            self.settings(**keys)

    @pytest.mark.parametrize(
        ("today", "says"),
        [
            (date(2026, 5, 30), None),
            (date(2026, 5, 31), "expires in 30 days"),
            (date(2026, 6, 30), "is 180 days old"),
        ],
    )
    def test_an_ageing_secret_is_announced(self, today: date, says: str | None) -> None:
        warnings = self.settings(secret_rotated_on="2026-01-01").warnings(today)
        assert [says in each for each in warnings] == ([True] if says else [])
        assert self.settings().warnings(today) == []
