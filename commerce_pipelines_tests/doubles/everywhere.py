"""Dagster with its storage on the disk beside the demo's world, and every place where something may be left behind.

What belongs here: whole runs of a lane, and what lies everywhere afterwards. What does not: what goes wrong in them,
and what is searched for (the tests).
"""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from commerce_pipelines.assets import (
    content,
    fulfilment,
    inbound,
    inventory,
    invoicing,
    orders,
    privacy,
    refunding,
    returns,
)
from commerce_pipelines.assets.common import RANGE_END, RANGE_START
from commerce_pipelines.channels.capabilities import Window
from commerce_pipelines.core.errors import RecordError
from commerce_pipelines.core.lanes import run_tags, tags_of
from commerce_pipelines.core.topics import Topic
from commerce_pipelines.definitions import build_defs
from commerce_pipelines.resources.connections import Connections, open_connections, open_odoo
from commerce_pipelines.sensors.failures import reason
from commerce_pipelines.sensors.orders import TABLES
from commerce_pipelines.settings import file as settings_file
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.conftest import MASTER_KEY
from commerce_pipelines_tests.doubles.doors import hurry
from commerce_sandbox import world as sandbox
from commerce_sandbox.amazon import AmazonStandIn
from commerce_sandbox.catalogue import CATALOGUE
from commerce_sandbox.ebay import EbayStandIn
from commerce_sandbox.odoo import OdooStandIn, demo_database
from commerce_sandbox.shopify import ShopifyStandIn

MASTER = base64.urlsafe_b64encode(MASTER_KEY).decode()
SECRETS = {
    "DEMO_CLIENT_ID": "canary-client-1d", "DEMO_SECRET": "canary-s3cret-client", "DEMO_REFRESH_TOKEN": "canary-r3fresh",
    "DEMO_ODOO_PASSWORD": "canary-0doo-password", "COMMERCE_MASTER_KEY": MASTER,
}  # fmt: skip
PERSONAL = ("name", "email", "phone", "company", "vat_number", "ref", "street", "street2")
WITH_RETRIES = (orders, inventory, fulfilment, inbound, returns, invoicing, refunding, content, privacy)
STOCK = ("listings", "inventory_targets", "published_inventory")


class Lanes:
    """Dagster with its storage on the disk, the demo's world, secrets of our own, and the persons who bought."""

    def __init__(self, world: sandbox.World, connections: Connections, folder: Path) -> None:
        self.world, self.connections, self.folder = world, connections, folder
        self.said: list[str] = []

    @cached_property
    def definitions(self) -> dg.Definitions:
        return build_defs(self.connections.settings, self.connections)

    @cached_property
    def job(self) -> dg.JobDefinition:
        return self.definitions.resolve_implicit_global_asset_job_def()

    def run(self, instance: dg.DagsterInstance, name: str) -> bool:
        """The channel's orders of yesterday and today; whether the run succeeds."""
        today = datetime.now(self.connections.settings.channel(name).zone).date()
        days = {RANGE_START: (today - timedelta(days=1)).isoformat(), RANGE_END: today.isoformat()}
        keys = [dg.AssetKey([name, table]) for table in TABLES]
        return self._execute(instance, keys, {**days, **run_tags(name, "orders")})

    def run_stock(self, instance: dg.DagsterInstance, name: str) -> bool:
        """Listings read, quantities published; whether the run succeeds."""
        keys = [dg.AssetKey(["odoo", "stock_levels"]), *(dg.AssetKey([name, table]) for table in STOCK)]
        return self._execute(instance, keys, run_tags(name, "inventory"))

    def run_flow(self, instance: dg.DagsterInstance, name: str, flow: str, tables: Sequence[str | dg.AssetKey]) -> bool:
        """These tables of one flow; whether the run succeeds."""
        keys = [table if isinstance(table, dg.AssetKey) else dg.AssetKey([name, table]) for table in tables]
        return self._execute(instance, keys, {**self._list_days(flow), **run_tags(name, flow)})

    def run_together(self, instance: dg.DagsterInstance, flow: str, tables: Sequence[str | dg.AssetKey]) -> bool:
        """The same of all channels in one run, which takes a fraction of the time."""
        keys = [
            table if isinstance(table, dg.AssetKey) else dg.AssetKey([name, table])
            for name in sandbox.LANES for table in tables
        ]  # fmt: skip
        keys = list(dict.fromkeys(keys))
        return self._execute(instance, keys, {**self._list_days(flow), **tags_of([key.path for key in keys])})

    def _list_days(self, flow: str) -> dict[str, str]:
        if flow not in (Topic.ORDERS, Topic.RETURNS):
            return {}
        today = datetime.now(self.connections.settings.channels[0].zone).date()
        return {RANGE_START: (today - timedelta(days=1)).isoformat(), RANGE_END: today.isoformat()}

    def _execute(self, instance: dg.DagsterInstance, keys: list[dg.AssetKey], tags: dict[str, str]) -> bool:
        result = self.job.execute_in_process(instance=instance, raise_on_error=False, asset_selection=keys, tags=tags)
        self.said += [reason(event) for event in result.all_events if event.is_step_failure]
        return bool(result.success)

    def persons(self, name: str) -> set[str]:
        channel, texts = self.connections.channel(name), set[str]()
        window = Window(self.world.start - timedelta(days=3), self.world.start)
        for page in channel.orders.created(window):
            for raw in page.records:
                try:
                    order = channel.orders.translate(raw)
                except RecordError:
                    continue
                for part in (order.buyer, order.billing, order.shipping):
                    texts |= {str(getattr(part, field, "")) for field in PERSONAL}
        return {text for text in texts if len(text) > 5}

    def stored(self) -> Iterator[tuple[str, bytes]]:
        """Every place with what lies in it."""
        for path in sorted(self.folder.rglob("*")):
            if path.is_file() and path.name != ".env":
                yield str(path.relative_to(self.folder)), path.read_bytes()
        with self.connections.warehouse.transaction() as connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT relname FROM pg_class WHERE relnamespace = 'commerce'::regnamespace AND relkind = 'r'"
            )
            for (table,) in cursor.fetchall():
                cursor.execute(f"SELECT coalesce(string_agg(t::text, E'\n'), '') FROM commerce.{table} t")
                (text,) = cursor.fetchone() or ("",)
                yield table, text.encode()
        yield "alerts", "\n".join(self.said).encode()


@pytest.fixture
def lanes(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Lanes]:
    with open_lanes(warehouse, monkeypatch, tmp_path) as opened:
        yield opened


@contextmanager
def open_lanes(
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    secrets: Mapping[str, str] = SECRETS,
    odoo: Mapping[str, Any] | None = None,
    **of_channels: dict[str, Any],
) -> Iterator[Lanes]:
    """The demo's world with orders of a day. secrets: what stands in the environment. odoo: the settings of another
    Odoo than the stand-in. of_channels: more settings, by the channel's name."""
    monkeypatch.setattr(sandbox, "DAYS", 1)
    for module in WITH_RETRIES:
        monkeypatch.setattr(module, "RETRY", dg.RetryPolicy(max_retries=0))
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    database = demo_database(CATALOGUE)
    for row in database.rows["res.users"].values():
        row["secret"] = secrets["DEMO_ODOO_PASSWORD"]
    with ExitStack() as stack:
        start = stack.enter_context
        server = start(OdooStandIn(database))
        amazon = start(AmazonStandIn())
        amazon.feeds.takes = amazon.reports.takes = timedelta()  # it would be asked thousands of times meanwhile
        world = sandbox.World(amazon, start(EbayStandIn()), start(ShopifyStandIn()), server)
        environ = {**world.environment(tmp_path), **secrets, "COMMERCE_DATABASE_URL": warehouse.url}
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        text = yaml.safe_load(world.settings())
        text["odoo"].update(odoo or {})
        for channel in text["channels"]:
            channel.update(of_channels.get(channel["name"], {}))
        settings = settings_file.parse(yaml.safe_dump(text))
        hurried = hurry(monkeypatch)
        connections = open_connections(settings, odoo=lambda: open_odoo(settings, hurried), instruments=hurried)
        yield Lanes(world, connections, tmp_path)
