"""Amazon, through the Selling Partner API: its part of commerce.yaml.

What belongs here: settings and their checks, light enough to be imported whenever settings are read. What does not:
HTTP (channel.py, imported when a channel is opened), the list of marketplaces (marketplaces.py).
"""

from __future__ import annotations

import re
from datetime import date
from typing import Literal
from urllib.parse import urlsplit

from ...core.errors import SettingsError
from ...domain.privacy.residency import Data, Destination
from ..settings import WARNING_DAYS, ChannelSettings, Secret, Section
from .marketplaces import BY_ID, BY_NAME, REGIONS

__all__ = ["Credentials", "Settings"]

SECRET_DAYS = 180  # Amazon: "you must rotate your LWA client secret every 180 days"
DOCUMENTS = "s3.amazonaws.com"  # buckets of it, see api/documents.py
SELLER_NEEDED = "no stock can be published; copy the Merchant Token from Seller Central, Settings, Account Info."
SELLER = re.compile(r"[A-Z0-9]{8,20}\Z")


class Credentials(Section, kw_only=True, frozen=True):
    """Login with Amazon: the application's keys (client_*), and the refresh_token of the seller who authorised it."""

    client_id: Secret
    client_secret: Secret
    refresh_token: Secret


class Settings(ChannelSettings, tag="amazon", kw_only=True, frozen=True):
    """One seller account in one region. `marketplaces`: ids or country codes (DE, UK); empty: all of the account.

    seller_id: the account's Merchant Token, needed for stock and for feeds; Seller Central shows it under Account Info.
    """

    credentials: Credentials
    region: Literal["eu", "na", "fe"] = "eu"
    marketplaces: tuple[str, ...] = ()
    seller_id: str = ""
    fba_returns: bool = True  # whether Amazon is asked for returns to its own warehouses, where returns are taken over
    secret_rotated_on: date | None = None  # when the client secret was last rotated in Seller Central
    poll_seconds: int = (
        # SearchOrders allows one call in 180 s; polling every 900 s leaves four of five calls to further pages, day
        # pulls and proofs.
        900
    )

    @property
    def tells_unnumbered(self) -> bool:
        """Whether parcels without tracking number are told, by a feed."""
        return self.fulfilment.enabled and self.fulfilment.missing_tracking == "send"

    def __post_init__(self) -> None:
        super().__post_init__()
        where = f"channels[{self.name}]"
        if len(self.marketplaces) > 50:
            raise SettingsError(f"{where}.marketplaces: Amazon takes at most 50; leave the key out to ask for all.")
        for place in self.marketplaces:
            market = BY_ID.get(place) or BY_NAME.get(place.upper())
            if market is None:
                raise SettingsError(
                    f"{where}.marketplaces: {place!r} is neither a marketplace id nor a country code of Amazon's; "
                    "write DE or A1PA6795UKMFR9, for example."
                )
            if market.region != self.region:
                raise SettingsError(
                    f"{where}.marketplaces: {place} belongs to the region {market.region}, not {self.region}; "
                    "configure it as a channel of its own, so that its data stays in its region."
                )
        if self.seller_id and not SELLER.match(self.seller_id):
            raise SettingsError(
                f"{where}.seller_id: {self.seller_id[:40]!r} is no Merchant Token such as A2EXAMPLE4SELLER; copy it "
                "from Seller Central, Settings, Account Info."
            )
        if self.inventory.enabled and not self.seller_id:
            raise SettingsError(f"{where}.seller_id is missing, without which {SELLER_NEEDED}")
        if self.refunding.enabled and not self.seller_id:
            raise SettingsError(f"{where}.seller_id is missing, without which no feed of refunds can be sent.")
        if self.tells_unnumbered and not self.seller_id:
            raise SettingsError(
                f"{where}.seller_id is missing, without which no parcel without tracking number can be told "
                "(fulfilment.missing_tracking: send)."
            )
        host = urlsplit(self.endpoint).hostname or ""
        if host.endswith(".amazon.com") and f"-{self.region}." not in host:
            raise SettingsError(
                f"{where}.endpoint: {host} does not serve the region {self.region}; "
                f"leave the key out or use {REGIONS[self.region].endpoint}."
            )

    @property
    def base_url(self) -> str:
        return (self.endpoint or REGIONS[self.region].endpoint).rstrip("/")

    @property
    def token_url(self) -> str:
        return self.token_endpoint or REGIONS[self.region].token_endpoint

    def destinations(self) -> tuple[Destination, ...]:
        country = "" if self.endpoint else REGIONS[self.region].country
        key = f"channels[{self.name}].endpoint" if self.endpoint else f"channels[{self.name}].region"
        return (
            Destination(self.base_url, Data.NUMBERS, key, country=country),
            Destination(self.token_url, Data.KEYS, f"channels[{self.name}].token_endpoint"),
            Destination(
                DOCUMENTS, Data.GOODS, f"channels[{self.name}].region",
                note="Amazon chooses the bucket; reports are read from there, stock is written as feeds",
            ),
        )  # fmt: skip

    @property
    def marketplace_ids(self) -> tuple[str, ...]:
        """Ids of the configured marketplaces, each once, in their order."""
        return tuple(dict.fromkeys((BY_ID.get(name) or BY_NAME[name.upper()]).id for name in self.marketplaces))

    def warnings(self, today: date) -> list[str]:
        """What will stop this channel soon, one sentence each."""
        if self.secret_rotated_on is None:
            return []
        age = (today - self.secret_rotated_on).days
        secret = f"channels[{self.name}].credentials.client_secret ({self.credentials.client_secret.env})"
        rotate = "rotate it in Seller Central and set secret_rotated_on"
        if age >= SECRET_DAYS:
            return [f"{secret} is {age} days old; Amazon refuses it after {SECRET_DAYS} days: {rotate}."]
        if SECRET_DAYS - age <= WARNING_DAYS:
            return [f"{secret} expires in {SECRET_DAYS - age} days: {rotate}."]
        return []
