"""eBay, through its Sell APIs and the Trading API: its part of commerce.yaml.

What belongs here: settings and their checks, light enough to be imported whenever settings are read. What does not:
HTTP (channel.py, imported when a channel is opened), the list of marketplaces (marketplaces.py).
"""

from __future__ import annotations

from datetime import date
from typing import Literal

from ...core.errors import SettingsError
from ...domain.privacy.residency import Data, Destination
from ...domain.vat.territories import MEMBERS
from ..settings import WARNING_DAYS, ChannelSettings, Secret, Section
from .marketplaces import BY_ID, DOMAINS, Marketplace

__all__ = ["Credentials", "Settings"]

ENDPOINT = "https://api.ebay.com"
MEDIA_ENDPOINT = "https://apim.ebay.com"  # where pictures are uploaded
TOKEN_ENDPOINT = f"{ENDPOINT}/identity/v1/oauth2/token"
# A refresh token is valid for 47,304,000 seconds (18 months); only its owner can consent to a new one.
REFRESH_TOKEN_DAYS = 547
TRADING_SCOPE = "https://api.ebay.com/oauth/api_scope"
FINANCES_SCOPE = f"{TRADING_SCOPE}/sell.finances"  # needed to pay back, and by nothing else
FULFILLMENT_SCOPE, INVENTORY_SCOPE = f"{TRADING_SCOPE}/sell.fulfillment", f"{TRADING_SCOPE}/sell.inventory"
# A token never has more scopes than its owner consented to.
SCOPES = (
    TRADING_SCOPE,
    FULFILLMENT_SCOPE,
    INVENTORY_SCOPE,
)
# Either lets `check` look at the policies that new listings name.
ACCOUNT_SCOPES = frozenset((f"{TRADING_SCOPE}/sell.account", f"{TRADING_SCOPE}/sell.account.readonly"))
SIGNING = MEMBERS | {"GB"}  # countries whose sellers sign


class SigningKey(Section, kw_only=True, frozen=True):
    """A key of eBay's Key Management API. private_key: PEM, or its base64 alone as the API shows it. jwe: as shown."""

    private_key: Secret
    jwe: Secret


class Credentials(Section, kw_only=True, frozen=True):
    """OAuth: the application's production keyset (client_*), and the refresh_token of the seller who consented."""

    client_id: Secret
    client_secret: Secret
    refresh_token: Secret


class Notifications(Section, kw_only=True, frozen=True):
    """Messages of eBay's Notification API (docs/webhooks.md). verification_token: 32 to 80 letters, digits, - and _,
    made up by you; eBay asks for it when it is given the address. alert_email: where eBay writes when it cannot reach
    the address."""

    enabled: bool = False
    verification_token: Secret | None = None
    alert_email: str = ""


class Settings(ChannelSettings, tag="ebay", kw_only=True, frozen=True):
    """One seller account. Orders of all marketplaces come in, whatever `marketplace` is.

    marketplace: the account's home: the site of Trading calls, and the default for what orders do not state.
    orders_api: `fulfillment` (REST) or `trading` (XML, GetOrders). Set it once per channel: the two APIs name the lines
    of an order differently, so after a change every order would look edited. signature: the key by which calls are
    signed that move the money of EU and UK sellers. trading_calls_per_day: the account's quota
    of the Trading API, 5,000 until eBay's Application Growth Check. inventory_skus_per_call: "Up to 25 inventory item
    records may be updated with one bulkUpdatePriceQuantity call" say eBay's guide and the schema; the operation's own
    description says one. SKUs that a call with several does not take are sent again one by one, so that 25 does no
    harm; write 1 if eBay takes no more from your account.
    """

    credentials: Credentials
    marketplace: str = "EBAY_DE"
    orders_api: Literal["fulfillment", "trading"] = "fulfillment"
    scopes: tuple[str, ...] = SCOPES
    signature: SigningKey | None = None
    refresh_token_issued_on: date | None = None  # when the seller last consented
    trading_calls_per_day: int = 5_000
    specifics_a_night: int = 50  # listings of the Trading API whose item specifics are read, where `owned` names them
    inventory_skus_per_call: int = 25
    poll_seconds: int = 60
    notifications: Notifications = Notifications()

    def __post_init__(self) -> None:
        super().__post_init__()
        where = f"channels[{self.name}]"
        if self.marketplace not in BY_ID:
            raise SettingsError(
                f"{where}.marketplace: {self.marketplace!r} is no marketplace of eBay's; "
                f"write one of {', '.join(BY_ID)}."
            )
        if self.specifics_a_night < 0:
            raise SettingsError(f"{where}.specifics_a_night must be at least 0.")
        if self.trading_calls_per_day < 1_000:
            raise SettingsError(f"{where}.trading_calls_per_day must be at least 1000; eBay grants 5000 to everybody.")
        if not 1 <= self.inventory_skus_per_call <= 25:
            raise SettingsError(f"{where}.inventory_skus_per_call must be from 1 to 25.")
        if self.refunding.enabled and self.orders_api != "fulfillment":
            raise SettingsError(f"{where}.refunding.enabled needs orders_api: fulfillment, which states refunds.")
        if self.refunding.enabled and self.signature is None and self.home.country in SIGNING:
            raise SettingsError(
                f"{where}.signature is missing: eBay pays back for sellers of the EU and the UK only by signed calls; "
                "name the key that its Key Management API made."
            )
        if self.receives and self.notifications.verification_token is None:
            raise SettingsError(
                f"{where}.notifications.verification_token is missing: `openssl rand -hex 24` makes one; enter it at "
                "eBay, too."
            )
        if self.content.new_listings.enabled and self.content.new_listings.ebay is None:
            raise SettingsError(f"{where}.content.new_listings.ebay is missing: it names what eBay needs of a listing.")
        if self.content.new_listings.enabled and not self.inventory.enabled:
            raise SettingsError(
                f"{where}.content.new_listings needs inventory.enabled: eBay publishes no listing without a unit, and "
                "nobody would take it off when it is sold elsewhere."
            )
        if not self.scopes:
            raise SettingsError(f"{where}.scopes must name an OAuth scope; leave the key out for the usual ones.")

    @property
    def makes_listings(self) -> bool:
        return True

    @property
    def receives(self) -> bool:
        return self.notifications.enabled

    @property
    def base_url(self) -> str:
        return (self.endpoint or ENDPOINT).rstrip("/")

    @property
    def token_url(self) -> str:
        return self.token_endpoint or TOKEN_ENDPOINT

    def _link_order(self, order_id: str, marketplace: str) -> str:
        country = BY_ID.get(marketplace, self.home).country
        return f"https://www.ebay.{DOMAINS.get(country, country.lower())}/mesh/ord/details?orderid={order_id}"

    @property
    def media_url(self) -> str:
        return self.endpoint.rstrip("/").replace("//api.", "//apim.") or MEDIA_ENDPOINT

    @property
    def uploads_pictures(self) -> bool:
        """Whether pictures of products leave for this account."""
        return self.content.enabled and ("images" in self.content.owned or self.content.new_listings.enabled)

    def destinations(self) -> tuple[Destination, ...]:
        where = f"channels[{self.name}]"
        media = Destination(
            self.media_url, Data.NOTHING, f"{where}.content", only=not self.endpoint, note="pictures are uploaded there"
        )
        return (
            Destination(self.base_url, Data.NUMBERS, f"{where}.endpoint", only=not self.endpoint),
            Destination(self.token_url, Data.KEYS, f"{where}.token_endpoint"),
            *([media] if self.uploads_pictures else []),
        )

    @property
    def named_hosts(self) -> tuple[str, ...]:
        return (*super().named_hosts, *([self.media_url] if self.endpoint else []))

    @property
    def home(self) -> Marketplace:
        return BY_ID[self.marketplace]

    def warnings(self, today: date) -> list[str]:
        """What will stop this channel soon, one sentence each."""
        if self.refresh_token_issued_on is None:
            return []
        left = REFRESH_TOKEN_DAYS - (today - self.refresh_token_issued_on).days
        token = f"channels[{self.name}].credentials.refresh_token ({self.credentials.refresh_token.env})"
        fix = "consent again with the seller's account, store the new token and set refresh_token_issued_on"
        if left <= 0:
            return [f"{token} is past its 18 months; eBay refuses it: {fix}."]
        return [f"{token} expires in {left} days: {fix}."] if left <= WARNING_DAYS else []
