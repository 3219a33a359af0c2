"""What currencies are worth in euros on a day, by the exchange rates that Odoo has.

What belongs here: reading res.currency.rate, and which of its rates is the one of a day. What does not: who needs a
rate (flows/orders/landed_to_draft.py), limits in euros (domain/vat/decision.py).

As in Odoo, the newest rate up to the day counts, a company's own before a shared one, and the company's currency
without any rate is 1. Other than in Odoo, a rate that is older than a month is none, because it would be a guess.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal

import msgspec

from ...domain.orders.order import EuroRate
from ..rpc.client import OdooClient
from ..rpc.search_read import ARCHIVED_TOO

RATE_AGE = timedelta(days=31)  # customs, too, fix their rates for a month


class _Rate(msgspec.Struct, frozen=True):
    """rate: units of the currency for one of Odoo's base."""

    currency: str
    day: date
    rate: Decimal
    is_own: bool


def euro_rates(client: OdooClient, wanted: Collection[tuple[str, date]]) -> dict[tuple[str, date], EuroRate]:
    """Rates by (currency, day); one that is not known is left out."""
    if not wanted:
        return {}
    (company,) = client.call("res.company", "read", ids=[client.who.company_id], fields=["currency_id"])
    base = company["currency_id"][1]
    rates = _read_rates(client, {currency for currency, _ in wanted} | {"EUR", base}, max(day for _, day in wanted))
    answers = {}
    for currency, day in wanted:
        own, euro = (_choose_rate(rates, name, day, base) for name in (currency, "EUR"))
        if own and euro:
            days = [rate.day for rate, name in ((own, currency), (euro, "EUR")) if name != base]
            answers[currency, day] = EuroRate(rate=euro.rate / own.rate, day=min(days, default=day))
    return answers


def _read_rates(client: OdooClient, currencies: Iterable[str], last: date) -> list[_Rate]:
    rows = client.call(
        "res.currency.rate", "search_read", fields=["name", "rate", "currency_id", "company_id"], order="name desc, id",
        domain=[["currency_id.name", "in", sorted(currencies)], ["name", "<=", last.isoformat()], *client.who.domain],
        context=ARCHIVED_TOO,
    )  # fmt: skip
    return [
        _Rate(
            currency=row["currency_id"][1], day=date.fromisoformat(row["name"]), rate=Decimal(str(row["rate"])),
            is_own=bool(row["company_id"]),
        )
        for row in rows if row["rate"]
    ]  # fmt: skip


def _choose_rate(rates: Sequence[_Rate], currency: str, day: date, base: str) -> _Rate | None:
    fits = [
        rate for rate in rates
        if rate.currency == currency and rate.day <= day and (currency == base or day - rate.day <= RATE_AGE)
    ]  # fmt: skip
    best = max(fits, key=lambda rate: (rate.is_own, rate.day), default=None)
    if best is None and currency == base:
        return _Rate(currency, day, Decimal(1), is_own=True)
    return best
