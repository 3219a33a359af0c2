"""Amazon, through the Selling Partner API: its part of commerce.yaml.

What belongs here: settings and their checks, light enough to be imported whenever settings are read. What does not:
HTTP (channel.py, imported when a channel is opened), the list of marketplaces (marketplaces.py).
"""

from __future__ import annotations

import re
from datetime import date
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from ...core.errors import SettingsError
from ...domain.privacy.residency import Data, Destination
from ..settings import WARNING_DAYS, ChannelSettings, Secret, Section
from .marketplaces import BY_ID, BY_NAME, REGIONS, SELLER_CENTRALS

__all__ = ["Credentials", "Settings"]

SECRET_DAYS = 180  # Amazon: "you must rotate your LWA client secret every 180 days"
DOCUMENTS = "s3.amazonaws.com"  # buckets of it, see api/documents.py
SELLER_NEEDED = "no stock can be published; copy the Merchant Token from Seller Central, Settings, Account Info."
QUEUE = re.compile(r"https://sqs\.([a-z]{2}(?:-[a-z]+)+-[0-9])\.amazonaws\.com/([0-9]{12})/([A-Za-z0-9_-]{1,80})\Z")
LOCAL_QUEUE = re.compile(r"http://(?:127\.0\.0\.1|localhost):[0-9]{1,5}/([0-9]{12})/([A-Za-z0-9_-]{1,80})\Z")
LOCAL_REGION = "eu-west-1"  # of a queue on this machine
# Where AWS documents that its European regions stand.
AWS_COUNTRIES = {
    "eu-west-1": "IE", "eu-west-2": "GB", "eu-west-3": "FR", "eu-central-1": "DE", "eu-central-2": "CH",
    "eu-north-1": "SE", "eu-south-1": "IT", "eu-south-2": "ES",
}  # fmt: skip
SELLER = re.compile(r"[A-Z0-9]{8,20}\Z")


class Credentials(Section, kw_only=True, frozen=True):
    """Login with Amazon: the application's keys (client_*), and the refresh_token of the seller who authorised it."""

    client_id: Secret
    client_secret: Secret
    refresh_token: Secret


class Queue(NamedTuple):
    """A queue of Amazon SQS. origin: scheme and host of its URL."""

    url: str
    origin: str
    region: str
    account: str
    name: str

    @property
    def arn(self) -> str:
        return f"arn:aws:sqs:{self.region}:{self.account}:{self.name}"


class Notifications(Section, kw_only=True, frozen=True):
    """Messages of Amazon, by a standard queue of Amazon SQS (docs/webhooks.md). access_key_id, secret_access_key: of an
    AWS user who may receive and delete messages of this queue, and nothing else; used for nothing else."""

    enabled: bool = False
    queue_url: str = ""
    access_key_id: Secret | None = None
    secret_access_key: Secret | None = None

    @property
    def queue(self) -> Queue:
        """Raises SettingsError for what is no queue's URL."""
        if hit := QUEUE.match(self.queue_url):
            region, account, name = hit.groups()
        elif hit := LOCAL_QUEUE.match(self.queue_url):
            region, account, name = LOCAL_REGION, *hit.groups()
        else:
            raise SettingsError(find_queue_problem(self.queue_url))
        return Queue(self.queue_url, self.queue_url.partition(f"/{account}/")[0], region, account, name)

    def problems(self) -> list[tuple[str, str]]:
        """(key, problem and fix), each once, where messages are switched on."""
        if not self.enabled:
            return []
        mistakes = [
            (key, "is missing: name the key of an AWS user who may receive and delete messages of the queue.")
            for key in ("access_key_id", "secret_access_key")
            if getattr(self, key) is None
        ]
        if not (QUEUE.match(self.queue_url) or LOCAL_QUEUE.match(self.queue_url)):
            mistakes.append(("queue_url", find_queue_problem(self.queue_url)))
        return mistakes


def find_queue_problem(url: str) -> str:
    if url.endswith(".fifo"):
        return "is a FIFO queue, into which Amazon's notifications write nothing: make a standard queue."
    return "must be the URL of a queue, such as https://sqs.eu-west-1.amazonaws.com/123456789012/amazon-messages."


class Settings(ChannelSettings, tag="amazon", kw_only=True, frozen=True):
    """One seller account in one region. `marketplaces`: ids or country codes (DE, UK); empty: all of the account.

    seller_id: the account's Merchant Token, needed for stock and for feeds; Seller Central shows it under Account Info.
    """

    credentials: Credentials
    region: Literal["eu", "na", "fe"] = "eu"
    marketplaces: tuple[str, ...] = ()
    seller_id: str = ""
    fba_returns: bool = True  # whether Amazon is asked for returns to its own warehouses, where returns are taken over
    content_feed_above: int = (
        # Listings that change in one run and marketplace: each takes a second by calls, the rate of previews; Amazon
        # works on a feed for minutes, and the run that reads its report comes up to ten minutes later.
        600
    )
    secret_rotated_on: date | None = None  # when the client secret was last rotated in Seller Central
    notifications: Notifications = Notifications()
    poll_seconds: int = (
        # SearchOrders allows one call in 180 s; polling every 720 s leaves three of four calls to further pages, day
        # pulls and proofs. A change that no message told is found within 15 minutes so, as a list shows it after 150 s.
        720
    )

    @property
    def receives(self) -> bool:
        return self.notifications.enabled

    @property
    def makes_listings(self) -> bool:
        return True

    @property
    def fetches_pictures(self) -> bool:
        return True

    @property
    def inbox(self) -> str:
        return self.notifications.queue_url if self.receives else ""

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
        if self.content.enabled and not self.seller_id:
            raise SettingsError(f"{where}.seller_id is missing, without which no listing can be read or changed.")
        if self.refunding.enabled and not self.seller_id:
            raise SettingsError(f"{where}.seller_id is missing, without which no feed of refunds can be sent.")
        if self.content_feed_above < 1:
            raise SettingsError(f"{where}.content_feed_above: must be at least 1.")
        if self.tells_unnumbered and not self.seller_id:
            raise SettingsError(
                f"{where}.seller_id is missing, without which no parcel without tracking number can be told "
                "(fulfilment.missing_tracking: send)."
            )
        if problems := self.notifications.problems():
            raise SettingsError("\n".join(f"{where}.notifications.{key} {problem}" for key, problem in problems))
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

    def _link_order(self, order_id: str, marketplace: str) -> str:
        country = BY_ID[marketplace].country if marketplace in BY_ID else ""
        host = SELLER_CENTRALS.get(country, SELLER_CENTRALS[self.region])
        return f"https://{host}/orders-v3/order/{order_id}"

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
            *self._list_queues(), *self._list_image_host(),
        )  # fmt: skip

    def _list_image_host(self) -> list[Destination]:
        host, key = self.content.image_host, f"channels[{self.name}].content.image_host"
        return [Destination(host.put, Data.NOTHING, key, note="pictures of products are put there")] if host else []

    def _list_queues(self) -> list[Destination]:
        if not self.receives:
            return []
        queue = self.notifications.queue
        note = "Amazon writes order numbers and postal codes into it; they are read and deleted, and codes not kept"
        country = AWS_COUNTRIES.get(queue.region, "") if QUEUE.match(queue.url) else ""
        key = f"channels[{self.name}].notifications.queue_url"
        return [Destination(queue.origin, Data.NUMBERS, key, country=country, note=note)]

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
