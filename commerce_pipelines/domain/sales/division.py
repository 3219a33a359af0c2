"""Which orders may be written to Odoo at the same time: none that share a product or a buyer. Pure.

    waiting   A: mug, Ada    B: mug, Bob    C: lamp, Cem    D: desk, Dora    E: desk, lamp
    writer 1  A, B           (they share the mug)
    writer 2  C, D, E        (E joins C and D)

What belongs here: what an order touches, as keys, and the next orders that a writer takes. What does not: the locks of
the keys (flows/odoo_writer.py), what a kit is made of (odoo/sales/touched.py).

Two orders of the same new buyer at once would make two contacts; two of the same product would make Odoo repeat its
transactions, because both reserve from the same stock.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from itertools import islice

from ..keys import email_key
from .draft import SaleDraft

SMALLEST = 20  # orders: a smaller part costs Odoo more an order than a second writer gains
MOST_KEYS = 500  # of a part: each is a lock in PostgreSQL, which has some thousands
LOOK_AHEAD = 2_000  # orders that are looked at for the next part


def buyer_keys(draft: SaleDraft) -> frozenset[str]:
    """What the partner of an order may be found by (odoo/partners/): orders that share none of it have two partners, or
    one that is there already. Of a VAT number the digits, because its prefix may be left out."""
    digits = "".join(filter(str.isdecimal, draft.buyer.vat_number))
    facts = {"subject": draft.subject, "email": email_key(draft.buyer.email), "customer": draft.customer, "vat": digits}
    return frozenset(f"{kind} {text}" for kind, text in facts.items() if text)


def product_keys(products: Iterable[int], components: Mapping[int, Collection[int]]) -> frozenset[str]:
    """The products whose stock is touched. components: all that a kit is made of, by its product id."""
    return frozenset(
        f"product {part}" for product in products for part in (product, *components.get(product, ()))
    )  # fmt: skip


def order_keys(draft: SaleDraft) -> frozenset[str]:
    """The order, and that which it replaces."""
    return frozenset(f"order {order_id}" for order_id in (draft.order_id, draft.replaces) if order_id)


def part_size(orders: int, writers: int, at_most: int) -> int:
    """Orders in a part, so that all writers end at about the same time."""
    busy = max(1, min(writers, orders // SMALLEST))
    rounds = max(1, -(-orders // (at_most * busy)))
    return max(1, -(-orders // (rounds * busy)))


def next_part(waiting: Mapping[str, frozenset[str]], busy: Collection[str], size: int) -> list[str]:
    """The orders that the next writer takes, in their order: at most `size`, none of which shares a key with `busy`;
    [] if all that wait do. waiting: the keys of each order. busy: the keys of orders that are under way.

    Orders that share a key are taken together as far as they fit, because those that are left have to wait.
    """
    free = {
        order_id: keys for order_id, keys in islice(waiting.items(), LOOK_AHEAD) if keys.isdisjoint(busy)
    }  # fmt: skip
    sharing: dict[str, list[str]] = defaultdict(list)
    for order_id, keys in free.items():
        for key in keys:
            sharing[key].append(order_id)
    chosen: dict[str, None] = {}
    used: set[str] = set()
    for first in free:
        joined = [first]
        for order_id in joined:
            if order_id in chosen:
                continue
            if len(chosen) == size or (chosen and len(used | free[order_id]) > MOST_KEYS):
                return [order_id for order_id in free if order_id in chosen]
            chosen[order_id] = None
            for key in free[order_id] - used:
                joined += sharing[key]
            used |= free[order_id]
    return [order_id for order_id in free if order_id in chosen]
