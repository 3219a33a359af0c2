"""One channel pays back what people credited: due credit notes -> decision -> on record -> sent -> settled, or waiting.

    find       credit notes that people made and posted (prepare.py)
    decide     what is paid back, what waits: pure (domain/refunding/)
    dispatch   on record, then sent (doors.py, flows/outbox/)
    settle     what the channel reports as paid back is not looked at again; what waits is in the exceptions

What belongs here: the order of these steps, the lock, a person's consent. What does not: the steps themselves.

Whatever waits is decided again by every run, so an exception goes by itself as soon as its cause is gone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC
from shlex import quote

import msgspec

from ...core.errors import PermanentError
from ...core.reasons import Reason
from ...core.topics import Topic
from ...domain.money import digits, to_decimal
from ...domain.outbox.effects import Kind, Status, Wanted, digest
from ...domain.refunding.buyer_refunds import BuyerRefund
from ...domain.refunding.refund_plan import Decision, Nothing, Postponed, Recorded, UnderWay
from ...domain.refunding.rules import RefundingRules
from ...resources.connections import Connections
from ...warehouse.refunding import manual_credit_notes as notes
from ...warehouse.refunding.manual_credit_notes import Kept
from ..identity import may_publish
from ..outbox.dispatch import dispatch
from .doors import RefundDoor
from .prepare import PASSING, Work, is_news, prepare, read_new, refresh

STAGE = "pay_back"
UNDER_WAY, HELD, WAITING = "under way", "held", "waiting"


class Stopped(PermanentError):
    """Refunds wait for a person's consent: more than `hold_above`, or one above `hold_amount`."""


class Issued(msgspec.Struct, kw_only=True):
    """The result of a run: credit notes looked at, refunds planned and their money by currency, outcomes by status,
    credit notes that wait by reason, those settled, those that wait for what the channel may still report. rows:
    (order, credit note, amount, lines) of the plan."""

    notes: int = 0
    planned: int = 0
    postponed: int = 0
    by_currency: Counter[str] = msgspec.field(default_factory=Counter)
    settled: int = 0
    outcomes: Counter[str] = msgspec.field(default_factory=Counter)
    waiting: Counter[str] = msgspec.field(default_factory=Counter)
    dry: bool = False
    rows: list[tuple[str, str, str, str]] = msgspec.field(default_factory=list)


def issue(
    connections: Connections, name: str, *, run_id: str = "", release: bool = False, dry_run: bool = False,
    whole: bool = True,
) -> Issued:  # fmt: skip
    """Pay back what is due; one run per channel at a time.

    release: a person agrees to what the limits stop. whole: look at every credit note of the last weeks. Otherwise
    raises Stopped with the figures. Raises the channel's own errors after its answers are on record.
    """
    rules = connections.settings.channel(name).refunding
    with connections.warehouse.lock(f"refunds {name}", wait=True):
        read_new(connections, name, whole=whole)
        work = prepare(connections, name)
        done = _count(work)
        if dry_run or rules.dry_run:
            done.dry = True
            return done
        may_publish(connections, name)
        try:
            done.outcomes = _pay_back(connections, name, work, run_id=run_id, release=release)
        finally:
            _settle(connections, name, work, done, run_id)
    return done


def _count(work: Work) -> Issued:
    done = Issued(notes=len(work.rows))
    for odoo_id, decision in sorted(work.decide().items()):
        if isinstance(decision, Reason):
            done.waiting[decision.code] += 1
        done.postponed += isinstance(decision, Postponed)
        if not isinstance(decision, BuyerRefund):
            continue
        done.planned += 1
        done.by_currency[decision.currency] += decision.total
        lines = ", ".join(_describe_line(decision, place) for place in range(len(decision.lines)))
        amount = f"{to_decimal(decision.total, decision.currency)} {decision.currency}"
        done.rows.append((decision.order_id, work.rows[odoo_id].name, amount, lines))
    return done


def _describe_line(refund: BuyerRefund, place: int) -> str:
    line = refund.lines[place]
    units = f"{line.quantity} of line {line.order_line_id}" if line.quantity else line.order_line_id
    return " ".join(filter(None, (line.kind.value, units, str(to_decimal(line.amount, refund.currency)))))


def _pay_back(connections: Connections, name: str, work: Work, *, run_id: str, release: bool) -> Counter[str]:
    """Put the plan on record and send it; outcomes by status."""
    from ...warehouse.landing import words
    from ...warehouse.outbox import effects, holds

    decisions = work.decide()
    wishes = [_build_wish(work, odoo_id, decision) for odoo_id, decision in decisions.items()
              if isinstance(decision, BuyerRefund)]  # fmt: skip
    begun = {str(odoo_id) for odoo_id, decision in decisions.items()
             if isinstance(decision, UnderWay) and work.stands(odoo_id)}  # fmt: skip
    wanted = {wish.key for wish in wishes}
    again = _list_again(connections, name, work, decisions)
    with connections.warehouse.transaction() as connection:
        unsent = notes.list_unsent(connection, name)
        effects.withdraw(connection, name, Kind.REFUND, [key for key in unsent if key not in wanted])
        agreed = holds.agreed(connection, name, Kind.REFUND)
        released = {(key, digest(dict(body))) for key, body in agreed.bodies.items()} if agreed else set()
        news = [
            wish for wish in wishes
            if (wish.key, digest(wish.body)) not in released and _is_sent_now(work, wish, again)
        ]  # fmt: skip
        why = _find_limit(news, connections.settings.channel(name).refunding)
        if why:
            hold = holds.hold(connection, name, Kind.REFUND, run_id, why, {"refunds": len(news)})
            effects.plan(connection, name, Kind.REFUND, news, run_id, hold=hold, again=again)
            if release:
                holds.release(connection, name, Kind.REFUND, f"run {run_id}")
        else:
            holds.resolve(connection, name, Kind.REFUND)
            effects.plan(connection, name, Kind.REFUND, wishes, run_id, again=again)
    labels = {str(odoo_id): row.name for odoo_id, row in work.rows.items()}
    door = RefundDoor(connections.channel(name), wanted | begun, labels, lambda key: _list_accounted(work, key))
    try:
        statuses = list(dispatch(connections.warehouse, name, Kind.REFUND, door, run_id).values())
    finally:
        if door.words:
            with connections.warehouse.transaction() as connection:
                now = connections.instruments.now()
                words.keep(connection, connections.vault, name, Topic.REFUNDING, door.words, now)
    if agreed and not why and Status.UNKNOWN not in statuses:
        with connections.warehouse.transaction() as connection:
            holds.used(connection, name, Kind.REFUND)
    if why and not release:
        raise Stopped(
            f"Nothing new is paid back by {name}: {why}. Look at `commerce-pipelines refunds plan {name}`; if that is "
            f"right, run `commerce-pipelines refunds release {name}`."
        )
    return Counter(str(status) for status in statuses)


def _build_wish(work: Work, odoo_id: int, refund: BuyerRefund) -> Wanted:
    basis = {"credit note": work.rows[odoo_id].name, "sale order": work.cases[odoo_id].books.name}
    return Wanted(key=str(odoo_id), body=msgspec.to_builtins(refund), basis=basis)


def _list_again(connections: Connections, name: str, work: Work, decisions: dict[int, Decision]) -> set[str]:
    """Keys of refused refunds that are tried once more: the reason may be gone, or a person asked for it."""
    from ...warehouse import exceptions

    with connections.warehouse.transaction() as connection:
        rows = exceptions.open_exceptions(connection, name, Topic.REFUNDING)
    asked = {row.record_id for row in rows if row.blocking and row.retry_at}
    again = set()
    for odoo_id, decision in decisions.items():
        recorded = work.recorded(odoo_id)
        if recorded is None or recorded.status is not Status.REFUSED or not isinstance(decision, BuyerRefund):
            continue
        if recorded.code in PASSING or decision.order_id in asked:
            again.add(str(odoo_id))
    return again


def _is_sent_now(work: Work, wish: Wanted, again: set[str]) -> bool:
    """Whether a wish would leave by this run, or wait in a new plan."""
    recorded = work.recorded(int(wish.key))
    if wish.key in again or recorded is None:
        return True
    return recorded.status is Status.HELD or is_news(msgspec.convert(wish.body, type=BuyerRefund), recorded)


def _find_limit(news: list[Wanted], rules: RefundingRules) -> str:
    """Why a plan waits for a person; '' where it does not."""
    if len(news) > rules.hold_above:
        return f"{len(news)} refunds would leave, more than {rules.hold_above}"
    for wish in news:
        refund = msgspec.convert(wish.body, type=BuyerRefund)
        if refund.total > rules.hold_amount * 10 ** digits(refund.currency):
            amount = f"{to_decimal(refund.total, refund.currency)} {refund.currency}"
            return f"{amount} would leave for {wish.basis['credit note']}, more than {rules.hold_amount}"
    return ""


def _list_accounted(work: Work, key: str) -> frozenset[str]:
    odoo_id = int(key)
    return work.accounted(odoo_id) if odoo_id in work.cases else frozenset()


def _settle(connections: Connections, name: str, work: Work, done: Issued, run_id: str) -> None:
    """Decide once more with what is on record now: what is over is settled, what cannot go on waits."""
    from ...warehouse import exceptions

    refresh(connections, name, work)
    now = connections.instruments.now()
    kept: list[Kept] = []
    reasons: dict[str, tuple[int, Reason]] = {}
    for odoo_id, decision in work.decide().items():
        reason = _find_reason(name, work, odoo_id, decision)
        if reason:
            reasons.setdefault(work.rows[odoo_id].order_id, (work.rows[odoo_id].sale_id, reason))
        kept.append(_build_kept(work, odoo_id, decision, reason))
    gone = [row.order_id for row in work.rows.values() if row.order_id not in reasons]
    failures = [
        exceptions.Failure(record_id=order_id, day=None, reason=reason, odoo_id=sale)
        for order_id, (sale, reason) in reasons.items()
    ]
    with connections.warehouse.transaction() as connection:
        notes.keep(connection, name, kept, now)
        exceptions.resolve(connection, name, Topic.REFUNDING, STAGE, gone, now)
        exceptions.record(connection, name, Topic.REFUNDING, STAGE, failures, run_id, now)
    done.settled = sum(row.settled for row in kept)
    done.waiting = Counter(row.code for row in kept if row.code)


def describe_due(name: str, work: Work) -> dict[int, Kept]:
    """What becomes of every due credit note, by record id, as far as is known now."""
    return {
        odoo_id: _build_kept(work, odoo_id, decision, _find_reason(name, work, odoo_id, decision))
        for odoo_id, decision in work.decide().items()
    }


def _build_kept(work: Work, odoo_id: int, decision: Decision, reason: Reason | None) -> Kept:
    case = work.cases.get(odoo_id)
    move = next((move for move in case.books.moves if move.move_id == odoo_id), None) if case else None
    recorded = work.recorded(odoo_id)
    is_held = recorded is not None and recorded.status is Status.HELD
    if isinstance(decision, Nothing):
        state = decision.why
    elif isinstance(decision, Postponed):
        state = f"not before {decision.until.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    elif reason:
        state = WAITING
    else:
        state = HELD if is_held else UNDER_WAY
    return Kept(
        odoo_id=odoo_id, state=state, code=reason.code if reason else "", currency=move.currency if move else "",
        total=move.total if move else 0, settled=isinstance(decision, Nothing),
    )  # fmt: skip


def _find_reason(name: str, work: Work, odoo_id: int, decision: Decision) -> Reason | None:
    """Why a credit note waits for a person."""
    recorded, row = work.recorded(odoo_id), work.rows[odoo_id]
    if isinstance(decision, Reason):
        return decision
    if isinstance(decision, UnderWay) and decision.recorded.status is Status.HELD:
        return Reason(
            "refund_in_doubt", f"Nobody can tell whether {name} has paid back the credit note {row.name}.",
            f"Look at the order in the marketplace, then run `commerce-pipelines refunds answer {quote(name)} "
            f"{decision.recorded.key} --happened` or `--not-happened`.",
            row.name,
        )  # fmt: skip
    if isinstance(decision, BuyerRefund) and recorded and recorded.status is Status.REFUSED:
        return _describe_refusal(name, recorded, row.name, row.order_id)
    return None


def _describe_refusal(name: str, recorded: Recorded, note: str, order_id: str) -> Reason:
    if recorded.code == "other_refund":
        return Reason(
            "refund_unsettled", f"{name} shows a refund of this order that no credit note stands for yet.",
            "Nothing, if it was made just now: it is read by itself, and may be this credit note's.", note,
        )  # fmt: skip
    if recorded.code == "exceeds_payment":
        return Reason(
            "exceeds_payment", f"{name} has less left of what was paid than the credit note {note}.",
            "Correct the credit note; if it is right, pay the rest back another way.", note,
        )  # fmt: skip
    if recorded.code == "not_sent":
        return Reason(
            "refund_refused", f"{name} could not be told of the credit note {note}; nothing was sent.",
            "It is tried again by the next run; `commerce-pipelines check` tries the credentials.", note,
        )  # fmt: skip
    return Reason(
        "refund_refused", f"{name} refuses to pay back the credit note {note} ({recorded.code}).",
        "Put right what the marketplace names, or pay it back there yourself: the refund is recognised when it is "
        f"reported. Its own words: `commerce-pipelines trace {quote(name)} {quote(order_id)} --personal`.",
        note,
    )  # fmt: skip


def release(connections: Connections, name: str, by: str) -> str:
    """Agree to the refunds that wait; returns why they did. Raises PermanentError where none wait."""
    from ...warehouse.outbox import holds

    connections.settings.channel(name)
    with connections.warehouse.transaction() as connection:
        hold = holds.release(connection, name, Kind.REFUND, by)
    if hold is None:
        raise PermanentError(f"No refunds of {name} wait for consent; there is nothing to release.")
    return hold.reasons


def answer(connections: Connections, name: str, key: str, *, happened: bool) -> None:
    """A person's answer about a refund in doubt. Raises PermanentError where there is none with that key."""
    from ...warehouse.outbox import holds

    connections.settings.channel(name)
    with connections.warehouse.transaction() as connection:
        answered = holds.answer(connection, name, Kind.REFUND, key, happened=happened)
        others = holds.in_doubt(connection, name, Kind.REFUND)
    if not answered:
        there = f"in doubt are {', '.join(others)}" if others else "none of its refunds is in doubt"
        raise PermanentError(f"{name} has no refund {key!r} in doubt; {there}.")


def replay(connections: Connections, name: str, *, code: str = "", record_ids: Iterable[str] = ()) -> int:
    """Make credit notes that wait due on a person's command: those of one reason, of those orders, or all; returns how
    many orders."""
    from ...warehouse import exceptions

    wanted = set(record_ids)
    with connections.warehouse.transaction() as connection:
        waiting = exceptions.open_exceptions(connection, name, Topic.REFUNDING, code=code)
        due = {row.record_id for row in waiting if row.blocking and (not wanted or row.record_id in wanted)}
        now = connections.instruments.now()
        return exceptions.ask_again(connection, name, Topic.REFUNDING, sorted(due), now) if due else 0
