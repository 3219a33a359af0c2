"""live_amazon_10k, live_amazon_40k: how soon orders of Amazon are landed on a busy day, in virtual time.

**What is measured.** A day of 10,000 and one of 40,000 orders, the busiest hour at 2.2 times the mean, against a vendor
of nothing but orders that enforces Amazon's buckets of getOrder and searchOrders, over HTTP. The channel's own client
and plan read them: the receiver as soon as messages name them, the poll at its turns. Each order is named by two
messages; one in a hundred is named by none, and only the poll finds it. The value is the seconds from an order's change
to its landing, the 95th percentile.

**What is assumed.** A message is in the queue a second after the change. A call travels 0.1 s. Rows and landing take no
time: what they take is measured elsewhere.

**The baseline** of 10,000 is the median; of 40,000 the seconds after which a list shows a change at all.
`live_calls_an_order` is the worst of both days. `live_lost_healed` is the longest that an order without a message
waited on the day of 10,000; on the day of 40,000 there are more orders than lists can show within a quarter of an hour,
and the note tells how long it took.
"""

from __future__ import annotations

import os
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from commerce_pipelines.channels.amazon.channel import AmazonChannel
from commerce_pipelines.channels.amazon.orders.strategy import SETTLED
from commerce_pipelines.channels.amazon.settings import Notifications, Settings
from commerce_pipelines.channels.capabilities import Page, Window
from commerce_pipelines.channels.http.memory import MemoryBuckets, MemoryTokens
from commerce_pipelines.core.errors import RateLimited
from commerce_pipelines.core.section import Secret
from commerce_pipelines.flows.notices.follow import read_waiting
from commerce_pipelines.warehouse.shared.notifications import Hint
from commerce_sandbox.amazon.answers import Bucket
from commerce_sandbox.server import Call, Reply, StandIn

from .figures import Figure
from .pace import KEYS
from .virtual_time import Travelling, VirtualTime

MIDNIGHT = datetime(2026, 11, 24, tzinfo=UTC)
# Orders of each hour, of a day whose mean is 1.
HOURS = (
    0.44, 0.30, 0.20, 0.15, 0.15, 0.20, 0.40, 0.70, 1.00, 1.15, 1.25, 1.25,
    1.20, 1.15, 1.15, 1.20, 1.25, 1.38, 1.58, 1.85, 2.20, 1.80, 1.25, 0.80,
)  # fmt: skip
FIRST_HOUR, LEAST_HOURS = 20, 0.5  # of a small run: the busiest
MESSAGE_SECONDS, LOST_EVERY = 1.0, 100
TRAVEL = (0.1,)
LONGEST_WAIT_SECONDS = 43_200.0  # after the last change, for an order that no message named
TICK_SECONDS = 5.0  # of Dagster's daemon
PAGE = 100


class Day(NamedTuple):
    """waits: seconds of the orders that messages named, sorted. lost: of those that none named."""

    orders: int
    waits: Sequence[float]
    lost: Sequence[float]
    calls: int
    note: str

    def percentile(self, part: float) -> float:
        return self.waits[max(0, round(len(self.waits) * part) - 1)]


def run(size: float, tell: Callable[[str], None]) -> list[Figure]:
    """Measure, and return the figures. size: a share of the full size. tell: takes a sentence about the progress."""
    os.environ["BENCH_TOKEN"] = "Atzr|bench"  # noqa: S105
    days = {}
    for orders in (10_000, 40_000):
        tell(f"a day of {orders:,} orders")
        days[orders] = _measure_day(orders, size)
    quiet, busy = days[10_000], days[40_000]
    figures = [
        Figure(
            name="live_amazon_10k", value=quiet.percentile(0.95), unit="s", baseline=quiet.percentile(0.5), target=5.0,
            judged="value", at="most", note=quiet.note,
        ),
        Figure(
            name="live_amazon_40k", value=busy.percentile(0.95), unit="s", baseline=SETTLED.total_seconds(),
            target=210.0, judged="value", at="most", note=busy.note,
        ),
        Figure(
            name="live_calls_an_order", value=max(day.calls / day.orders for day in days.values()), unit="calls",
            baseline=1.0, target=1.05, judged="value", at="most",
        ),
        Figure(
            name="live_lost_healed", value=max(quiet.lost), unit="s", baseline=0, target=900.0, judged="value",
            at="most", note=f"{len(quiet.lost)} orders; of 40,000 a day {max(busy.lost):,.0f} s at most",
        ),
    ]  # fmt: skip
    return figures


def _measure_day(a_day: int, size: float) -> Day:
    time = VirtualTime(MIDNIGHT)
    changes = _list_changes(a_day, size)
    with _Amazon(changes, time) as amazon:
        landed: dict[str, float] = {}
        shared = Travelling(MemoryBuckets(time.seconds), time, TRAVEL)
        tokens = MemoryTokens(time.seconds)
        settings = amazon.settings()
        receiver, sensor = (AmazonChannel(settings, shared, tokens, time.instruments()) for _ in range(2))
        end = changes[-1] + LONGEST_WAIT_SECONDS

        def is_over() -> bool:
            return len(landed) == len(changes) or time.passed > end

        time.run(
            lambda: _receive(receiver, changes, landed, time, is_over),
            lambda: _poll(sensor, settings, landed, time, is_over),
        )
        assert len(landed) == len(changes), f"{len(changes) - len(landed)} orders were never landed"
        assert not amazon.refused, f"Amazon refused {amazon.refused} calls"
        waits = [landed[_write_id(number)] - at for number, at in enumerate(changes)]
        named = sorted(wait for number, wait in enumerate(waits) if number % LOST_EVERY)
        note = f"{amazon.searches} calls of searchOrders, {amazon.gets:,} of getOrder; median "
        day = Day(len(changes), named, waits[::LOST_EVERY], amazon.searches + amazon.gets, note)
        return day._replace(note=f"{note}{day.percentile(0.5):,.1f} s, at most {named[-1]:,.0f} s")


def _list_changes(a_day: int, size: float) -> list[float]:
    """When each order changes, in seconds from the start, which is midnight, and of a small run the busiest hour."""
    hours = max(24 * size, LEAST_HOURS)
    first = 0 if size >= 1 else FIRST_HOUR
    changes = list[float]()
    for hour, part in enumerate(HOURS):
        count = round(a_day * part / 24)
        if first <= hour < first + hours:
            changes += [3_600 * (hour - first + number / count) for number in range(round(count * min(1.0, hours)))]
    return changes


def _receive(
    channel: AmazonChannel, changes: Sequence[float], landed: dict[str, float], time: VirtualTime,
    is_over: Callable[[], bool],
) -> None:  # fmt: skip
    """What the receiver does: messages become hints, and what they name is read."""
    waiting, heard = list[Hint](), 0

    def keep(page: Page) -> Collection[str]:
        return _keep(channel, page, landed, time)

    while not is_over():
        before = time.passed
        arrived = bisect_right(changes, time.passed - MESSAGE_SECONDS)
        waiting += [_make_hint(number, changes[number]) for number in range(heard, arrived) if number % LOST_EVERY]
        heard = max(heard, arrived)
        waiting = [hint for hint in waiting if hint.record_id not in landed]
        if not waiting:
            following = changes[heard] + MESSAGE_SECONDS if heard < len(changes) else time.passed + 60.0
            time.sleep(max(0.01, following - time.passed))
            continue
        done = {hint.record_id for hint in read_waiting(channel, waiting, keep, time.seconds)}
        waiting = [hint for hint in waiting if hint.record_id not in done]
        if time.passed == before:
            time.sleep(1.0)


def _poll(
    channel: AmazonChannel, settings: Settings, landed: dict[str, float], time: VirtualTime, is_over: Callable[[], bool]
) -> None:
    """What the sensor does: a poll at each turn, which goes on with its list at the next tick."""
    seconds, overlap = settings.poll_seconds, settings.overlap_minutes
    watermark, resume, until, turn = time.now(), None, time.now(), 0.0
    while not is_over():
        if resume is not None or time.passed >= turn:
            if resume is None:
                turn, until = time.passed + seconds, time.now()
            try:
                span = Window(watermark - timedelta(minutes=overlap), until)
                for page in channel.orders.changed(span, resume):
                    _keep(channel, page, landed, time)
                    resume, reached = page.resume, page.watermark
                watermark = max(watermark, reached)
            except RateLimited:
                pass
        time.sleep(TICK_SECONDS)


def _keep(channel: AmazonChannel, page: Page, landed: dict[str, float], time: VirtualTime) -> Collection[str]:
    ids = [channel.orders.head(raw).record_id for raw in page.records]
    for order_id in ids:
        landed.setdefault(order_id, time.passed)
    return ids


def _make_hint(number: int, at: float) -> Hint:
    changed = MIDNIGHT + timedelta(seconds=at)
    return Hint(_write_id(number), changed + timedelta(seconds=MESSAGE_SECONDS), False, changed)


def _write_id(number: int) -> str:
    return f"302-0000001-{number:07d}"


class _Amazon(StandIn):
    """Orders, and nothing but their times. changes: sorted seconds from the start."""

    def __init__(self, changes: Sequence[float], time: VirtualTime) -> None:
        super().__init__(now=time.now)
        self._changes = changes
        self.refused = self.searches = self.gets = 0
        self._search, self._get = Bucket(0.0056, 20, time.now()), Bucket(0.5, 30, time.now())

    def settings(self) -> Settings:
        key = Secret(env="BENCH_TOKEN")
        url = "https://sqs.eu-west-1.amazonaws.com/123456789012/bench"
        queue = Notifications(enabled=True, queue_url=url, access_key_id=key, secret_access_key=key)
        keys = {"kind": "amazon", "name": "amazon", "endpoint": self.url, "credentials": KEYS,
                "token_endpoint": f"{self.url}/auth/o2/token"}  # fmt: skip
        return msgspec.structs.replace(msgspec.convert(keys, Settings), notifications=queue)

    def handle(self, call: Call) -> Reply:
        if "token" in call.path:
            return Reply(200, {"access_token": "Atza|x", "token_type": "bearer", "expires_in": 3_600})
        last = call.path.rpartition("/")[2]
        if not (self._search if last == "orders" else self._get).spend(self.now()):
            self.refused += 1
            return Reply(429, {"errors": [{"code": "QuotaExceeded", "message": ""}]})
        if last != "orders":
            self.gets += 1
            return Reply(200, {"order": self._make(int(last.rpartition("-")[2]))})
        self.searches += 1
        return self._list(call)

    def _list(self, call: Call) -> Reply:
        after, before = (datetime.fromisoformat(call.parameter(f"lastUpdated{bound}")) for bound in ("After", "Before"))
        if before > self.now() - timedelta(minutes=2):
            return Reply(400, {"errors": [{"code": "InvalidInput", "message": "too late"}]})
        begin, end = ((bound - MIDNIGHT).total_seconds() for bound in (after, before))
        first = int(call.parameter("paginationToken", "0")) or bisect_left(self._changes, begin - 0.001)
        beyond = bisect_right(self._changes, end)
        answer: dict[str, Any] = {"orders": [self._make(n) for n in range(first, min(first + PAGE, beyond))]}
        if first + PAGE < beyond:
            answer["pagination"] = {"nextToken": str(first + PAGE)}
        return Reply(200, answer)

    def _make(self, number: int) -> dict[str, Any]:
        at = f"{MIDNIGHT + timedelta(seconds=self._changes[number]):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"
        return {"orderId": _write_id(number), "createdTime": at, "lastUpdatedTime": at, "orderItems": []}
