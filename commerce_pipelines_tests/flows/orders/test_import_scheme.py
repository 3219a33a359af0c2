"""The 150 EUR of the import scheme in another currency: by Odoo's rate, and without one the order waits."""

from __future__ import annotations

import secrets
from typing import Any

import msgspec
import pytest

from commerce_pipelines.domain.orders.order import Address
from commerce_pipelines.domain.vat.decision import VatPolicy
from commerce_pipelines_tests.doubles.lane import RUN, Lane, Server, line, waiting
from commerce_pipelines_tests.flows.conftest import settings_of

CURRENCIES = {"stand-in": "PLN", "jsonrpc": "SEK", "json2": "DKK"}  # one database for both APIs


@pytest.fixture
def currency(request: pytest.FixtureRequest) -> str:
    return CURRENCIES[request.node.callspec.params["odoo"]]


@pytest.fixture
def swiss(odoo: Server, connect: Any) -> Lane:
    """A seller in Switzerland with a number of the import scheme."""
    settings = settings_of(odoo)
    return connect.of(msgspec.structs.replace(settings, vat=VatPolicy(seller_country="CH", ioss=True)))


def test_the_order_waits_for_the_rate_and_goes_on_with_it(swiss: Lane, currency: str) -> None:
    odoo = swiss.person
    (currency_id,) = odoo.call(
        "res.currency", "search", domain=[["name", "=", currency]], context={"active_test": False}
    )
    old = odoo.call("res.currency.rate", "search", domain=[["currency_id", "=", currency_id]])
    odoo.call("res.currency.rate", "unlink", ids=old)
    vienna = Address(name="Eve", street="Gasse 1", city="Wien", postcode="1010", country="AT")
    small, large = (
        swiss.order(
            f"ioss-{RUN}-{secrets.token_hex(3)}", line(amount=amount, rate=200_000), currency=currency, shipping=vienna,
            departure_country="CH",
        )
        for amount in (18000, 18001)
    )  # fmt: skip
    swiss.put(small, large)
    assert swiss.run().actions == {"refused": 2}
    for order in (small, large):
        (reason,) = waiting(swiss, order.order_id)
        assert (reason.code, reason.subject) == ("unknown_currency_rate", currency)
    vals = {"name": swiss.day.isoformat(), "currency_id": currency_id, "rate": 1.0, "company_id": odoo.who.company_id}
    odoo.call("res.currency.rate", "create", vals_list=[vals])
    assert swiss.run().actions == {"created": 1, "refused": 1}
    assert [reason.code for reason in waiting(swiss, large.order_id)] == ["unknown_import"]
    evidence = msgspec.json.decode(swiss.ledger(small.order_id)["evidence"])
    assert evidence["euro rate"] == f"1 {currency} = 1.000000 EUR, Odoo's of {swiss.day}"
    assert swiss.ledger(small.order_id)["regime"] == "ioss"
