"""extract_land_transform_{vs_pandas,vs_dlt,memory}: orders from a shop over HTTP to staged tables.

**What is compared.** 100,000 orders of 6.6 KB from a shop on this machine (shop.py), by this project's own path
(extract_ours.py), by requests with pandas (extract_pandas.py) and by dlt's REST source (extract_dlt.py): fetched page
by page, the raw answer kept, orders and order lines written to the same PostgreSQL. Figure: orders per CPU-second.

**Why it is fair.** All three ask the same server, a process of its own whose time counts for nobody, for the same pages
and get the same bytes. Each runs alone, in a fresh process, with an empty database. The time that counts is the user
and system time of that process, without imports and the creation of tables. PostgreSQL's own time is shown beside the
figure and counts for none of them. All take two turns and the better turn counts, because other work on the machine
makes a turn slower, never faster. The baselines run on fewer orders: they cost the same per order from the first page
to the last. Ours does more: it encrypts and compresses what it keeps, recognises what it has seen, and proves each
order's total.

**Memory.** Peak resident memory of ours for 100,000 orders against 10,000: it must be flat (and below 300 MB).
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

from .database import server
from .figures import Figure
from .measure import Cost, contender
from .shop import shop

ORDERS, FEW, BASELINE = 100_000, 10_000, 3_000
TURNS = (("pandas", BASELINE), ("dlt", BASELINE), ("ours", ORDERS), ("ours", FEW)) * 2


def run(size: float, tell: Callable[[str], None]) -> list[Figure]:
    """Measure, and return the figures. size: a share of the full size. tell: takes a sentence about the progress."""
    costs: dict[tuple[str, int], Cost] = {}
    with server() as database:
        for who, full in TURNS:
            if who == "dlt" and find_spec("dlt") is None:
                continue
            count = max(int(full * size), 10)
            with shop(count) as url:
                tell(f"{count:,} orders by {who}")
                cost = contender(f"bench.extract_{who}", url, database.fresh(), count)
            assert cost.orders == count, f"{who} wrote {cost.orders} of {count} orders"
            costs[who, full] = min(costs.get((who, full), cost), cost, key=lambda measured: measured.seconds)
    ours, few = costs["ours", ORDERS], costs["ours", FEW]
    figures = [
        Figure(
            name=f"extract_land_transform_vs_{who}",
            value=ours.rate,
            unit="orders per CPU-second",
            baseline=costs[who, BASELINE].rate,
            target=10.0,
            note=f"PostgreSQL's own CPU per 1,000 orders: ours {_show_server(ours)}, "
            f"{who} {_show_server(costs[who, BASELINE])}",
        )
        for who in ("pandas", "dlt")
        if (who, BASELINE) in costs
    ]
    return [
        *figures,
        Figure(
            name="extract_land_transform_memory",
            value=ours.peak / 1e6,
            unit=f"MB at the peak for {ours.orders:,} orders",
            baseline=few.peak / 1e6,
            target=1.1,
            at="most",
            note=f"must stay below 300 MB; the baseline is {few.orders:,} orders",
        ),
    ]


def _show_server(cost: Cost) -> str:
    return f"{1000 * cost.server_seconds / cost.orders:.2f} s"
