"""Persons of whom nothing came for longer than `privacy.forget_after_days`: they are erased without being asked.

    nothing landed since ──▶ found everywhere ──▶ bought elsewhere since, or anything open? ──yes──▶ stays, counted
                                                                │ no
                                                                ▼
                                              a request for erasure, which the same pass carries out

What belongs here: who they are, putting their requests on record. What does not: carrying them out (erase.py), the age
limits of answers (retention.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import msgspec

from ...resources.connections import Connections
from .erase import PERSONS_A_CHUNK
from .erasure_plan import make_plans, read_today
from .person import Person, follow

ASKED_BY = "privacy.forget_after_days"
REQUESTS_A_PASS = 5_000  # the first pass of an old shop would else go on for hours


class Dormant(msgspec.Struct, kw_only=True):
    """What a pass found. requests: for erasure, put on record. open: persons of whom something is open."""

    requests: int = 0
    open: int = 0


def ask_for_dormant(connections: Connections) -> Dormant:
    """Make requests for erasure of whoever is dormant. Does nothing without the setting."""
    from ...warehouse.privacy import requests

    days, dormant = connections.settings.privacy.forget_after_days, Dormant()
    if days is None:
        return dormant
    before = read_today(connections) - timedelta(days=days)
    for persons in _list_chunks(connections, before):
        for plan in make_plans(connections, persons):
            if plan.decision.waiting:
                dormant.open += 1
                continue
            subjects = {subject.hex() for subject in plan.person.subjects}
            with connections.warehouse.transaction() as connection:
                now = connections.instruments.now()
                requests.ask(connection, ASKED_BY, subjects, plan.person.contacts, now)
            dormant.requests += 1
        if dormant.requests >= REQUESTS_A_PASS:
            break
    return dormant


def _list_chunks(connections: Connections, before: date) -> Iterator[list[Person]]:
    """Persons of whom no answer about any order, return or refund is of that day or later; each of them once."""
    from ...warehouse.privacy import subjects

    after, seen = b"", set[bytes]()
    while True:
        with connections.warehouse.transaction() as connection:
            chunk = subjects.list_dormant(connection, before, after, PERSONS_A_CHUNK)
        if not chunk:
            return
        after = chunk[-1]
        persons = []
        for person in follow(connections, [Person(subjects={subject}) for subject in chunk]):
            if not person.subjects & seen:
                persons.append(person)
            seen |= person.subjects
        with connections.warehouse.transaction() as connection:
            recent = subjects.list_recent(connection, {row for person in persons for row in person.records}, before)
        yield [person for person in persons if not person.records & recent]
