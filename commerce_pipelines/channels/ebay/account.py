"""Whose eBay account it is.

What belongs here: who the token belongs to, what will expire. What does not: orders (orders/), listings and quantities
(inventory/), one call (api/account.py).
"""

from __future__ import annotations

from datetime import date

from ..capabilities import Account, AccountId
from ..http.session import Repeat
from .api import account as api
from .api import trading_payloads
from .orders import rest_payloads
from .orders.rest_reading import FIELDS, ORDERS


class EbayAccount(Account):
    """One seller. Every call may raise TransientError, CredentialError, ProtocolError, PermanentError."""

    def __init__(self, account: api.Account) -> None:
        self._account, self._settings = account, account.settings

    def probe(self) -> AccountId:
        """By the API that orders are read by, so that its right is proved, too."""
        return self._probe_trading() if self._settings.orders_api == "trading" else self._probe_rest()

    def warnings(self, today: date) -> list[str]:
        return self._settings.warnings(today)

    def _probe_rest(self) -> AccountId:
        """The seller as an order names them: an account without orders has no id here."""
        response = self._account.rest("getOrders", ORDERS, {**FIELDS, "limit": "1"})
        page = self._account.decode(response, rest_payloads.OrdersPage)
        seller = next((rest_payloads.read_head(bytes(raw)).seller_id for raw in page.orders), None)
        name = f"the account {seller}" if seller else "an account without orders"
        return AccountId(
            account_id=seller or "",
            description=f"eBay {self._settings.home.country}: {name}, {page.total} orders in the last 90 days.",
        )

    def _probe_trading(self) -> AccountId:
        root = self._account.trading("GetUser", {}, repeat=Repeat.STATE)
        user = trading_payloads.read_answer(root, trading_payloads.UserAnswer, "GetUser").User
        return AccountId(
            account_id=user.UserID,
            description=f"eBay {self._settings.home.country}: the account {user.UserID}, by the Trading API.",
        )
