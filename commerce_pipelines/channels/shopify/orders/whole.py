"""A listed order made whole: rare parts are left out of lists and fetched here, per order.

What belongs here: finding out whether a part of an order is missing, fetching it, putting it in its place. What does
not: what the fields mean (translate.py). An order that lacks nothing keeps its bytes. The parts of any other order keep
their own bytes too, so that the merged order is the node that one query for everything would have given.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from ....core.errors import CredentialError, PermanentError, RecordError
from ....core.legible import decode_json
from ...capabilities import Head, Unchanged
from ..api.graphql import GraphQL, decode
from ..api.money import Bag, Basis, side
from ..api.payloads import Instant, PageInfo, number
from ..api.queries import Queries
from .payloads import HeadFields, order_head

FETCH_ATTEMPTS = 3  # for an order that changes while its parts are fetched


class Cut(msgspec.Struct, frozen=True, gc=False):
    pageInfo: PageInfo


class Rare(HeadFields, kw_only=True):
    """The fields that show whether a listed order is whole, and its head, decoded together."""

    lineItems: Cut
    shippingLines: Cut | None = None
    edited: bool = False
    returnStatus: str | None = None
    originalTotalDutiesSet: Bag | None = None
    originalTotalAdditionalFeesSet: Bag | None = None


class Nodes(msgspec.Struct, frozen=True):
    nodes: list[msgspec.Raw]
    pageInfo: PageInfo


class Part(msgspec.Struct, frozen=True):
    """The parts of one order that a follow-up query gives."""

    updatedAt: Instant
    lineItems: Nodes | None = None
    shippingLines: msgspec.Raw = msgspec.Raw(b"null")
    refunds: msgspec.Raw = msgspec.Raw(b"[]")
    returns: msgspec.Raw = msgspec.Raw(b"null")
    additionalFees: msgspec.Raw = msgspec.Raw(b"[]")


class OnePart(msgspec.Struct, frozen=True):
    order: Part | None = None


class One(msgspec.Struct, frozen=True):
    order: msgspec.Raw = msgspec.Raw(b"null")


class LineId(msgspec.Struct, frozen=True):
    id: str


class _Changed(Exception):
    """The order has changed or was deleted since it was listed."""


_rare = msgspec.json.Decoder(Rare)
_nodes = msgspec.json.Decoder(Nodes)
_fields: msgspec.json.Decoder[dict[str, msgspec.Raw]] = msgspec.json.Decoder(dict[str, msgspec.Raw])
_line_ids = msgspec.json.Decoder(LineId)


def _read_head(rare: Rare) -> Head | None:
    try:
        return order_head(rare)
    except (RecordError, OverflowError):  # OverflowError: an instant that has no equivalent in UTC
        return None  # the landing reads the head again and reports the error


class Whole:
    """Makes orders of one shop whole. basis: the side of money that its queries request. with_returns: what is sold in
    exchange for returned goods is read, too, for which the app needs the scope of returns."""

    def __init__(self, graphql: GraphQL, queries: Queries, basis: Basis, *, with_returns: bool = False) -> None:
        self._graphql, self._queries, self._basis, self._with_returns = graphql, queries, basis, with_returns

    def order(self, order_id: str) -> bytes | None:
        """One order, read now; None if the shop does not know it."""
        raw = self._fetch_again(f"gid://shopify/Order/{order_id}")
        return None if raw is None else self.complete(raw)[0]

    def all_of(self, nodes: Sequence[msgspec.Raw], unchanged: Unchanged | None) -> list[tuple[bytes, Head | None]]:
        """As `complete`, for a page, without the orders that lack parts and are landed in this state already."""
        landed: Collection[str] = ()
        lacking = [self._find_lacking(node) for node in nodes] if unchanged else [None] * len(nodes)
        if unchanged and any(lacking):
            landed = unchanged([head for head in lacking if head])
        return [
            self.complete(node)
            for node, head in zip(nodes, lacking, strict=True)
            if head is None or head[0] not in landed
        ]

    def _find_lacking(self, node: msgspec.Raw) -> tuple[str, datetime] | None:
        """Id and change time of an order that must be fetched by itself."""
        try:
            rare = decode_json(_rare, node)
            return (number(rare.id), rare.updatedAt.astimezone(UTC)) if self._list_missing_parts(rare) else None
        except (msgspec.DecodeError, OverflowError, RecordError, RecursionError, UnicodeDecodeError):
            return None

    def complete(self, node: bytes | msgspec.Raw) -> tuple[bytes, Head | None]:
        """The whole order, and its head if nothing was missing. An order that keeps changing stays as it was last read;
        its next change reads it again."""
        for _ in range(FETCH_ATTEMPTS):
            try:
                rare = decode_json(_rare, node)
            except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
                break  # landed as it is: its translation reports the error, and the others go on
            missing = self._list_missing_parts(rare)
            if not missing:
                return bytes(node), _read_head(rare)
            try:
                return self._merge(node, rare, missing), None
            except _Changed:
                fresh = self._fetch_again(rare.id)
                if fresh is None:
                    break
                node = fresh
            except CredentialError:
                raise
            except PermanentError:
                break  # the missing part cannot be fetched: the translation refuses this order, and the others go on
        return bytes(node), None

    def _fetch_again(self, gid: str) -> msgspec.Raw | None:
        raw = self._graphql.ask(self._queries.order, {"id": gid}, One).order
        return None if bytes(raw) == b"null" else raw

    def _list_missing_parts(self, rare: Rare) -> list[Callable[[dict[str, msgspec.Raw], Rare], None]]:
        steps: list[Callable[[dict[str, msgspec.Raw], Rare], None]] = []
        if rare.lineItems.pageInfo.hasNextPage:
            steps.append(self._add_lines)
        if rare.shippingLines is not None and rare.shippingLines.pageInfo.hasNextPage:
            steps.append(self._add_shipping_lines)
        if rare.edited:
            steps.append(self._add_refunds)
        if self._with_returns and rare.returnStatus not in (None, "NO_RETURN"):
            steps.append(self._add_exchanges)
        if self._has_amount(rare.originalTotalDutiesSet) or self._has_amount(rare.originalTotalAdditionalFeesSet):
            steps.append(self._add_charges)
        return steps

    def _has_amount(self, bag: Bag | None) -> bool:
        return bag is not None and bool(side(bag, self._basis).amount.strip("0."))

    def _merge(
        self, node: bytes | msgspec.Raw, rare: Rare, steps: list[Callable[[dict[str, msgspec.Raw], Rare], None]]
    ) -> bytes:
        fields = decode(_fields, node)
        for step in steps:
            step(fields, rare)
        return msgspec.json.encode(fields)

    def _fetch_part(self, query: str, rare: Rare, **variables: Any) -> Part:
        part = self._graphql.ask(query, {"id": rare.id, **variables}, OnePart).order
        if part is None or part.updatedAt != rare.updatedAt:
            raise _Changed
        return part

    def _add_lines(self, fields: dict[str, msgspec.Raw], rare: Rare) -> None:
        lines = decode(_nodes, fields["lineItems"])
        nodes, page = list(lines.nodes), lines.pageInfo
        while page.hasNextPage:
            more = self._fetch_part(self._queries.lines, rare, after=page.endCursor).lineItems
            if more is None or (more.pageInfo.hasNextPage and more.pageInfo.endCursor == page.endCursor):
                raise _Changed
            nodes += more.nodes
            page = more.pageInfo
        fields["lineItems"] = msgspec.Raw(msgspec.json.encode(Nodes(nodes, page)))

    def _add_shipping_lines(self, fields: dict[str, msgspec.Raw], rare: Rare) -> None:
        fields["shippingLines"] = self._fetch_part(self._queries.shipping_lines, rare).shippingLines

    def _add_refunds(self, fields: dict[str, msgspec.Raw], rare: Rare) -> None:
        fields["refunds"] = self._fetch_part(self._queries.refunds, rare).refunds

    def _add_exchanges(self, fields: dict[str, msgspec.Raw], rare: Rare) -> None:
        fields["returns"] = self._fetch_part(self._queries.exchanges, rare).returns

    def _add_charges(self, fields: dict[str, msgspec.Raw], rare: Rare) -> None:
        """Adds the additional fees, and each line's duties to the line."""
        duties: dict[str, msgspec.Raw] = {}
        after = None
        while True:
            part = self._fetch_part(self._queries.charges, rare, after=after)
            fields["additionalFees"] = part.additionalFees
            for line in part.lineItems.nodes if part.lineItems else ():
                duties[decode(_line_ids, line).id] = _fields.decode(line)["duties"]
            page = part.lineItems.pageInfo if part.lineItems else None
            if page is None or not page.hasNextPage or page.endCursor == after:
                break
            after = page.endCursor
        lines = decode(_nodes, fields["lineItems"])
        whole = [
            msgspec.Raw(msgspec.json.encode(_fields.decode(line) | {"duties": duties[gid]}))
            if (gid := decode(_line_ids, line).id) in duties
            else line
            for line in lines.nodes
        ]
        fields["lineItems"] = msgspec.Raw(msgspec.json.encode(Nodes(whole, lines.pageInfo)))
