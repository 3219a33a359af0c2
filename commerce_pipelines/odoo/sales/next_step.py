"""A draft compared with the order that Odoo has: what has to happen, and what to tell a person. Pure.

    no order             ──▶ create
    quotation            ──▶ update and confirm it
    confirmed, no change ──▶ keep
    confirmed, a change  ──▶ edit in place; reopen where Odoo forbids that (another product or currency)
                             flag what cannot be carried out: delivered, invoiced, locked, also changed by a person;
                             refunds still take off what is not delivered and not invoiced, and what is sold in
                             exchange for returned goods is still added
    cancelled by us      ──▶ reopen; flag if a person cancelled it, if it is locked or anything was delivered

A change is carried out part by part: lines, delivery address, invoice address. A part that is not carried out is
flagged and kept as a change (`Verdict.kept`), so that the flag comes again until the difference is settled.

What belongs here: that table. What does not: what differs (differences.py, moved_addresses.py), writing (batch.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from ...domain.sales.base import not_followed
from ...domain.sales.draft import Flag, SaleDraft
from .booked import OPEN, Booked
from .differences import Difference, Who, differences


class Way(StrEnum):
    CREATE = "create"
    GO_ON = "go on"
    KEEP = "keep"
    EDIT = "edit"
    REOPEN = "reopen"
    FLAG = "flag"


class Move(StrEnum):
    """What to do about an address that the channel changed."""

    FREE = "free"
    CHOSEN = "chosen"  # a person chose or corrected the address that Odoo has
    WITHHELD = "withheld"  # the new address no longer has a street


PARTS = {"shipping": "delivery address", "billing": "invoice address"}


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """differences: lines to write. moves: addresses to write, `shipping` and `billing`. deviation: minor units that a
    person's changes add to the order's total. kept: changes that are not carried out."""

    way: Way = Way.KEEP
    differences: tuple[Difference, ...] = ()
    moves: frozenset[str] = frozenset()
    deviation: int = 0
    flags: tuple[Flag, ...] = ()
    kept: frozenset[str] = frozenset()


def decide(draft: SaleDraft, booked: Booked | None, moves: Mapping[str, Move]) -> Verdict:
    """The verdict. moves: what to do about the addresses that the channel changed."""
    if booked is None:
        return Verdict(way=Way.CREATE)
    sale = booked.sale
    if sale.state in OPEN:
        return Verdict(way=Way.GO_ON, moves=frozenset(moves))
    if sale.state == "cancel":
        if booked.by_us and not booked.locked and not sale.delivered:
            return Verdict(way=Way.REOPEN, moves=frozenset(moves))
        return Verdict(way=Way.FLAG, flags=(_flag_cancelled_in_odoo(),), kept=frozenset(("lines", *PARTS)))
    return _judge_confirmed(draft, booked, moves)


def _judge_confirmed(draft: SaleDraft, booked: Booked, moves: Mapping[str, Move]) -> Verdict:
    news_and_edits = differences(draft, booked)
    news = tuple(difference for difference in news_and_edits if difference.who is Who.CHANNEL)
    both = [difference.text for difference in news_and_edits if difference.who is Who.BOTH]
    deviation = _compute_deviation(draft, booked, news_and_edits)
    notes = _Notes()
    other_currency = booked.sale.currency != draft.currency
    if news or both or other_currency:
        texts = [*both, *(difference.text for difference in news)] or [f"the currency is {draft.currency} now"]
        reopens = other_currency or not all(difference.in_place for difference in news)
        hindrance = _find_hindrance(booked, news)
        if hindrance and not _may_reduce(draft, booked, news) and not _may_exchange(booked, news):
            notes.add(hindrance, texts)
        elif (
            both
            or (reopens and _is_touched(news_and_edits))
            or not _is_total_reached(draft, booked, news, deviation, reopens)
        ):
            notes.add(_BOTH, texts)
        elif reopens:
            return Verdict(way=Way.REOPEN, differences=news, moves=frozenset(moves))
        if notes.flags:
            notes.kept.add("lines")
            news = ()
    elif deviation or _is_touched(news_and_edits):
        touched = [difference.text for difference in news_and_edits if difference.who is Who.PERSON]
        notes.add(_PERSON, touched or ["the total"])
    if news and _is_touched(news_and_edits):
        notes.add(_PERSON, [difference.text for difference in news_and_edits if difference.who is Who.PERSON])
    rest = not_followed(draft.before, draft.base, draft.changes) if draft.before and draft.base else []
    if rest and not booked.sale.delivered:
        notes.add(_NOT_FOLLOWED, rest)
        notes.kept.add("rest")
    free = {part for part, move in moves.items() if _may_follow(part, move, booked, notes)}
    way = Way.EDIT if news or free else Way.FLAG if notes.flags else Way.KEEP
    return Verdict(
        way=way, differences=news, moves=frozenset(free), deviation=deviation, flags=tuple(notes.flags.values()),
        kept=frozenset(notes.kept),
    )  # fmt: skip


def _compute_deviation(draft: SaleDraft, booked: Booked, compared: list[Difference]) -> int:
    """What a person's changes add to Odoo's total, as far as the total of the last load is known."""
    if draft.before is None:
        news = any(difference.who is not Who.PERSON for difference in compared)
        return 0 if news or draft.currency != booked.sale.currency else booked.sale.total - draft.total
    if draft.before.currency != booked.sale.currency:
        return 0
    done = sum(difference.gross for difference in compared if difference.who is Who.DONE)
    off = booked.sale.total - draft.before.total_left - done
    return off if abs(off) > draft.tolerance or _is_touched(compared) else 0


def _is_touched(compared: list[Difference]) -> bool:
    return any(difference.who is Who.PERSON for difference in compared)


def _is_total_reached(
    draft: SaleDraft, booked: Booked, news: tuple[Difference, ...], deviation: int, reopens: bool
) -> bool:  # fmt: skip
    """Whether writing these lines will bring Odoo's total to the channel's; tested before any line is written.

    Odoo may round a tax on top differently: half a minor unit for each line and tax.
    """
    if reopens:
        return True
    expected = booked.sale.total + sum(difference.gross for difference in news) - deviation
    on_top = any(difference.line and difference.line.tax and not difference.line.tax.included for difference in news)
    bound = max(draft.tolerance, len(draft.lines) if on_top else 0)
    return abs(expected - draft.total) <= bound


def _may_follow(part: str, move: Move, booked: Booked, notes: _Notes) -> bool:
    """Whether an address may follow the channel's; otherwise the reason is noted."""
    text = f"the {PARTS[part]}"
    done = booked.sale.delivered or booked.picked if part == "shipping" else booked.invoiced
    if done:
        code = "edited_after_shipping" if part == "shipping" else "edited_after_invoicing"
        when = "shipped" if booked.sale.delivered else "picked"
        notes.add(_build_kind_after(code, when if part == "shipping" else "invoiced"), [text])
    elif move is Move.CHOSEN:
        notes.add(_CHOSEN, [text])
    elif move is Move.WITHHELD:
        notes.add(_WITHHELD, [text])
    else:
        return True
    notes.kept.add(part)
    return False


class _Kind(msgspec.Struct, frozen=True):
    """One kind of note. message: completed by what the note is about."""

    code: str
    message: str
    fix: str


class _Notes:
    """Flags by code; parts of an order with the same flag share one note."""

    def __init__(self) -> None:
        self.flags: dict[str, Flag] = {}
        self.kept: set[str] = set()

    def add(self, kind: _Kind, texts: list[str]) -> None:
        sentence = "; ".join(texts)
        before = self.flags.get(kind.code)
        message = f"{before.message.removesuffix('.')}; {sentence}." if before else f"{kind.message}: {sentence}."
        self.flags[kind.code] = Flag(kind.code, message, kind.fix)


_BOTH = _Kind(
    "changed_in_odoo", "The channel changed the order, and so did a person in Odoo; nothing was written",
    "Carry the channel's change out by hand in Odoo, or leave it.",
)  # fmt: skip
_PERSON = _Kind(
    "changed_in_odoo", "The sale order was changed in Odoo after it was loaded",
    "If that is right, leave it; if not, restore it in Odoo. The proof shows a difference of the total.",
)  # fmt: skip
_CHOSEN = _Kind(
    "changed_in_odoo", "The channel changed an address that a person chose or corrected in Odoo",
    "Look at the order in the marketplace, and choose the right address in Odoo.",
)  # fmt: skip
_WITHHELD = _Kind(
    "address_withheld", "The channel names another place, but no street, so the order stays where it was",
    "Look at the order in the marketplace, and enter the address in Odoo if it moved.",
)  # fmt: skip


_LOCKED = _Kind(
    "order_locked", "The channel changed the order, which is locked in Odoo",
    "Unlock the sale order in Odoo, then replay; or change it by hand.",
)  # fmt: skip
_NOT_FOLLOWED = _Kind(
    "not_followed", "The channel changed what the sale order does not follow by itself",
    "Look whether its delivery has to change; this note goes once the order is shipped.",
)  # fmt: skip


def _may_reduce(draft: SaleDraft, booked: Booked, news: tuple[Difference, ...]) -> bool:
    """Whether all that is new are refunds of what was neither delivered nor invoiced: that changes nothing of what
    was."""
    before, base = draft.before, draft.base
    if not (before and base and before.lines == base.lines) or booked.locked or booked.picked:
        return False
    for difference in news:
        has, left = booked.lines.get(difference.xid), difference.line.quantity if difference.line else 0
        is_goods = bool(difference.line and difference.line.product_id) or left == 0
        if has and (max(has.delivered, has.billed) > left or (has.billed and not is_goods)):
            return False
    return True


def _may_exchange(booked: Booked, news: tuple[Difference, ...]) -> bool:
    """Whether all that is new is sold in exchange for goods that come back: lines of their own, of which nothing was
    delivered or invoiced. Not where a person sends or sells something instead."""
    if not news or booked.locked or booked.foreign or booked.sent_again:
        return False
    for difference in news:
        has = booked.lines.get(difference.xid)
        if not (difference.line and difference.line.is_exchange) or (has and (has.delivered or has.billed)):
            return False
    return True


def is_exchange(verdict: Verdict) -> bool:
    """Whether what is written is sold in exchange for goods that come back."""
    return any(difference.line and difference.line.is_exchange for difference in verdict.differences)


def _build_kind_after(code: str, when: str) -> _Kind:
    return _Kind(code, f"The channel changed the order after it was {when}",
                 "Settle the difference by hand in Odoo: deliver or return the rest, or credit it.")  # fmt: skip


def _find_hindrance(booked: Booked, news: tuple[Difference, ...]) -> _Kind | None:
    """Why the lines of a confirmed order must be left to a person. An exchange comes after delivery and invoice, so
    that only a lock is in its way."""
    if booked.locked and news and all(difference.line and difference.line.is_exchange for difference in news):
        return _LOCKED
    if booked.sale.delivered or booked.picked:
        return _build_kind_after("edited_after_shipping", "shipped" if booked.sale.delivered else "picked")
    if booked.invoiced:
        return _build_kind_after("edited_after_invoicing", "invoiced")
    if booked.locked:
        return _LOCKED
    return None


def _flag_cancelled_in_odoo() -> Flag:
    return Flag(
        "cancelled_in_odoo",
        "The order is paid in the channel, but was cancelled in Odoo.",
        "Cancel it in the channel as well, or set the sale order back to quotation in Odoo and replay.",
    )
