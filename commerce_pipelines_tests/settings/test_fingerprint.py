"""What makes refused records due again: the settings that they may have been refused for, and no others."""

from __future__ import annotations

from typing import Any

import pytest

from commerce_pipelines.channels.registry import settings_types
from commerce_pipelines.odoo.rpc.settings import OdooSettings
from commerce_pipelines.settings import fingerprint as module
from commerce_pipelines.settings.file import parse
from commerce_pipelines.settings.fingerprint import fingerprint


def settings_with(channel: str = "", odoo: str = "", vat: str = "{oss: true}") -> Any:
    return parse(
        f"odoo: {{url: http://127.0.0.1:8069, database: d, username: u, password: {{env: P}}{odoo}}}\nvat: {vat}\n"
        f"channels: [{{kind: shopify, name: shop_de, shop: a.myshopify.com, credentials: {{access_token: {{env: T}}}}"
        f"{channel}}}]\n"
    )


@pytest.mark.parametrize(
    "change",
    [
        {"channel": ", poll_seconds: 61"},
        {"channel": ", overlap_minutes: 20"},
        {"channel": ", inventory: {cap: 5}"},
        {"channel": ", start_date: 2026-02-01"},
        {"odoo": ", timeout_seconds: 100, batch: 50, writers: 3"},
    ],
)
def test_what_refuses_no_order_makes_none_due(change: dict[str, str]) -> None:
    before, after = settings_with(), settings_with(**change)
    assert before != after
    assert fingerprint(before, "shop_de", "orders") == fingerprint(after, "shop_de", "orders")


@pytest.mark.parametrize(
    "change",
    [
        {"channel": ", skus: {A: B}"},
        {"channel": ", warehouse: WH"},
        {"channel": ", taxes: [{country: DE, rate: 19, tax: 19% USt}]"},
        {"odoo": ", create_missing: false"},
        {"vat": "{oss: false}"},
    ],
)
def test_what_an_order_may_wait_for_makes_it_due(change: dict[str, str]) -> None:
    assert fingerprint(settings_with(), "shop_de", "orders") != fingerprint(
        settings_with(**change), "shop_de", "orders"
    )


def test_a_flow_s_own_section_counts_for_it_alone() -> None:
    before, after = settings_with(), settings_with(", inventory: {cap: 5}")
    assert fingerprint(before, "shop_de", "inventory") != fingerprint(after, "shop_de", "inventory")


def test_every_key_that_is_left_out_exists() -> None:
    keys = {key for kind in settings_types() for key in kind.__struct_fields__}
    assert module._REACH - keys == set()
    assert module._ODOO_REACH - set(OdooSettings.__struct_fields__) == set()
