"""Whole runs of every lane, fine ones and failing ones, and then a search for their secrets and persons everywhere.

Everywhere is: Dagster's storage as it lies on the disk (event log, run tags, metadata), what the processes print (the
compute logs hold just that), temporary files, every table of ours, and the alerts' texts.
"""

from __future__ import annotations

import base64
import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import dagster as dg
import pytest

from commerce_pipelines.assets import orders as orders_assets
from commerce_pipelines.assets.common import RANGE_END, RANGE_START
from commerce_pipelines.channels.capabilities import Window
from commerce_pipelines.core.errors import RecordError
from commerce_pipelines.core.lanes import run_tags
from commerce_pipelines.definitions import build_defs
from commerce_pipelines.resources.connections import Connections, open_connections, open_odoo
from commerce_pipelines.sensors.failures import reason
from commerce_pipelines.sensors.orders import TABLES
from commerce_pipelines.settings import file as settings_file
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.conftest import MASTER_KEY
from commerce_pipelines_tests.doubles.doors import IMPATIENT
from commerce_sandbox import world as sandbox
from commerce_sandbox.amazon import AmazonStandIn
from commerce_sandbox.catalogue import CATALOGUE
from commerce_sandbox.ebay import EbayStandIn
from commerce_sandbox.odoo import OdooStandIn, demo_database
from commerce_sandbox.server import Call, Fault
from commerce_sandbox.shopify import ShopifyStandIn

MASTER = base64.urlsafe_b64encode(MASTER_KEY).decode()
SECRETS = {
    "DEMO_CLIENT_ID": "canary-client-1d", "DEMO_SECRET": "canary-s3cret-client", "DEMO_REFRESH_TOKEN": "canary-r3fresh",
    "DEMO_ODOO_PASSWORD": "canary-0doo-password", "COMMERCE_MASTER_KEY": MASTER,
}  # fmt: skip
MANY = 10**6
PERSONAL = ("name", "email", "phone", "company", "vat_number", "ref", "street", "street2")


class Trouble(NamedTuple):
    """What goes wrong in one run. at: the lane's marketplace or Odoo; fault: made of a buyer's e-mail address, and of
    all that is known of all buyers, to be quoted; fails: whether the run does."""

    at: str
    fault: Callable[[str, str], Fault]
    fails: bool = True


def odoo_error(name: str, message: str) -> bytes:
    data = {"name": name, "message": message, "debug": f"Traceback …\n{message}", "arguments": [message]}
    return json.dumps(
        {"jsonrpc": "2.0", "id": 1, "error": {"code": 0, "message": "Server Error", "data": data}}
    ).encode()


def does(method: str, model: str) -> Callable[[Call], bool]:
    return lambda call: f'"{model}", "{method}"'.encode() in call.body


def not_login(call: Call) -> bool:
    return "token" not in call.path


def always(match: Callable[[Call], bool], body: Any, status: int | None = None) -> Fault:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Fault(match=match, status=status, body=content, times=MANY)


TROUBLES = {
    "refused, quoting the buyer and the token": Trouble("channel", lambda email, everything: always(
        not_login, {"errors": [{"code": "InvalidInput", "message": f"{email} Bearer canary-s3cret-client",
                                "details": everything}]}, 400)),
    "credentials refused": Trouble("channel", lambda email, everything: always(
        not_login, {"errors": f"the token of {email} is invalid", "debug": everything}, 401)),
    "an answer of another shape": Trouble("channel", lambda email, everything: always(
        not_login, {"payload": everything, "orders": everything, "data": everything})),
    "Odoo refuses orders": Trouble("odoo", lambda email, everything: always(
        does("load", "sale.order"), odoo_error("odoo.exceptions.UserError", f"{email} may not buy.\n{everything}")),
        fails=False),
    "Odoo trips over reading": Trouble("odoo", lambda email, everything: always(
        does("search_read", "ir.model.data"), odoo_error("builtins.ValueError", f"Invalid term ('=', '{email}')"))),
    "Odoo forbids": Trouble("odoo", lambda email, everything: always(
        does("load", "sale.order"), odoo_error("odoo.exceptions.AccessError", f"No access.\n\nRecords: {everything}"))),
}  # fmt: skip


class Lanes:
    """Dagster with its storage on the disk, the demo's world, secrets of our own, and the persons who bought."""

    def __init__(self, world: sandbox.World, connections: Connections, folder: Path) -> None:
        self.world, self.connections, self.folder = world, connections, folder
        self.job = build_defs(connections.settings, connections).resolve_implicit_global_asset_job_def()
        self.said: list[str] = []

    def run(self, instance: dg.DagsterInstance, name: str) -> bool:
        today = datetime.now(self.connections.settings.channel(name).zone).date()
        days = {RANGE_START: (today - timedelta(days=1)).isoformat(), RANGE_END: today.isoformat()}
        result = self.job.execute_in_process(
            instance=instance, raise_on_error=False,
            asset_selection=[dg.AssetKey([name, table]) for table in TABLES],
            tags={**days, **run_tags(name, "orders")},
        )  # fmt: skip
        self.said += [reason(event) for event in result.all_events if event.is_step_failure]
        return bool(result.success)

    def persons(self, name: str) -> set[str]:
        channel, found = self.connections.channel(name), set[str]()
        window = Window(self.world.start - timedelta(days=3), self.world.start)
        for page in channel.orders.created(window):
            for raw in page.records:
                try:
                    order = channel.orders.translate(raw)
                except RecordError:
                    continue
                for part in (order.buyer, order.billing, order.shipping):
                    found |= {str(getattr(part, field, "")) for field in PERSONAL}
        return {text for text in found if len(text) > 5}

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
    monkeypatch.setattr(sandbox, "DAYS", 1)
    monkeypatch.setattr(orders_assets, "RETRY", dg.RetryPolicy(max_retries=0))
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    database = demo_database(CATALOGUE)
    for row in database.rows["res.users"].values():
        row["secret"] = SECRETS["DEMO_ODOO_PASSWORD"]
    with ExitStack() as stack:
        start = stack.enter_context
        odoo = start(OdooStandIn(database))
        world = sandbox.World(start(AmazonStandIn()), start(EbayStandIn()), start(ShopifyStandIn()), odoo)
        environ = {**world.environment(tmp_path), **SECRETS, "COMMERCE_DATABASE_URL": warehouse.url}
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        settings = settings_file.parse(world.settings())
        connections = open_connections(settings, odoo=lambda: open_odoo(settings, IMPATIENT))
        yield Lanes(world, connections, tmp_path)


@pytest.mark.parametrize("name", sandbox.LANES)
def test_no_secret_and_no_person_is_left_anywhere(lanes: Lanes, name: str, capfd: pytest.CaptureFixture[str]) -> None:
    persons = lanes.persons(name)
    email = min(one for one in persons if "@" in one)
    assert len(persons) > 10
    with dg.DagsterInstance.local_temp(str(lanes.folder), {"telemetry": {"enabled": False}}) as instance:
        troubles = {what: one for what, one in TROUBLES.items() if one.at == "channel" or name == sandbox.LANES[-1]}
        for what, trouble in troubles.items():
            server = lanes.world.odoo if trouble.at == "odoo" else lanes.world.channels[name]
            fault = trouble.fault(email, "; ".join(sorted(persons)))
            server.faults.append(fault)
            assert lanes.run(instance, name) is not trouble.fails, what
            assert fault.times < MANY, what
            server.faults.clear()
        assert lanes.run(instance, name)
        printed = "".join(capfd.readouterr())
        places = dict(lanes.stored()) | {"printed": printed.encode()}
    text = b"\n".join(places.values())
    assert b"sale_orders" in text
    assert len(lanes.said) == sum(one.fails for one in troubles.values())
    leaks = {
        (place, what)
        for place, content in places.items()
        for what in (*SECRETS.values(), *persons)
        if what.encode() in content or what.encode().hex().encode() in content
    }
    assert leaks == set()
