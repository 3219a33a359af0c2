"""The money of Amazon's orders: tax basis, categories, cancelled items, tax that Amazon collects."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce_pipelines.channels.amazon.orders import proceeds
from commerce_pipelines.domain.orders.order import LineKind, OrderStatus, balance

from ..payloads import DE, US, amounts, eur, item, order, part, read, refused, sold


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

    @pytest.mark.parametrize(("price", "inside"), [("100.00", False), ("119.00", True)])
    def test_an_item_without_a_total_is_read_off_the_order_s(self, price: str, inside: bool) -> None:
        untotalled = item("119.00", part("ITEM", price), part("TAX", "19.00"))
        del untotalled["proceeds"]["proceedsTotal"]
        result = sold(order(untotalled, total="119.00"))
        assert (result.prices_include_tax, result.total, balance(result)) == (inside, 11900, 0)

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

    @pytest.mark.parametrize(
        ("price", "shipping", "total", "taxes"),
        [("100.00", "10.00", "107.10", {"ITEM": "15.20", "SHIPPING": "1.90"}),
         ("119.00", "11.90", "107.10", {"ITEM": "15.20", "SHIPPING": "1.90", "DISCOUNT": "0.00"})],
    )  # fmt: skip
    def test_tax_that_is_stated_after_discounts_bears_one_rate(
        self, price: str, shipping: str, total: str, taxes: dict[str, str]
    ) -> None:
        off = "-20.00" if price == "100.00" else "-23.80"
        parts = part("ITEM", price), part("SHIPPING", shipping), part("DISCOUNT", off, ITEM=off)
        result = sold(order(item(total, *parts, part("TAX", "17.10", **taxes)), total=total))
        assert [line.tax for line in result.lines] == [1900, 190, -380]

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


class TestCancelledItems:
    done = {"cancellationExecution": {"cancelledBy": "MERCHANT"}}

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

    @pytest.mark.parametrize("how", [{"cancellation": done}, {"quantity": 0}])
    def test_worth_nothing_it_goes_and_is_not_sent(self, how: dict[str, Any]) -> None:
        gone = item("0.00", part("ITEM", "0.00"), number=2, **how)
        assert [line.line_id for line in sold(order(item("5.00", part("ITEM", "5.00")), gone, total="5.00")).lines] == [
            "item1"
        ]
        assert read(order(gone, total="0.00")).status is OrderStatus.CANCELLED

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

    def test_tax_that_the_total_leaves_out_was_never_in_a_price_that_has_none(self) -> None:
        parts = part("ITEM", "100.00"), part("TAX", "8.00")
        payload = order(item("100.00", *parts, tax=self.facilitated("")), total="100.00", recipient=self.to("US"))
        payload["salesChannel"]["marketplaceId"] = US
        result = sold(payload)
        assert (result.total, result.collected, amounts(result)) == (10000, 800, {"item1": (10000, 0)})

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
    more: dict[str, Any] = {"tax": {"taxCollections": [{"model": proceeds.FACILITATOR}]}} if collects else {}
    text = f"{total / 100:.2f}"
    result = sold(order(item(text, *parts, quantity=quantity, **more), total=text))
    assert result.total + result.collected == total
    assert result.collected == (tax if collects else 0)
    assert sum(line.tax for line in result.lines) == (0 if collects else tax)
    assert balance(result) == 0
