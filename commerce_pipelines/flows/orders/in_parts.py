"""Orders written to Odoo in parts, by several threads and beside other channels' orders where `odoo.writers` allows it.

What belongs here: what each order touches, and the threads. What does not: which orders share what
(domain/sales/division.py), the locks (flows/odoo_writer.py), writing (odoo/sales/).

With one writer there is one part, no thread and no lock but the writer's own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from contextvars import copy_context
from queue import SimpleQueue
from typing import TYPE_CHECKING

from ...domain.orders.order import LineKind
from ...domain.sales.division import buyer_keys, next_part, order_keys, part_size, product_keys
from ...domain.sales.draft import SaleDraft, SaleOutcome
from ...odoo.sales.sale_orders import SalesLoad, cancel_sales
from ...odoo.sales.touched import read_components, read_sold
from ...resources.connections import Connections
from ..odoo_writer import Turns
from .customers import keep_customers, recall_customers
from .marks import choose_due, release

if TYPE_CHECKING:
    from .load import Sorted

ORDERS_A_CANCELLING = 100
Keys = Mapping[str, frozenset[str]]


def carry_out(
    turns: Turns, connections: Connections, name: str, work: Sorted, drafts: Sequence[SaleDraft],
    advance: Callable[[int], None] | None,
) -> None:  # fmt: skip
    """Load and cancel what is due, and put the outcomes into `work.verdicts`."""
    if due := choose_due(work):
        with taking_sold(turns, due):
            release(turns.client, due)
    for outcome in load_drafts(turns, connections, name, drafts, work.odoo_ids, advance):
        work.verdicts[outcome.order_id] = outcome
    wanted = [row["order_id"] for row in work.cancel]
    for outcome in cancel_orders(turns, connections.label(name), wanted, work.odoo_ids, work.refunded):
        work.verdicts[outcome.order_id] = outcome


def load_drafts(
    turns: Turns, connections: Connections, name: str, drafts: Sequence[SaleDraft], odoo_ids: Mapping[str, int],
    advance: Callable[[int], None] | None,
) -> Iterator[SaleOutcome]:  # fmt: skip
    """Load the drafts, and keep which partner each customer is. odoo_ids: the orders that Odoo has. advance: called in
    this thread with the number of orders that are done."""
    if not drafts:
        return
    writer, settings = turns.client, connections.settings
    by_id = {draft.order_id: draft for draft in drafts}
    keys = {} if turns.count == 1 else find_keys(turns, by_id, odoo_ids)
    sales = SalesLoad(writer, settings.odoo, list(by_id.values()), settings.channel(name).taxes)

    def load(order_ids: Sequence[str], tell: Callable[[int], None] | None) -> list[SaleOutcome]:
        """One part. What others have learned of its customers is read once it is this part's turn."""
        with turns.taking({key for order_id in order_ids for key in keys.get(order_id, ())}):
            part = recall_customers(connections, name, [by_id[order_id] for order_id in order_ids])
            outcomes = list(sales.load(part, tell))
            keep_customers(connections, name, part, {outcome.order_id: outcome for outcome in outcomes})
        return outcomes

    if turns.count == 1:
        yield from load(list(by_id), advance)
        return
    size = part_size(len(by_id), turns.count, settings.odoo.batch)
    for outcomes in work_side_by_side(keys, size, turns.count, lambda order_ids: load(order_ids, None)):
        yield from outcomes
        if advance:
            advance(len(outcomes))


def cancel_orders(
    turns: Turns, label: str, order_ids: Sequence[str], odoo_ids: Mapping[str, int], refunded: Collection[str]
) -> Iterator[SaleOutcome]:  # fmt: skip
    """Cancel these orders of a channel. label: the channel's first name."""
    writer, size = turns.client, ORDERS_A_CANCELLING if turns.count > 1 else max(1, len(order_ids))
    for start in range(0, len(order_ids), size):
        part = order_ids[start : start + size]
        with taking_sold(turns, [odoo_ids[order_id] for order_id in part if order_id in odoo_ids]):
            yield from list(cancel_sales(writer, label, part, refunded=refunded))


def taking_sold(turns: Turns, odoo_ids: Collection[int], *more: str) -> AbstractContextManager[None]:
    """The turn to write what touches the stock of these sale orders' products. more: further keys."""
    if turns.count == 1:
        return turns.taking(())
    sold = read_sold(turns.client, odoo_ids)
    return turns.taking({*more, *(key for products in sold.values() for key in product_keys(products, {}))})


def find_keys(turns: Turns, drafts: Mapping[str, SaleDraft], odoo_ids: Mapping[str, int]) -> Keys:
    """What each order touches: its buyer, its products with what kits are made of, and, where Odoo has the order, the
    products that it has there."""
    products = {
        order_id: {line.product_id for line in draft.lines if line.kind is LineKind.PRODUCT and line.product_id}
        for order_id, draft in drafts.items()
    }
    components = read_components(turns.client, set().union(*products.values()))
    sold = read_sold(turns.client, [odoo_ids[order_id] for order_id in drafts if order_id in odoo_ids])
    return {
        order_id: buyer_keys(draft) | order_keys(draft)
        | product_keys(products[order_id] | sold.get(odoo_ids.get(order_id, 0), set()), components)
        for order_id, draft in drafts.items()
    }  # fmt: skip


def work_side_by_side(
    keys: Keys, size: int, threads: int, load: Callable[[Sequence[str]], list[SaleOutcome]]
) -> Iterator[list[SaleOutcome]]:
    """What `load` returns for each part. An error ends the other threads after their part, and is raised here."""
    queue = _Waiting(keys, size)
    done: SimpleQueue[list[SaleOutcome] | None] = SimpleQueue()

    def work() -> None:
        try:
            while part := queue.take():
                try:
                    done.put(load(part))
                finally:
                    queue.finish(part)
        except BaseException:
            queue.stop()
            raise
        finally:
            done.put(None)

    count = min(threads, -(-len(keys) // size))
    with ThreadPoolExecutor(count, "writer") as pool:
        workers: list[Future[None]] = [pool.submit(copy_context().run, work) for _ in range(count)]
        try:
            while count:
                outcomes = done.get()
                if outcomes is None:
                    count -= 1
                else:
                    yield outcomes
        finally:
            queue.stop()
    for worker in workers:
        worker.result()


class _Waiting:
    """The orders that no thread has taken yet, and the keys of those that are under way."""

    def __init__(self, keys: Keys, size: int) -> None:
        self._waiting, self._size = dict(keys), size
        self._keys, self._busy = keys, set[str]()
        self._changed = threading.Condition()

    def take(self) -> list[str]:
        """The next part, once one shares nothing with those that are under way; [] when there are no more."""
        with self._changed:
            while self._waiting:
                if part := next_part(self._waiting, self._busy, self._size):
                    for order_id in part:
                        self._busy |= self._waiting.pop(order_id)
                    return part
                self._changed.wait()
            return []

    def finish(self, part: Iterable[str]) -> None:
        with self._changed:
            for order_id in part:
                self._busy -= self._keys[order_id]
            self._changed.notify_all()

    def stop(self) -> None:
        """No more parts."""
        with self._changed:
            self._waiting.clear()
            self._changed.notify_all()
