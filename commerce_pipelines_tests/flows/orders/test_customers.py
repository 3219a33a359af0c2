"""A marketplace's customer is known again though the e-mail address is gone, and what is kept of them names nobody."""

from __future__ import annotations

import secrets
from typing import Any

from commerce_pipelines.domain.orders.order import Buyer
from commerce_pipelines_tests.doubles.lane import RUN, Lane


def test_the_customers_account_leads_to_the_partner_whatever_they_are_called(lane: Lane) -> None:
    """eBay's user name may change and its e-mail address is gone after 14 days; the account stays."""
    token = secrets.token_hex(6)
    odoo, address = lane.person, f"{token}@example.com"
    [partner] = odoo.call("res.partner", "create", vals_list=[{"name": "Ada Byron", "email": address}])
    account: dict[str, Any] = {"account": f"eias-{token}"}
    buyers = {
        "mail": Buyer(name="Ada Byron", email=address, ref=f"ada-{token}", **account),
        "renamed": Buyer(name="Ada B.", ref=f"countess-{token}", **account),
        "nameless": Buyer(ref=f"countess-{token}", **account),
        "other": Buyer(name="Ada Byron", ref=f"ada-{token}"),
    }
    partners = {}
    for name, buyer in buyers.items():
        order = lane.order(f"{name}-{RUN}-{token}", buyer=buyer)
        lane.put(order)
        lane.run()
        partners[name] = lane.sales(order.order_id)[0]["partner_id"]
    assert [partners[name] for name in ("mail", "renamed", "nameless")] == [partner] * 3
    assert partners["other"] != partner
    with lane.connections.warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT customer, partner_id FROM commerce.customers WHERE partner_id = %s", (partner,))
        [(customer, _)] = cursor.fetchall()
    assert token not in customer
    assert customer == lane.connections.vault.subject_id(f"shopify:eias-{token}").hex()
