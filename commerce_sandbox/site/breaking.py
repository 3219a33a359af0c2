"""What a person can break in the demo, and its healing.

What belongs here: which faults there are, and what the pipelines are expected to do then. What does not: how a stand-in
fails (../server.py).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from ..counter import Counter
from ..server import Call, Fault, StandIn

NEXT = 20  # calls that fail, enough to outlast the repetitions of one call
LOST = 3
UNTIL_HEALED = 1_000_000_000
ODOO = "odoo"
TOKENS = ("/auth/o2/token", "/identity/v1/oauth2/token", "/admin/oauth/access_token")
REFUSED = b'{"error": "invalid_grant", "error_description": "The refresh token is revoked."}'


class Breakage(NamedTuple):
    """title: of the button. then: what happens. of_odoo: whether it is Odoo that breaks, or a marketplace."""

    title: str
    then: str
    of_odoo: bool = False


BREAKAGES: Mapping[str, Breakage] = {
    "throttled": Breakage(f"429 for {NEXT} calls", "The calls wait as long as the marketplace says, then go on."),
    "failing": Breakage(f"500 for {NEXT} calls", "Runs repeat them; after that they fail and are tried again later."),
    "revoked": Breakage("Revoke the login", "The lane stops and an alert comes; the other lanes go on. Heal it."),
    "lost": Breakage(
        f"Lose {LOST} answers to what is written",
        "The marketplace has done it, and nobody hears of it: it is looked up before anything is sent again.",
    ),
    "poison": Breakage(
        "An order whose total is a cent too high",
        "It waits in exceptions_desk with its reason; the orders beside it go on.",
    ),
    "away": Breakage(f"503 for {NEXT} calls", "Orders wait in the landing zone and come to Odoo afterwards.", True),
    "miscounted": Breakage(
        "Show half of the stock as 0",
        "The breaker stops the push to every marketplace, and an alert comes. Heal it, and the next run goes on.", True,
    ),
}  # fmt: skip


class FaultInjector:
    """Breaks and heals the stand-ins. channels, counters: by channel."""

    def __init__(self, channels: Mapping[str, Any], counters: Mapping[str, Counter], odoo: StandIn) -> None:
        self._channels, self._counters, self._odoo = channels, counters, odoo

    def do(self, what: str, where: str, now: datetime) -> str:
        """Break it; returns what happened, as a sentence. Raises KeyError for what there is not."""
        breakage = BREAKAGES[what]
        if breakage.of_odoo != (where == ODOO):
            raise KeyError(where)
        if what == "poison":
            return f"{where} has the order {self._counters[where].poison(now)} now, whose total is a cent too high."
        stand_in: StandIn = self._odoo if where == ODOO else self._channels[where]
        with stand_in.lock:
            stand_in.faults += _build_faults(what)
            if what == "revoked":
                _expire(stand_in)
        return f"{where}: {breakage.title[0].lower()}{breakage.title[1:]}."

    def heal(self) -> str:
        """Everything answers again as it should; returns that as a sentence."""
        for stand_in in (self._odoo, *self._channels.values()):
            with stand_in.lock:
                stand_in.faults.clear()
        return "Everything is healed."

    def list_broken(self) -> list[str]:
        """Where faults are still to come."""
        stand_ins = {ODOO: self._odoo, **self._channels}
        return [name for name, stand_in in stand_ins.items() if any(fault.times > 0 for fault in stand_in.faults)]


def _build_faults(what: str) -> list[Fault]:
    if what == "throttled":
        return [Fault(match=_is_no_login, times=NEXT, status=429, headers={"Retry-After": "2"}, body=b"{}")]
    if what in ("failing", "away"):
        return [Fault(match=_is_no_login, times=NEXT, status=500 if what == "failing" else 503, body=b"{}")]
    if what == "revoked":
        return [Fault(match=path, times=UNTIL_HEALED, status=400, body=REFUSED) for path in TOKENS]
    if what == "lost":
        return [Fault(match=_is_writing, times=LOST, drop=True, after=True)]
    return [Fault(match=_is_counting, times=UNTIL_HEALED, change=_show_half)]


def _is_no_login(call: Call) -> bool:
    return call.path not in TOKENS


def _is_writing(call: Call) -> bool:
    is_query = call.path.endswith("/graphql.json") and b"mutation" not in call.body
    is_reading = call.path == "/ws/api.dll" and call.headers.get("x-ebay-api-call-name", "").startswith("Get")
    return call.method != "GET" and _is_no_login(call) and not is_query and not is_reading


def _is_counting(call: Call) -> bool:
    """Whether somebody reads how much lies in the warehouse."""
    return b"quantity:array_agg" in call.body and (b"stock.quant" in call.body or "stock.quant" in call.path)


def _show_half(content: bytes) -> bytes:
    """Every second quantity is 0."""
    answer = json.loads(content)
    groups = answer.get("result") if isinstance(answer, dict) else answer
    for group in groups if isinstance(groups, list) else ():
        counted = group.get("quantity:array_agg", [])
        group["quantity:array_agg"] = [units if at % 2 else 0.0 for at, units in enumerate(counted)]
    return json.dumps(answer).encode()


def _expire(stand_in: Any) -> None:
    """The tokens that are in use end too."""
    if hasattr(stand_in, "expire_tokens"):
        stand_in.expire_tokens()
    else:
        stand_in.valid_for.clear()
