"""A rehearsal: what landed answers and stored stock would become by other settings, beside what they become by today's.

Nothing is written but the rehearsal itself; no marketplace is called, and Odoo is only read. Both sides decide as if
every order came today, so that orders loaded by older rules do not count as differences.

What belongs here: both sides' decisions, keeping the comparison, agreeing to settings. What does not: the decisions'
shape and the comparison (domain/rehearsal/), the rules (domain/sales/, domain/vat/, domain/inventory/).
"""

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import UTC, date, timedelta
from pathlib import Path

import msgspec

from ..core.errors import RecordError, SettingsError
from ..core.topics import Topic
from ..domain.orders.order import Order, OrderStatus
from ..domain.rehearsal.side_by_side import (
    Decision,
    Difference,
    compare,
    decide_listing,
    decide_order,
    decide_unreadable,
    is_of_rules,
)
from ..domain.sales.draft import SaleDraft
from ..resources.connections import Connections
from ..settings.file import Settings
from ..settings.fingerprint import fingerprint_of_all
from ..warehouse.landing.landing import Snapshot
from ..warehouse.rehearsal import rehearsal_rows
from ..warehouse.rehearsal.rehearsal_rows import Rehearsal
from .inventory.inputs import read_offer, stored_stock
from .orders.landed_to_draft import draft_orders
from .orders.stage import read_order

DAYS = 30
KEPT_FOR = timedelta(days=90)
_ORDERS_A_CHUNK = 1_000  # orders of which Odoo's names and products are looked up together
_ROWS_A_WRITE = 1_000
_DECISION = msgspec.json.Decoder(Decision)


class Tally(msgspec.Struct, kw_only=True):
    """Records of one channel and kind of difference. money: minor units by currency that these orders are worth."""

    count: int = 0
    money: Counter[str] = msgspec.field(default_factory=Counter)


class Rehearsed(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it. compared: records by channel. tallies: by (channel, topic, kind). left_out: a sentence for each
    part that could not be compared."""

    rehearsal: Rehearsal
    compared: dict[str, int]
    tallies: dict[tuple[str, str, str], Tally]
    left_out: tuple[str, ...] = ()


def rehearse(
    connections: Connections, other: Settings, days: int = DAYS, names: Sequence[str] = (), *,
    against: Path | None = None,
) -> Rehearsed:  # fmt: skip
    """Compare what `other` makes of the answers of the last days with what the settings in use make of them. names: of
    channels, default: all that both have. against: decisions that `save` wrote, by another release of this program,
    in place of today's.

    Raises SettingsError where the settings cannot be compared, or `against` is no such file.
    """
    tried = connections.with_settings(other)
    chosen = choose_channels(connections, tried, names)
    now = connections.instruments.now()
    last = now.astimezone(UTC).date() + timedelta(days=1)  # a business day may be ahead of UTC
    first = last - timedelta(days=days)
    with connections.warehouse.transaction() as connection:
        rehearsal_rows.forget(connection, now - KEPT_FOR)
        basis, stamp = fingerprint_of_all(connections.settings), fingerprint_of_all(other)
        number = rehearsal_rows.begin(connection, now, (first, last), basis, stamp)
    offering = _list_offering((tried,) if against else (connections, tried), chosen)
    before = (
        (decision for decision in read_file(against) if decision.channel in chosen)
        if against
        else decide_all(connections, chosen, first, last, offering)
    )
    compared, tallies, differing = Counter[str](), dict[tuple[str, str, str], Tally](), 0
    rows: list[Difference] = []
    for decision, difference in compare(before, decide_all(tried, chosen, first, last, offering)):
        compared[decision.channel] += 1
        if difference is None or not (against or is_of_rules(difference)):
            continue
        differing += 1
        _count(tallies, difference)
        rows.append(difference)
        if len(rows) >= _ROWS_A_WRITE:
            _keep(connections, number, rows)
    _keep(connections, number, rows)
    with connections.warehouse.transaction() as connection:
        rehearsal_rows.finish(connection, number, compared.total(), differing)
        done = rehearsal_rows.read(connection, number)
    assert done is not None  # noqa: S101 - it was just finished
    left_out = [*_list_left_out(connections, tried, chosen)]
    return Rehearsed(rehearsal=done, compared=dict(compared), tallies=tallies, left_out=tuple(left_out))


def _count(tallies: dict[tuple[str, str, str], Tally], difference: Difference) -> None:
    decision = difference.either
    for kind in difference.kinds:
        tally = tallies.setdefault((decision.channel, decision.topic, kind), Tally())
        tally.count += 1
        if decision.currency:
            tally.money[decision.currency] += decision.money


def _keep(connections: Connections, number: int, rows: list[Difference]) -> None:
    if rows:
        with connections.warehouse.transaction() as connection:
            rehearsal_rows.add(connection, number, rows)
        rows.clear()


def choose_channels(connections: Connections, tried: Connections, names: Sequence[str]) -> list[str]:
    """The channels that both settings have, sorted. Raises SettingsError for others, and for another Odoo."""
    mine, theirs = connections.settings, tried.settings
    if (mine.odoo.url.rstrip("/"), mine.odoo.database) != (theirs.odoo.url.rstrip("/"), theirs.odoo.database):
        raise SettingsError("odoo.url and odoo.database must be those in use: names and taxes are looked up there.")
    kinds = {channel.name: channel.__struct_config__.tag for channel in mine.channels}
    both = {channel.name for channel in theirs.channels if kinds.get(channel.name) == channel.__struct_config__.tag}
    for name in names:
        mine.channel(name)
        if name not in both:
            raise SettingsError(f"The settings to rehearse have no channel {name} of this kind.")
    chosen = sorted(set(names) or both)
    if not chosen:
        raise SettingsError("The settings to rehearse have no channel in common with those in use.")
    return chosen


def _list_left_out(connections: Connections, tried: Connections, chosen: Sequence[str]) -> Iterator[str]:
    for channel in tried.settings.channels:
        if channel.name not in chosen:
            yield f"{channel.name}: nothing has landed for it by these settings, so there is nothing to compare."
    for name in chosen:
        switched = {side.settings.channel(name).inventory.enabled for side in (connections, tried)}
        if switched == {True} and stored_stock(connections, name) is None:
            yield f"{name}: no stock of Odoo is stored yet; materialise odoo/stock_levels to compare listings."
        if len(switched) > 1:
            yield f"{name}: inventory is switched on or off, so its listings are not compared."


def _list_offering(sides: Iterable[Connections], names: Iterable[str]) -> list[str]:
    """Channels whose listings can be compared: inventory is switched on for every side."""
    sides = tuple(sides)
    return [name for name in names if all(side.settings.channel(name).inventory.enabled for side in sides)]


def decide_all(
    connections: Connections, names: Iterable[str], first: date, last: date, offering: Collection[str]
) -> Iterator[Decision]:
    """Every decision by these connections' settings, sorted as `compare` needs it. Of listings those of `offering`, as
    far as stock is stored."""
    for name in sorted(names):
        # Listings sort before orders.
        if name in offering:
            yield from _decide_listings(connections, name)
        yield from _decide_orders(connections, name, first, last)


def _decide_listings(connections: Connections, name: str) -> Iterator[Decision]:
    from ..domain.inventory import availability

    stock = stored_stock(connections, name)
    if stock is None:
        return
    offer = read_offer(connections, name, stock)
    if not len(offer.listings):
        return
    frame = availability.targets(offer)
    columns = zip(*(frame[column].tolist() for column in ("key", "sku", "target", "reason")), strict=True)
    rows = {key: (sku, target, reason) for key, sku, target, reason in columns}
    for key in sorted(rows):
        sku, target, reason = rows[key]
        decision = decide_listing(name, key, sku or "", int(target) if isinstance(target, int) else None, reason)
        yield msgspec.structs.replace(decision, answer=stock.taken_at.isoformat())


def _decide_orders(connections: Connections, name: str, first: date, last: date) -> Iterator[Decision]:
    chunk: list[Snapshot] = []
    landing = connections.landing(name, Topic.ORDERS)
    for snapshot in landing.newest(first, last + timedelta(days=1), as_python=True):
        if snapshot.raw is None:  # erased, or destroyed at its age limit
            continue
        if len(chunk) >= _ORDERS_A_CHUNK:
            yield from _decide_chunk(connections, name, chunk)
            chunk = []
        chunk.append(snapshot)
    yield from _decide_chunk(connections, name, chunk)


def _decide_chunk(connections: Connections, name: str, chunk: Sequence[Snapshot]) -> Iterator[Decision]:
    """The decisions about these answers, in their order."""
    if not chunk:
        return
    source, hashed = connections.channel(name).orders, _build_hash(connections)
    orders: dict[str, tuple[Order, str, date]] = {}
    decisions: list[Decision] = []
    for snapshot in chunk:
        try:
            order = read_order(source, snapshot.raw or b"", snapshot.record_id)
        except RecordError as error:
            decisions.append(decide_unreadable(name, snapshot.day, snapshot.record_id, error.code))
            continue
        orders[order.order_id] = (order, snapshot.subject_id, snapshot.day)
    sales = [row for row in orders.values() if _is_sale(row[0])]
    drafts, refused = _draft(connections, name, sales)
    for order_id, (order, _, day) in orders.items():
        decisions.append(decide_order(order, day, drafts.get(order_id), refused.get(order_id, ""), hashed))
    answers = {snapshot.record_id: snapshot.digest for snapshot in chunk}
    decisions = [msgspec.structs.replace(row, answer=answers.get(row.record_id, "")) for row in decisions]
    yield from sorted(decisions, key=lambda decision: decision.place)


def _is_sale(order: Order) -> bool:
    return order.status is OrderStatus.PAID and not order.is_other_channel and not order.is_test


def _draft(
    connections: Connections, name: str, sales: Sequence[tuple[Order, str, date]]
) -> tuple[dict[str, SaleDraft], dict[str, str]]:
    """Drafts by order id, and the codes for which orders would wait: no rule answers, or Odoo lacks a name."""
    from ..odoo.sales.resolver import Resolver

    if not sales:
        return {}, {}
    drafted = draft_orders(connections, name, [(order, subject, day) for order, subject, day in sales])
    refused = {order_id: error.code for order_id, _, error in drafted.failures}
    settings = connections.settings
    resolver = Resolver(
        connections.odoo_of(name), settings.odoo, drafted.drafts, settings.channel(name).taxes, dry=True
    )
    for draft in drafted.drafts:
        try:
            resolver.resolve(draft)
        except RecordError as error:
            refused[draft.order_id] = error.code
    return {draft.order_id: draft for draft in drafted.drafts}, refused


def _build_hash(connections: Connections) -> Callable[[str], str]:
    key = connections.vault.own_key("buyers in rehearsals")
    return lambda text: hmac.digest(key, text.encode("utf-8", "replace"), "sha256")[:4].hex()


def agree(connections: Connections, number: int, by: str) -> Rehearsal:
    """A person agrees to exactly the settings of a rehearsal. Raises SettingsError where there is none of that
    number."""
    from ..warehouse import audit

    with connections.warehouse.transaction() as connection:
        done = rehearsal_rows.read(connection, number)
        if done is None:
            raise SettingsError(f"There is no rehearsal {number} that came to its end.")
        rehearsal_rows.agree(connection, done.stamp, by, connections.instruments.now(), number)
        audit.note(connection, "settings agreed", records=[f"rehearsal {number}"])
    return done


def save(connections: Connections, file: Path, days: int = DAYS, names: Sequence[str] = ()) -> int:
    """Write what these settings and this release decide, one JSON object a line, for `against`; returns how many."""
    last = connections.instruments.now().astimezone(UTC).date() + timedelta(days=1)
    chosen = sorted(names or [channel.name for channel in connections.settings.channels])
    count = 0
    with file.open("wb") as out:
        offering = _list_offering((connections,), chosen)
        for decision in decide_all(connections, chosen, last - timedelta(days=days), last, offering):
            out.write(msgspec.json.encode(decision) + b"\n")
            count += 1
    return count


def read_file(file: Path) -> Iterator[Decision]:
    """Decisions that `save` wrote. Raises SettingsError for any other file."""
    try:
        with file.open("rb") as lines:
            for line in lines:
                yield _DECISION.decode(line)
    except (OSError, msgspec.DecodeError):
        raise SettingsError(f"{file} is no file that `commerce-pipelines rehearse --save FILE` wrote.") from None


def list_examples(
    connections: Connections, number: int, *, kind: str = "", record_id: str = "", limit: int = 1_000
) -> list[Difference]:
    """Both decisions about records that differ. Raises SettingsError for an unknown rehearsal."""
    with connections.warehouse.transaction() as connection:
        if rehearsal_rows.read(connection, number) is None:
            raise SettingsError(f"There is no rehearsal {number} that came to its end.")
        return list(rehearsal_rows.differences(connection, number, kind=kind, record_id=record_id, limit=limit))
