"""What leads from one trace of a person to the next: subjects, landed records, e-mail addresses, sale orders, contacts.

    subject ◀──▶ landed record ──▶ order ◀──▶ sale order ◀──▶ contact in Odoo ──▶ its addresses
       ▲                             │                             ▲
       └──── names in its answer ────┴──▶ e-mail address ──────────┘

Each look-up is made for all traces of a kind that are new, whosever they are. So a thousand persons cost hardly more
calls than one, and each trace is looked at once.

What belongs here: these steps, and who is reached by them. What does not: who starts (person.py), rows
(warehouse/privacy/subjects.py), Odoo's calls (odoo/privacy/contacts.py).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from ...core.errors import RecordError
from ...core.topics import Topic
from ...odoo.privacy import contacts
from ...resources.connections import Connections

if TYPE_CHECKING:
    from ...warehouse.privacy.subjects import Record

EMAIL = "email:"


class Kind(StrEnum):
    SUBJECT = "subject"  # an id, heirs included
    RECORD = "record"  # an order, return or refund of a channel
    EMAIL = "email"  # in its comparable form
    CONTACT = "contact"  # id of res.partner
    SALE = "sale"  # id of sale.order, of a channel


class Trace(NamedTuple):
    kind: Kind
    value: Any


Step = tuple[Trace, Trace]


class Relations:
    """What is known of persons, as far as it was followed."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._next: dict[Trace, set[Trace]] = {}
        self._kinds: dict[Kind, Callable[[set[Any]], Iterator[Step]]] = {
            Kind.SUBJECT: self._lead_from_subjects, Kind.RECORD: self._lead_from_records,
            Kind.EMAIL: self._lead_from_emails, Kind.CONTACT: self._lead_from_contacts,
            Kind.SALE: self._lead_from_sales,
        }  # fmt: skip

    def follow(self, traces: Iterable[Trace]) -> None:
        """Look up what follows from these traces, and from what was found, until nothing is new."""
        new = set(traces) - self._next.keys()
        while new:
            steps = list(self._find_steps(new))
            self._next.update((trace, set()) for trace in new)
            for start, end in steps:
                self._next[start].add(end)
            new = {end for _, end in steps} - self._next.keys()

    def reach(self, traces: Iterable[Trace]) -> set[Trace]:
        """These traces and all that follow from them."""
        reached, new = set[Trace](), set(traces)
        while new:
            reached |= new
            new = {end for trace in new for end in self._next.get(trace, ())} - reached
        return reached

    def _find_steps(self, traces: Collection[Trace]) -> Iterator[Step]:
        """Steps from these traces. A contact that all guests share leads nowhere and is nobody's."""
        steps = [
            step
            for kind, lead in self._kinds.items()
            if (values := {trace.value for trace in traces if trace.kind is kind})
            for step in lead(values)
        ]
        fresh = {end.value for _, end in steps if end.kind is Kind.CONTACT and end not in self._next}
        shared = contacts.list_shared(self._connections.odoo, fresh)
        return (step for step in steps if step[1].kind is not Kind.CONTACT or step[1].value not in shared)

    def _lead_from_subjects(self, subjects: set[bytes]) -> Iterator[Step]:
        from ...warehouse.privacy.subjects import records_of

        with self._connections.warehouse.transaction() as connection:
            lines = self._connections.vault.lineages_of(connection, subjects)
            pairs = records_of(connection, subjects)
        for subject, heirs in lines.items():
            yield from ((Trace(Kind.SUBJECT, subject), Trace(Kind.SUBJECT, heir)) for heir in heirs)
        yield from ((Trace(Kind.SUBJECT, subject), Trace(Kind.RECORD, record)) for subject, record in pairs)
        for text, contact in contacts.find_by_subjects(self._connections.odoo, [value.hex() for value in subjects]):
            yield Trace(Kind.SUBJECT, bytes.fromhex(text)), Trace(Kind.CONTACT, contact)

    def _lead_from_records(self, records: set[Record]) -> Iterator[Step]:
        from ...warehouse.privacy import subjects

        orders = {record for record in records if record.topic == Topic.ORDERS}
        with self._connections.warehouse.transaction() as connection:
            filed = subjects.subjects_of(connection, records)
            about = subjects.orders_of(connection, records) | subjects.records_about(connection, orders)
            sales = subjects.sales_of(connection, orders)
        yield from ((Trace(Kind.RECORD, record), Trace(Kind.SUBJECT, subject)) for record, subject in filed)
        yield from ((Trace(Kind.RECORD, record), Trace(Kind.RECORD, other)) for record, other in about)
        yield from ((Trace(Kind.RECORD, order), Trace(Kind.SALE, sale)) for order, sale in sales.items())
        for order, name in self._read_names(orders):
            yield Trace(Kind.RECORD, order), Trace(Kind.SUBJECT, self._connections.vault.subject_id(name))
            if name.startswith(EMAIL):
                yield Trace(Kind.RECORD, order), Trace(Kind.EMAIL, name.removeprefix(EMAIL))

    def _read_names(self, orders: Collection[Record]) -> Iterator[tuple[Record, str]]:
        """Every subject that the newest readable answer about an order names, and the order's own."""
        by_channel: dict[str, dict[str, Record]] = {}
        for order in orders:
            yield order, f"order:{order.record_id}"
            by_channel.setdefault(order.channel, {})[order.record_id] = order
        for channel in self._connections.settings.channels:
            of_channel = by_channel.get(channel.name, {})
            landing = self._connections.landing(channel.name, Topic.ORDERS) if of_channel else None
            for order_id, snapshot in landing.newest_of(of_channel).items() if landing else ():
                if not snapshot.raw:
                    continue
                try:
                    names = self._connections.channel(channel.name).orders.subjects(snapshot.raw)
                except RecordError:
                    continue
                yield from ((of_channel[order_id], name) for name in names)

    def _lead_from_emails(self, emails: set[str]) -> Iterator[Step]:
        for email, contact in contacts.find_by_emails(self._connections.odoo, emails):
            yield Trace(Kind.EMAIL, email), Trace(Kind.CONTACT, contact)

    def _lead_from_sales(self, sales: set[int]) -> Iterator[Step]:
        from ...warehouse.privacy.subjects import orders_in_odoo

        for sale, contact in contacts.find_on_sales(self._connections.odoo, sales):
            yield Trace(Kind.SALE, sale), Trace(Kind.CONTACT, contact)
        with self._connections.warehouse.transaction() as connection:
            orders = orders_in_odoo(connection, sales)
        yield from ((Trace(Kind.SALE, sale), Trace(Kind.RECORD, order)) for sale, order in orders.items())

    def _lead_from_contacts(self, partners: set[int]) -> Iterator[Step]:
        for contact, address in contacts.find_addresses(self._connections.odoo, partners):
            yield Trace(Kind.CONTACT, contact), Trace(Kind.CONTACT, address)
        for sale in contacts.find_sales(self._connections.odoo, partners):
            for contact in partners.intersection(sale.contacts) if sale.is_ours else ():
                yield Trace(Kind.CONTACT, contact), Trace(Kind.SALE, sale.odoo_id)
