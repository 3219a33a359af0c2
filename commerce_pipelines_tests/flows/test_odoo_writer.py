"""One writer at a time for one Odoo, whichever flow and process it is."""

from __future__ import annotations

import ast
from pathlib import Path

import msgspec
import pytest

import commerce_pipelines
from commerce_pipelines.flows import odoo_writer as module
from commerce_pipelines.flows.odoo_writer import odoo_writer
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.conftest import MASTER_KEY
from commerce_pipelines_tests.doubles.channel import some_settings
from commerce_pipelines_tests.doubles.doors import doors

ROOT = Path(commerce_pipelines.__file__).parent
WRITERS = ("load_sales", "SalesLoad", "cancel_sales")


def test_a_second_writer_waits_and_one_of_another_odoo_does_not(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(module, "may_write_odoo", lambda connections, name: asked.append(name))
    settings, client = some_settings(), object()
    other = Warehouse(warehouse.url, MASTER_KEY)  # of another process
    elsewhere = msgspec.structs.replace(settings, odoo=msgspec.structs.replace(settings.odoo, database="another"))
    name = f"odoo {settings.odoo.url} {settings.odoo.database}"
    with odoo_writer(doors(settings, warehouse, odoo=client), "shop_de") as writer:
        assert writer is client
        with other.lock(name, wait=False) as free:
            assert not free
        with odoo_writer(doors(elsewhere, other, odoo=client), "shop_de"):
            pass
    with other.lock(name, wait=False) as free:
        assert free
    assert asked == ["shop_de", "shop_de"]


def test_flows_write_to_odoo_through_that_door_alone() -> None:
    """Every call of a function that writes gets what `odoo_writer` gave, unless it is a dry one."""
    calls = [
        (path.name, call)
        for room in ("flows", "assets", "sensors", "cli")
        for path in (ROOT / room).rglob("*.py")
        if any(writer in (text := path.read_text()) for writer in WRITERS)
        for call in ast.walk(ast.parse(text))
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") in WRITERS
    ]
    assert len(calls) >= 3
    for name, call in calls:
        dry = any(keyword.arg == "dry" for keyword in call.keywords)
        assert dry or ast.unparse(call.args[0]) == "writer", f"{name}: {ast.unparse(call)}"
