"""Reading Shopify's returns and refunds.

What belongs here: the operations of Source and what they request. What does not: sending one query (api/graphql.py),
the queries (queries.py), paging (api/pages.py), what the records mean (translate.py).

**Byte shape.** A record is the node of the Admin GraphQL API that `Queries.records` asks for, byte for byte as Shopify
sent it; lines beyond the first slice are merged into that node.

**Changes.** Shopify lists neither kind by itself and states no reliable time of change for it: the orders are listed
by their own time of change, which moves with both, and the records of a changed order are read again, unless they are
landed in this state already. Records of test orders are left out, because such orders are never loaded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from ....core.errors import PermanentError, ProtocolError, RecordError
from ....core.legible import decode_json
from ....core.topics import Topic
from ....domain.returns.records import Outline, Refund, Return
from ...capabilities import AfterSale, Head, Page, Unchanged, Window
from ..account import ShopifyAccount
from ..api.graphql import GraphQL, TooExpensive
from ..api.pages import USED_PART_OF_POINTS, Listing, PageSizes, listed, resumed, second
from ..api.payloads import Instant, PageInfo, number
from ..api.queries import MOST_POINTS
from ..settings import Settings
from . import payloads
from .queries import FIRST_ORDERS, FIRST_RECORDS, LISTED_REFUNDS, Queries, refund_queries, return_queries
from .translate import outline_refund, translate_refund, translate_return

MOST_RECORDS = 50  # of one call
FETCH_ATTEMPTS = 3  # for a record that changes while its lines are fetched
RECORD_ID = re.compile(r"[0-9]{1,20}\Z")


class Id(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    createdAt: Instant | None = None


class Ids(msgspec.Struct, frozen=True):
    nodes: list[Id]
    pageInfo: PageInfo


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """An order with the ids of its refunds, or of its returns."""

    id: str
    updatedAt: Instant
    test: bool = False
    refunds: list[Id] = []
    returns: Ids | None = None

    def ids(self) -> list[Id]:
        return self.returns.nodes if self.returns else self.refunds

    def is_cut(self) -> bool:
        """Whether the order has more of them than the list shows."""
        return self.returns.pageInfo.hasNextPage if self.returns else len(self.refunds) >= LISTED_REFUNDS


class AllOf(msgspec.Struct, frozen=True):
    order: Listed | None = None


class Nodes(msgspec.Struct, frozen=True):
    nodes: list[msgspec.Raw]


class Lines(msgspec.Struct, frozen=True):
    nodes: list[msgspec.Raw]
    pageInfo: PageInfo


class Changed(msgspec.Struct, frozen=True):
    updatedAt: Instant


class Part(msgspec.Struct, frozen=True):
    """A record's order and lines: all that tells whether it is whole."""

    order: Changed
    refundLineItems: Lines | None = None
    returnLineItems: Lines | None = None

    def lines(self) -> Lines | None:
        return self.refundLineItems or self.returnLineItems


class OnePart(msgspec.Struct, frozen=True):
    node: Part | None = None


_listed = msgspec.json.Decoder(Listed)
_changes = msgspec.json.Decoder(Changed)
_parts = msgspec.json.Decoder(Part)
_fields: msgspec.json.Decoder[dict[str, msgspec.Raw]] = msgspec.json.Decoder(dict[str, msgspec.Raw])


class _Changed(Exception):
    """The record has changed or was deleted since it was read."""


class _Records:
    """What both sources share. kind: `Refund` or `Return`, the type's name in ids."""

    kind: str
    _lines: str  # the field that holds the record's lines

    def __init__(
        self,
        graphql: GraphQL,
        settings: Settings,
        account: ShopifyAccount,
        now: Callable[[], datetime],
        documents: Queries,
    ) -> None:
        self._graphql, self._settings, self._account, self._now = graphql, settings, account, now
        self._queries = documents
        self._sizes = PageSizes(graphql, FIRST_ORDERS)
        self._batch = FIRST_RECORDS

    def changed(self, window: Window, resume: str | None = None, unchanged: Unchanged | None = None) -> Iterator[Page]:
        """Records of the orders whose `updatedAt` lies in the window (to the second), oldest change first."""
        end = second(window.end)
        for orders, unreadable, following in self._list_orders(window.start, end, resume):
            fresh = [(record, order.updatedAt) for order in orders for record in order.ids()]
            if unchanged and fresh:
                landed = unchanged([(number(record.id), changed.astimezone(UTC)) for record, changed in fresh])
                fresh = [pair for pair in fresh if number(pair[0].id) not in landed]
            records = self._read([record.id for record, _ in fresh])
            yield Page(records=(*records, *unreadable), resume=following, watermark=end)

    def created(self, window: Window) -> Iterator[Page]:
        """Records created in the window. A record's order has changed since, so all orders changed since are listed."""
        self._account.check_history(window.start, self._now())
        end = second(self._now()) + timedelta(seconds=1)  # in this very second it may have changed, too
        for orders, unreadable, following in self._list_orders(window.start, end, None):
            ids = [
                record.id
                for order in orders
                for record in order.ids()
                if record.createdAt is None or window.start <= record.createdAt < window.end
            ]
            yield Page(records=(*self._read(ids), *unreadable), resume=following, watermark=end)

    def fetch(self, record_id: str) -> bytes | None:
        if not RECORD_ID.match(record_id):
            return None
        records = self._read([f"gid://shopify/{self.kind}/{record_id}"])
        return records[0] if records else None

    def of_order(self, order_id: str) -> Sequence[bytes]:
        if not RECORD_ID.match(order_id):
            return ()
        order = self._graphql.ask(self._queries.all_of, {"id": f"gid://shopify/Order/{order_id}"}, AllOf).order
        return self._read([record.id for record in order.ids()]) if order and not order.test else ()

    def head(self, raw: bytes) -> Head:
        return payloads.head(raw, self.kind.lower())

    def _list_orders(
        self, start: datetime, end: datetime, resume: str | None
    ) -> Iterator[tuple[list[Listed], list[bytes], str | None]]:
        """Pages of real orders with the ids of all their records; orders that cannot be read, which are landed as they
        are, so that somebody sees them; and where the next page begins."""
        shape, place = Listing[msgspec.Raw], resumed(resume, start)
        for nodes, following in listed(self._sizes, self._queries.listed, shape, "UPDATED_AT", place, end, _read_time):
            unreadable, orders = [], []
            for node in nodes:
                try:
                    order = decode_json(_listed, node)
                except (msgspec.DecodeError, UnicodeDecodeError):
                    unreadable.append(bytes(node))
                    continue
                if not order.test:
                    orders.append(self._list_all_of(order) if order.is_cut() else order)
            yield orders, unreadable, following.text() if following else None

    def _list_all_of(self, order: Listed) -> Listed:
        whole = self._graphql.ask(self._queries.all_of, {"id": order.id}, AllOf).order
        return whole or order

    def _read(self, gids: Sequence[str]) -> tuple[bytes, ...]:
        """These records, read now, several in a call; as many as the last call's cost allows."""
        records: list[bytes] = []
        query, left = self._queries.records, list(dict.fromkeys(gids))
        while left:
            batch = left[: self._batch]
            try:
                nodes = self._graphql.ask(query, {"ids": batch}, Nodes).nodes
            except TooExpensive as error:
                if len(batch) == 1:
                    raise PermanentError(str(error), words=error.words) from None
                self._batch = max(1, len(batch) // 2)
                continue
            if len(nodes) != len(batch):
                raise ProtocolError(f"Shopify answers {len(nodes)} of {len(batch)} requested records.")
            left = left[len(batch) :]
            records += [self._complete(bytes(node)) for node in nodes if bytes(node) not in (b"null", b"{}")]
            if requested := self._graphql.cost(query).requestedQueryCost:
                fit = int(len(batch) * USED_PART_OF_POINTS * MOST_POINTS / requested)
                self._batch = max(1, min(MOST_RECORDS, fit))
        return tuple(records)

    def _complete(self, raw: bytes) -> bytes:
        """The record with all its lines. One that keeps changing stays as it was last read: its translation refuses it,
        and its next change reads it again."""
        for _ in range(FETCH_ATTEMPTS):
            try:
                part = decode_json(_parts, raw)
                lines = part.lines()
                if lines is None or not lines.pageInfo.hasNextPage:
                    return raw
                return self._merge(raw, part, lines)
            except (msgspec.DecodeError, UnicodeDecodeError, RecordError):
                return raw  # landed as it is: its translation reports the error, and the others go on
            except _Changed:
                gid = decode_json(_fields, raw)["id"]
                node = self._graphql.ask(self._queries.records, {"ids": [msgspec.json.decode(gid)]}, Nodes).nodes
                if not node or bytes(node[0]) in (b"null", b"{}"):
                    return raw
                raw = bytes(node[0])
        return raw

    def _merge(self, raw: bytes, part: Part, lines: Lines) -> bytes:
        fields = decode_json(_fields, raw)
        gid = msgspec.json.decode(fields["id"])
        nodes, page = list(lines.nodes), lines.pageInfo
        while page.hasNextPage:
            more = self._graphql.ask(self._queries.more, {"id": gid, "after": page.endCursor}, OnePart).node
            following = more.lines() if more else None
            if more is None or following is None or more.order.updatedAt != part.order.updatedAt:
                raise _Changed
            if following.pageInfo.hasNextPage and following.pageInfo.endCursor == page.endCursor:
                raise ProtocolError("Shopify repeats a page of a record's lines; it is read again later.")
            nodes += following.nodes
            page = following.pageInfo
        fields[self._lines] = msgspec.Raw(msgspec.json.encode(Lines(nodes, page)))
        return msgspec.json.encode(fields)


class ShopifyRefunds(_Records, AfterSale[Refund]):
    """Refunds of one shop."""

    topic = Topic.REFUNDS
    kind = "Refund"
    _lines = "refundLineItems"

    def __init__(
        self, graphql: GraphQL, settings: Settings, account: ShopifyAccount, now: Callable[[], datetime]
    ) -> None:
        super().__init__(graphql, settings, account, now, refund_queries(settings.currency_basis))

    def translate(self, raw: bytes) -> Refund:
        basis: Any = self._settings.currency_basis
        return translate_refund(payloads.refund(raw), channel=self._settings.name, basis=basis)

    def outline(self, raw: bytes) -> Outline | None:
        basis: Any = self._settings.currency_basis
        try:
            return outline_refund(payloads.refund(raw), basis=basis)
        except RecordError:
            return None


class ShopifyReturns(_Records, AfterSale[Return]):
    """Returns of one shop."""

    topic = Topic.RETURNS
    kind = "Return"
    _lines = "returnLineItems"

    def __init__(
        self, graphql: GraphQL, settings: Settings, account: ShopifyAccount, now: Callable[[], datetime]
    ) -> None:
        super().__init__(graphql, settings, account, now, return_queries())

    def translate(self, raw: bytes) -> Return:
        return translate_return(payloads.return_(raw), channel=self._settings.name)


def _read_time(node: msgspec.Raw) -> datetime | None:
    """When a listed order changed, None where that cannot be read."""
    try:
        return decode_json(_changes, node).updatedAt
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
