"""Erasing a person: in Odoo first, then the keys, so that what failed halfway is found and finished later.

    ask ──▶ on record ──▶ open deliveries, drafts, orders not in Odoo? ──yes──▶ waits, tried daily
                                     │ no
                                     ▼
             contacts in Odoo anonymous ──▶ keys destroyed, buried ──▶ table of keys rewritten ──▶ certificate

What belongs here: these steps in this order. What does not: who the person is (person.py), what may go
(domain/privacy/erasure.py).
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import msgspec

from ...core.errors import TransientError
from ...domain.privacy.erasure import Decision, Kept, Waiting, decide
from ...odoo.privacy.anonymising import Cleared, anonymise
from ...odoo.privacy.contacts import Holdings, read_holdings
from ...odoo.rpc.errors import OdooRefusal
from ...odoo.sales.booked import OPEN
from ...resources.connections import Connections
from ..odoo_writer import odoo_writer_of_all
from .person import Identity, Person, find_person, follow

if TYPE_CHECKING:
    from ...warehouse.privacy.requests import Erasure

_CHANGED = TransientError(
    "The person bought again, or something of theirs changed, while this went on: nothing more was erased; run `erase` "
    "again, or leave it to the daily pass."
)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What an erasure would do. orders: by channel, how many."""

    person: Person
    holdings: Holdings
    decision: Decision
    orders: dict[str, int]


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """number: of the request. certificate: without personal data; for a waiting request, why it waits."""

    number: int
    done: bool
    certificate: dict[str, Any]


def plan(connections: Connections, identity: Identity) -> Plan:
    """Find the person and decide. Writes nothing. Raises PermanentError for a person of whom nothing is known."""
    return _make_plan(connections, find_person(connections, identity))


def erase(connections: Connections, planned: Plan, asked_by: str) -> Result:
    """Put the request on record and carry it out, or let it wait. Raises what Odoo's calls raise; the request stays on
    record then, and the daily pass goes on with it."""
    from ...warehouse.privacy import requests

    person = planned.person
    with connections.warehouse.transaction() as connection:
        number = requests.ask(
            connection, asked_by, {subject.hex() for subject in person.subjects}, person.contacts,
            connections.instruments.now(),
        )  # fmt: skip
    return _execute(connections, number, planned)


def resume(connections: Connections) -> list[Result]:
    """Go on with what waits, and with contacts whose invoices need not be kept any longer. What Odoo refuses of one
    person waits with that reason and holds up nobody else's."""
    from ...warehouse.privacy import requests

    today = _read_today(connections)
    with connections.warehouse.transaction() as connection:
        rows = requests.read(connection)
    results = [_resume_one(connections, row) for row in rows if row.state == "waiting"]
    expired = [_release_kept(connections, row) for row in rows if row.state == "done" and _is_over(row, today)]
    return [*results, *filter(None, expired)]


def list_waiting(connections: Connections, longer_than: timedelta) -> list[int]:
    """Numbers of requests that have waited for so long."""
    from ...warehouse.privacy import requests

    before = connections.instruments.now() - longer_than
    with connections.warehouse.transaction() as connection:
        return [row.id for row in requests.read(connection, state="waiting") if row.asked_at < before]


def _resume_one(connections: Connections, row: Erasure) -> Result:
    person = follow(connections, map(bytes.fromhex, row.subjects), contacts=row.partners)
    planned = _make_plan(connections, person)
    try:
        return _execute(connections, row.id, planned)
    except OdooRefusal as error:
        refused = Waiting("refused", str(error), "Mend it, or carry the rest out by hand; it is tried again every day.")
        decision = msgspec.structs.replace(planned.decision, waiting=(refused,))
        return _settle(connections, row.id, msgspec.structs.replace(planned, decision=decision), None)


def _release_kept(connections: Connections, row: Erasure) -> Result | None:
    """Make contacts anonymous whose invoices need not be kept any longer; None where anything of theirs is open. Only
    these are looked at, because their person may have bought again since."""
    from ...warehouse.privacy import requests

    contacts = {int(reason["partner_id"]) for reason in row.certificate["kept"]}
    person = Person(subjects=set(), emails=set(), orders=set(), records=set(), contacts=contacts, sales=set())
    planned = _make_plan(connections, person)
    if planned.decision.waiting:
        return None
    with odoo_writer_of_all(connections) as client:
        cleared = anonymise(client, planned.decision.anonymise, planned.decision.kept, planned.holdings)
    kept = [_describe_kept(reason) for reason in planned.decision.kept]
    anonymous = row.certificate["contacts_made_anonymous"] + cleared.anonymised
    certificate = {**row.certificate, "kept": kept, "contacts_made_anonymous": anonymous}
    now = connections.instruments.now()
    with connections.warehouse.transaction() as connection:
        requests.settle(connection, row.id, "done", certificate, now, row.partners)
    return Result(number=row.id, done=True, certificate={"contacts_made_anonymous": cleared.anonymised})


def _is_over(row: Erasure, today: date) -> bool:
    return any(date.fromisoformat(reason["until"]) < today for reason in row.certificate.get("kept", []))


def _make_plan(connections: Connections, person: Person) -> Plan:
    from ...warehouse.privacy import subjects

    holdings = read_holdings(connections.odoo, person.contacts)
    today, years = _read_today(connections), connections.settings.privacy.invoice_years
    decision = decide(holdings.contacts, holdings.transfers, holdings.invoices, years, today)
    with connections.warehouse.transaction() as connection:
        unloaded = subjects.open_orders(connection, person.orders, connections.instruments.now())
    unbilled = _list_unbilled(connections, holdings)
    waiting = [
        Waiting(
            "invoice_due", f"Sale order {sale.name} is still to be invoiced.",
            "The pipelines do it by the channel's `invoicing`; the erasure goes on once it is done.",
        )
        for sale in holdings.sales if sale.odoo_id in unbilled
    ]  # fmt: skip
    waiting += [
        Waiting(
            "order_open", f"Sale order {sale.name} is not confirmed.",
            "Confirm or cancel it in Odoo; the erasure is carried out with the next daily pass.",
        )
        for sale in holdings.sales if sale.is_ours and sale.state in OPEN
    ]  # fmt: skip
    waiting += [
        Waiting(
            "order_open", f"Order {order.record_id} of {order.channel} is not in Odoo yet.",
            f"Look at `commerce-pipelines exceptions list {order.channel}`; the erasure goes on once it is there, or "
            "cancelled.",
        )
        for order in unloaded
    ]  # fmt: skip
    orders: dict[str, int] = {}
    for order in person.orders:
        orders[order.channel] = orders.get(order.channel, 0) + 1
    decision = msgspec.structs.replace(decision, waiting=(*decision.waiting, *waiting))
    return Plan(person=person, holdings=holdings, decision=decision, orders=dict(sorted(orders.items())))


def _list_unbilled(connections: Connections, holdings: Holdings) -> set[int]:
    """Sale orders of channels whose orders the pipelines invoice: an invoice needs its recipient."""
    from ...warehouse.privacy import subjects

    due = [sale.odoo_id for sale in holdings.sales if sale.is_ours and sale.to_invoice]
    unbilled: set[int] = set()
    with connections.warehouse.transaction() as connection:
        for channel in connections.settings.channels:
            if channel.invoicing.trigger != "merchant":
                since = channel.invoicing.since or channel.start_date
                unbilled |= subjects.sales_since(connection, channel.name, since, due)
    return unbilled


def _execute(connections: Connections, number: int, planned: Plan) -> Result:
    """Raises TransientError where the person bought meanwhile: the request stays on record and is decided anew."""
    from ...warehouse.privacy import subjects
    from ...warehouse.privacy.tombstones import Tombstones

    if planned.decision.waiting:
        return _settle(connections, number, planned, None)
    person = planned.person
    with odoo_writer_of_all(connections) as client:
        _ensure_unchanged(connections, planned)
        cleared = anonymise(client, planned.decision.anonymise, planned.decision.kept, planned.holdings)
        with connections.warehouse.transaction() as connection:
            channels = [channel.name for channel in connections.settings.channels]
            subjects.hold_landings(connection, subjects.list_landings(connection, channels))
            if subjects.records_of(connection, person.subjects) - person.records:
                raise _CHANGED
            if place := connections.settings.privacy.tombstones:
                stones = Tombstones(Path(place), connections.vault)
                stones.append(person.subjects, person.contacts, connections.instruments.now())
            keys = subjects.forget(connection, person.subjects, person.contacts)
    scrubbed = subjects.scrub(connections.warehouse)
    return _settle(connections, number, planned, _build_certificate(planned, cleared, keys, scrubbed))


def _ensure_unchanged(connections: Connections, planned: Plan) -> None:
    """A person takes minutes to consent, and orders come meanwhile. Nobody else writes to Odoo from here on."""
    person = planned.person
    again = follow(connections, person.subjects, person.emails, person.orders, person.contacts)
    if (again.records, again.sales) != (person.records, person.sales) or _make_plan(connections, again) != planned:
        raise _CHANGED


def _settle(connections: Connections, number: int, planned: Plan, certificate: dict[str, Any] | None) -> Result:
    """certificate: of what was done, None for a request that waits."""
    from ...warehouse.privacy import requests

    done = certificate is not None
    certificate = certificate or {"waits": [msgspec.to_builtins(reason) for reason in planned.decision.waiting]}
    now = connections.instruments.now()
    with connections.warehouse.transaction() as connection:
        requests.settle(
            connection, number, "done" if done else "waiting", certificate, now, planned.person.contacts
        )  # fmt: skip
    return Result(number=number, done=done, certificate=certificate)


def _build_certificate(planned: Plan, cleared: Cleared, keys: int, scrubbed: bool) -> dict[str, Any]:
    """Numbers of records and counts only."""
    return {
        "orders": planned.orders,
        "keys_destroyed": keys,
        "log_of_database_renewed": scrubbed,
        "contacts_made_anonymous": cleared.anonymised,
        "deleted_in_odoo": cleared.deleted,
        "invoice_texts_left": list(cleared.texts_left),
        "kept": [_describe_kept(reason) for reason in planned.decision.kept],
        "left": [{"partner_id": partner_id, "why": why} for partner_id, why in planned.decision.left],
    }


def _describe_kept(reason: Kept) -> dict[str, Any]:
    return {"partner_id": reason.partner_id, "invoices": list(reason.invoices), "until": reason.until.isoformat()}


def _read_today(connections: Connections) -> date:
    channels = connections.settings.channels
    zone = channels[0].zone if channels else ZoneInfo("UTC")
    return connections.instruments.now().astimezone(zone).date()
