"""One channel's content brought in line with Odoo: inputs -> difference -> consent -> dispatch.

    difference   what each listing shall show, field by field: pure (domain/content/comparison.py), stored as rows
    consent      a plan waits for a person unless the settings say otherwise; a release is for exactly that plan
    dispatch     on record, then sent (doors.py, flows/outbox/); a field that moved meanwhile is left alone

What belongs here: the order of these steps, the lock, a person's consent. What does not: the steps themselves.

What waits is decided again by every run, so an exception goes by itself as soon as its cause is gone.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import msgspec

from ...channels.capabilities import Channel
from ...core.errors import PermanentError
from ...core.reasons import Reason
from ...core.topics import Topic
from ...domain.content.comparison import Action, ListingPlan, find_stop
from ...domain.content.fields import PRICE
from ...domain.content.listings import ShownListing
from ...domain.outbox.effects import Kind, Status, Wanted, digest
from ...resources.connections import Connections
from ...warehouse.content.differences import Difference
from ..identity import may_publish
from ..outbox.dispatch import dispatch, look_after
from .doors import ContentDoor, Due, build_wishes, list_due
from .inputs import read_shown, take_products
from .matching import decide, decide_again
from .new_listings import has_new_work, release_new, replay_new
from .pictures import OdooPictures
from .side_by_side import Pictures, compare_pictures, list_hosts

STAGE = "content"


class Compared(msgspec.Struct, kw_only=True):
    """A channel's difference. linked: listings of which fields were compared. rows: the fields that are not simply in
    line, those that change first. pictures: of listings whose pictures would change."""

    listings: int = 0
    linked: int = 0
    in_line: int = 0
    actions: Counter[str] = msgspec.field(default_factory=Counter)
    left: Counter[str] = msgspec.field(default_factory=Counter)
    rows: list[Difference] = msgspec.field(default_factory=list)
    pictures: list[Pictures] = msgspec.field(default_factory=list)


class Published(msgspec.Struct, kw_only=True):
    """The result of a run. outcomes: by status. planned: fields that the plan would change. held: those that wait for a
    person, and why. answered: listings of which the channel was told something."""

    before: Compared
    after: Compared
    planned: int = 0
    held: int = 0
    why: str = ""
    plan_digest: str = ""
    outcomes: Counter[str] = msgspec.field(default_factory=Counter)
    answered: set[str] = msgspec.field(default_factory=set)
    dry: bool = False


def refresh(connections: Connections, name: str, run_id: str = "", *, read: bool = False) -> Compared:
    """Compute a channel's difference and store it, with what waits in the exceptions. read: read every listing first;
    they are read anyway if they never were."""
    with connections.warehouse.lock(lock_name(name), wait=True):
        _read_if_needed(connections, name, read=read)
        plans = decide(connections, name)
        _keep_adopted(connections, name, plans)
        return _store(connections, name, plans, run_id)


def compare_now(connections: Connections, name: str) -> Compared:
    """What a run would change now: Odoo is read anew; listings are those of the last reading, or are read if they never
    were. Changes nothing in Odoo or on the channel."""
    take_products(connections, name)
    return refresh(connections, name)


def lock_name(name: str) -> str:
    return f"content {name}"


def _read_if_needed(connections: Connections, name: str, *, read: bool) -> None:
    from ...warehouse.content import shown

    with connections.warehouse.transaction() as connection:
        unread = not shown.count_listings(connection, name)
    if read or unread:
        read_shown(connections, name)


def _keep_adopted(connections: Connections, name: str, plans: Sequence[ListingPlan]) -> None:
    """Pictures that listings showed before ours count as what Odoo has now."""
    from ...warehouse.content import shown

    adopted = {plan.listing.key: field.adopt for plan in plans for field in plan.fields if field.adopt}
    if adopted:
        with connections.warehouse.transaction() as connection:
            shown.keep_pictures(connection, name, adopted)


def _store(connections: Connections, name: str, plans: Sequence[ListingPlan], run_id: str) -> Compared:
    """Keep the difference, and let what cannot go on wait in the exceptions, by listing."""
    from ...warehouse import exceptions
    from ...warehouse.content.differences import store_differences

    done = Compared(listings=len(plans))
    reasons: dict[str, Reason] = {}
    rows = []
    for plan in plans:
        done.linked += bool(plan.fields)
        done.left[plan.why] += bool(plan.why)
        if plan.reason:
            reasons[plan.listing.key] = plan.reason
        done.in_line += bool(plan.fields) and all(field.action in _IN_LINE for field in plan.fields)
        for field in plan.fields:
            done.actions[field.action] += 1
            if field.reason:
                reasons.setdefault(plan.listing.key, field.reason)
            if field.action not in (Action.SAME, Action.EMPTY):
                rows.append(Difference(
                    key=plan.listing.key, field=field.field,
                    sku=plan.listing.skus[0] if len(plan.listing.skus) == 1 else "", title=plan.listing.title,
                    template_id=plan.product.template_id if plan.product else 0, action=str(field.action),
                    before=field.before, after=field.after, code=field.reason.code if field.reason else "",
                ))  # fmt: skip
    done.left = +done.left
    done.pictures = _show_pictures(connections, name, plans)
    now = connections.instruments.now()
    failures = [
        exceptions.Failure(record_id=key, day=None, reason=_name_listing(name, key, reason))
        for key, reason in reasons.items()
    ]
    with connections.warehouse.transaction() as connection:
        waiting = exceptions.open_exceptions(connection, name, Topic.CONTENT)
        gone = [row.record_id for row in waiting if row.record_id not in reasons]
        exceptions.resolve(connection, name, Topic.CONTENT, STAGE, gone, now)
        exceptions.resolve_notes(connection, name, Topic.CONTENT, gone, now)
        exceptions.record(connection, name, Topic.CONTENT, STAGE, failures, run_id, now)
        done.rows = store_differences(connection, name, rows, now)
    done.rows.sort(key=lambda row: (row.action != Action.CHANGE, row.since, row.key, row.field))
    return done


def _show_pictures(connections: Connections, name: str, plans: Sequence[ListingPlan]) -> list[Pictures]:
    content, host = connections.channel(name).content, connections.settings.channel(name).content.image_host
    hosts = list_hosts(content.picture_hosts if content else (), host.public if host else "")
    return compare_pictures(plans, hosts, connections.settings.odoo.url)


_IN_LINE = (Action.SAME, Action.SETTLED, Action.EMPTY, Action.SENT)


def _name_listing(name: str, key: str, reason: Reason) -> Reason:
    return msgspec.structs.replace(reason, message=f"{name}, listing {key}: {reason.message}")


def publish(
    connections: Connections, name: str, *, run_id: str = "", release: bool = False, dry_run: bool = False
) -> Published:
    """Send what a person has agreed to, or everything where the settings ask nobody; one run per channel at a time.

    release: a person agrees to the whole plan. Raises the channel's own errors after its answers are on record.
    """
    from ...warehouse.outbox import holds

    rules = connections.settings.channel(name).content
    with connections.warehouse.lock(lock_name(name), wait=True):
        plans = decide(connections, name)
        due: Due = list_due(plans)
        before = _store(connections, name, plans, run_id)
        done = Published(before=before, after=before, planned=len(due), plan_digest=digest_of(build_wishes(due)))
        if dry_run or rules.dry_run:
            done.dry = True
            return done
        may_publish(connections, name)
        why = find_stop(plans, rules.breaker)
        if rules.approve and not why:
            why = f"{len(due)} fields of {len({plan.listing.key for plan, _ in due.values()})} listings would change"
        try:
            door = ContentDoor(
                connections.channel(name), due, OdooPictures(connections, name), _build_note(connections)
            )
            seen = _look_after(connections, name, door, done.answered)
            if seen:
                due = door.due = _decide_after(connections, name, seen, done.answered)
                done.planned, done.plan_digest = len(due), digest_of(build_wishes(due))
            agreed = _plan(connections, name, due, done, why=why, run_id=run_id, release=release)
            statuses = seen | _send_due(connections, name, door, run_id, done.answered)
            done.outcomes = Counter(map(str, statuses.values()))
            if agreed and not {Status.UNKNOWN, Status.PENDING} & set(statuses.values()):
                with connections.warehouse.transaction() as connection:
                    holds.used(connection, name, Kind.CONTENT)
        finally:
            after = decide_again(connections, name, done.answered)
            done.after = _store(connections, name, after, run_id)
    return done


def digest_of(wishes: Sequence[Wanted]) -> str:
    """The digest of a plan: two plans that change the same from the same to the same have the same; 16 hex digits."""
    return digest({wish.key: digest(wish.body) for wish in wishes})[:16] if wishes else ""


def _build_note(connections: Connections) -> Callable[[Mapping[int, str]], None]:
    from ...warehouse.outbox import effects

    def refer(references: Mapping[int, str]) -> None:
        with connections.warehouse.transaction() as connection:
            effects.refer(connection, references)

    return refer


def _look_after(connections: Connections, name: str, door: ContentDoor, answered: set[str]) -> dict[str, Status]:
    """Look at earlier changes of which the channel has not said yet what became of them. answered: as `_send_due`."""
    try:
        return look_after(connections.warehouse, name, Kind.CONTENT, door)
    finally:
        _keep_answers(connections, name, door, answered)


def _decide_after(connections: Connections, name: str, seen: Mapping[str, Status], answered: set[str]) -> Due:
    """What is to be changed after the channel said what became of earlier changes. Where something else is wanted than
    what it has made by now, the listing is read again."""
    due = list_due(decide_again(connections, name, answered))
    older = [plan.listing for key, (plan, _) in due.items() if seen.get(key) is Status.ACCEPTED]
    if older:
        _read_again(connections, name, older)
        due = list_due(decide_again(connections, name, answered))
    return due


def _plan(
    connections: Connections, name: str, due: Due, done: Published, *, why: str, run_id: str, release: bool
) -> bool:  # fmt: skip
    """Put the plan on record, held for a person or not; whether a person has agreed to some of it. What is still under
    way waits, whatever is wanted by now: the channel may make the older change last."""
    from ...warehouse.outbox import effects, holds

    wishes = build_wishes(due)
    with connections.warehouse.transaction() as connection:
        unsettled = [row.effect for row in effects.unsettled(connection, name, Kind.CONTENT)]
        pending = {effect.key for effect in unsettled if effect.status is Status.PENDING}
        wishes = [wish for wish in wishes if wish.key not in pending]
        effects.drop_unwanted(connection, name, Kind.CONTENT, [wish.key for wish in wishes])
        failed = {effect.key for effect in unsettled if effect.status is Status.UNKNOWN}
        wishes.sort(key=lambda wish: wish.key in failed)  # so that what fails in every run holds up no other
        wanted = {wish.key: digest(wish.body) for wish in wishes}
        unwanted = [
            effect.key for effect in effects.sendable(connection, name, Kind.CONTENT)
            if wanted.get(effect.key) != digest(effect.body)
        ]  # fmt: skip
        effects.withdraw(connection, name, Kind.CONTENT, unwanted)
        agreed = holds.agreed(connection, name, Kind.CONTENT)
        released = {(key, digest(dict(body))) for key, body in agreed.bodies.items()} if agreed else set()
        news = [wish for wish in wishes if (wish.key, wanted[wish.key]) not in released]
        if news and why:
            figures = {"fields": len(news)}
            hold = holds.hold(connection, name, Kind.CONTENT, run_id, f"{why}; plan {digest_of(news)}", figures)
            effects.plan(connection, name, Kind.CONTENT, news, run_id, hold=hold)
            if release:
                holds.release(connection, name, Kind.CONTENT, f"run {run_id}")
            else:
                done.held, done.why = len(news), why
        else:
            holds.resolve(connection, name, Kind.CONTENT)
            effects.plan(connection, name, Kind.CONTENT, wishes, run_id)
    return agreed is not None


def _send_due(
    connections: Connections, name: str, door: ContentDoor, run_id: str, answered: set[str]
) -> dict[str, Status]:  # fmt: skip
    """Send, and keep what was answered and what the listings show by it. answered: takes the keys of those listings."""
    try:
        with _hold_stock(connections, connections.channel(name)) as door.targets:
            return dispatch(connections.warehouse, name, Kind.CONTENT, door, run_id)
    finally:
        _keep_answers(connections, name, door, answered)


def _keep_answers(connections: Connections, name: str, door: ContentDoor, answered: set[str]) -> None:
    """Keep what the door was answered since it was asked last."""
    from ...warehouse.content import shown
    from ...warehouse.landing import words

    answers, door.answers = door.answers, []
    sealed, door.said = door.said, {}
    answered.update(change.listing.key for change, _ in answers)
    now = connections.instruments.now()
    with connections.warehouse.transaction() as connection:
        for change, answer in answers:
            shown.keep_outcome(connection, name, change, answer, now)
        if sealed:
            words.keep(connection, connections.vault, name, Topic.CONTENT, sealed, now)
    moved = {
        change.listing.key: change.listing for change, answer in answers
        if (answer.status == "stale" or answer.pictures) and change.listing.skus
    }  # fmt: skip
    if moved:
        _read_again(connections, name, list(moved.values()))


@contextlib.contextmanager
def _hold_stock(connections: Connections, channel: Channel) -> Iterator[Mapping[str, Mapping[str, int | None]]]:
    """Nobody pushes a quantity meanwhile, where a change of a text writes one; the targets that stock may publish."""
    from ...warehouse.inventory.rows import load_targets
    from ...warehouse.inventory.rows import lock_name as stock_lock

    if channel.content is None or not channel.content.writes_stock:
        yield {}
        return
    rules = connections.settings.channel(channel.name).inventory
    with connections.warehouse.lock(stock_lock(channel.name), wait=True):
        if not rules.enabled or rules.dry_run:
            yield {}
            return
        with connections.warehouse.transaction() as connection:
            targets = load_targets(connection, channel.name)
        yield targets


def _read_again(connections: Connections, name: str, listings: Sequence[ShownListing]) -> None:
    """Read listings again that showed something else than was known, or that have other pictures now."""
    from ...channels.capabilities import offered
    from ...warehouse.content import shown
    from ...warehouse.tables import database

    channel = connections.channel(name)
    content = offered(channel.content, channel, "content")
    with connections.warehouse.transaction() as connection:
        read_at = database.clock(connection)
    now = list(content.reread(listings))
    with connections.warehouse.transaction() as connection:
        shown.store_listings(
            connection, name, now, read_at, whole=False, settled_before=read_at - content.settles_after
        )


def release(connections: Connections, name: str, by: str) -> str:
    """Agree to the plan that waits, new listings included; returns why it did. Raises PermanentError where none
    waits."""
    from ...warehouse.outbox import holds

    connections.settings.channel(name)
    with connections.warehouse.transaction() as connection:
        hold = holds.release(connection, name, Kind.CONTENT, by)
    reasons = [hold.reasons if hold else "", release_new(connections, name, by)]
    if not any(reasons):
        raise PermanentError(f"No content of {name} waits for consent; there is nothing to release.")
    return "; ".join(filter(None, reasons))


def has_work(connections: Connections, name: str) -> bool:
    """Whether a run would do something now: a person has agreed to a plan, an answer is still to come, products were
    written to in Odoo, prices may have changed, or nothing was read yet."""
    from ...odoo.catalogue.products import count_changed, has_new_prices
    from ...warehouse.content import products, shown
    from ...warehouse.outbox import effects

    client, now = connections.odoo_of(name), connections.instruments.now()
    with connections.warehouse.transaction() as connection:
        reading = products.read_reading(connection, connections.company_of(name))
        waits = effects.sendable(connection, name, Kind.CONTENT) or effects.unsettled(connection, name, Kind.CONTENT)
        unread = not shown.count_listings(connection, name)
    if waits or unread or reading is None or has_new_work(connections, name):
        return True
    if count_changed(client, reading.read_at):
        return True
    return PRICE in connections.settings.channel(name).content.owned and has_new_prices(client, reading.read_at, now)


def replay(connections: Connections, name: str, *, code: str = "", record_ids: Iterable[str] = ()) -> int:
    """Let fields that the channel refused, or that it does not show, be sent once more on a person's command; returns
    how many listings."""
    from ...warehouse import exceptions
    from ...warehouse.content import shown

    wanted = set(record_ids)
    with connections.warehouse.transaction() as connection:
        waiting = exceptions.open_exceptions(connection, name, Topic.CONTENT, code=code)
        due = sorted({
            row.record_id for row in waiting if row.stage == STAGE and (not wanted or row.record_id in wanted)
        })  # fmt: skip
        shown.forget_told(connection, name, due)
    return len(due) + replay_new(connections, name, code=code, record_ids=wanted)
