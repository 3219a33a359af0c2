"""The door that every flow uses to write to Odoo.

What belongs here: one writer at a time, and whether it may write. What does not: what is written (odoo/), which Odoo
belongs to a channel (identity.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..resources.connections import Connections
from .identity import may_write_odoo

if TYPE_CHECKING:
    from ..odoo.rpc.client import OdooClient


@contextmanager
def odoo_writer_if_free(connections: Connections, name: str) -> Iterator[OdooClient | None]:
    """As `odoo_writer`, but yields None at once while another process writes, so that the caller can try later."""
    odoo = connections.settings.odoo
    with connections.warehouse.lock(f"odoo {odoo.url.rstrip('/')} {odoo.database}", wait=False) as held:
        if held:
            may_write_odoo(connections, name)
        yield connections.odoo_of(name) if held else None


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


@contextmanager
def _wait_for_turn(connections: Connections) -> Iterator[None]:
    odoo = connections.settings.odoo
    with connections.warehouse.lock(f"odoo {odoo.url.rstrip('/')} {odoo.database}", wait=True):
        yield
