"""The door that every flow uses to write to Odoo.

    gate      every flow but orders alone; orders too, unless odoo.writers is more than one: then they share it
    channel   of flows that share the gate, one at a time for a channel, so that nobody else writes its orders
    keys      products and buyers of the orders that are written (domain/sales/division.py), in one order for all
    slot      one of odoo.writers

Whoever waits for one of these holds only what is above it, and the gate lets nobody in past a flow that waits for it
alone. So nobody waits for ever.

What belongs here: who may write at the same time, and whether at all. What does not: what is written (odoo/), which
Odoo belongs to a channel (identity.py).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import TYPE_CHECKING

from ..resources.connections import Connections
from .identity import may_write_odoo

if TYPE_CHECKING:
    from ..odoo.rpc.client import OdooClient


@contextmanager
def odoo_writer_if_free(connections: Connections, name: str, keys: Collection[str]) -> Iterator[OdooClient | None]:
    """As `odoo_writer`, but yields None at once while it is not the caller's turn, so that it can try later. With
    several `odoo.writers` others may write meanwhile, but nobody the channel's orders, or what has one of these keys.
    """
    with ExitStack() as stack:
        held = _try_turn(connections, name, keys, stack)
        if held:
            may_write_odoo(connections, name)
        yield connections.odoo_of(name) if held else None


def _try_turn(connections: Connections, name: str, keys: Collection[str], stack: ExitStack) -> bool:
    """Take what `odoo_writers` takes for one thread, without waiting; whether all was free. stack: gives it back."""

    def take(lock: str, *, shared: bool = False) -> bool:
        return stack.enter_context(connections.warehouse.lock(lock, wait=False, shared=shared))

    gate = _name_gate(connections)
    if connections.settings.odoo.writers == 1:
        return take(gate)
    alone = [_name_channel(connections, name), *_name_keys(connections, keys)]
    return take(gate, shared=True) and all(map(take, alone)) and any(map(take, _list_slots(connections)))


@contextmanager
def odoo_writer(connections: Connections, name: str) -> Iterator[OdooClient]:
    """The client to write with on behalf of a channel. All other writers, in any process of this database, wait
    meanwhile.

    Raises what `may_write_odoo` raises.
    """
    with _wait_for_turn(connections):
        may_write_odoo(connections, name)
        yield connections.odoo_of(name)


@contextmanager
def odoo_writer_of_all(connections: Connections) -> Iterator[OdooClient]:
    """The client to write with on behalf of no channel, once every channel may write to this Odoo."""
    with _wait_for_turn(connections):
        for channel in connections.settings.channels:
            may_write_odoo(connections, channel.name)
        yield connections.odoo


class Turns:
    """What `odoo_writers` hands out. count: how many threads may write at a time; with 1, nobody else writes, and
    `taking` takes nothing."""

    def __init__(
        self, client: OdooClient, count: int, take: Callable[[Collection[str]], AbstractContextManager[None]]
    ) -> None:  # fmt: skip
        self.client, self.count, self._take = client, count, take

    def taking(self, keys: Collection[str]) -> AbstractContextManager[None]:
        """While it is held, nobody else writes what has one of these keys. A thread holds one at a time."""
        return self._take(keys)


@contextmanager
def odoo_writers(connections: Connections, name: str) -> Iterator[Turns]:
    """As `odoo_writer`, for a flow that says by `Turns.taking` what it is about to write: with `odoo.writers`, such
    flows of other channels write at the same time, and it may itself do so with several threads."""
    count = connections.settings.odoo.writers
    if count == 1:
        with odoo_writer(connections, name) as writer:
            yield Turns(writer, 1, lambda keys: nullcontext())
        return
    warehouse = connections.warehouse
    with (
        warehouse.lock(_name_gate(connections), wait=True, shared=True),
        warehouse.lock(_name_channel(connections, name), wait=True),
    ):
        may_write_odoo(connections, name)
        yield Turns(connections.odoo_of(name), count, lambda keys: _take_turn(connections, keys))


def _take_turn(connections: Connections, keys: Collection[str]) -> AbstractContextManager[None]:
    from ..warehouse.shared.turns import hold_all

    return hold_all(connections.warehouse, _name_keys(connections, keys), _list_slots(connections))


def _name_channel(connections: Connections, name: str) -> str:
    return f"{_name_gate(connections)} channel {connections.label(name)}"


def _name_keys(connections: Connections, keys: Collection[str]) -> list[str]:
    """PostgreSQL shows the numbers of locks to other users: of an e-mail address they tell nothing without our key."""
    return [f"{_name_gate(connections)} {connections.vault.subject_id(key).hex()}" for key in keys]


def _list_slots(connections: Connections) -> list[str]:
    return [f"{_name_gate(connections)} writer {number}" for number in range(connections.settings.odoo.writers)]


def _name_gate(connections: Connections) -> str:
    odoo = connections.settings.odoo
    return f"odoo {odoo.url.rstrip('/')} {odoo.database}"


@contextmanager
def _wait_for_turn(connections: Connections) -> Iterator[None]:
    with connections.warehouse.lock(_name_gate(connections), wait=True):
        yield
