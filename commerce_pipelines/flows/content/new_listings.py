"""Listings of products that a channel does not offer yet: chosen products -> plan -> consent -> dispatch.

    choose     which products get a listing: asked of Odoo, one or two calls
    plan       what each would be, or what it lacks: pure (domain/content/new_listings.py)
    consent    a plan waits for a person as content does; a release is for exactly these listings
    dispatch   on record, then sent, each once (flows/outbox/); after a lost answer the channel is looked at first

What belongs here: the order of these steps. What does not: the steps themselves, listings that exist (publish.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from ...channels.capabilities import Channel, offered
from ...core.errors import PermanentError, TransientError
from ...core.topics import Topic
from ...core.words import Words
from ...domain.content.fields import PRICE, TITLE
from ...domain.content.new_listings import (
    NOTHING_LEFT,
    MadeListing,
    Market,
    NewListing,
    NewPlan,
    SentListing,
    State,
    build_body,
    list_undecided,
    plan_listings,
    read_body,
)
from ...domain.keys import key_of
from ...domain.outbox.effects import Effect, Kind, Outcome, Status, Wanted, digest
from ...domain.sales.mapping import goods_of
from ...resources.connections import Connections
from ..identity import may_publish
from ..outbox.dispatch import dispatch
from .pictures import OdooPictures
from .units import count_units, hold_stock

STAGE = "new_listings"  # in the exceptions
AT_ONCE = 1  # listings that are in doubt together after a crash
_UNSENT = (Status.PLANNED, Status.HELD, Status.RELEASED)


class Planned(msgspec.Struct, kw_only=True):
    """A channel's plan for new listings. enabled: whether the settings want any. states: how many listings are in
    each."""

    enabled: bool = False
    plans: list[NewPlan] = msgspec.field(default_factory=list)
    states: Counter[str] = msgspec.field(default_factory=Counter)


class Created(msgspec.Struct, kw_only=True):
    """The result of a run. held: listings that wait for a person, and why. outcomes: by status."""

    planned: Planned
    held: int = 0
    why: str = ""
    outcomes: Counter[str] = msgspec.field(default_factory=Counter)
    dry: bool = False


def plan_new(connections: Connections, name: str, run_id: str = "") -> Planned:
    """Decide about the products that a person chose, and let those that cannot be listed wait in the exceptions. Raises
    PermanentError before the first reading of Odoo, and SettingsError for a tag or field that Odoo does not have."""
    if not connections.settings.channel(name).content.new_listings.enabled:
        return Planned()
    again = _list_asked(connections, name)
    plans = _decide(connections, name, again)
    _store(connections, name, plans, again, run_id)
    return Planned(enabled=True, plans=plans, states=Counter(str(plan.state) for plan in plans))


def _decide(connections: Connections, name: str, again: Iterable[str]) -> list[NewPlan]:
    from ...odoo.catalogue.chosen import read_chosen
    from ...warehouse.content import new_listings
    from ...warehouse.content.products import load_products, read_reading

    settings, company = connections.settings.channel(name), connections.company_of(name)
    channel, rules = connections.channel(name), settings.content.new_listings
    market = offered(channel.new_listings, channel, "new listings")
    chosen = read_chosen(connections.odoo_of(name), rules)
    with connections.warehouse.transaction() as connection:
        if read_reading(connection, company) is None:
            raise PermanentError("No product of Odoo has been read yet; materialise odoo/products first.")
        products = load_products(connection, company) if chosen else []
        recorded = new_listings.load_made(connection, name)
        begun = new_listings.count_begun(connection, name)
        taken = {key_of(sku, settings.sku_fold_case) for sku in new_listings.load_skus(connection, name)}
    fitting = [product for product in products if product.product_id in chosen and product.active]
    if not fitting:
        return []

    def is_plain(code: str) -> bool:
        goods = goods_of(code, "", settings)
        return goods.quantity == 1 and not goods.unit and goods.code == key_of(code, False)

    meanings = Counter(key_of(product.code, settings.sku_fold_case) for product in products if product.active)
    basis = Market(
        rules=settings.content, shape=market.read_shape(), recorded=recorded, again=frozenset(again),
        taken=lambda sku: key_of(sku, settings.sku_fold_case) in taken, is_plain=is_plain,
        is_alone=lambda code: meanings[key_of(code, settings.sku_fold_case)] == 1,
    )  # fmt: skip
    undecided = list_undecided(fitting, basis)
    more, needs_stock = market.find_more(undecided), basis.shape.needs_stock
    units = count_units(connections, name, [product.code for product in undecided]) if needs_stock else {}
    basis = msgspec.structs.replace(basis, more=more, units=units)
    return plan_listings(fitting, basis, rules.most_a_day - begun)


def _list_asked(connections: Connections, name: str) -> set[str]:
    """Keys of refused listings that a person wants tried once more."""
    from ...warehouse import exceptions

    with connections.warehouse.transaction() as connection:
        rows = exceptions.open_exceptions(connection, name, Topic.CONTENT)
    return {row.record_id for row in rows if row.stage == STAGE and row.retry_at}


def _store(
    connections: Connections, name: str, plans: Sequence[NewPlan], again: Iterable[str], run_id: str
) -> None:  # fmt: skip
    """What waits, in the exceptions. again: keys that are still to be tried once more."""
    from ...warehouse import exceptions

    now, asked = connections.instruments.now(), set(again)
    reasons = {plan.key: plan.reason for plan in plans if plan.reason}
    failures = [
        exceptions.Failure(
            record_id=key, day=None,
            reason=msgspec.structs.replace(reason, message=f"{name}, new listing {key}: {reason.message}"),
            retry_at=now if key in asked else None,
        )
        for key, reason in reasons.items()
    ]  # fmt: skip
    with connections.warehouse.transaction() as connection:
        waiting = exceptions.open_exceptions(connection, name, Topic.CONTENT)
        gone = [
            row.record_id for row in waiting
            if row.stage == STAGE and row.record_id not in reasons and row.record_id not in asked
        ]  # fmt: skip
        exceptions.resolve(connection, name, Topic.CONTENT, STAGE, gone, now)
        exceptions.record(connection, name, Topic.CONTENT, STAGE, failures, run_id, now)


def create(
    connections: Connections, name: str, *, run_id: str = "", release: bool = False, dry_run: bool = False
) -> Created:  # fmt: skip
    """Make the listings that a person has agreed to, or all that are due where the settings ask nobody.

    release: a person agrees to the whole plan. Raises the channel's own errors after its answers are on record.
    """
    rules = connections.settings.channel(name).content
    if not rules.new_listings.enabled:
        return Created(planned=Planned())
    with connections.warehouse.lock(f"new listings {name}", wait=True):
        planned = plan_new(connections, name, run_id)
        if dry_run or rules.dry_run:
            return Created(planned=planned, dry=True)
        may_publish(connections, name)
        done = Created(planned=planned)
        try:
            _send(connections, name, planned.plans, done, run_id=run_id, release=release)
        finally:
            _forget_asked(connections, name)
            done.planned = plan_new(connections, name, run_id)
    return done


def _forget_asked(connections: Connections, name: str) -> None:
    """What a person wanted tried once more was tried."""
    from ...warehouse import exceptions

    with connections.warehouse.transaction() as connection:
        rows = exceptions.open_exceptions(connection, name, Topic.CONTENT)
        asked = [row.record_id for row in rows if row.stage == STAGE and row.retry_at]
        exceptions.resolve(connection, name, Topic.CONTENT, STAGE, asked, connections.instruments.now())


def _send(
    connections: Connections, name: str, plans: Sequence[NewPlan], done: Created, *, run_id: str, release: bool
) -> None:
    """Put the plan on record, held for a person or not, and send what may be sent."""
    from ...warehouse.content import new_listings
    from ...warehouse.outbox import effects, holds

    wishes = _build_wishes(plans)
    wanted = {wish.key: digest(wish.body) for wish in wishes}
    again = _list_asked(connections, name)
    with connections.warehouse.transaction() as connection:
        recorded = new_listings.load_made(connection, name)
        again |= {key for key, made in recorded.items() if made.code == NOTHING_LEFT}
        unwanted = [key for key, made in recorded.items() if made.status in _UNSENT and wanted.get(key) != made.digest]
        effects.withdraw(connection, name, Kind.LISTING, unwanted)
        agreed = holds.agreed(connection, name, Kind.LISTING)
        released = {(key, digest(dict(body))) for key, body in agreed.bodies.items()} if agreed else set()
        news = [wish for wish in wishes if (wish.key, wanted[wish.key]) not in released]
        if news and connections.settings.channel(name).content.approve:
            why = f"{len(news)} new listings would be made"
            hold = holds.hold(connection, name, Kind.LISTING, run_id, why, {"listings": len(news)})
            effects.plan(connection, name, Kind.LISTING, news, run_id, hold=hold, again=again)
            if release:
                holds.release(connection, name, Kind.LISTING, f"run {run_id}")
            else:
                done.held, done.why = len(news), why
        else:
            holds.resolve(connection, name, Kind.LISTING)
            effects.plan(connection, name, Kind.LISTING, wishes, run_id, again=again)
    statuses = _send_due(connections, name, wanted, run_id)
    done.outcomes = Counter(map(str, statuses.values()))
    if agreed and Status.UNKNOWN not in statuses.values():
        with connections.warehouse.transaction() as connection:
            holds.used(connection, name, Kind.LISTING)


def describe_new(listing: NewListing | None) -> str:
    """A new listing in one line: title and prices."""
    if listing is None:
        return ""
    prices = dict.fromkeys(offer.values.get(PRICE, "") for offer in listing.offers)
    return ", ".join(filter(None, (listing.values.get(TITLE, ""), *prices)))


def _build_wishes(plans: Sequence[NewPlan]) -> list[Wanted]:
    return [
        Wanted(
            key=plan.key, body=build_body(plan.listing),
            basis={"skus": list(plan.skus[:20]), "title": plan.listing.values.get("title", "")[:200]},
        )
        for plan in plans if plan.state is State.MAKE and plan.listing
    ]  # fmt: skip


class _Door:
    """New listings of one channel. wanted: digests of what may be made, by key; another is refused here. made: what
    became of each."""

    batch = AT_ONCE

    def __init__(
        self, connections: Connections, channel: Channel, wanted: Mapping[str, str], references: Mapping[str, str],
        locations: tuple[str, ...],
    ) -> None:  # fmt: skip
        self._market = offered(channel.new_listings, channel, "new listings")
        self._pictures = OdooPictures(connections, channel.name)
        self._connections, self._name = connections, channel.name
        self._wanted, self._references, self._locations = wanted, references, locations
        self.made: list[MadeListing] = []
        self.said: dict[str, Words] = {}

    def send(self, effects: Sequence[Effect]) -> Iterator[Outcome]:
        due = []
        for effect in effects:
            # One that was begun is gone on with, whatever the product is like by now.
            if effect.attempt <= 1 and self._wanted.get(effect.key) != digest(effect.body):
                yield Outcome(key=effect.key, status="refused", code="not_wanted", message="It is not wanted any more.")
            else:
                due.append(effect)
        listings = [self._build(effect) for effect in due]
        if listings and self._market.read_shape().needs_stock:
            units = count_units(self._connections, self._name, [sku for row in listings for sku in row.listing.skus])
            listings = [msgspec.structs.replace(row, units=units) for row in listings]
        for answer in self._market.send(listings, self._pictures) if listings else ():
            yield self._note(answer)

    def look(self, effects: Sequence[Effect]) -> Iterator[Outcome]:
        for answer in self._market.look([self._build(effect) for effect in effects]) if effects else ():
            yield self._note(answer)

    def _build(self, effect: Effect) -> SentListing:
        return SentListing(
            key=effect.key,
            listing=read_body(effect.body),
            token=effect.token,
            attempt=effect.attempt,
            locations=self._locations,
            reference=effect.reference or self._references.get(effect.key, ""),
        )

    def _note(self, answer: MadeListing) -> Outcome:
        self.made.append(answer)
        if answer.words:
            self.said[answer.key] = answer.words
        return Outcome(
            key=answer.key, status=answer.status, code=answer.code, message=answer.message, reference=answer.reference
        )


def _send_due(connections: Connections, name: str, wanted: Mapping[str, str], run_id: str) -> dict[str, Status]:
    from ...warehouse.content.new_listings import load_made
    from ...warehouse.inventory.listings import locations
    from ...warehouse.landing import words

    with connections.warehouse.transaction() as connection:
        references = {key: made.reference for key, made in load_made(connection, name).items() if made.reference}
        places = tuple(sorted(locations(connection, name)))
    door = _Door(connections, connections.channel(name), wanted, references, places)
    try:
        with hold_stock(connections, connections.channel(name)):
            return dispatch(connections.warehouse, name, Kind.LISTING, door, run_id)
    finally:
        with connections.warehouse.transaction() as connection:
            if door.said:
                words.keep(connection, connections.vault, name, Topic.CONTENT, door.said, connections.instruments.now())
        if made := [answer for answer in door.made if answer.status == "accepted"]:
            _link(connections, name, made)


def _link(connections: Connections, name: str, made: Sequence[MadeListing]) -> None:
    """From now on they are listings as any other: their content is compared, and stock reads the channel's listings
    again before it is published next (flows/inventory/publish.py)."""
    from ...warehouse.content import shown
    from ...warehouse.tables import database

    channel = connections.channel(name)
    content = offered(channel.content, channel, "content")
    stubs = [listing for answer in made for listing in answer.listings]
    with connections.warehouse.transaction() as connection:
        read_at = database.clock(connection)
    try:
        now = list(content.reread(stubs)) if stubs else []
    except TransientError:
        return  # they are made and on record; the next reading of the whole channel finds them
    with connections.warehouse.transaction() as connection:
        shown.store_listings(
            connection, name, now, read_at, whole=False, settled_before=read_at - content.settles_after
        )


def release_new(connections: Connections, name: str, by: str) -> str:
    """Agree to the new listings that wait; returns why they did, '' where none do."""
    from ...warehouse.outbox import holds

    with connections.warehouse.transaction() as connection:
        hold = holds.release(connection, name, Kind.LISTING, by)
    return hold.reasons if hold else ""


def has_new_work(connections: Connections, name: str) -> bool:
    """Whether a person has agreed to new listings, or the outcome of one is not known."""
    from ...warehouse.outbox import effects

    if not connections.settings.channel(name).content.new_listings.enabled:
        return False
    with connections.warehouse.transaction() as connection:
        waits = effects.sendable(connection, name, Kind.LISTING) or effects.unsettled(connection, name, Kind.LISTING)
    return bool(waits or _list_asked(connections, name))


def replay_new(connections: Connections, name: str, *, code: str = "", record_ids: Iterable[str] = ()) -> int:
    """Let listings that the channel refused be tried once more on a person's command; returns how many."""
    from ...warehouse import exceptions

    wanted = set(record_ids)
    with connections.warehouse.transaction() as connection:
        waiting = exceptions.open_exceptions(connection, name, Topic.CONTENT, code=code)
        due = {row.record_id for row in waiting if row.stage == STAGE and (not wanted or row.record_id in wanted)}
        now = connections.instruments.now()
        return exceptions.ask_again(connection, name, Topic.CONTENT, sorted(due), now) if due else 0
