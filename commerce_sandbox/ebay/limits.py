"""The calls of a day: what eBay grants, what is used, and how its Analytics API tells it.

What belongs here: counting by API and Pacific day. What does not: what a call does.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from ..server import Call, Reply

PATH = "/developer/analytics/v1_beta"
PACIFIC = ZoneInfo("America/Los_Angeles")
GRANTED = {
    ("sell", "fulfillment"): 100_000, ("sell", "inventory"): 2_000_000, ("tradingapi", "tradingapi"): 5_000,
    ("commerce", "notification"): 10_000,
}  # fmt: skip


class Quotas:
    """granted: calls a day of each API, by its context and name. now: the stand-in's clock."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.granted, self._now = dict(GRANTED), now
        self._day, self._used = now().date(), dict.fromkeys(GRANTED, 0)

    def spend(self, api: tuple[str, str]) -> bool:
        """Count a call. False where the day has none left."""
        self._start_day()
        if self._used[api] >= self.granted[api]:
            return False
        self._used[api] += 1
        return True

    def describe(self) -> list[dict[str, Any]]:
        day = self._start_day()
        reset = datetime.combine(day + timedelta(days=1), time(), PACIFIC).astimezone(UTC)
        return [
            {
                "apiContext": context,
                "apiName": name,
                "apiVersion": "v1",
                "resources": [
                    {
                        "name": f"{context}.{name}" if context == "sell" else name,
                        "rates": [
                            {
                                "count": self._used[context, name],
                                "limit": limit,
                                "remaining": limit - self._used[context, name],
                                "reset": reset.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
                                "timeWindow": 86_400,
                            }
                        ],
                    }
                ],
            }
            for (context, name), limit in self.granted.items()
        ]

    def _start_day(self) -> Any:
        if (day := self._now().astimezone(PACIFIC).date()) != self._day:
            self._day, self._used = day, dict.fromkeys(GRANTED, 0)
        return day


def find_api(path: str) -> tuple[str, str] | None:
    """The API whose calls are counted by the day, None for the others."""
    if path == "/ws/api.dll":
        return "tradingapi", "tradingapi"
    return next((api for api in GRANTED if path.startswith(f"/{api[0]}/{api[1]}/")), None)


def answer(quotas: Quotas, call: Call) -> Reply:
    """Both lists; what is limited per seller is nothing here, and an empty list is an answer without content."""
    if call.path == f"{PATH}/rate_limit/":
        return Reply(200, {"rateLimits": quotas.describe()})
    return Reply(204)
