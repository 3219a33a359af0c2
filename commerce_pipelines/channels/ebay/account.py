"""Which eBay account the credentials open.

What belongs here: the token's owner, credentials that will expire. What does not: orders (orders/), listings and
quantities (inventory/), one call (api/account.py).
"""

from __future__ import annotations

from datetime import date

import msgspec

from ..capabilities import Account, AccountId
from ..http.session import Repeat
from .api import account as api
from .api import trading_payloads
from .api.limits import learn_limits
from .settings import FINANCES_SCOPE, FULFILLMENT_SCOPE, INVENTORY_SCOPE, TRADING_SCOPE


class SellerOrder(msgspec.Struct, rename="camel"):
    seller_id: str = ""


class OrdersPage(msgspec.Struct):
    total: int
    orders: list[SellerOrder] = []


class EbayAccount(Account):
    """One seller. Every call may raise TransientError, CredentialError, ProtocolError, PermanentError."""

    def __init__(self, account: api.Account) -> None:
        self._account, self._settings = account, account.settings

    def probe(self) -> AccountId:
        """Which account it is, read by the API that reads orders, so that the right to read them is tested too."""
        return self._probe_trading() if self._settings.orders_api == "trading" else self._probe_rest()

    def learn_limits(self) -> None:
        learn_limits(self._account)

    def warnings(self, today: date) -> list[str]:
        return self._settings.warnings(today)

    def lacks(self) -> list[str]:
        """Scopes that the settings need and do not name: a token never has more scopes than it was requested with; and
        what is wrong with the key of the digital signature."""
        settings = self._settings
        wanted = [TRADING_SCOPE if settings.orders_api == "trading" else FULFILLMENT_SCOPE]
        wanted += [TRADING_SCOPE, INVENTORY_SCOPE] if settings.inventory.enabled else []
        wanted += [FULFILLMENT_SCOPE, TRADING_SCOPE] if settings.fulfilment.enabled else []
        wanted += [FULFILLMENT_SCOPE] if settings.returns.enabled else []
        wanted += [FULFILLMENT_SCOPE, FINANCES_SCOPE] if settings.refunding.enabled else []
        missing = [scope for scope in dict.fromkeys(wanted) if scope not in settings.scopes]
        where = f"channels[{settings.name}].scopes"
        lacks = [f"{where} lacks {', '.join(missing)}: add it, and have the seller consent to it."] if missing else []
        signer = self._account.signer if settings.refunding.enabled else None
        problem = signer.find_problem() if signer else ""
        return [*lacks, *([problem] if problem else [])]

    def _probe_rest(self) -> AccountId:
        """The seller, from the newest order. Without an order the Trading API names the seller, if the token may call
        it."""
        response = self._account.rest("getOrders", api.ORDERS, {"limit": "1"})
        page = self._account.decode(response, OrdersPage)
        seller = next((order.seller_id for order in page.orders if order.seller_id), "")
        if not seller and TRADING_SCOPE in self._settings.scopes:
            seller = self._get_user_id()
        name = f"the account {seller}" if seller else "an account without orders"
        return AccountId(
            account_id=seller,
            description=f"eBay {self._settings.home.country}: {name}, {page.total} orders in the last 90 days.",
        )

    def _probe_trading(self) -> AccountId:
        user_id = self._get_user_id()
        return AccountId(
            account_id=user_id,
            description=f"eBay {self._settings.home.country}: the account {user_id}, by the Trading API.",
        )

    def _get_user_id(self) -> str:
        root = self._account.trading("GetUser", {}, repeat=Repeat.STATE)
        return trading_payloads.read_answer(root, trading_payloads.UserAnswer, "GetUser").User.UserID
