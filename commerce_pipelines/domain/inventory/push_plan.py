"""The difference between targets and what a channel shows, and the breaker that stops a faulty run.

What belongs here: what a channel probably shows, which listings need a push, when a whole run is stopped. What does
not: the figures themselves (availability.py), sending and recording (flows/inventory/publish.py, flows/outbox/). Import
it inside functions: it loads pandas.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pandas as pd

from ...core.errors import ProtocolError
from ..outbox.effects import LATE_ANSWER, LATE_PENDING
from .listings import Breaker

if TYPE_CHECKING:
    from .availability import Offer

# How long a request that was never answered may still reach the channel.
LATE = {"sent": LATE_ANSWER, "failed": LATE_ANSWER, "pending": LATE_PENDING}
BELIEF_COLUMNS = ("key", "quantity", "read_at", "last_quantity", "last_status", "last_at", "late_until", "sold_at")
ACTIONS = ("push", "same", "wait", "refused", "skip")


def difference(targets: pd.DataFrame, belief: pd.DataFrame, now: datetime) -> pd.DataFrame:
    """`targets` (key, target) with what the channel shows and the `action`.

    shown: what the channel shows, null where it is uncertain. believed: what it showed when that was last certain.

    belief: BELIEF_COLUMNS by key: what listings() read and when that read began, our newest push with its status and
    start, until when an unanswered push may still arrive, and when the newest known sale on this channel was placed.

    The channel shows the newer of the last read and the last accepted push, unless a sale or an unanswered push may
    have changed it since. In that case the target is pushed again, which can repeat a quantity but never invents one.
    `refused`: the channel has refused this quantity since its listings were read last. `wait`: a push of this quantity
    is under way.
    """
    row = _find_rows(targets["key"], belief["key"])
    target, read, last = (
        _read_numbers(targets["target"]), _read_numbers(belief["quantity"], row),
        _read_numbers(belief["last_quantity"], row),
    )  # fmt: skip
    read_at, last_at, late, sold = (
        _read_instants(belief[name], row) for name in ("read_at", "last_at", "late_until", "sold_at")
    )
    statuses = [text if isinstance(text, str) else "" for text in belief["last_status"].tolist()]
    status = np.array([*statuses, ""], dtype=object)[row]

    pushed = (status == "accepted") & ~(last_at <= read_at)
    shown, shown_at = np.where(pushed, last, read), np.where(pushed, last_at, read_at)
    unsure = np.isnan(shown) | (late > shown_at) | (sold > shown_at)

    latest = np.datetime64(now.astimezone(UTC).replace(tzinfo=None), "us")
    again = (last == target) & (late > latest) & ~(sold > last_at)
    action = np.select(
        [
            np.isnan(target),
            ~unsure & (shown == target),
            (status == "refused") & (last == target) & ~(last_at <= read_at),
            again & ((status == "pending") | (status == "accepted")),
        ],
        ["skip", "same", "refused", "wait"],
        default="push",
    )
    believed = np.nan_to_num(shown).astype("int64")
    return targets.assign(
        shown=pd.arrays.IntegerArray(believed, unsure),
        believed=pd.arrays.IntegerArray(believed.copy(), np.isnan(shown)),
        action=action,
    )


# Arrays cost a fifth of the same steps on columns of pandas', whatever the number of listings: each change of stock
# makes two plans.
def _find_rows(keys: pd.Series, of: pd.Series) -> np.ndarray:
    """Where each key stands in another column; -1, which is the row after the last, for one that is not there."""
    places = {key: at for at, key in enumerate(of.tolist())}
    return np.array([places.get(key, -1) for key in keys.tolist()], dtype="int64")


def _read_numbers(column: pd.Series, row: np.ndarray | None = None) -> np.ndarray:
    """The numbers, nan for none; of these rows. Quantities are far below 2**53, so floats hold them exactly."""
    numbers = column.to_numpy(dtype="float64", na_value=np.nan)
    return numbers if row is None else np.append(numbers, np.nan)[row]


def _read_instants(column: pd.Series, row: np.ndarray) -> np.ndarray:
    """The instants of these rows, UTC; NaT, which is neither before nor after anything, for none."""
    instants = _convert_instants(column).dt.tz_localize(None).to_numpy(dtype="datetime64[us]")
    of_rows: np.ndarray = np.append(instants, np.datetime64("NaT", "us"))[row]
    return of_rows


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What a run would do, in the numbers that the breaker looks at. Quantities that a person has released are not
    counted.

    listings: those that are linked to a product. showing: how many of them show stock. read, read_before: products with
    stock in this read of Odoo and in the one published last.
    """

    listings: int
    showing: int
    changed: int
    zeroed: int
    read: int
    read_before: int

    def reasons(self, breaker: Breaker) -> tuple[str, ...]:
        """Why the run must not go on, in sentences with the figures; empty when it may go on."""
        sentences = []
        if self.zeroed >= breaker.from_listings and self.zeroed * 100 > breaker.zeroed_percent * self.showing:
            sentences.append(f"{self.zeroed} of {self.showing} would go to 0 (at most {breaker.zeroed_percent} %)")
        if self.changed >= breaker.from_listings and self.changed * 100 > breaker.changed_percent * self.listings:
            sentences.append(f"{self.changed} of {self.listings} would change (at most {breaker.changed_percent} %)")
        lost = self.read_before - self.read
        if lost >= breaker.from_listings and self.read * 100 < breaker.read_percent * self.read_before:
            sentences.append(
                f"Odoo showed stock of {self.read} products, last time of {self.read_before} "
                f"(at least {breaker.read_percent} %)"
            )
        return tuple(sentences)


def figures(plan: pd.DataFrame, read: int, read_before: int, released: Mapping[str, int]) -> Figures:
    """The figures of a plan (a result of `difference`). released: key -> target that a person has agreed to."""
    linked = plan[plan["action"] != "skip"]
    showing = (linked["believed"].fillna(0) > 0).to_numpy(dtype=bool)
    agreed = np.array(
        [released.get(key) == target for key, target in zip(linked["key"], linked["target"], strict=True)], dtype=bool
    )
    asked = (linked["action"] == "push").to_numpy(dtype=bool) & ~agreed
    differs = ~(linked["believed"] == linked["target"]).fillna(False).to_numpy(dtype=bool)
    zero = (linked["target"] == 0).to_numpy(dtype=bool)
    return Figures(
        listings=len(linked),
        showing=int((showing & ~(agreed & zero)).sum()),
        changed=int((asked & differs).sum()),
        zeroed=int((asked & zero & showing).sum()),
        read=read,
        read_before=read_before,
    )


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """One channel's difference. table: the targets with shown, believed and action. reasons: why the breaker would stop
    the run. taken_at: the time of the stock read that the targets come from. now: when the difference was computed."""

    table: pd.DataFrame
    taken_at: datetime
    now: datetime
    figures: Figures
    reasons: tuple[str, ...]

    def pushes(self) -> pd.DataFrame:
        return self.table[self.table["action"] == "push"]

    @property
    def is_in_step(self) -> bool:
        """Whether each linked listing certainly shows its target."""
        return bool(self.table["action"].isin(["same", "skip"]).all())

    def lowering(self, keys: Collection[str]) -> Plan:
        """The part of this plan that may still be sent in the same run to listings that showed another quantity than we
        expected: every push that does not raise the quantity. The breaker has already let the run pass.

        A channel that shows less than expected has probably sold units in orders that we have not read yet.
        """
        table = self.table
        kept = table["key"].isin(keys) & (table["action"] == "push") & ~(table["shown"] < table["target"]).fillna(False)
        return msgspec.structs.replace(self, table=table[kept], reasons=())


class Belief(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a channel besides the targets. listings: BELIEF_COLUMNS by key. now: the time, by the database's
    clock. agreed: key -> quantity that a person has released. read_before: products with stock in the read that was
    published last."""

    listings: pd.DataFrame
    now: datetime
    agreed: Mapping[str, int]
    read_before: int


def plan(offer: Offer, targets: pd.DataFrame, belief: Belief) -> Plan:
    """The plan for an offer's targets.

    Raises ProtocolError for a target above the free stock that it was computed from: nothing may be pushed then.
    """
    table = difference(targets, belief.listings[list(BELIEF_COLUMNS)], belief.now)
    pushed = table[table["action"] == "push"]
    if ((pushed["target"] < 0) | (pushed["target"] * pushed["units"] > pushed["free"])).any():
        raise ProtocolError("A target is above the free stock that it comes from; nothing was published.")
    counted = figures(table, offer.read, belief.read_before, belief.agreed)
    reasons = counted.reasons(offer.rules.breaker)
    return Plan(table=table, taken_at=offer.taken_at, now=belief.now, figures=counted, reasons=reasons)


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How far a channel's listings agree with Odoo. above: SKUs that show more than is free; `coming`: those of them
    whose correction is under way. behind: SKUs that have differed for longer than the deadline. oldest: since when the
    longest-lasting difference exists. buffer: free units that no listing shows (each product once per listing)."""

    linked: int
    above: tuple[str, ...]
    coming: tuple[str, ...]
    behind: tuple[str, ...]
    oldest: datetime | None
    buffer: int


def standing(plan: pd.DataFrame, now: datetime, deadline: timedelta) -> Standing:
    """The state after a run. plan: a result of `difference`, with sku, units, free and changed_at."""
    linked = plan[plan["action"] != "skip"]
    over = (linked["believed"] * linked["units"] > linked["free"]).fillna(False)
    coming = linked["action"] == "wait"
    changed = _convert_instants(linked["changed_at"])
    open_ = linked["action"] != "same"
    late = open_ & (changed < now - deadline)
    oldest = changed[open_].min()
    return Standing(
        linked=len(linked),
        above=tuple(linked.loc[over & ~coming, "sku"]),
        coming=tuple(linked.loc[over & coming, "sku"]),
        behind=tuple(linked.loc[late, "sku"]),
        oldest=None if pd.isna(oldest) else oldest.to_pydatetime(),
        buffer=int((linked["free"] - linked["target"] * linked["units"]).sum()),
    )


def _convert_instants(column: pd.Series) -> pd.Series:
    return pd.to_datetime(column, utc=True).astype("datetime64[us, UTC]")
