"""Shopify, through the Admin GraphQL API: its part of commerce.yaml.

What belongs here: settings and their checks, light enough to be imported whenever settings are read. What does not:
HTTP (channel.py, imported when a channel is opened), the queries (api/queries.py).
"""

from __future__ import annotations

import re
from datetime import date
from typing import Literal

from ...core.errors import SettingsError
from ...core.section import Secret, Section
from ...domain.privacy.residency import Data, Destination
from ..settings import WARNING_DAYS, ChannelSettings

__all__ = ["API_VERSION", "Credentials", "Settings"]

# The version that the queries are written for and checked against. Shopify serves each version for at least twelve
# months and then silently answers with the oldest that it still has: api/graphql.py compares the version of each answer
# with this one.
API_VERSION = "2026-10"
MOST_LOCALES = 8  # languages besides the shop's own that one query reads

FILES_HOST = "storage.googleapis.com"  # the host of the files that bulk operations answer with
UPLOAD_HOST = "shopify-staged-uploads.storage.googleapis.com"  # where pictures of products are uploaded

_SHOP = re.compile(r"[a-z0-9][a-z0-9-]*\.myshopify\.com\Z")
_VERSION = re.compile(r"20\d\d-(01|04|07|10)\Z")


class Credentials(Section, kw_only=True, frozen=True):
    """Either `access_token` (an app made in the shop's admin) or `client_id` and `client_secret` (client-credentials
    grant of a Dev Dashboard app: tokens are valid for 24 hours and minted when needed)."""

    access_token: Secret | None = None
    client_id: Secret | None = None
    client_secret: Secret | None = None


class Notifications(Section, kw_only=True, frozen=True):
    """Webhooks of the shop (docs/webhooks.md). secret: the app's client secret, which signs them; default:
    credentials.client_secret. previous_secret: the one before, which Shopify may use for an hour after a rotation."""

    enabled: bool = False
    secret: Secret | None = None
    previous_secret: Secret | None = None


class Settings(ChannelSettings, tag="shopify", kw_only=True, frozen=True):
    """The keys of a Shopify shop, in addition to those of every channel.

    endpoint: base URL, default https://{shop}. token_endpoint: whole URL, default {endpoint}/admin/oauth/access_token.
    currency_basis: `shop` books orders in the shop's own currency, `presentment` in the currency that the buyer paid
    in. Only the chosen amounts are requested, because each costs points; after a change of this setting, pull the days
    again.
    """

    shop: str
    credentials: Credentials
    api_version: str = API_VERSION
    currency_basis: Literal["shop", "presentment"] = "shop"
    poll_seconds: int = 60
    notifications: Notifications = Notifications()

    def __post_init__(self) -> None:
        super().__post_init__()
        where = f"channels[{self.name}]"
        if not _SHOP.match(self.shop):
            raise SettingsError(f"{where}.shop: {self.shop!r} is not of the form my-shop.myshopify.com.")
        if not _VERSION.match(self.api_version):
            raise SettingsError(f"{where}.api_version: {self.api_version!r} is no version; write {API_VERSION}.")
        keys = self.credentials
        static, minted = keys.access_token is not None, keys.client_id is not None and keys.client_secret is not None
        if static == minted or (static and (keys.client_id or keys.client_secret)):
            raise SettingsError(
                f"{where}.credentials must hold either access_token, or client_id and client_secret together."
            )
        if len(self.content.translations) > MOST_LOCALES:
            count = len(self.content.translations)
            raise SettingsError(
                f"{where}.content.translations names {count} languages; at most {MOST_LOCALES} are kept in line, "
                "take out the others."
            )
        if self.receives and not self.signing_secrets:
            raise SettingsError(
                f"{where}.notifications.secret is missing: name the client secret of the app, which signs its webhooks."
            )

    @property
    def receives(self) -> bool:
        return self.notifications.enabled

    @property
    def signing_secrets(self) -> tuple[Secret, ...]:
        """The secrets that may sign the shop's webhooks, the present one first."""
        present = self.notifications.secret or self.credentials.client_secret
        return (present, *filter(None, (self.notifications.previous_secret,))) if present else ()

    @property
    def base_url(self) -> str:
        return (self.endpoint or f"https://{self.shop}").rstrip("/")

    @property
    def token_url(self) -> str:
        return self.token_endpoint or f"{self.base_url}/admin/oauth/access_token"

    def _link_order(self, order_id: str, marketplace: str) -> str:
        return f"https://{self.shop}/admin/orders/{order_id}"

    def destinations(self) -> tuple[Destination, ...]:
        where = f"channels[{self.name}]"
        return (
            Destination(self.base_url, Data.NUMBERS, f"{where}.endpoint", only=not self.endpoint),
            Destination(self.token_url, Data.KEYS, f"{where}.token_endpoint"),
            Destination(
                FILES_HOST, Data.NOTHING, f"{where}.shop", only=True, note="files with stock are read from there"
            ),
            *(
                [
                    Destination(
                        UPLOAD_HOST, Data.NOTHING, f"{where}.content", only=True, note="pictures are uploaded there"
                    )
                ]
                if self.uploads_pictures
                else []
            ),
        )

    @property
    def uploads_pictures(self) -> bool:
        """Whether pictures of products leave for this shop."""
        return self.content.enabled and "images" in self.content.read_fields()

    @property
    def makes_listings(self) -> bool:
        return True

    @property
    def version(self) -> str:
        return self.api_version

    def warnings(self, today: date) -> list[str]:
        """What will stop this channel soon, one sentence each."""
        year, month = map(int, self.api_version.split("-"))
        end = date(year + 1, month, 1)  # each version is served for at least twelve months
        if (end - today).days > WARNING_DAYS:
            return []
        return [
            f"channels[{self.name}].api_version: Shopify serves {self.api_version} until {end} only and then answers "
            "as another version: update commerce-pipelines and leave the key out."
        ]
