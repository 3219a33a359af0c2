"""A merchant's receiver of messages, and whoever sends to it.

What belongs here: its settings, sending requests to it, what it has kept. What does not: expectations.
"""

from __future__ import annotations

import http.client
import socket
from contextlib import closing
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from commerce_pipelines.channels.ebay.notices.messages import EbayNotices
from commerce_pipelines.channels.shopify.notices.messages import ShopifyNotices
from commerce_pipelines.resources.connections import Connections
from commerce_pipelines.settings import file as settings_file
from commerce_pipelines.warehouse.shared import hints
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.doubles.doors import doors
from commerce_pipelines_tests.doubles.notices import SECRET, SHOP, Ebay, Signed
from commerce_pipelines_tests.doubles.ports import find_port
from commerce_pipelines_tests.doubles.vendor import Clock

# Whoever waits for an answer has it sooner; a slow machine that does other things may need long.
PATIENCE_SECONDS = 240
HINT_SECRET = "canary-0123456789-abcdefgh"
PATH = f"/hint/stock/{HINT_SECRET}"
SETTINGS = """
odoo: {{url: 'http://127.0.0.1:8069', database: shop, username: bot, password: {{env: ODOO_PASSWORD}}}}
listen: {{secret: {{env: HINT_SECRET}}, port: {port}, public_url: 'https://hooks.example.com'}}
channels:
  - {{name: shop_de, kind: shopify, shop: de.myshopify.com, credentials: {{access_token: {{env: TOKEN}}}},
     notifications: {{enabled: true, secret: {{env: SHOP_SECRET}}}}}}
  - {{name: ebay_de, kind: ebay, notifications: {{enabled: true, verification_token: {{env: EBAY_TOKEN}}}},
     credentials: {{client_id: {{env: A}}, client_secret: {{env: B}}, refresh_token: {{env: C}}}}}}
"""


class Door:
    """A merchant's receiver, and whoever sends to it."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.port, self.ebay = find_port(), Ebay()
        settings = settings_file.parse(SETTINGS.format(port=self.port))
        channels = {
            "shop_de": SimpleNamespace(notices=ShopifyNotices(SHOP, [SECRET])),
            "ebay_de": SimpleNamespace(notices=EbayNotices("t" * 32, self.ebay.ask, Clock())),
        }
        self.connections: Connections = doors(settings, warehouse, channels=channels)

    def send(self, path: str, signed: Signed | None = None, method: str = "POST") -> tuple[int, bytes]:
        """(status, body)."""
        body, headers = signed or Signed(b"{}", {})
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)) as connection:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def shopify(self, signed: Signed) -> int:
        status, body = self.send("/notices/shop_de", signed)
        assert body == b""
        return status

    def raw(self, request: bytes) -> bytes:
        """The answer, byte for byte."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_SECONDS) as connection:
            connection.sendall(request)
            return connection.makefile("rb").read()


def rows(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT channel, event, topic, record_id, asks, subjects, orders FROM commerce.notifications"
            " ORDER BY received_at"
        )
        return cursor.fetchall()


def hinted(warehouse: Warehouse) -> datetime | None:
    with warehouse.transaction() as connection:
        return hints.hinted_at(connection, hints.STOCK)
