"""Erasing persons: in Odoo first, then the keys, so that what failed halfway is found and finished later.

    ask ──▶ on record ──▶ open deliveries, drafts, orders not in Odoo? ──yes──▶ waits, tried daily
                                     │ no
                                     ▼
             contacts in Odoo anonymous ──▶ keys destroyed, buried ──▶ table of keys rewritten ──▶ certificate

One person of a command, or hundreds of the daily pass: it is the same path, in which every look-up and every write is
made for all of them together. What Odoo refuses of one person waits with that reason and holds up nobody else.

What belongs here: these steps in this order. What does not: who the person is (person.py), what would be done
(erasure_plan.py), what may go (domain/privacy/erasure.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from ...core.errors import TransientError
from ...core.failpoints import failpoint
from ...domain.privacy.erasure import Kept, Waiting
from ...odoo.privacy.anonymising import Cleared, anonymise
from ...odoo.rpc.errors import OdooRefusal
from ...resources.connections import Connections
from ..odoo_writer import odoo_writer_of_all
from .erasure_plan import Plan, make_plans, read_today
from .person import Identity, Person, find_person, follow

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

    from ...warehouse.privacy.requests import Erasure

PERSONS_A_CHUNK = 500
_CHANGED = TransientError(
    "The person bought again, or something of theirs changed, while this went on: nothing more was erased; run `erase` "
    "again, or leave it to the daily pass."
)


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """number: of the request. certificate: without personal data; for a waiting request, why it waits."""

    number: int
    done: bool
    certificate: dict[str, Any]


class _Erasing(msgspec.Struct, kw_only=True):
    """One request under way. refused: what Odoo refused. changed: something of theirs came meanwhile. keys: destroyed
    ones."""

    number: int
    plan: Plan
    cleared: Cleared = msgspec.field(default_factory=Cleared)
    refused: OdooRefusal | None = None
    changed: bool = False
    keys: int = 0


def plan(connections: Connections, identity: Identity) -> Plan:
    """Find the person and decide. Writes nothing. Raises PermanentError for a person of whom nothing is known."""
    [planned] = make_plans(connections, [find_person(connections, identity)])
    return planned


def erase(connections: Connections, planned: Plan, asked_by: str) -> Result:
    """Put the request on record and carry it out, or let it wait. Raises what Odoo's calls raise, and TransientError
    where the person bought meanwhile; the request stays on record then, and the daily pass goes on with it."""
    from ...warehouse.privacy import requests

    person = planned.person
    with connections.warehouse.transaction() as connection:
        number = requests.ask(
            connection, asked_by, {subject.hex() for subject in person.subjects}, person.contacts,
            connections.instruments.now(),
        )  # fmt: skip
    if planned.decision.waiting:
        [result] = _settle(connections, [_Erasing(number=number, plan=planned)])
        return result
    [(erasing, result)] = _carry_out(connections, {number: person}, agreed=planned)
    if erasing.refused:
        raise erasing.refused
    if erasing.changed:
        raise _CHANGED
    return result


def resume(connections: Connections) -> list[Result]:
    """Go on with what waits, and with contacts whose invoices need not be kept any longer."""
    from ...warehouse.privacy import requests

    today = read_today(connections)
    with connections.warehouse.transaction() as connection:
        rows = requests.read(connection)
    results = []
    for chunk in _cut_chunks([row for row in rows if row.state == "waiting"]):
        persons = {
            row.id: Person(subjects=set(map(bytes.fromhex, row.subjects)), contacts=set(row.partners)) for row in chunk
        }
        results += [result for _, result in _carry_out(connections, persons)]
    for chunk in _cut_chunks([row for row in rows if row.state == "done" and _is_over(row, today)]):
        results += _release_kept(connections, chunk)
    return results


def list_waiting(connections: Connections, longer_than: timedelta) -> list[int]:
    """Numbers of requests that have waited for so long."""
    from ...warehouse.privacy import requests

    before = connections.instruments.now() - longer_than
    with connections.warehouse.transaction() as connection:
        return [row.id for row in requests.read(connection, state="waiting") if row.asked_at < before]


def _cut_chunks(rows: Sequence[Erasure]) -> Iterator[Sequence[Erasure]]:
    for start in range(0, len(rows), PERSONS_A_CHUNK):
        yield rows[start : start + PERSONS_A_CHUNK]


def _carry_out(
    connections: Connections, persons: dict[int, Person], agreed: Plan | None = None
) -> list[tuple[_Erasing, Result]]:
    """Erase these persons, by request, as far as nothing is open. agreed: what a person saw and consented to, who takes
    minutes over it, and orders come meanwhile. Nobody else writes to Odoo from here on."""
    from ...warehouse.privacy import subjects

    with odoo_writer_of_all(connections) as client:
        plans = make_plans(connections, follow(connections, list(persons.values())))
        if agreed and plans != [agreed]:
            raise _CHANGED
        everybody = [
            _Erasing(number=number, plan=planned) for number, planned in zip(persons, plans, strict=True)
        ]  # fmt: skip
        ready = [row for row in everybody if not row.plan.decision.waiting]
        cleared, refused = anonymise(client, [row.plan.target for row in ready])
        for place, row in enumerate(ready):
            row.cleared, row.refused = cleared[place], refused.get(place)
        failpoint("contacts_anonymous")
        gone = [row for row in ready if not row.refused]
        if gone:
            _forget_keys(connections, gone)
    failpoint("keys_destroyed")
    scrubbed = subjects.scrub(connections.warehouse) if any(not row.changed for row in gone) else False
    return list(zip(everybody, _settle(connections, everybody, scrubbed), strict=True))


def _forget_keys(connections: Connections, gone: Sequence[_Erasing]) -> None:
    """In one transaction, in which nobody lands an answer. Whoever bought meanwhile is left out, and decided anew."""
    from ...warehouse.privacy import subjects
    from ...warehouse.privacy.tombstones import Tombstones

    with connections.warehouse.transaction() as connection:
        channels = [channel.name for channel in connections.settings.channels]
        subjects.hold_landings(connection, subjects.list_landings(connection, channels))
        _mark_changed(connection, gone)
        persons = [row.plan.person for row in gone if not row.changed]
        if (place := connections.settings.privacy.tombstones) and persons:
            stones = Tombstones(Path(place), connections.vault)
            erased = [(person.subjects, person.contacts) for person in persons]
            stones.append(erased, connections.instruments.now())
        everything = {subject for person in persons for subject in person.subjects}
        partners = {contact for person in persons for contact in person.contacts}
        destroyed = subjects.forget(connection, everything, partners)
    for row in gone:
        row.keys = 0 if row.changed else len(row.plan.person.subjects & destroyed)


def _mark_changed(connection: Connection, gone: Sequence[_Erasing]) -> None:
    from ...warehouse.privacy import subjects

    everything = {subject for row in gone for subject in row.plan.person.subjects}
    landed: dict[bytes, set[subjects.Record]] = {}
    for subject, record in subjects.records_of(connection, everything):
        landed.setdefault(subject, set()).add(record)
    for row in gone:
        person = row.plan.person
        row.changed = any(landed.get(subject, set()) - person.records for subject in person.subjects)


def _release_kept(connections: Connections, rows: Sequence[Erasure]) -> list[Result]:
    """Make contacts anonymous whose invoices need not be kept any longer; nothing where anything of theirs is open.
    Only these are looked at, because their person may have bought again since."""
    from ...warehouse.privacy import requests

    persons = [Person(contacts={int(reason["partner_id"]) for reason in row.certificate["kept"]}) for row in rows]
    with odoo_writer_of_all(connections) as client:
        plans = make_plans(connections, persons)
        ready = [
            (row, planned) for row, planned in zip(rows, plans, strict=True) if not planned.decision.waiting
        ]  # fmt: skip
        cleared, refused = anonymise(client, [planned.target for _, planned in ready])
    results, now = [], connections.instruments.now()
    with connections.warehouse.transaction() as connection:
        for place, (row, planned) in enumerate(ready):
            if place in refused:
                waits = {"waits": [msgspec.to_builtins(_describe_refusal(refused[place]))]}
                results.append(Result(number=row.id, done=False, certificate=waits))
                continue
            anonymised = cleared[place].anonymised
            certificate = {
                **row.certificate,
                "kept": [_describe_kept(reason) for reason in planned.decision.kept],
                "contacts_made_anonymous": row.certificate["contacts_made_anonymous"] + anonymised,
            }
            requests.settle(connection, row.id, "done", certificate, now, row.partners)
            results.append(Result(number=row.id, done=True, certificate={"contacts_made_anonymous": anonymised}))
    return results


def _is_over(row: Erasure, today: date) -> bool:
    return any(date.fromisoformat(reason["until"]) < today for reason in row.certificate.get("kept", []))


def _settle(connections: Connections, everybody: Sequence[_Erasing], scrubbed: bool = False) -> list[Result]:
    """Write down what became of each. Who bought meanwhile waits without a reason until the next pass."""
    from ...warehouse.privacy import requests

    now = connections.instruments.now()
    results = []
    with connections.warehouse.transaction() as connection:
        for row in everybody:
            waiting = [_describe_refusal(row.refused)] if row.refused else list(row.plan.decision.waiting)
            done = not (waiting or row.changed)
            certificate = (
                _build_certificate(row, scrubbed) if done
                else {"waits": [msgspec.to_builtins(reason) for reason in waiting]}
            )  # fmt: skip
            requests.settle(
                connection, row.number, "done" if done else "waiting", certificate, now, row.plan.person.contacts
            )  # fmt: skip
            results.append(Result(number=row.number, done=done, certificate=certificate))
    return results


def _build_certificate(row: _Erasing, scrubbed: bool) -> dict[str, Any]:
    """Numbers of records and counts only."""
    decision = row.plan.decision
    return {
        "orders": row.plan.orders,
        "keys_destroyed": row.keys,
        "log_of_database_renewed": scrubbed,
        "contacts_made_anonymous": row.cleared.anonymised,
        "deleted_in_odoo": row.cleared.deleted,
        "invoice_texts_left": list(row.cleared.texts_left),
        "kept": [_describe_kept(reason) for reason in decision.kept],
        "left": [{"partner_id": partner_id, "why": why} for partner_id, why in decision.left],
    }


def _describe_refusal(error: OdooRefusal) -> Waiting:
    return Waiting("refused", str(error), "Mend it, or carry the rest out by hand; it is tried again every day.")


def _describe_kept(reason: Kept) -> dict[str, Any]:
    return {"partner_id": reason.partner_id, "invoices": list(reason.invoices), "until": reason.until.isoformat()}
