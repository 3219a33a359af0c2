"""Which shop the token opens, and what the app may see of it.

What belongs here: the shop, the scopes that are missing, credentials that will expire. What does not: orders (orders/),
stock (inventory/).
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

import msgspec

from ...core.errors import CredentialError
from ...domain.content.fields import IMAGES
from ...domain.content.listing_rules import NewListingRules
from ..capabilities import Account, AccountId
from .api.graphql import GraphQL
from .api.queries import queries
from .settings import Settings

HISTORY = timedelta(days=60)  # how far back an app sees orders without the scope read_all_orders
WITHOUT = {
    "read_all_orders": "only orders of the last 60 days",
    "read_customers": "no order with a customer can be read until the app is granted it and installed again",
}
WITHOUT_FOR_STOCK = dict.fromkeys(
    ("read_products", "read_inventory", "read_locations", "write_inventory"), "stock cannot be read and published"
)

WITHOUT_FOR_PARCELS = {"write_merchant_managed_fulfillment_orders": "no parcel can be confirmed"}
WITHOUT_FOR_RETURNS = {"read_returns": "no return can be read"}
WITHOUT_FOR_CONTENT = dict.fromkeys(("read_products", "write_products"), "content cannot be read and changed")
WITHOUT_FOR_TRANSLATIONS = dict.fromkeys(
    ("read_translations", "write_translations"), "no translation can be read and changed"
)
WITHOUT_FOR_NEW = {"write_inventory": "a new product cannot be stocked"}
WITHOUT_FOR_PUBLISHING = dict.fromkeys(
    ("read_publications", "write_publications"), "no new product can be published to a sales channel"
)
FOR_CONTENT = frozenset(("write_products", "write_files", *WITHOUT_FOR_TRANSLATIONS, *WITHOUT_FOR_PUBLISHING))
WITHOUT_FOR_REFUNDS = {"write_orders": "nothing can be paid back"}


class Installation(msgspec.Struct, frozen=True):
    accessScopes: list[dict[str, str]]


class Shop(msgspec.Struct, frozen=True):
    name: str
    myshopifyDomain: str
    currencyCode: str
    taxesIncluded: bool


class Probe(msgspec.Struct, frozen=True):
    shop: Shop
    currentAppInstallation: Installation


class ShopifyAccount(Account):
    """One shop. scopes: what the app was granted at the last `probe`, nothing before."""

    def __init__(self, graphql: GraphQL, settings: Settings) -> None:
        self._graphql, self._settings = graphql, settings
        self._query = queries(settings.currency_basis).probe
        self.scopes: frozenset[str] = frozenset()

    def probe(self) -> AccountId:
        """Which shop it is and what the app sees of it. Raises CredentialError when the app may not read orders."""
        answer = self._graphql.ask(self._query, {}, Probe)
        granted = {scope.get("handle", "") for scope in answer.currentAppInstallation.accessScopes}
        # A write scope includes the read scope, and Shopify may list the write scope alone.
        self.scopes = frozenset(granted | {scope.replace("write_", "read_", 1) for scope in granted})
        shop, name = answer.shop, self._settings.name
        if not self.scopes & {"read_orders", "read_all_orders"}:
            raise CredentialError(f"{name}: the app lacks the scope read_orders; grant it and install it again.")
        parts = [f"Shopify: {shop.name} ({shop.myshopifyDomain})", shop.currencyCode]
        parts.append("prices with tax" if shop.taxesIncluded else "prices without tax")
        wanted = WITHOUT | self._list_needed()
        parts += [f"without {scope}: {means}" for scope, means in wanted.items() if scope not in self.scopes]
        return AccountId(account_id=shop.myshopifyDomain, description=", ".join(parts) + ".")

    def check_history(self, start: datetime, now: datetime) -> None:
        """Raises CredentialError where records from `start` on belong to orders that the app does not see: without
        read_all_orders Shopify leaves older orders out without saying so, and a day would look complete."""
        if start >= now - HISTORY or "read_all_orders" in self.scopes:
            return
        self.probe()
        if "read_all_orders" not in self.scopes:
            raise CredentialError(
                f"{self._settings.name}: orders older than 60 days need the scope read_all_orders; grant it to the "
                "app and install it again, or start later (start_date)."
            )

    def warnings(self, today: date) -> list[str]:
        return [*self._settings.warnings(today), *self._graphql.warnings]

    def lacks(self) -> list[str]:
        """Scopes without which orders of customers or returns cannot be read, stock not published, parcels not
        confirmed or buyers not paid back."""
        self.probe()
        needed = self._list_needed()
        if not (missing := [scope for scope in ("read_customers", *needed) if scope not in self.scopes]):
            return []
        stock = any(scope in WITHOUT_FOR_STOCK for scope in missing)
        parcels = any(scope in WITHOUT_FOR_PARCELS for scope in missing)
        kinds = ["orders and stock" if stock else "orders of customers" if "read_customers" in missing else ""]
        kinds.append("parcels" if parcels else "")
        kinds.append("returns" if any(scope in WITHOUT_FOR_RETURNS for scope in missing) else "")
        kinds.append("content" if any(scope in FOR_CONTENT for scope in missing) else "")
        kinds.append("paying back" if any(scope in WITHOUT_FOR_REFUNDS for scope in missing) else "")
        why = f", for {' and '.join(filter(None, kinds))}"
        return [f"the app lacks {', '.join(missing)}{why}: grant it in the Dev Dashboard and install it again."]

    def _has_sales_channels(self, rules: NewListingRules) -> bool:
        """Whether new products are published to sales channels."""
        return bool(rules.shopify and rules.shopify.publish_to)

    def _list_needed(self) -> dict[str, str]:
        """Scopes that the settings need besides those of every shop, and what is missing without them."""
        stock = WITHOUT_FOR_STOCK if self._settings.inventory.enabled else {}
        parcels = WITHOUT_FOR_PARCELS if self._settings.fulfilment.enabled else {}
        returns = WITHOUT_FOR_RETURNS if self._settings.returns.enabled else {}
        rules = self._settings.content
        content = WITHOUT_FOR_CONTENT if rules.enabled else {}
        new = rules.new_listings
        if rules.enabled and new.enabled:
            content = {
                **content,
                **WITHOUT_FOR_NEW,
                **(WITHOUT_FOR_PUBLISHING if self._has_sales_channels(new) else {}),
            }
        if rules.enabled and IMAGES in rules.owned:
            content = {**content, "write_files": "pictures cannot be replaced"}
        if rules.enabled and rules.translations:
            content = {**content, **WITHOUT_FOR_TRANSLATIONS}
        return stock | parcels | returns | content | (WITHOUT_FOR_REFUNDS if self._settings.refunding.enabled else {})
