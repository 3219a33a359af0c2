"""A refund is divided to the minor unit, whatever the order's taxes, and never credits what was not invoiced."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from commerce_pipelines.core.errors import RecordError
from commerce_pipelines.domain.returns.credit import CreditNote, NotDue, Standing, plan_credit_notes, plan_links
from commerce_pipelines.domain.returns.outcomes import Edited
from commerce_pipelines.domain.returns.records import Refund, RefundKind, RefundLine, RefundState
from commerce_pipelines.domain.returns.sale_books import (
    Move,
    MoveLine,
    SaleBooks,
    SaleLine,
    Tax,
    credit_line_xid,
    credit_xid,
)
from commerce_pipelines.domain.returns.shares import price_of, round_off
from commerce_pipelines.domain.sales.draft import line_xid

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
RATES = {1: Tax(190_000, True), 2: Tax(70_000, True), 3: Tax(200_000, False), 4: Tax(0, True)}
GOODS, PRICE, SHIPPING, GOODWILL = RefundKind.GOODS, RefundKind.PRICE, RefundKind.SHIPPING, RefundKind.GOODWILL


def sold(line_id: int, units: int = 3, tax: int = 1, **more: object) -> SaleLine:
    values = {
        "line_id": line_id, "xid": line_xid("shop", "1", str(line_id)), "name": f"Line {line_id}", "unit_id": 1,
        "product_id": line_id, "sku": f"SKU{line_id}", "by_delivery": False, "is_goods": True, "is_shipping": False,
        "ordered": Decimal(units), "delivered": Decimal(units), "billed": Decimal(units), "taxes": (tax,),
    }  # fmt: skip
    return msgspec.convert({**values, **more}, SaleLine)


def billed(lines: Sequence[SaleLine], totals: Sequence[int], move_id: int = 9, **more: object) -> Move:
    """An invoice of these lines."""
    values: dict[str, object] = {
        "move_id": move_id, "xid": "", "name": f"INV/{move_id}", "is_credit": False, "state": "posted",
        "payment_state": "not_paid", "total": sum(totals), "tax": 0, "residual": sum(totals), "currency": "EUR",
        "currency_id": 1, "partner_id": 1, "journal_id": 1, "position_id": 0, "dated": date(2026, 11, 19),
        "booked": date(2026, 11, 19), "reversed_id": 0,
        "lines": tuple(
            MoveLine(
                line_id=100 * move_id + line.line_id, xid="", sale_lines=frozenset((line.line_id,)),
                quantity=line.ordered, total=total, taxes=line.taxes, account_id=8400 + line.line_id, analytic="{}",
            )
            for line, total in zip(lines, totals, strict=True)
        ),
    }  # fmt: skip
    return Move(**{**values, **more})  # type: ignore[arg-type]


def books(lines: Sequence[SaleLine], *moves: Move, **more: object) -> SaleBooks:
    values = {"label": "shop", "order_id": "1", "sale_id": 1, "name": "S1", "state": "sale", "company_id": 1}
    return SaleBooks(lines=tuple(lines), moves=moves, taxes=RATES, **{**values, **more})  # type: ignore[arg-type]


def paid_back(*lines: RefundLine, refund_id: str = "R1", **more: object) -> Refund:
    values: dict[str, object] = {
        "channel": "shop", "refund_id": refund_id, "order_id": "1", "created_at": NOW, "updated_at": NOW,
        "state": RefundState.DONE, "currency": "EUR", "total": sum(line.amount for line in lines), "lines": lines,
    }  # fmt: skip
    return Refund(**{**values, **more})  # type: ignore[arg-type]


def money(kind: RefundKind, amount: int, of: str = "", quantity: int = 0, **more: object) -> RefundLine:
    values = {"line_id": f"{kind}{of}{amount}", "kind": kind, "amount": amount, "order_line_id": of}
    return RefundLine(**{**values, "quantity": quantity, **more})  # type: ignore[arg-type]


def plan(sale: SaleBooks, *refunds: Refund) -> list[object]:
    plans = plan_credit_notes(sale, refunds, {}, BERLIN)
    return [plans[refund.refund_id] for refund in refunds]


def code(result: object) -> str:
    assert isinstance(result, RecordError), result
    return result.code


def price(line: object) -> Fraction:
    return Fraction(price_of(line.amount, line.quantity, line.rate, line.included, "EUR"))  # type: ignore[attr-defined]


def odoo_total(note: CreditNote) -> int:
    """Minor units as Odoo computes them: the sum of prices with tax, else the sum of all prices, rounded, and of the
    taxes, each rounded per rate."""
    total, on_top = Fraction(0), dict[int, Fraction]()
    for line in note.lines:
        worth = price(line) * line.quantity * 100
        if line.included or not line.rate:
            total += worth
        else:
            on_top[line.rate] = on_top.get(line.rate, Fraction(0)) + worth
    taxes = sum(_round(worth * rate / 10**6) for rate, worth in on_top.items())
    return _round(total) + _round(sum(on_top.values(), Fraction(0))) + taxes


def _round(amount: Fraction) -> int:
    dusted = round(amount, 6)  # prices have twelve decimals
    whole = int(abs(dusted) + Fraction(1, 2))
    return -whole if dusted < 0 else whole


@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(RATES)), st.integers(1, 9), st.integers(1, 10**6)), min_size=1, max_size=4
    ),
    st.data(),
)
def test_the_total_is_exact_and_the_rest_stays(spec: list[tuple[int, int, int]], data: st.DataObject) -> None:
    lines = [sold(count, units, tax) for count, (tax, units, _) in enumerate(spec, 1)]
    totals = [total for _, _, total in spec]
    parts = []
    for line, total in zip(lines, totals, strict=True):
        units = data.draw(st.integers(1, int(line.ordered)))
        parts.append(money(GOODS, data.draw(st.integers(0, total)), str(line.line_id), units))
    left = sum(totals) - sum(part.amount for part in parts)
    parts.append(money(GOODWILL, data.draw(st.integers(-sum(part.amount for part in parts), left))))
    refund = paid_back(*parts)
    [note] = plan(books(lines, billed(lines, totals)), refund)
    if refund.total == 0:
        assert isinstance(note, NotDue)
        return
    assert isinstance(note, CreditNote)
    assert odoo_total(note) == refund.total
    assert len({credit_line_xid(note.xid, line.line_id, line.of, line.may_link) for line in note.lines}) == len(
        note.lines
    )
    again = paid_back(money(GOODWILL, sum(totals) - refund.total + 1), refund_id="R2")
    assert code(plan(books(lines, billed(lines, totals)), refund, again)[1]) == "exceeds_invoice"


def test_a_tie_of_tax_on_top_gets_a_visible_line() -> None:
    """0.03 with 20 % on top is 0.025 and 0.005, which Odoo rounds to 0.03 and 0.01."""
    assert round_off([(3, 200_000, False)], per_line=False) == 1
    lines = [sold(1, 1, 3)]
    [note] = plan(books(lines, billed(lines, [100])), paid_back(money(GOODWILL, 3)))
    assert isinstance(note, CreditNote)
    assert [(line.line_id, line.amount, line.taxes) for line in note.lines][-1] == ("rounding", -1, ())
    assert odoo_total(note) == 3


def test_prices_of_two_rates_are_rounded_together() -> None:
    """39.99 at 19 % and 7.37 at 7 %: 33.605 and 6.888 are 40.49, not 33.61 and 6.89; measured in Odoo."""
    mixed = [(3999, 190_000, False), (737, 70_000, False)]
    assert round_off(mixed, per_line=False) == -1
    assert round_off(mixed, per_line=True) == 0


def test_units_on_their_way_get_a_line_each() -> None:
    lines = [sold(1, 4, by_delivery=True, delivered=Decimal(3))]
    sale = books(lines, billed(lines, [4000]))
    [note] = plan(sale, paid_back(money(GOODS, 3001, "1", 3)))
    assert isinstance(note, CreditNote)
    assert [(line.quantity, line.amount, line.is_linked) for line in note.lines] == [
        (1, 1001, True), (1, 1000, False), (1, 1000, False),
    ]  # fmt: skip
    [kept] = plan(sale, paid_back(money(GOODS, 3001, "1", 3, is_returned=False)))
    assert isinstance(kept, CreditNote)
    assert [(line.quantity, line.product_id, line.may_link) for line in kept.lines] == [(3, 0, False)]


def test_units_are_linked_when_they_are_back() -> None:
    [line] = lines = [sold(1, 4, by_delivery=True, delivered=Decimal(3), billed=Decimal(4))]
    xids = [credit_line_xid(credit_xid("shop", "R1"), f"g{count}", 1, True) for count in range(2)]
    note = billed(lines, [2000], 10, is_credit=True, xid=credit_xid("shop", "R1"), reversed_id=9)
    parts = [
        msgspec.structs.replace(note.lines[0], line_id=70 + count, xid=xid, sale_lines=frozenset(), quantity=Decimal(1))
        for count, xid in enumerate(xids)
    ]
    sale = books([line], billed(lines, [4000]), msgspec.structs.replace(note, lines=tuple(parts)))
    assert plan_links(sale) == [(70, 1)]
    new = plan(sale, paid_back(money(GOODS, 1000, "1", 1), refund_id="R2"))[0]
    assert isinstance(new, CreditNote)
    assert not new.lines[0].is_linked, "the unit that is back belongs to the first refund"


def test_an_invoice_of_several_orders_is_not_credited_beyond_this_one() -> None:
    mine, other = [sold(1)], [sold(5)]
    shared = billed([*mine, *other], [3000, 7000])
    assert code(plan(books(mine, shared), paid_back(money(GOODWILL, 3001)))[0]) == "exceeds_invoice"
    assert isinstance(plan(books(mine, shared), paid_back(money(GOODWILL, 3000)))[0], CreditNote)


def test_units_that_came_back_before_they_were_invoiced_are_not_credited() -> None:
    """Two of three were invoiced, the third one came back: its refund credits nothing, and the next one does."""
    lines = [sold(1, 3, delivered=Decimal(2), billed=Decimal(2), is_home=True)]
    invoice = billed([sold(1, 2)], [2000])
    first, second = (paid_back(money(GOODS, 1000, "1", 1), refund_id=name) for name in ("R1", "R2"))
    results = plan(books(lines, invoice), first, second)
    assert code(results[0]) == "not_invoiced"
    assert isinstance(results[1], CreditNote)
    unsent = paid_back(money(GOODS, 1000, "1", 1, is_returned=False))
    assert code(plan(books(lines, invoice), unsent)[0]) == "not_invoiced"
    invoiced = billed([sold(1, 3)], [3000])
    assert isinstance(plan(books(lines, invoiced), first)[0], CreditNote)


def test_units_that_were_never_invoiced_are_not_credited() -> None:
    lines = [sold(1, 3, delivered=Decimal(2))]
    invoice = billed([sold(1, 2)], [2000])
    assert code(plan(books(lines, invoice), paid_back(money(GOODS, 1000, "1", 3)))[0]) == "not_invoiced"
    draft = msgspec.structs.replace(invoice, state="draft", name="")
    assert code(plan(books(lines, draft), paid_back(money(GOODWILL, 1)))[0]) == "not_invoiced"


def test_another_s_credit_note_stands_for_one_refund_only() -> None:
    lines = [sold(1)]
    hers = billed(lines, [1000], 11, is_credit=True, reversed_id=9)
    sale = books(lines, billed(lines, [3000]), hers)
    first, second = plan(sale, *(paid_back(money(PRICE, 1000, "1"), refund_id=name) for name in ("R1", "R2")))
    assert (isinstance(first, Standing), isinstance(second, CreditNote)) == (True, True)
    assert code(plan(sale, paid_back(money(PRICE, 999, "1")))[0]) == "credited_already"


def test_a_changed_amount_rewrites_a_draft_and_flags_a_posted_one() -> None:
    lines = [sold(1)]
    own = billed(lines, [1000], 11, is_credit=True, reversed_id=9, xid=credit_xid("shop", "R1"))
    refund = paid_back(money(PRICE, 900, "1"))
    [standing] = plan(books(lines, billed(lines, [3000]), own), refund)
    assert isinstance(standing, Standing)
    assert [flag.code for flag in standing.flags] == ["credit_differs"]
    draft = msgspec.structs.replace(own, state="draft", name="")
    [note] = plan(books(lines, billed(lines, [1000]), draft), refund)
    assert isinstance(note, CreditNote)


def test_a_refund_in_another_currency_or_below_nothing_waits() -> None:
    lines = [sold(1)]
    sale = books(lines, billed(lines, [3000]))
    assert code(plan(sale, paid_back(money(PRICE, 900, "1"), currency="GBP"))[0]) == "wrong_currency"
    assert code(plan(sale, paid_back(money(GOODWILL, -900)))[0]) == "negative_refund"
    assert code(plan(sale, paid_back(money(GOODS, 900, "77", 1)))[0]) == "unknown_refund_line"


def test_what_pays_back_an_edit_needs_no_credit_note_where_the_units_were_never_invoiced() -> None:
    """The buyer paid 30.00, and an edit took 10.00 off the order in Odoo."""
    line, edited = sold(1, 2), Edited(paid=3000, total=2000)
    money = paid_back(RefundLine(line_id="1", kind=GOODWILL, amount=1000))
    more = paid_back(RefundLine(line_id="1", kind=GOODWILL, amount=500), refund_id="R2")
    units = paid_back(RefundLine(line_id="1", kind=GOODS, amount=1000, quantity=1, order_line_id="1"))
    sale = books([line], billed([line], [2000]))
    for uninvoiced in (books([line]), sale):
        assert plan_credit_notes(uninvoiced, [money], {}, BERLIN, edited=edited)["R1"] == NotDue(done=True)
    plans = plan_credit_notes(sale, [money, more], {}, BERLIN, edited=edited)
    assert (plans["R1"], type(plans["R2"])) == (NotDue(done=True), CreditNote)
    assert isinstance(plan_credit_notes(sale, [units], {}, BERLIN, edited=edited)["R1"], CreditNote)
    whole = books([line], billed([line], [3000]))  # invoiced before the edit
    assert isinstance(plan_credit_notes(whole, [money], {}, BERLIN, edited=edited)["R1"], CreditNote)


def test_units_that_were_taken_off_an_invoiced_order_are_linked() -> None:
    line = sold(1)
    sale = books([msgspec.structs.replace(line, ordered=Decimal(1))], billed([line], [3000]))
    for amount, links in ((2000, [(2, True)]), (1500, [(1, False)])):
        plan = plan_credit_notes(sale, [paid_back(RefundLine(line_id="1", kind=GOODWILL, amount=amount))], {}, BERLIN)
        note = plan["R1"]
        assert isinstance(note, CreditNote)
        assert [(part.quantity, part.is_linked) for part in note.lines] == links
        assert sum(part.amount for part in note.lines) == amount
