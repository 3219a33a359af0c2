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
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from commerce_pipelines.domain.inventory.availability import decide
from commerce_pipelines.domain.inventory.listings import InventoryRules
from commerce_pipelines.domain.inventory.push_plan import BELIEF_COLUMNS, LATE, difference
from commerce_pipelines.domain.sales.rules import Pack, SaleRules

EPOCH = datetime(2026, 11, 20, tzinfo=UTC)
LISTINGS = {"A": (1, 1), "B": (2, 1), "A3": (1, 3)}  # key: product, units of it
RULES = InventoryRules(share=Decimal(100), cap=8)
SALES = SaleRules(skus={"A": "P1", "B": "P2", "A3": Pack(product="P1", quantity=3)})
FATES = ("ok", "ok", "ok", "refused", "lost", "slow", "answer lost", "crash before", "crash after", "feed", "feed lost")
KEYS, PRODUCTS = st.sampled_from(sorted(LISTINGS)), st.sampled_from([1, 2])


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

    @initialize(peaceful=st.booleans())
    def first_reading(self, peaceful: bool) -> None:
        """peaceful: nobody edits the channel and it refuses nothing, so that nothing may need a whole reading."""
        self.peaceful = peaceful
        self.whole_reading()

    # What people and parcels do

    @rule(product=PRODUCTS, units=st.integers(-30, 30), reserve=st.booleans())
    def stock_moves(self, product: int, units: int, reserve: bool) -> None:
        """Receipts, returns, deliveries, corrections (below zero, too); reservations and their release."""
        if reserve:
            self.reserved[product] = max(self.reserved[product] + units, 0)
        else:
            self.on_hand[product] += units

    @rule(key=KEYS)
    def sale(self, key: str) -> None:
        if self.shown[key]:
            self.pass_time(1)
            self.shown[key] -= 1
            self.orders.append({"key": key, "at": self.now, "landed": False, "in_odoo": False})

    @rule(load=st.booleans())
    def landing(self, load: bool) -> None:
        for order in self.orders:
            order["landed"] = True
        if load:
            self.loading()

    def loading(self) -> None:
        for order in self.orders:
            if order["landed"] and not order["in_odoo"]:
                product, units = LISTINGS[order["key"]]
                self.reserved[product] += units
                order["in_odoo"] = True

    @precondition(lambda self: not self.peaceful)
    @rule(key=KEYS, units=st.integers(0, 99))
    def edit_on_the_channel(self, key: str, units: int) -> None:
        self.shown[key] = units

    @rule(seconds=st.sampled_from([20, 260, 310, 3700]))
    def pass_time(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        for arrival in sorted(arrival for arrival in self.on_its_way if arrival[0] <= self.now):
            self.on_its_way.remove(arrival)
            self.arrive(*arrival[1:])

    # What we do

    @precondition(lambda self: not self.peaceful)
    @rule()
    def reading_at_night(self) -> None:
        self.whole_reading()

    def whole_reading(self) -> None:
        self.reading = dict(self.shown)
        self.read_at = self.now
        self.pass_time(1)

    @rule(fates=st.lists(st.sampled_from(FATES), min_size=3, max_size=3), between=st.booleans())
    def publishing(self, fates: list[str], between: bool) -> None:
        self.run(fates, between)

    @rule(fate=st.sampled_from(("ok", "slow", "feed", "lost")))
    def publishing_with_one_fate(self, fate: str) -> None:
        self.run([fate] * 3, between=False)

    def run(self, fates: list[str], between: bool) -> None:
        targets = self.targets()
        if between:  # somebody buys after the read
            self.sale("A")
        plan = difference(targets, self.beliefs(), self.now)
        due: list[Any] = plan[plan["action"] == "push"].to_dict("records")
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
        fate = "ok" if self.peaceful and fate == "refused" else fate
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
        self.landing(load=True)
        self.pass_time(3700)
        if not self.peaceful:
            self.whole_reading()
        self.run(["ok"] * 3, between=False)
        self.run(["ok"] * 3, between=False)
        targets = self.targets()
        assert self.shown == dict(zip(targets["key"], targets["target"], strict=True))
        plan = difference(targets, self.beliefs(), self.now)
        assert set(plan["action"]) == {"same"}  # and nothing is told without need


Shop.TestCase.settings = settings(max_examples=80, stateful_step_count=20, deadline=None)
TestShop = Shop.TestCase
