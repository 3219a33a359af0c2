"""Whether a channel has to be told about changed stock. The logic of the stock sensor and of the frequent schedule.

What belongs here: one look at Odoo, a digest per channel, whether a run would have something to do. What does not:
Dagster's run requests (sensors/inventory.py), deciding anything (publish.py). Importing it takes seconds, because it
loads pandas.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

import msgspec

from ...core.errors import CommerceError, PermanentError
from ...domain.inventory.availability import Ordered, feeds, units_by_product
from ...domain.outbox.effects import Kind
from ...resources.connections import Connections
from ...warehouse.inventory import listings
from ...warehouse.outbox import holds
from .inputs import Snapshot, keep_stock, read_pipes, stored_stock, take_stock
from .publish import foresee


class Look(msgspec.Struct, frozen=True):
    """A look at Odoo's stock. pulses: of each channel, a digest that changes if, and only if, one of its targets may
    change. stock: what was read, by channel. unread: why it was not, by channel."""

    pulses: dict[str, str] = {}
    stock: dict[str, Snapshot] = {}
    unread: dict[str, str] = {}

    @property
    def problem(self) -> str:
        """Whose stock could not be read, and why; '' where all was read."""
        names: dict[str, list[str]] = {}
        for name, why in self.unread.items():
            names.setdefault(why, []).append(name)
        return " ".join(f"The stock for {', '.join(whose)} cannot be read: {why}" for why, whose in names.items())

    def may_push(self, connections: Connections, name: str) -> bool:
        """Whether a run of the channel would push something, or has something to report: what changed may be offered
        elsewhere only, or lie beyond the cap of each listing."""
        plan = foresee(connections, name, self.stock[name])
        return plan is None or len(plan.pushes()) > 0

    def keep(self, connections: Connections, names: Iterable[str]) -> list[Snapshot]:
        """Store what was read for these channels, so that their runs need not read it again. Returns it, of each
        company once."""
        read = {self.stock[name].company: self.stock[name] for name in names}
        return [keep_stock(connections, snapshot) for snapshot in read.values()]


def look(connections: Connections, names: Sequence[str]) -> Look:
    """Reads Odoo's stock once for each company. Writes nothing.

    A channel whose settings do not fit Odoo gets a digest of that fact: its own run reports it, and the other channels
    go on. A channel whose company's stock cannot be read has none; if no company's stock can be read, the error is
    raised.
    """
    stock: dict[int, tuple[Snapshot, Ordered] | CommerceError] = {}
    result = Look()
    failed: CommerceError | None = None
    for name in names:
        read = _read_once(connections, name, stock)
        if isinstance(read, CommerceError):
            failed = read
            result.unread[name] = str(read)
            continue
        snapshot, ordered = read
        try:
            warehouses = _list_warehouses(connections, name, snapshot)
        except PermanentError as error:
            result.pulses[name] = f"refused {_compute_digest(str(error))}"
        else:
            result.pulses[name] = pulse(snapshot, ordered, warehouses)
        result.stock[name] = snapshot
    if failed and not result.pulses:
        raise failed
    return result


def _read_once(
    connections: Connections, name: str, stock: dict[int, tuple[Snapshot, Ordered] | CommerceError]
) -> tuple[Snapshot, Ordered] | CommerceError:
    """The stock of a channel's company, and what was sold of it, or why that cannot be read; into `stock`, so that the
    company's other channels do not ask again."""
    try:
        company = connections.company_of(name)
    except CommerceError as error:
        return error
    if company not in stock:
        try:
            read = take_stock(connections, name, store=False)
            stock[company] = read, units_by_product(read_pipes(connections, read), read.levels, read.sizes)
        except CommerceError as error:
            stock[company] = error
    return stock[company]


def is_in_step(connections: Connections, name: str) -> bool:
    """Whether a run of the channel would find nothing to do with the stock that is stored: nothing to push, nothing
    that was refused or is under way."""
    stock = stored_stock(connections, name)
    plan = foresee(connections, name, stock) if stock else None
    return plan is not None and plan.is_in_step


def _list_warehouses(connections: Connections, name: str, snapshot: Snapshot) -> set[str]:
    """The warehouses that feed a channel. Before the first reading of its listings the settings' locations count,
    because the absence of known locations does not mean that there is only the nameless one."""
    settings = connections.settings.channel(name)
    with connections.warehouse.transaction() as connection:
        locations = listings.locations(connection, name) or set(settings.inventory.locations) or {""}
    fed = feeds(name, settings.inventory, settings, snapshot.places, locations)
    return {code for codes in fed.values() for code in codes}


def pulse(snapshot: Snapshot, ordered: Mapping[int, int | Fraction], warehouses: Iterable[str]) -> str:
    """A digest of what these warehouses still have to offer."""
    feeding = snapshot.levels[snapshot.levels["warehouse"].isin(list(warehouses))]
    free = feeding["free"].astype("float64").groupby(feeding["product_id"].to_numpy()).sum()
    text = "\n".join(
        f"{product} {units - float(ordered.get(product, 0)):.3f}"
        for product, units in zip(free.index.tolist(), free.tolist(), strict=True)
    )
    return _compute_digest(text)


def _compute_digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def held_back(connections: Connections, name: str) -> bool:
    """Whether the breaker holds a run of this channel back. Such a run is tried again by a person or by the
    schedule."""
    with connections.warehouse.transaction() as connection:
        return holds.held(connection, name, Kind.QUANTITY) is not None
