"""The calls of a day that eBay grants and that are left, read from its Analytics API.

What belongs here: which resource of an answer belongs to which budget. What does not: the budgets (rates.py), when
they are read (flows/limits.py).

Both answers count: getRateLimits states what the application may, getUserRateLimits what it may for this seller.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from ....core.errors import PermanentError
from ...http.throttle import Quota
from .account import Account
from .rates import QUOTAS, TRADING_CALLS, TRADING_SHARES

PATH = "/developer/analytics/v1_beta"
DAY_SECONDS = 86_400


class Rate(msgspec.Struct, rename="camel"):
    limit: float = 0.0
    remaining: float = 0.0
    time_window: int = 0


class Resource(msgspec.Struct):
    name: str = ""
    rates: list[Rate] = []


class RateLimit(msgspec.Struct, rename="camel"):
    api_context: str = ""
    api_name: str = ""
    resources: list[Resource] = []


class RateLimits(msgspec.Struct, rename="camel"):
    rate_limits: list[RateLimit] = []


def learn_limits(account: Account) -> None:
    """Read both answers and record the smaller limit of each budget. Raises PermanentError where eBay refuses both."""
    limits, refusal = list[RateLimit](), None
    for operation, path, as_application in (
        ("getRateLimits", f"{PATH}/rate_limit/", True),
        ("getUserRateLimits", f"{PATH}/user_rate_limit/", False),
    ):
        try:
            response = account.rest(operation, path, ok=(200, 204), as_application=as_application)
        except PermanentError as error:
            refusal = error
            continue
        if response.status == 200:
            limits += account.decode(response, RateLimits).rate_limits
    if refusal and not limits:
        raise refusal
    for name, _, operations in (*QUOTAS, (TRADING_CALLS, 0, tuple(TRADING_SHARES))):
        if rate := find_rate(limits, name, operations):
            account.learn_quota(name, Quota(rate.limit), rate.remaining)


def find_rate(limits: Iterable[RateLimit], name: str, operations: Iterable[str]) -> Rate | None:
    """The daily limit that ends first. name: of the budget. Resources that are neither an operation of ours nor the API
    itself do not count."""
    context, api = name.removeprefix("calls of ").split()
    ours = {api, f"{context}.{api}", *map(str.lower, operations)}
    rates = [
        rate
        for limit in limits
        if (limit.api_context.lower(), limit.api_name.lower()) == (context, api)
        for resource in limit.resources
        if resource.name.lower() in ours
        for rate in resource.rates
        if rate.time_window == DAY_SECONDS and rate.limit > 0
    ]
    return min(rates, key=lambda rate: rate.remaining, default=None)
