"""What Shopify lets us do, over HTTP: tokens, scopes, history, versions; and the settings that say who we are."""

from __future__ import annotations

import logging
from datetime import date, timedelta
from typing import Any

import pytest

from commerce_pipelines.channels.capabilities import AccountId, Window
from commerce_pipelines.channels.shopify.channel import ShopifyChannel
from commerce_pipelines.channels.shopify.settings import Credentials, Settings
from commerce_pipelines.core.errors import CredentialError, SettingsError
from commerce_pipelines.core.section import Secret
from commerce_pipelines.domain.inventory.listings import InventoryRules
from commerce_sandbox.server import Fault

from .contract import Recorded
from .orders.test_reading import DAY, MINTED, NOON, STATIC, Clock, channel, clock, connect, fill, ids, order, shop

__all__ = ["channel", "clock", "shop"]  # fixtures


def test_a_token_is_minted_once_and_renewed_once_when_it_is_refused(shop: Recorded, clock: Clock) -> None:
    channel = connect(shop, clock, MINTED)
    fill(shop, 20)
    pages = channel.orders.created(DAY)
    next(pages)
    assert shop.calls[0].form() == {
        "grant_type": "client_credentials", "client_id": "value-of-SHOP_ID", "client_secret": "value-of-SHOP_SECRET",
    }  # fmt: skip
    shop.valid_for.clear()
    assert len(ids(channel, pages)) == 14
    assert len(shop.called("access_token")) == 2
    clock.passed += 86_400
    channel.account.probe()
    assert len(shop.called("access_token")) == 3


def test_refused_credentials_are_said_without_a_storm_of_calls(shop: Recorded, clock: Clock) -> None:
    shop.valid_for.clear()
    with pytest.raises(CredentialError):
        connect(shop, clock).account.probe()
    shop.faults.append(Fault(match="access_token", status=400, body=b'{"error": "invalid_client"}', times=9))
    with pytest.raises(CredentialError, match="invalid_client"):
        connect(shop, clock, MINTED).account.probe()
    assert len(shop.calls) <= 3


def test_a_missing_scope_is_named(shop: Recorded, channel: ShopifyChannel) -> None:
    shop.scopes = frozenset({"read_products"})
    with pytest.raises(CredentialError, match=r"orders.*read_orders"):
        list(channel.orders.changed(DAY))
    with pytest.raises(CredentialError, match="read_orders"):
        channel.account.probe()


def test_days_that_the_app_cannot_see_are_never_complete(shop: Recorded, channel: ShopifyChannel) -> None:
    old = Window(NOON - timedelta(days=100), NOON - timedelta(days=99))
    shop.add(order(1, old.start))
    assert ids(channel, channel.orders.created(old)) == ["1"]
    shop.scopes -= {"read_all_orders"}
    with pytest.raises(CredentialError, match="read_all_orders"):
        list(connect(shop, Clock()).orders.created(old))


def test_versions_that_shopify_ends_are_logged_once(
    shop: Recorded, channel: ShopifyChannel, caplog: pytest.LogCaptureFixture
) -> None:
    shop.served, shop.deprecated = "2027-01", "https://shopify.dev/changes"
    with caplog.at_level(logging.WARNING, logger="commerce_pipelines.shopify"):
        channel.account.probe()
        channel.account.probe()
    assert [record.getMessage().count("set api_version") for record in caplog.records] == [1, 1]
    served, refused = channel.account.warnings(date(2026, 11, 20))
    assert "answers as API version 2027-01, not 2026-10" in served
    assert "will soon refuse" in refused


def test_the_probe_says_whose_shop_it_is_and_what_it_may_not_read(shop: Recorded, channel: ShopifyChannel) -> None:
    assert channel.account.probe() == AccountId(
        account_id="demo.myshopify.com",
        description="Shopify: Sandbox Coffee (demo.myshopify.com), EUR, prices with tax.",
    )
    shop.scopes -= {"read_all_orders", "write_inventory"}
    channel = connect(shop, Clock(), inventory=InventoryRules(enabled=True))
    assert "without write_inventory" in channel.account.probe().description
    assert "without read_all_orders: only orders of the last 60 days" in channel.account.probe().description


def test_a_version_that_is_about_to_end_is_said_in_time(shop: Recorded) -> None:
    settings = Settings(name="shopify_de", shop="demo.myshopify.com", credentials=STATIC, api_version="2026-10")
    assert settings.warnings(date(2027, 7, 2)) == []
    [warning] = settings.warnings(date(2027, 7, 3))
    assert "2027-10-01" in warning


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"shop": "https://demo.myshopify.com"}, "shop"),
        ({"api_version": "latest"}, "api_version"),
        ({"credentials": Credentials()}, "credentials"),
        ({"credentials": Credentials(access_token=Secret(env="A"), client_id=Secret(env="B"))}, "credentials"),
    ],
)
def test_settings_are_refused_with_the_path_of_the_key(keys: dict[str, Any], says: str) -> None:
    chosen: dict[str, Any] = {"name": "shopify_de", "shop": "demo.myshopify.com", "credentials": STATIC} | keys
    with pytest.raises(SettingsError, match=rf"channels\[shopify_de\]\.{says}"):
        Settings(**chosen)
