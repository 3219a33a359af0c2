"""A refund of what was neither sent nor invoiced takes exactly its money off the order, by tax; in doubt it waits."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce_pipelines.domain.orders.order import LineKind, Order, Payment, Shipped
from commerce_pipelines.domain.returns.records import Refund, RefundKind, RefundLine
from commerce_pipelines.domain.returns.sale_books import Move
from commerce_pipelines.domain.returns.uninvoiced import SoldOrder, plan_reduction
from commerce_pipelines.domain.sales.base import LastLoad
from commerce_pipelines.domain.sales.draft import SaleDraft, line_xid
from commerce_pipelines.domain.sales.order_to_draft import draft
from commerce_pipelines.domain.sales.reductions import Reduction
from commerce_pipelines.domain.sales.rules import SaleRules
from commerce_pipelines_tests.domain.returns.test_credit import billed, books, money, paid_back
from commerce_pipelines_tests.domain.returns.test_credit import sold as booked_line
from commerce_pipelines_tests.doubles.drafts import BERLIN, CATALOGUE, OSS, line, off, order, shipping, taxes, total

GOODS, PRICE, SHIPPING, GOODWILL = RefundKind.GOODS, RefundKind.PRICE, RefundKind.SHIPPING, RefundKind.GOODWILL
G01 = order(
    line("59.97", quantity=3, line_id="1", rate=190_000), off("5.00", line_id="d"),
    shipping("4.90", line_id="s", rate=190_000),
)  # fmt: skip


def seal(text: str) -> str:
    return text


def drafted(ordered: Order, last: LastLoad | None = None) -> SaleDraft:
    return draft(ordered, "ab", SaleRules(), OSS, CATALOGUE, BERLIN, last or LastLoad(seal=seal))


def sold(
    ordered: Order, *moves: Move, delivered: Mapping[str, int] = {}, billed_units: Mapping[str, int] = {},
    home: Collection[str] = (), **more: Any,
) -> SoldOrder:  # fmt: skip
    """The order as it was loaded, and as Odoo has it: nothing delivered or invoiced unless told otherwise, by line.
    home: lines of which units came back, and none is on its way."""
    made = drafted(ordered)
    assert made.base
    lines = [
        booked_line(
            count, xid=line_xid("shop", "1", part.line_id), ordered=Decimal(part.quantity),
            delivered=Decimal(delivered.get(part.line_id, 0)), billed=Decimal(billed_units.get(part.line_id, 0)),
            is_home=part.line_id in home, is_goods=part.kind is LineKind.PRODUCT,
        )
        for count, part in enumerate(made.lines, 1)
    ]  # fmt: skip
    state = more.pop("state", "sale")
    return SoldOrder(order=ordered, base=made.base, books=books(lines, *moves, state=state), **more)


def after(ordered: Order, *reductions: Reduction) -> SaleDraft:
    """The order as Odoo shall have it then."""
    base = drafted(ordered).base
    return drafted(ordered, LastLoad(seal=seal, base=base, sold=True, reductions=reductions))


def units(amount: int, quantity: int = 1, of: str = "1", **more: Any) -> RefundLine:
    return money(GOODS, amount, of, quantity, **more)


def reduced(ordered: Order, *lines: RefundLine, **more: Any) -> SaleDraft:
    """The order after one refund of these lines, whose money is gone from it to the minor unit."""
    refund = paid_back(*lines)
    reduction = plan_reduction(refund, sold(ordered, **more))
    assert reduction is not None
    result = after(ordered, reduction)
    assert result.total == total(result) == ordered.total - refund.total
    return result


def waits(refund: Refund, sale: SoldOrder) -> bool:
    return plan_reduction(refund, sale) is None


def figures(result: SaleDraft) -> dict[str, tuple[int, int]]:
    return {part.line_id: (part.quantity, part.amount) for part in result.lines}


def test_one_of_three_discounted_units_goes_with_its_discount() -> None:
    """G65, before anything was sent: 18.32 of 59.87, of it 2.93 tax."""
    result = reduced(G01, units(1832))
    assert figures(result) == {"1": (2, 3998), "d": (1, -333), "s": (1, 490)}
    assert (taxes(drafted(G01))[190_000], taxes(result)[190_000]) == (956, 663)


def test_shipping_gets_less_and_is_gone_when_all_of_it_is_paid_back() -> None:
    assert figures(reduced(G01, money(SHIPPING, 200, "s")))["s"] == (1, 290)
    assert "s" not in figures(reduced(G01, money(SHIPPING, 490, "s")))
    assert "s" not in figures(reduced(G01, money(SHIPPING, 490)))  # no line is named


def test_goodwill_is_a_line_for_each_tax_in_proportion() -> None:
    ordered = order(line("11.90", line_id="1", rate=190_000), line("10.70", "BOOK", line_id="2", rate=70_000))
    result = reduced(ordered, money(GOODWILL, 226))
    assert [(part.kind, part.amount, part.tax and part.tax.rate) for part in result.lines[2:]] == [
        (LineKind.DISCOUNT, -119, 190_000), (LineKind.DISCOUNT, -107, 70_000)
    ]  # fmt: skip


def test_a_part_of_a_price_is_a_line_with_the_tax_of_that_price() -> None:
    ordered = order(line("11.90", line_id="1", rate=190_000), line("10.70", "BOOK", line_id="2", rate=70_000))
    result = reduced(ordered, money(PRICE, 70, "2"))
    assert [(part.amount, part.tax and part.tax.rate) for part in result.lines[2:]] == [(-70, 70_000)]


def test_a_fee_that_the_seller_keeps_is_a_line() -> None:
    ordered = order(line("40.00", quantity=2, line_id="1", rate=190_000))
    result = reduced(ordered, units(2000), money(GOODWILL, -300))
    assert [(part.kind, part.quantity, part.amount) for part in result.lines] == [
        (LineKind.PRODUCT, 1, 2000), (LineKind.FEE, 1, 300)
    ]  # fmt: skip


def test_more_or_less_than_the_units_cost_is_a_line() -> None:
    ordered = order(line("40.00", quantity=2, line_id="1", rate=190_000))
    for amount, rest in ((2500, -500), (1500, 500)):
        assert [part.amount for part in reduced(ordered, units(amount)).lines] == [2000, rest]


@pytest.mark.parametrize("stated", [True, False])
def test_prices_without_tax(stated: bool) -> None:
    """G07 less one unit: 2 × 6.70 + 15 % = 15.41, one of them paid back with 7.71 or 7.70."""
    ordered = order(line("13.40", quantity=2, line_id="1", rate=190_000, tax=255), prices_include_tax=False)
    refund = paid_back(units(797, tax=127 if stated else None))
    reduction = plan_reduction(refund, sold(ordered))
    assert reduction is not None
    result = after(ordered, reduction)
    assert [(part.quantity, part.amount) for part in result.lines] == [(1, 670)]
    assert result.total == ordered.total - 797
    assert abs(total(result) - result.total) <= 1  # the rest is Odoo's visible rounding line


def test_everything_leaves_nothing() -> None:
    refund = paid_back(units(5497, 3), money(SHIPPING, 490, "s"))
    reduction = plan_reduction(refund, sold(G01))
    assert reduction is not None
    assert (reduction.total, after(G01, reduction).lines) == (G01.total, ())


def test_what_is_delivered_or_invoiced_stays() -> None:
    """Two of three are on their way: the third one may go, a second one not."""
    partly = msgspec.structs.replace(G01, shipped=Shipped.PARTLY)
    never_sent = units(1832, is_returned=False)
    for there in ({"delivered": {"1": 2}}, {"billed_units": {"1": 2}}):
        assert figures(reduced(partly, never_sent, **there))["1"] == (2, 3998)
        assert waits(paid_back(units(3664, 2, is_returned=False)), sold(partly, **there))
    assert figures(reduced(partly, never_sent, billed_units={"1": 2, "d": 1})) == {
        "1": (2, 3998),
        "d": (1, -500),
        "s": (1, 490),
        "refund-R1-0": (1, 167),
    }  # what is invoiced of the discount stays
    assert waits(paid_back(money(SHIPPING, 490, "s")), sold(partly, delivered={"1": 1}))
    invoice = billed(sold(G01).books.lines[:1], [5987])
    assert waits(paid_back(money(GOODWILL, 100)), sold(G01, invoice))
    assert waits(paid_back(units(5497, 3), money(SHIPPING, 490, "s")), sold(G01, invoice))


def test_what_the_channel_has_sent_waits_although_odoo_does_not_know_it() -> None:
    refund, all_of_it = paid_back(units(1832)), paid_back(units(5497, 3), money(SHIPPING, 490, "s"))
    for state in (Shipped.YES, Shipped.PARTLY):
        sent = msgspec.structs.replace(G01, shipped=state)
        assert waits(refund, sold(sent))
        assert waits(all_of_it, sold(sent))
        assert waits(paid_back(money(GOODWILL, 100)), sold(sent))
    for back in (refund, all_of_it):
        assert waits(back, sold(G01, has_return=True))
    assert waits(paid_back(units(1832, is_returned=True)), sold(G01))
    counted = tuple(msgspec.structs.replace(part, shipped=2 * (part.line_id == "1")) for part in G01.lines)
    partly = msgspec.structs.replace(G01, shipped=Shipped.PARTLY, lines=counted)
    assert not waits(refund, sold(partly))
    assert waits(paid_back(units(3664, 2)), sold(partly))


SENT = msgspec.structs.replace(G01, shipped=Shipped.YES)


def test_units_that_came_back_before_their_invoice_go_with_their_fee() -> None:
    back: dict[str, Any] = {"delivered": {"1": 2}, "home": ["1"], "has_return": True}
    result = reduced(SENT, units(1832, is_returned=True), money(GOODWILL, -200), **back)
    assert [(part.quantity, part.amount) for part in result.lines] == [(2, 3998), (1, -333), (1, 490), (1, 200)]
    assert waits(paid_back(units(3664, 2, is_returned=True)), sold(SENT, **back))  # one of them is with the buyer
    assert waits(paid_back(units(1832, is_returned=True)), sold(SENT, delivered={"1": 2}, has_return=True))
    exchanged = msgspec.structs.replace(paid_back(units(1832, is_returned=True)), set_off=1832)
    assert waits(exchanged, sold(SENT, **back))


def test_an_order_that_came_back_before_its_invoice_goes_whole() -> None:
    everything = paid_back(units(5497, 3, is_returned=True), money(SHIPPING, 490, "s"))
    assert not waits(everything, sold(SENT, home=["1"], has_return=True))
    assert waits(everything, sold(SENT, has_return=True))
    assert waits(everything, sold(SENT, delivered={"1": 1}, home=["1"], has_return=True))
    shipped = billed(sold(SENT).books.lines[2:], [490])
    assert waits(everything, sold(SENT, shipped, home=["1"], has_return=True))


def test_of_an_order_that_is_invoiced_in_part_only_the_rest_goes() -> None:
    """Two were invoiced with all of the discount, and what is left of it for the third one is a line."""
    first, discount, _ = sold(SENT).books.lines
    invoice = billed([msgspec.structs.replace(first, ordered=Decimal(2)), discount], [3998, -500])
    back: dict[str, Any] = {
        "delivered": {"1": 2}, "billed_units": {"1": 2, "d": 1}, "home": ["1"], "has_return": True,
    }  # fmt: skip
    reduction = plan_reduction(paid_back(units(1832, is_returned=True)), sold(SENT, invoice, **back))
    assert reduction is not None
    assert [(part.quantity, part.amount) for part in after(SENT, reduction).lines] == [
        (2, 3998), (1, -500), (1, 490), (1, 167)
    ]  # fmt: skip
    assert waits(paid_back(units(1832, is_returned=True), money(GOODWILL, 10)), sold(SENT, invoice, **back))
    assert waits(paid_back(units(3664, 2, is_returned=True)), sold(SENT, invoice, **back))


def test_what_pays_back_an_edit_takes_nothing_off_again() -> None:
    """The order was 59.87 and is worth that again after an edit that took 20.00 off it; the buyer gets them back."""
    edited = msgspec.structs.replace(G01, payments=(Payment(method="card", amount=G01.total + 2000),))
    assert waits(paid_back(money(GOODWILL, 2000)), sold(edited))
    assert waits(paid_back(money(GOODWILL, G01.total)), sold(edited))
    assert not waits(paid_back(units(1832)), sold(edited))


def test_what_is_in_doubt_waits() -> None:
    refund = paid_back(units(1832))
    assert waits(refund, sold(G01, state="cancel"))
    assert waits(msgspec.structs.replace(refund, currency="CHF"), sold(G01))
    assert waits(paid_back(units(1832, of="404")), sold(G01))
    assert waits(paid_back(units(7000, 4)), sold(G01))
    assert waits(paid_back(money(GOODWILL, G01.total + 1)), sold(G01))
    assert not waits(paid_back(money(GOODS, 1832, "", 1, sku="A")), sold(G01))
    assert waits(paid_back(money(GOODS, 1832, "", 1, sku="B")), sold(G01))


@given(st.data())
def test_refunds_one_after_the_other_take_exactly_their_money(data: st.DataObject) -> None:
    """Whatever they pay back, in whatever order: the total is right after each, and no line turns around."""
    prices = data.draw(st.lists(st.integers(100, 5000), min_size=1, max_size=3))
    quantities = [data.draw(st.integers(1, 4)) for _ in prices]
    rates = [data.draw(st.sampled_from((190_000, 70_000))) for _ in prices]
    lines = [
        line(f"{price * count / 100:.2f}", "A" if rate == 190_000 else "BOOK", count, line_id=str(at), rate=rate)
        for at, (price, count, rate) in enumerate(zip(prices, quantities, rates, strict=True), 1)
    ]
    worth = sum(part.amount for part in lines)
    discount = data.draw(st.integers(0, worth // 2))
    if discount:
        lines.append(off(f"{discount / 100:.2f}", line_id="d"))
    ordered = order(*lines, shipping("4.90", line_id="s", rate=190_000))
    earlier: tuple[Reduction, ...] = ()
    for count in range(data.draw(st.integers(1, 4))):
        left = ordered.total - sum(reduction.total for reduction in earlier)
        amount = data.draw(st.integers(1, max(1, left)))
        kind = data.draw(st.sampled_from(("units", "shipping", "goodwill")))
        part = {
            "units": units(amount, 1, data.draw(st.sampled_from([part.line_id for part in lines[: len(prices)]]))),
            "shipping": money(SHIPPING, min(amount, 490), "s"),
            "goodwill": money(GOODWILL, amount),
        }[kind]
        reduction = plan_reduction(paid_back(part, refund_id=f"R{count}"), sold(ordered, earlier=earlier))
        if reduction is None:
            continue
        earlier = (*earlier, reduction)
        result = after(ordered, *earlier)
        assert result.total == total(result) == ordered.total - sum(reduction.total for reduction in earlier)
        assert all(part.quantity > 0 for part in result.lines)
        assert all(part.amount >= 0 for part in result.lines if part.kind in (LineKind.PRODUCT, LineKind.SHIPPING))
