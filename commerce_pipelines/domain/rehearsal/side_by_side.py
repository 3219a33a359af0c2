"""A decision about one order or listing, and the differences between two sets of them.

Each field of a decision is a text that a person can read, without personal data. What belongs here: writing a draft as
a decision, comparing. What does not: making the draft (domain/sales/order_to_draft.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import date

import msgspec

from ..money import to_decimal
from ..orders.order import Order, OrderStatus
from ..sales.draft import SaleDraft
from ..vat.keys import TaxKey
from ..vat.rates import percent

ORDERS, LISTINGS = "orders", "inventory"
# What may differ, in the order in which people care. Of listings only `quantity` and `state`.
KINDS = (
    "state", "total", "tax", "fiscal position", "products", "partner", "warehouse", "carrier", "books", "quantity",
)  # fmt: skip
Hash = Callable[[str], str]


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What the rules make of one record. topic: ORDERS or LISTINGS. day: of an order, ISO, '' for a listing. money:
    minor units of `currency` that the order is worth, 0 for a listing. fields: by kind. why: the evidence; it may
    differ where the decision does not. answer: which answer, or reading of the stock, it is about."""

    channel: str
    topic: str
    day: str
    record_id: str
    money: int = 0
    currency: str = ""
    fields: dict[str, str] = {}
    why: dict[str, str] = {}
    answer: str = ""

    @property
    def place(self) -> tuple[str, str, str, str]:
        """By which decisions are sorted."""
        return self.channel, self.topic, self.day, self.record_id


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One record of which two sets of rules decide otherwise. before, after: None where one side has no such record.
    kinds: of KINDS, what differs."""

    before: Decision | None
    after: Decision | None
    kinds: tuple[str, ...]

    @property
    def either(self) -> Decision:
        decision = self.after or self.before
        assert decision is not None  # noqa: S101 - one of them is always there
        return decision


def decide_order(order: Order, day: date, draft: SaleDraft | None, refused: str, hashed: Hash) -> Decision:
    """The decision about an order. draft: None for one that is not loaded. refused: the code for which it would wait.
    hashed: a keyed hash, by which the buyer's data is compared and not shown."""
    fields = {"state": _describe_state(order, refused)}
    why: dict[str, str] = {}
    if draft is not None and not refused:
        fields |= _describe_draft(draft)
        fields["partner"] = _describe_partner(draft, hashed)
        why = dict(draft.evidence)
    return Decision(
        channel=order.channel, topic=ORDERS, day=day.isoformat(), record_id=order.order_id, money=order.total,
        currency=order.currency, fields=fields, why=why,
    )  # fmt: skip


def is_of_rules(difference: Difference) -> bool:
    """Whether both sides decided about the same answer. Where another came while they did, or the record is new, the
    difference says nothing of the rules."""
    before, after = difference.before, difference.after
    return before is not None and after is not None and before.answer == after.answer


def decide_unreadable(channel: str, day: date, record_id: str, code: str) -> Decision:
    return Decision(
        channel=channel, topic=ORDERS, day=day.isoformat(), record_id=record_id, fields={"state": f"waits: {code}"}
    )


def _describe_state(order: Order, refused: str) -> str:
    if order.is_test:
        return "a test, not loaded"
    if order.is_other_channel:
        return "sold by another channel, not loaded"
    if order.status is not OrderStatus.PAID:
        return order.status.value
    return f"waits: {refused}" if refused else "confirmed"


def _describe_draft(draft: SaleDraft) -> dict[str, str]:
    taxes: Counter[str] = Counter()
    for line in draft.lines:
        taxes[_write_tax(line.tax)] += line.amount
    goods = (f"{line.quantity} × {line.product_code}" for line in draft.lines if line.product_id)
    books = (draft.team, *(f"{name} {share:g} %" for name, share in sorted(draft.analytic.items())), *draft.tags,
             draft.pricelist)  # fmt: skip
    flags = ", ".join(sorted(flag.code for flag in draft.flags))
    state = "history, without delivery" if draft.history else "confirmed"
    return {
        "state": f"{state}; noted: {flags}" if flags else state,
        "total": f"{to_decimal(draft.total, draft.currency)} {draft.currency}",
        "tax": "; ".join(f"{tax}: {to_decimal(sum_, draft.currency)}" for tax, sum_ in sorted(taxes.items())),
        "fiscal position": draft.fiscal_position or f"{draft.regime} {draft.tax_country}".strip() or "none",
        "products": ", ".join(goods) or "none",
        "warehouse": draft.warehouse or "the company's first",
        "carrier": draft.carrier or "none",
        "books": ", ".join(filter(None, books)) or "none",
    }


def _write_tax(tax: TaxKey | None) -> str:
    if tax is None:
        return "no tax"
    basis = "included" if tax.included else "on top"
    return f"{tax.country} {percent(tax.rate)} % {tax.regime} {basis}".strip()


def _describe_partner(draft: SaleDraft, hashed: Hash) -> str:
    """Which contact it would be, without who that is."""
    who = [draft.buyer, draft.billing, draft.shipping]
    parts = repr([msgspec.to_builtins(part) for part in who if part is not None])
    kind = f"customer {draft.customer[:8]}" if draft.customer else f"buyer or {draft.guest}"
    return f"{kind}, data {hashed(parts)}"


def decide_listing(channel: str, key: str, sku: str, target: int | None, reason: str) -> Decision:
    state = "managed" if target is not None else f"left alone: {reason}"
    quantity = {} if target is None else {"quantity": str(target)}
    return Decision(
        channel=channel, topic=LISTINGS, day="", record_id=key, fields={"state": state, **quantity}, why={"SKU": sku}
    )


def compare(before: Iterable[Decision], after: Iterable[Decision]) -> Iterator[tuple[Decision, Difference | None]]:
    """Every record of either side, with what differs, None where nothing does. Both must be sorted by `place`; neither
    is held in memory. Raises ValueError where one is not sorted."""
    left, right = _list_sorted(before), _list_sorted(after)
    old, new = next(left, None), next(right, None)
    while old is not None or new is not None:
        if new is None or (old is not None and old.place < new.place):
            assert old is not None  # noqa: S101 - or both were None
            yield old, Difference(before=old, after=None, kinds=("state",))
            old = next(left, None)
        elif old is None or new.place < old.place:
            yield new, Difference(before=None, after=new, kinds=("state",))
            new = next(right, None)
        else:
            kinds = tuple(kind for kind in KINDS if old.fields.get(kind) != new.fields.get(kind))
            yield new, Difference(before=old, after=new, kinds=kinds) if kinds else None
            old, new = next(left, None), next(right, None)


def _list_sorted(decisions: Iterable[Decision]) -> Iterator[Decision]:
    last: Decision | None = None
    for decision in decisions:
        if last is not None and decision.place <= last.place:
            raise ValueError("The decisions are not sorted.")
        yield decision
        last = decision
