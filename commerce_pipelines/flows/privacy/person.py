"""Who a person is in all stores: every subject under which answers were landed, every order, every contact in Odoo.

    e-mail, order, or id of the buyer ──▶ subjects ◀──▶ landed records ──▶ orders ◀──▶ contacts in Odoo

Each finding leads to others: an order that was landed without an e-mail address at first names it later, and a contact
in Odoo has orders of other channels. So the search goes on until it finds nothing new.

What belongs here: persons, and what a request names. What does not: the steps of the search (relations.py).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from ...core.errors import PermanentError, SettingsError
from ...core.topics import Topic
from ...domain.keys import email_key
from ...resources.connections import Connections
from ..identity import kind_of
from .relations import EMAIL, Kind, Relations, Trace

if TYPE_CHECKING:
    from ...warehouse.privacy.subjects import Record


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """What a request names: an e-mail address, or a channel with one of its orders or its id of the buyer."""

    email: str = ""
    channel: str = ""
    order_id: str = ""
    buyer: str = ""


class Person(msgspec.Struct, kw_only=True):
    """subjects: ids, heirs included. orders, records: what was landed, a record may be an order, return or refund.
    contacts: ids of res.partner, addresses included. sales: ids of sale.order that came from a channel."""

    subjects: set[bytes] = set()
    emails: set[str] = set()
    orders: set[Record] = set()
    records: set[Record] = set()
    contacts: set[int] = set()
    sales: set[int] = set()

    @property
    def traces(self) -> Iterator[Trace]:
        """All of it, for the search."""
        yield from (Trace(Kind.SUBJECT, subject) for subject in self.subjects)
        yield from (Trace(Kind.EMAIL, email) for email in self.emails)
        yield from (Trace(Kind.RECORD, record) for record in (*self.orders, *self.records))
        yield from (Trace(Kind.CONTACT, contact) for contact in self.contacts)
        yield from (Trace(Kind.SALE, sale) for sale in self.sales)


def find_person(connections: Connections, identity: Identity) -> Person:
    """Everything that is known of a person. Raises SettingsError for an identity that nobody can have, and
    PermanentError for a person of whom nothing is known."""
    from ...warehouse.privacy.subjects import Record

    email = email_key(identity.email)
    if identity.email and not email:
        raise SettingsError("--email is no e-mail address: write it as the buyer does, name@example.com.")
    names = [f"{EMAIL}{email}"] if email else []
    orders = set()
    if identity.channel:
        connections.settings.channel(identity.channel)
    if identity.buyer:
        names.append(_name_buyer(kind_of(connections, identity.channel), identity.buyer))
    if identity.order_id:
        orders.add(Record(identity.channel, Topic.ORDERS, identity.order_id))
    named = Person(subjects=set(map(connections.vault.subject_id, names)), emails={email} - {""}, orders=orders)
    [person] = follow(connections, [named])
    if not (person.contacts or person.sales or _is_landed(connections, person.records)):
        raise PermanentError(
            "Nothing is known of this person: no landed answer, no order and no contact in Odoo. Check the spelling, "
            "or name one of their orders."
        )
    return person


def follow(connections: Connections, persons: Sequence[Person]) -> list[Person]:
    """What follows from what is known of each of these persons, itself included."""
    relations = Relations(connections)
    relations.follow(trace for person in persons for trace in person.traces)
    return [_gather(relations.reach(person.traces)) for person in persons]


def _gather(traces: Collection[Trace]) -> Person:
    of_kind = {kind: {trace.value for trace in traces if trace.kind is kind} for kind in Kind}
    records: set[Record] = of_kind[Kind.RECORD]
    return Person(
        subjects=of_kind[Kind.SUBJECT],
        emails=of_kind[Kind.EMAIL],
        orders={record for record in records if record.topic == Topic.ORDERS},
        records=records,
        contacts=of_kind[Kind.CONTACT],
        sales=of_kind[Kind.SALE],
    )


def _is_landed(connections: Connections, records: Collection[Record]) -> bool:
    from ...warehouse.privacy.subjects import subjects_of

    with connections.warehouse.transaction() as connection:
        return bool(subjects_of(connection, records))


def _name_buyer(kind: str, buyer: str) -> str:
    """The subject of a marketplace's own id of a buyer; the last part of a longer one."""
    return f"{kind}:{buyer.rsplit('/', 1)[-1]}"  # Shopify's gid://shopify/Customer/1 ends with the number
