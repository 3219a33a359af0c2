"""stock_decide_50k, stock_changes_12_of_50k: what 150,000 listings shall show, and which of them have to be pushed.

**What is measured.** 50,000 products in two warehouses, offered on three channels: from the stock snapshot to each
listing's target (`availability.feeds`, `decide`) and to the difference with what the channel shows
(`push_plan.difference`, `figures`), for all three. CPU-seconds and peak memory of a fresh process; imports and
made-up data excluded from the seconds. Then 12 products change, and each channel must get exactly 12 figures.

**The baseline** is the usual loop over the same listings in the same process: a dictionary of stock, the rule of free
units, reserve, share, cap and threshold in Decimal, one listing after the other, then a comparison with the old figure.

    python -m bench.stock_decide PRODUCTS       the contender
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import ROUND_FLOOR, Decimal
from typing import Any

from .figures import Figure
from .measure import contender, cpu_seconds, measured, report

PRODUCTS, CHANGED = 50_000, 12
CHANNELS = ("amazon_de", "ebay_de", "shop")
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
RESERVE, SHARE, CAP, END_BELOW = 2, Decimal(95), 40, 3


def run(size: float, tell: Callable[[str], None]) -> list[Figure]:
    """Measure, and return the figures. size: a share of the full size. tell: takes a sentence about the progress."""
    count = max(int(PRODUCTS * size), 100)
    tell(f"{count:,} products on {len(CHANNELS)} channels")
    cost = contender("bench.stock_decide", count)
    per_channel = cost.rows["told"] / len(CHANNELS)
    return [
        Figure(
            name="stock_decide_50k",
            value=cost.seconds,
            unit="CPU-seconds",
            baseline=cost.rows["loop_ms"] / 1000,
            target=2.0,
            judged="value",
            at="most",
            note=f"{cost.orders:,} listings; peak memory {cost.peak / 1e6:,.0f} MB (at most 500)",
        ),
        Figure(
            name="stock_changes_12_of_50k",
            value=per_channel,
            unit="updates per channel",
            baseline=CHANGED,
            target=1.0,
            at="most",
            note=f"{CHANGED} of {count:,} products changed in Odoo",
        ),
    ]


def main(count: int) -> None:
    import pandas as pd

    from commerce_pipelines.domain.inventory import availability, push_plan
    from commerce_pipelines.domain.inventory.listings import Breaker, InventoryRules
    from commerce_pipelines.domain.sales.rules import SaleRules

    stock, listings = stock_of(count), {name: listings_of(name, count) for name in CHANNELS}
    rules = InventoryRules(share=SHARE, reserve=RESERVE, cap=CAP, end_below=END_BELOW, locations={"": ("WH", "EU")})
    sales = SaleRules()
    places = (availability.Place("WH", "Main"), availability.Place("EU", "Outlet"))

    def plan(channel: str, shown: pd.Series | None) -> pd.DataFrame:
        table = listings[channel]
        fed = availability.feeds(channel, rules, sales, places, {""})
        targets = availability.decide(table, stock, {}, rules, sales, fed)
        belief = pd.DataFrame({"key": table["key"], "quantity": shown, "read_at": NOW})
        changes = push_plan.difference(targets, belief.reindex(columns=list(push_plan.BELIEF_COLUMNS)), NOW)
        push_plan.figures(changes, count, count, {}).reasons(Breaker())
        return changes

    with measured() as cost:
        first = {channel: plan(channel, None) for channel in CHANNELS}
    cost.orders = count * len(CHANNELS)
    chosen = stock["product_id"].isin(random.Random(12).sample(range(1, count + 1), CHANGED))
    stock.loc[chosen, "free"] = 15.0 + (stock.loc[chosen, "free"] < 15)
    plans = {channel: plan(channel, first[channel]["target"]) for channel in CHANNELS}
    cost.rows = {
        "told": sum(int((changes["action"] == "push").sum()) for changes in plans.values()),
        "loop_ms": round(1000 * sum(loop(stock, listings[channel]) for channel in CHANNELS)),
    }
    report(cost)


def stock_of(count: int) -> Any:
    """A snapshot as odoo/inventory/stock.py gives it: two warehouses; three in ten products are sold out in one of
    them."""
    import pandas as pd

    from commerce_pipelines.domain.inventory.availability import STOCK_COLUMNS

    draw = random.Random(50)
    rows = [
        (number, f"SKU-{number:06d}", "stored", place, units, 0.0, 0.0, 0.0, units, False, None, "All / Goods")
        for number in range(1, count + 1)
        for place, units in (("WH", float(draw.choice((0, 5, 9, 12, 20)))), ("EU", float(draw.choice((0, 1, 3, 7)))))
    ]
    return pd.DataFrame.from_records(rows, columns=list(STOCK_COLUMNS))


def listings_of(channel: str, count: int) -> Any:
    """The listings of one channel as a DataFrame: one for each product, in a random order."""
    import pandas as pd

    skus = [f"SKU-{number:06d}" for number in range(1, count + 1)]
    random.Random(channel).shuffle(skus)
    keys = [f"{channel}:{sku}" for sku in skus]
    return pd.DataFrame({"key": keys, "sku": skus, "location": "", "fulfilled_by": "merchant"})


def loop(stock: Any, listings: Any) -> float:
    """CPU-seconds that the usual loop takes."""
    rows = list(zip(stock["code"], stock["free"], strict=True))
    started = cpu_seconds()
    free: dict[str, Decimal] = {}
    for code, units in rows:
        free[code] = free.get(code, Decimal(0)) + max(Decimal(str(units)), Decimal(0))
    shown: dict[str, int] = {}
    changes = []
    for _, listing in listings.iterrows():
        offered = max(free.get(listing["sku"], Decimal(0)) - RESERVE, Decimal(0)) * SHARE / 100
        target = min(int(offered.to_integral_value(ROUND_FLOOR)), CAP)
        target = 0 if target < END_BELOW else target
        if shown.get(listing["key"]) != target:
            changes.append({"key": listing["key"], "quantity": target})
    assert len(changes) == len(listings)
    return cpu_seconds() - started


if __name__ == "__main__":
    main(int(sys.argv[1]))
