"""The demo's small world: three marketplaces, an Odoo and a web folder on loopback, with the settings for them.

What belongs here: putting stand-ins together, and what trickles in. What does not: what happens after a sale
(after_sale.py), how a stand-in answers (amazon/, ebay/, shopify/, odoo/), the demo's course (demo.py).
"""

from __future__ import annotations

import base64
import itertools
import random
import secrets
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from .after_sale import AfterSale
from .amazon import AmazonStandIn
from .amazon import demo_orders as amazon_orders
from .amazon.counter import AmazonCounter
from .catalogue import CATALOGUE
from .counter import Counter
from .ebay import EbayStandIn
from .ebay import demo_orders as ebay_orders
from .ebay.counter import EbayCounter
from .editing import shows_amazon, shows_ebay, shows_shop
from .image_host import SECRET as IMAGES_SECRET
from .image_host import ImageHostStandIn
from .odoo import OdooStandIn, demo_database, install_oss
from .sending import Sending, list_events
from .shopify import ShopifyStandIn
from .shopify import demo_orders as shopify_orders
from .shopify.counter import ShopifyCounter

DAYS = 7
SEED = 19
WAREHOUSE = 71  # the Shopify shop's location that ships; 72 is a shop floor whose stock is its own
TRICKLE_SECONDS = 12.0
PAID_BACK = 4  # every so many turns of the trickle a marketplace pays a buyer back
POLL_SECONDS = 15
RETURNS_SECONDS = 30
AMAZON_POLL_SECONDS = 120  # Amazon allows 20 searches at once and one more each 180 s: this lasts two hours
CREDITED = 10  # every so many turns a person credits an order in Odoo
SECRET = "demo-secret"  # of the merchant's app at each marketplace
LANES = ("amazon_eu", "ebay_de", "shopify_de")
PAYS_BACK = LANES[2]  # pays back what people credit in Odoo
# Reduced goods have a rate in France and Austria; elsewhere they show what an unknown rate looks like.
VAT = {
    "seller_country": "DE",
    "oss": True,
    "registrations": ["PL"],
    "rates": {
        "FR": {"standard": 20, "reduced": [5.5], "from_home": {7: 5.5}},
        "AT": {"standard": 20, "reduced": [10], "from_home": {7: 10}},
    },
}


class World:
    """Running stand-ins, filled with the orders of the last days. images: needed where content is kept in line.

    counters: what a person does in the shops, by channel. hands: held by whoever lets something happen. alerts_url:
    where alerts are sent, for Apprise; pages: where people look; '' for nowhere.
    """

    def __init__(
        self, amazon: AmazonStandIn, ebay: EbayStandIn, shopify: ShopifyStandIn, odoo: OdooStandIn,
        images: ImageHostStandIn | None = None,
    ) -> None:  # fmt: skip
        self.channels: dict[str, Any] = dict(zip(LANES, (amazon, ebay, shopify), strict=True))
        self.odoo, self.images = odoo, images or ImageHostStandIn()
        self.hint_secret, self.hint_port = secrets.token_urlsafe(24), _find_free_port()
        shopify.webhooks.secret = SECRET
        self.start = datetime.now(UTC)
        made = (amazon_orders, ebay_orders, shopify_orders)
        for stand_in, make in zip(self.channels.values(), made, strict=True):
            for order in make(SEED, DAYS, self.start, CATALOGUE):
                stand_in.add(order)
        self.after_sale = AfterSale(self.channels, odoo)
        counters = (AmazonCounter(amazon), EbayCounter(ebay), ShopifyCounter(shopify))
        self.counters: dict[str, Counter] = dict(zip(LANES, counters, strict=True))
        self.hands, self.pages, self.alerts_url = threading.Lock(), "", ""
        amazon.ledger.source = lambda: list_events(odoo, self.start, self.sending.number)
        self.sending = Sending(amazon, odoo)
        self._fresh = [_make_endless(make, self.start) for make in made]

    @property
    def hint_url(self) -> str:
        """What the merchant entered as the URL of the webhook in Odoo."""
        return f"http://127.0.0.1:{self.hint_port}/hint/stock/{self.hint_secret}"

    def list_unedited(self) -> list[str]:
        """The marketplaces that do not show the title and the picture that a person edited in Odoo."""
        amazon, ebay, shopify = self.channels.values()
        shown = (shows_amazon(amazon, self.images), shows_ebay(ebay), shows_shop(shopify))
        return [name for name, shows in zip(LANES, shown, strict=True) if not shows]

    def environment(self, root: Path) -> dict[str, str]:
        """Variables of every process of the demo: settings file, master key, made-up secrets."""
        return {
            "COMMERCE_CONFIG": str(root / "commerce.yaml"),
            "COMMERCE_MASTER_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            "DEMO_CLIENT_ID": "demo-client",
            "DEMO_SECRET": SECRET,
            "DEMO_REFRESH_TOKEN": "demo-refresh",
            "DEMO_ODOO_PASSWORD": "admin",
            "DEMO_HINT_SECRET": self.hint_secret,
            "DEMO_IMAGES_SECRET": IMAGES_SECRET,
            "DEMO_ALERTS": self.alerts_url,
        }

    def settings(self, *, invoicing: bool = False, webhooks: bool = False, guarded: bool = False) -> str:
        """commerce.yaml of the demo. invoicing: the pipelines invoice what has left, register its payments; one
        marketplace pays back what people credit; content is kept in line; what Amazon holds is received and compared.
        webhooks: the shop tells of new orders, besides being polled. guarded: the breaker stops what
        would sell out a shop."""
        client_id, secret, refresh = ({"env": f"DEMO_{name}"} for name in ("CLIENT_ID", "SECRET", "REFRESH_TOKEN"))
        login = {"client_id": client_id, "client_secret": secret}
        amazon, ebay, shopify = (self.channels[name].url for name in LANES)
        first_day = (self.start.date() - timedelta(days=30)).isoformat()
        common: dict[str, Any] = {
            "time_zone": "Europe/Berlin", "carrier_fallback": "Standard", "channel_warehouse": "FBA",
            "fulfilment": {"enabled": True, "carriers": {"Standard": "DHL"}, "take_over": True},
            "returns": {"enabled": True, "poll_seconds": RETURNS_SECONDS},
            "poll_seconds": POLL_SECONDS, "start_date": first_day,
        }  # fmt: skip
        content = {"enabled": True, "owned": ["title", "description", "images"]}
        of_amazon = {"content": {**content, "image_host": self._build_image_host()}} if invoicing else {}
        of_shop = {"refunding": {"enabled": True, "since": first_day}} if invoicing else {}
        since = (self.start.date() - timedelta(days=DAYS)).isoformat()
        plans = {"enabled": True, "marketplace": "DE"}
        away = {"inbound": {"enabled": True, "since": since, "receive": True, "plans": plans}} if invoicing else {}
        if invoicing:
            common["content"] = content
            common["invoicing"] = {"trigger": "delivery", "since": first_day, "journals": {"other": "Bank"}}
        stock = self._build_stock(guarded=guarded)
        channels = [
            {
                "name": LANES[0], "kind": "amazon", "region": "eu", "seller_id": "A2DEMOSELLER01",
                "marketplaces": ["DE", "FR", "PL", "SE", "UK"],
                "endpoint": amazon, "token_endpoint": f"{amazon}/auth/o2/token",
                "credentials": {**login, "refresh_token": refresh},
                "sales_team": "Amazon", "channel_departure_country": "DE", "poll_seconds": AMAZON_POLL_SECONDS,
                "inventory": stock, **away, **of_amazon,
            },
            {
                "name": LANES[1], "kind": "ebay", "marketplace": "EBAY_DE",
                "endpoint": ebay, "token_endpoint": f"{ebay}/identity/v1/oauth2/token",
                "credentials": {**login, "refresh_token": refresh}, "sales_team": "eBay", "inventory": stock,
            },
            {
                "name": LANES[2], "kind": "shopify", "shop": "demo.myshopify.com",
                "endpoint": shopify, "token_endpoint": f"{shopify}/admin/oauth/access_token",
                "credentials": login, "sales_team": "Shopify",
                "inventory": {**stock, "locations": {str(WAREHOUSE): ["WH"]}}, **of_shop,
                **({"notifications": {"enabled": True, "secret": secret}} if webhooks else {}),
            },
        ]  # fmt: skip
        rows = [{**common, **channel} for channel in channels]
        return yaml.safe_dump({**self._build_places(webhooks=webhooks), "channels": rows}, sort_keys=False)

    def _build_stock(self, *, guarded: bool) -> dict[str, Any]:
        """The first run brings every listing to its target, and a week of orders at once changes most of them: the
        breaker lets both; see docs/inventory.md."""
        breaker = {"changed_percent": 100, **({} if guarded else {"zeroed_percent": 100})}
        return {"enabled": True, "locations": {"": ["WH"]}, "breaker": breaker, "poll_seconds": 30}

    def _build_image_host(self) -> dict[str, Any]:
        folder = f"{self.images.url}/pictures"
        return {"put": folder, "public": folder, "secret": {"env": "DEMO_IMAGES_SECRET"}}

    def _build_places(self, *, webhooks: bool) -> dict[str, Any]:
        """The sections besides the channels."""
        odoo = {
            "url": self.odoo.url, "database": "demo", "username": "admin", "password": {"env": "DEMO_ODOO_PASSWORD"},
        }  # fmt: skip
        listen = {"secret": {"env": "DEMO_HINT_SECRET"}, "port": self.hint_port}
        public = {"public_url": f"http://127.0.0.1:{self.hint_port}"} if webhooks else {}  # of a real shop https
        alerts = {"alerts": {"targets": [{"env": "DEMO_ALERTS"}]}} if self.alerts_url else {}
        return {"odoo": odoo, "vat": VAT, "listen": {**listen, **public}, **alerts}

    def trickle(self, stop: threading.Event) -> None:
        """Until `stop` is set, every few seconds: a new order in another marketplace, something happens in Odoo's
        warehouse, and now and then a marketplace pays a buyer back, or a person credits one in Odoo."""
        turn, rng = 0, random.Random(SEED)
        while not stop.wait(TRICKLE_SECONDS):
            with self.hands:
                self._go_on(turn, rng)
            turn += 1

    def _go_on(self, turn: int, rng: random.Random) -> None:
        name = LANES[turn % len(LANES)]
        self.channels[name].add_new(next(self._fresh[turn % len(LANES)]), datetime.now(UTC))
        if self.after_sale.is_open:
            self.after_sale.ship_one(rng)
            if turn % PAID_BACK == PAID_BACK - 1:
                self.after_sale.pay_back_one(rng, datetime.now(UTC))
            self.sending.pack()
            self.sending.go_on()
            if turn % CREDITED == CREDITED - 1:
                self.after_sale.credit(PAYS_BACK)


def _make_endless(make: Callable[..., Iterable[Any]], start: datetime) -> Iterator[Any]:
    """Orders of ever new seeds, whose ids differ from all others."""
    for seed in itertools.count(SEED + 1):
        yield from make(seed, DAYS, start, CATALOGUE)


def _find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running() -> Iterator[World]:
    """A world whose servers are stopped at the end, whatever happens."""
    with ExitStack() as stack:
        start = stack.enter_context
        database = demo_database(CATALOGUE)
        install_oss(database)
        odoo = start(OdooStandIn(database))
        marketplaces = start(AmazonStandIn()), start(EbayStandIn()), start(ShopifyStandIn())
        yield World(*marketplaces, odoo, start(ImageHostStandIn()))
