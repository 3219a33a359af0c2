"""The worked example of docs/add-a-marketplace.md: a package of somebody else's, from commerce.yaml to Odoo and its
proof, over HTTP on both sides; and what a package that does not offer what it must is told."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from commerce_pipelines.channels import registry
from commerce_pipelines.core.errors import SettingsError
from commerce_pipelines.domain.orders.order import check
from commerce_pipelines.domain.vat.decision import VatPolicy
from commerce_pipelines.settings import file as settings_file
from commerce_pipelines.settings.file import build_schema, parse
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.doubles.example import BazaarStandIn, bring_in
from commerce_sandbox.catalogue import CATALOGUE
from commerce_sandbox.odoo import OdooStandIn, demo_database

EXAMPLE = Path(__file__).parents[2] / "docs" / "example_channel"
NOON = datetime.now(UTC).replace(hour=11, minute=0, second=0, microsecond=0) - timedelta(days=1)


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, kind: str = "bazaar", module: str = "bazaar") -> None:
    """As an installer does: metadata with the entry points beside the module."""
    named = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]["entry-points"]
    assert named == {registry.GROUP: {"bazaar": "bazaar"}}
    info = folder / "bazaar_channel-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bazaar-channel\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{registry.GROUP}]\n{kind} = {module}\n")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.syspath_prepend(str(EXAMPLE))


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Which packages are installed is looked up once in a process."""

    def forget() -> None:
        registry._find_registered.cache_clear()
        registry._load_module.cache_clear()
        settings_file._build_channel_type.cache_clear()
        settings_file.parse.cache_clear()

    forget()
    yield
    forget()


def settings_text(shop: str = "http://127.0.0.1:1", odoo: str = "http://127.0.0.1:8069") -> str:
    return f"""
odoo: {{url: "{odoo}", database: demo, username: admin, password: {{env: ODOO_PASSWORD}}}}
channels:
  - {{name: bazaar_de, kind: bazaar, endpoint: "{shop}", credentials: {{api_key: {{env: BAZAAR_KEY}}}},
     start_date: 2025-01-01}}
"""


@pytest.fixture
def shop() -> Iterator[BazaarStandIn]:
    with BazaarStandIn() as stand_in:
        yield stand_in


def test_orders_of_the_example_come_to_odoo_and_are_proved(
    shop: BazaarStandIn, warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch)
    monkeypatch.setenv("ODOO_PASSWORD", "admin")
    monkeypatch.setenv("BAZAAR_KEY", "k")
    sku = CATALOGUE[0].sku
    for number in range(5):
        shop.add(f"B{number}", NOON, (sku, 2, "9.95", 19), shipping="4.90")
    with OdooStandIn(demo_database(CATALOGUE)) as odoo:
        settings = parse(settings_text(shop.url, odoo.url))
        assert settings.vat == VatPolicy()
        figures, proof = bring_in(settings, warehouse, "bazaar_de", NOON.date())
        assert figures == {"created": 5}
        assert (proof.complete, proof.orders_in_channel, proof.sale_orders_in_odoo) == (True, 5, 5)
        figures, _ = bring_in(settings, warehouse, "bazaar_de", NOON.date())
        assert figures == {"unchanged": 5}


def test_one_order_and_an_unreadable_one(
    shop: BazaarStandIn, warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch)
    monkeypatch.setenv("BAZAAR_KEY", "k")
    from bazaar import translate  # type: ignore[import-not-found]

    shop.add("B1", NOON, ("A", 3, "1.05", 7), ("B", 1, "20.00", 19), shipping="3.50")
    order = translate(shop.read("B1"), "bazaar_de")
    check(order)
    assert (order.total, [line.amount for line in order.lines]) == (2665, [315, 2000, 350])
    with pytest.raises(Exception, match="changed"):
        translate(b'{"id": "1", "number": "1", "placed": "2026-01-01T00:00:00Z"}', "bazaar_de")


def test_the_kind_is_one_for_the_file_and_for_editors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match="must be one of amazon, ebay, shopify"):
        parse(settings_text())
    registry._find_registered.cache_clear()
    install(tmp_path, monkeypatch)
    [channel] = parse(settings_text()).channels
    assert channel.__struct_config__.tag == "bazaar"
    assert "bazaar" in str(build_schema())
    assert registry.list_kinds() == (*registry.KINDS, "bazaar")
    assert [fields.answer for fields in registry.personal_fields(["bazaar"])][-1] == "Bazaar: orders"
    with pytest.raises(SettingsError, match="credentials"):
        parse(settings_text().replace("api_key:", "apikey:"))


def test_without_a_foreign_kind_no_package_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each run reads commerce.yaml, and looking through all packages costs it a tenth of a second."""

    def refuse(**named: Any) -> Any:
        raise AssertionError("packages were looked through")

    monkeypatch.setattr(registry, "entry_points", refuse)
    text = settings_text().replace("kind: bazaar", "kind: shopify, shop: a.myshopify.com")
    assert parse(text.replace("api_key", "access_token")).channels[0].name == "bazaar_de"


@pytest.mark.parametrize(
    ("kind", "module", "says"),
    [("bazaar", "no_such_module", "cannot be imported"), ("bazaar", "json", "lacks Settings"),
     ("other", "bazaar", "another kind")],
)  # fmt: skip
def test_a_package_that_does_not_offer_what_it_must_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, module: str, says: str
) -> None:
    install(tmp_path, monkeypatch, kind, module)
    with pytest.raises(SettingsError, match=says):
        parse(settings_text().replace("kind: bazaar", f"kind: {kind}"))


def test_no_package_takes_the_place_of_a_marketplace_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, kind="shopify")
    assert registry.list_kinds() == registry.KINDS


def test_the_example_stays_short() -> None:
    assert len((EXAMPLE / "bazaar.py").read_text().splitlines()) <= 220
