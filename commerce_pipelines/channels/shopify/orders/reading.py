"""Shopify's orders: reading them, proving totals.

What belongs here: the operations of the Orders protocol and what they request. What does not: sending one query
(api/graphql.py), the queries (api/queries.py), paging (api/pages.py), what is fetched per order afterwards (whole.py),
what orders mean (translate.py).

**Byte shape.** An order is the node of the Admin GraphQL API that `queries.orders` asks for, byte for byte as Shopify
sent it; parts that were fetched afterwards are merged into that node. Webhook bodies (REST shape) are read as well.

**Placed** means `createdAt`: it is set when the checkout completes and never changes, whereas `processedAt` may be set
to any day by an import.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from ....core.errors import PermanentError, RecordError, TransientError
from ....core.legible import decode_json
from ....core.topics import Topic
from ....domain.orders.order import Order, OrderStatus
from ...capabilities import Head, Orders, OrderTotal, Page, Unchanged, Window
from ..account import ShopifyAccount
from ..api.graphql import GraphQL
from ..api.money import Bag, reader, side
from ..api.pages import Count, Listing, PageSizes, Resume, SortKey, listed, resumed, second
from ..api.payloads import Instant, number
from ..api.queries import FIRST_ORDERS, ORDERS_COUNT, queries, search_created
from ..settings import Settings
from . import payloads
from .bulk_reading import assemble, write_query
from .payloads import CashRounding
from .strategy import LONGEST_DAY, PAGES_OF_A_DAY, Strategy, choose, split
from .translate import status, translate
from .whole import Whole

ORDERS_A_PAGE = 250  # of a bulk operation's file; each page is landed and committed by itself
ORDER_ID = re.compile(r"[0-9]{1,20}\Z")
ORDER_NAME = re.compile(r"[^\s\"'\\]{1,50}\Z")  # `#1001`; prefix and suffix are the merchant's own


class Created(msgspec.Struct, frozen=True):
    at: Instant = msgspec.field(name="createdAt")


class Updated(msgspec.Struct, frozen=True):
    at: Instant = msgspec.field(name="updatedAt")


class Liable(msgspec.Struct, frozen=True):
    channelLiable: bool | None = None


class Total(msgspec.Struct, frozen=True):
    id: str
    createdAt: Instant
    totalPriceSet: Bag
    cancelledAt: datetime | None = None
    test: bool = False
    edited: bool = False
    displayFinancialStatus: str | None = None
    totalCashRoundingAdjustment: CashRounding | None = None
    taxLines: list[Liable] = []


class Counted(msgspec.Struct, frozen=True):
    ordersCount: Count


class Identity(msgspec.Struct, frozen=True):
    id: str
    createdAt: Instant


class Named(msgspec.Struct, frozen=True):
    id: str
    name: str


class NamedOrders(msgspec.Struct, frozen=True):
    class _Nodes(msgspec.Struct, frozen=True):
        nodes: list[Named]

    orders: _Nodes


_times: dict[SortKey, Any] = {
    "CREATED_AT": msgspec.json.Decoder(Created),
    "UPDATED_AT": msgspec.json.Decoder(Updated),
}
_totals = msgspec.json.Decoder(Total)
_identities = msgspec.json.Decoder(Identity)


WAY_OF_CHANGES = "pages of what changed, as large as the shop's points allow"


class ShopifyOrders(Orders):
    """Orders of one shop. now: the current time, which decides which orders need the scope read_all_orders."""

    topic = Topic.ORDERS

    def __init__(
        self,
        graphql: GraphQL,
        settings: Settings,
        account: ShopifyAccount,
        now: Callable[[], datetime],
        run_bulks: Callable[[Sequence[str]], Iterator[list[bytes]]],
    ) -> None:
        self._run_bulks = run_bulks
        self._graphql, self._settings, self._account, self._now = graphql, settings, account, now
        self._queries = queries(settings.currency_basis)
        self._whole = Whole(graphql, self._queries, settings.currency_basis, with_returns=settings.returns.enabled)
        self._sizes = PageSizes(graphql, FIRST_ORDERS)

    def changed(self, window: Window, resume: str | None = None, unchanged: Unchanged | None = None) -> Iterator[Page]:
        """Orders whose `updatedAt` lies in the window (to the second), oldest change first."""
        pages = self._read_pages("UPDATED_AT", window, resume, unchanged)
        return (msgspec.structs.replace(page, way=WAY_OF_CHANGES) for page in pages)

    def created(self, window: Window) -> Iterator[Page]:
        """Orders whose `createdAt` lies in the window (to the second): many of them by bulk operations."""
        self._account.check_history(window.start, self._now())
        return self._read_created(window)

    def _read_created(self, window: Window) -> Iterator[Page]:
        whole, plan, count = Window(second(window.start), second(window.end)), PAGES_OF_A_DAY, 0
        if whole.end - whole.start > LONGEST_DAY:
            count = self._count(whole)
            plan = choose(count, 1 / self._graphql.seconds(1))
        pages = self._read_files(whole, plan, count) if plan.files else self._read_pages("CREATED_AT", window, None)
        for page in pages:
            yield msgspec.structs.replace(page, way=plan.why)

    def _read_files(self, whole: Window, plan: Strategy, count: int) -> Iterator[Page]:
        """The orders of bulk operations. Refunds, duties and the like of few orders are fetched afterwards. Raises
        TransientError where the files hold fewer orders than Shopify counts before (`count`) and after."""
        parts = [write_query(self._queries.orders, part) for part in split(whole, plan.files)]
        orders = 0
        for lines in self._run_bulks(parts):
            nodes = assemble(lines)
            orders += len(nodes)
            for start in range(0, len(nodes), ORDERS_A_PAGE):
                records = self._whole.all_of(nodes[start : start + ORDERS_A_PAGE], None)
                yield Page(
                    records=tuple([raw for raw, _ in records]),
                    heads=tuple([head for _, head in records]),
                    resume=None,
                    watermark=whole.end,
                )
        count = min(count, self._count(whole))  # an order may be deleted meanwhile
        if orders < count:
            raise TransientError(
                f"{self._settings.name}: Shopify counts {count} orders, and its bulk files hold {orders}; they are "
                "read again later."
            )

    def _count(self, window: Window) -> int:
        query = {"query": search_created(window.start, window.end)}
        return self._graphql.ask(ORDERS_COUNT, query, Counted).ordersCount.count

    def _read_pages(
        self,
        by: SortKey,
        window: Window,
        resume: str | None,
        unchanged: Unchanged | None = None,
    ) -> Iterator[Page]:
        end, start, shape = second(window.end), resumed(resume, window.start), Listing[msgspec.Raw]
        for nodes, following in listed(
            self._sizes, self._queries.orders, shape, by, start, end, _build_time_reader(by)
        ):
            whole = self._whole.all_of(nodes, unchanged)
            yield Page(
                records=tuple([raw for raw, _ in whole]),
                heads=tuple([head for _, head in whole]),
                resume=following.text() if following else None,
                watermark=end,
            )

    def fetch(self, record_id: str) -> bytes | None:
        """By its id, or by the name that the shop shows: `#1001`. Raises PermanentError where several bear the name."""
        raw = self._whole.order(record_id) if ORDER_ID.match(record_id) else None
        if raw is None and ORDER_NAME.match(record_id):
            order_id = self._read_id(record_id)
            raw = self._whole.order(order_id) if order_id else None
        return raw

    def _read_id(self, name: str) -> str:
        """The id of the order of this name, with or without the `#` in front; '' where there is none."""
        bare = name.removeprefix("#").casefold()
        answer = self._graphql.ask(self._queries.named, {"query": f"name:'{name}'"}, NamedOrders)
        ids = [number(order.id) for order in answer.orders.nodes if order.name.removeprefix("#").casefold() == bare]
        if len(ids) > 1:
            raise PermanentError(
                f"{self._settings.name}: several orders are called {name}: name one by its id, {' or '.join(ids)}."
            )
        return ids[0] if ids else ""

    def totals(self, window: Window) -> Iterator[OrderTotal]:
        """Totals of real orders. Test orders are never loaded, so they are left out.

        An order that was edited, or whose tax the channel remits, is worth less than its stated total, and only its
        lines tell by how much: such an order is read completely.
        """
        self._account.check_history(window.start, self._now())
        end, start = second(window.end), Resume(second(window.start))
        seen = set()
        for nodes, _ in listed(
            self._sizes,
            self._queries.totals,
            Listing[msgspec.Raw],
            "CREATED_AT",
            start,
            end,
            _build_time_reader("CREATED_AT"),
        ):
            for total in filter(None, map(self._read_counted_total, nodes)):
                if total.order_id not in seen:
                    seen.add(total.order_id)
                    yield total

    def head(self, raw: bytes) -> Head:
        return payloads.head(raw)

    def subjects(self, raw: bytes) -> tuple[str, ...]:
        return payloads.subjects(raw)

    def translate(self, raw: bytes) -> Order:
        return translate(
            payloads.order(raw),
            channel=self._settings.name,
            shop=self._settings.shop,
            basis=self._settings.currency_basis,
        )

    def _read_counted_total(self, raw: msgspec.Raw) -> OrderTotal | None:
        """A real order's total. Its money is empty where it cannot be read, so that the proof misses the order. None
        for test orders, and where not even the id can be read (the landing reports that)."""
        try:
            node = decode_json(_totals, raw)
            return None if node.test else self._build_total(node)
        except (msgspec.DecodeError, UnicodeDecodeError, RecordError):
            pass
        try:
            order = decode_json(_identities, raw)
            placed = order.createdAt.astimezone(UTC)
            return OrderTotal(
                order_id=number(order.id), placed_at=placed, status=OrderStatus.PAID, currency="", total=0
            )
        except (msgspec.DecodeError, UnicodeDecodeError, OverflowError, RecordError):
            return None

    def _build_total(self, node: Total) -> OrderTotal:
        basis = self._settings.currency_basis
        currency = side(node.totalPriceSet, basis).currencyCode
        minor = reader(currency, basis)
        total, collected = minor(node.totalPriceSet), 0
        stands = status(node.displayFinancialStatus, node.cancelledAt is not None, total)
        if node.totalCashRoundingAdjustment:
            total += minor(node.totalCashRoundingAdjustment.paymentSet)
        if node.edited or any(tax.channelLiable for tax in node.taxLines):
            total, collected = self._compute_worth(number(node.id)) or (total, 0)
        return OrderTotal(
            order_id=number(node.id),
            placed_at=node.createdAt.astimezone(UTC),
            status=stands,
            currency=currency,
            total=total,
            collected=collected,
        )

    def _compute_worth(self, order_id: str) -> tuple[int, int] | None:
        """Total and collected tax from the order's lines; None where the lines cannot be read, so that the stated total
        counts."""
        raw = self.fetch(order_id)
        try:
            order = self.translate(raw) if raw else None
        except RecordError:
            return None
        return (order.total, order.collected) if order else None


def _build_time_reader(by: SortKey) -> Callable[[msgspec.Raw], datetime | None]:
    """A function that reads the time by which a list is sorted, None where the time cannot be read."""
    decoder = _times[by]

    def when(raw: msgspec.Raw) -> datetime | None:
        try:
            return decode_json(decoder, raw).at
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None

    return when
