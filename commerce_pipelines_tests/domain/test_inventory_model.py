"""A model check of the stock rules: anything may happen in any order, and still nothing is oversold by us.

Guaranteed, and checked at every instant at which a quantity reaches the channel: it is at most what was free at the
stock read that it was decided on, less the orders landed by then. And once things calm down, every listing equals its
target, without anybody comparing by hand, unless somebody edited the channel: then after the next whole reading.

Not guaranteed by anybody: that no buyer clicks between our read and our push.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pandas as pd
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from commerce_pipelines.domain.availability import decide
from commerce_pipelines.domain.inventory import InventoryRules
from commerce_pipelines.domain.publishing import BELIEF_COLUMNS, LATE, difference
from commerce_pipelines.domain.rules import Pack, SaleRules

EPOCH = datetime(2026, 11, 20, tzinfo=UTC)
LISTINGS = {"A": (1, 1), "B": (2, 1), "A3": (1, 3)}  # key: product, units of it
RULES = InventoryRules(share=Decimal(90), cap=40)
SALES = SaleRules(skus={"A": "P1", "B": "P2", "A3": Pack(product="P1", quantity=3)})
FATES = ("ok", "ok", "ok", "refused", "lost", "slow", "answer lost", "crash before", "crash after", "feed", "feed lost")
UNITS, KEYS, PRODUCTS = st.integers(1, 30), st.sampled_from(sorted(LISTINGS)), st.sampled_from([1, 2])


class Crash(Exception):
    """The process is gone; what it had on record stays."""


class Shop(RuleBasedStateMachine):
    """Odoo, one channel with slow and lost answers, and the records of pushes, as the tables keep them."""

    def __init__(self) -> None:
        super().__init__()
        self.now = EPOCH
        self.on_hand, self.reserved = {1: 20, 2: 5}, {1: 0, 2: 0}
        self.shown = {"A": 0, "B": 0, "A3": 0}
        self.orders: list[dict[str, Any]] = []
        self.pushes: list[dict[str, Any]] = []
        self.on_its_way: list[tuple[datetime, str, int, int]] = []
        self.arrived: list[tuple[int, int]] = []  # units told, units that were free when they were decided
        self.edited = False

    @initialize()
    def first_reading(self) -> None:
        self.whole_reading()

    # What people and parcels do

    @rule(product=PRODUCTS, units=UNITS)
    def receipt_or_return(self, product: int, units: int) -> None:
        self.on_hand[product] += units

    @rule(product=PRODUCTS, units=UNITS)
    def reservation(self, product: int, units: int) -> None:
        self.reserved[product] += min(units, max(self.on_hand[product] - self.reserved[product], 0))

    @rule(product=PRODUCTS, units=UNITS)
    def delivery(self, product: int, units: int) -> None:
        units = min(units, self.reserved[product], max(self.on_hand[product], 0))
        self.on_hand[product] -= units
        self.reserved[product] -= units

    @rule(key=KEYS)
    def sale(self, key: str) -> None:
        if self.shown[key]:
            self.pass_time(1)
            self.shown[key] -= 1
            self.orders.append({"key": key, "at": self.now, "landed": False, "in_odoo": False})

    @rule()
    def landing(self) -> None:
        for order in self.orders:
            order["landed"] = True

    @rule()
    def loading(self) -> None:
        for order in self.orders:
            if order["landed"] and not order["in_odoo"]:
                product, units = LISTINGS[order["key"]]
                self.reserved[product] += units
                order["in_odoo"] = True

    @rule(key=KEYS, units=st.integers(0, 99))
    def edit_on_the_channel(self, key: str, units: int) -> None:
        self.shown[key] = units
        self.edited = True

    @rule(seconds=st.sampled_from([1, 20, 290, 310, 3700]))
    def pass_time(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        for arrival in sorted(one for one in self.on_its_way if one[0] <= self.now):
            self.on_its_way.remove(arrival)
            self.arrive(*arrival[1:])

    # What we do

    @rule()
    def whole_reading(self) -> None:
        self.reading = dict(self.shown)
        self.read_at = self.now
        self.edited = False
        self.pass_time(1)

    @rule(fates=st.lists(st.sampled_from(FATES), min_size=3, max_size=3), between=st.booleans())
    def run(self, fates: list[str], between: bool) -> None:
        targets = self.targets()
        if between:  # somebody buys after the read
            self.sale("A")
        plan = difference(targets, self.beliefs(), self.now)
        due = plan[plan["action"] == "push"].to_dict("records")
        begun = [self.begin(row) for row in due]
        try:
            for push, fate in zip(begun, fates, strict=False):
                self.send(push, fate)
        except Crash:
            pass

    def targets(self) -> pd.DataFrame:
        free = {product: self.on_hand[product] - self.reserved[product] for product in (1, 2)}
        stock = pd.DataFrame(
            [
                {"product_id": product, "code": f"P{product}", "kind": "stored", "warehouse": "WH", "category": "",
                 "free": float(max(units, 0)), "negative": units < 0, "components": None}
                for product, units in free.items()
            ]
        )  # fmt: skip
        listings = pd.DataFrame({"key": list(LISTINGS), "sku": list(LISTINGS), "location": ""})
        pipe = {1: 0, 2: 0}
        for order in self.orders:
            if order["landed"] and not order["in_odoo"]:
                product, units = LISTINGS[order["key"]]
                pipe[product] += units
        self.left = {product: max(max(free[product], 0) - pipe[product], 0) for product in (1, 2)}
        self.pass_time(1)
        return decide(listings.assign(fulfilled_by="merchant"), stock, pipe, RULES, SALES, {"": ("WH",)})

    def beliefs(self) -> pd.DataFrame:
        rows = []
        for key in LISTINGS:
            mine = [push for push in self.pushes if push["key"] == key]
            late = [
                (push["unsure_at"] or push["at"]) + LATE[push["status"] if push["status"] in LATE else "failed"]
                for push in mine
                if push["status"] in ("sent", "pending") or push["unsure_at"]
            ]
            last = mine[-1] if mine else {"quantity": None, "status": "", "at": None}
            sold = [order["at"] for order in self.orders if order["landed"] and order["key"] == key]
            rows.append((key, self.reading[key], self.read_at, last["quantity"], last["status"], last["at"],
                         max(late, default=None), max(sold, default=None)))  # fmt: skip
        return pd.DataFrame.from_records(rows, columns=list(BELIEF_COLUMNS))

    def begin(self, row: dict[str, Any]) -> dict[str, Any]:
        product, units = LISTINGS[row["key"]]
        push = {"key": row["key"], "quantity": int(row["target"]), "status": "sent", "at": self.now,
                "unsure_at": None, "units": units, "free": self.left[product]}  # fmt: skip
        self.pushes.append(push)
        return push

    def send(self, push: dict[str, Any], fate: str) -> None:
        self.pass_time(1)
        arrival = (push["key"], push["quantity"] * push["units"], push["free"])
        if fate == "crash before":
            raise Crash
        if fate in ("ok", "answer lost", "crash after"):
            self.arrive(*arrival)
        if fate in ("slow", "feed"):
            wait = timedelta(seconds=250) if fate == "slow" else timedelta(minutes=50)
            self.on_its_way.append((self.now + wait, *arrival))
        if fate == "crash after":
            raise Crash
        push["status"] = {"ok": "accepted", "refused": "refused", "feed": "pending", "feed lost": "pending"}.get(
            fate, "failed"
        )
        if push["status"] == "failed":
            push["unsure_at"] = self.now

    def arrive(self, key: str, units: int, free: int) -> None:
        self.arrived.append((units, free))
        self.shown[key] = units // LISTINGS[key][1]

    @invariant()
    def nothing_told_was_above_what_was_free(self) -> None:
        assert all(0 <= units <= free for units, free in self.arrived)
        self.arrived.clear()

    def teardown(self) -> None:
        """Things calm down: orders land and load, late requests arrive, and two more runs go well."""
        self.landing()
        self.loading()
        self.pass_time(3700)
        if self.edited or any(push["status"] == "refused" for push in self.pushes):
            self.whole_reading()
        self.run(["ok"] * 3, between=False)
        self.run(["ok"] * 3, between=False)
        targets = self.targets()
        assert self.shown == dict(zip(targets["key"], targets["target"], strict=True))
        plan = difference(targets, self.beliefs(), self.now)
        assert set(plan["action"]) == {"same"}  # and nothing is told without need


Shop.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestShop = Shop.TestCase
