"""New listings from a terminal: what the settings refuse, what `check` tries, what `plan` shows and `release` agrees
to."""

from __future__ import annotations

from typing import Any

import pytest

from commerce_pipelines.core.errors import SettingsError
from commerce_pipelines.settings.file import parse
from commerce_pipelines_tests.cli.test_main import Shell, shell

__all__ = ["shell"]

YAML = """
odoo: {{url: 'https://odoo.example.com', database: demo, username: admin, password: {{env: KEY}}}}
channels:
  - {{name: one, kind: {kind}, {keys} content: {{enabled: true, new_listings: {{enabled: true, {rules}}}}}}}
"""
TOKENS = "credentials: {client_id: {env: KEY}, client_secret: {env: KEY}, refresh_token: {env: KEY}},"
EBAY = "location: 'bremen', fulfillment_policy: '1', payment_policy: '2', return_policy: '3'"
SHOP = "shop: demo.myshopify.com, credentials: {access_token: {env: KEY}},"


@pytest.mark.parametrize(("kind", "keys", "rules", "problem"), [
    ("ebay", TOKENS, "tag: x", "names what eBay needs of a listing"),
    ("ebay", TOKENS, f"tag: x, ebay: {{{EBAY}, category: '9355'}}", "needs inventory.enabled"),
    ("ebay", TOKENS, f"tag: x, ebay: {{{EBAY}}}", "names no category and no category_field"),
    ("ebay", TOKENS, f"tag: x, ebay: {{{EBAY}, category: Kettles}}", "is no number of a category"),
    ("ebay", TOKENS, f"tag: x, ebay: {{{EBAY.replace('bremen', '')}, category: '9355'}}", "names no location"),
    ("shopify", SHOP, "", "no tag, category or field says which"),
    ("shopify", SHOP, "tag: x, needs: [bullets]", "no new listing is made with"),
    ("shopify", SHOP, "tag: x, most_a_day: 0", "must be between 1 and"),
    ("shopify", SHOP, "tag: x, amazon: {asin: x_asin}", "is for a channel of that kind"),
    ("amazon", f"seller_id: A2EXAMPLE4SELLER, {TOKENS}", "tag: x, amazon: {by_barcode: false}", "no page is found"),
])  # fmt: skip
def test_the_settings_refuse_what_cannot_be(kind: str, keys: str, rules: str, problem: str) -> None:
    with pytest.raises(SettingsError, match=problem):
        parse(YAML.format(kind=kind, keys=keys, rules=rules))


def write(shell: Shell, **rules: Any) -> None:
    content = {"enabled": True, "new_listings": {"enabled": True, **rules}}
    shell.write(content=content)


def test_check_tries_the_tag_and_the_sales_channels(shell: Shell) -> None:
    write(shell, tag="No such")
    assert "Odoo has no tag 'No such'" in shell("check").output
    write(shell, category="Goods", shopify={"publish_to": ["Kiosk"]})
    assert "the shop has no sales channel 'Kiosk'" in shell("check").output
    write(shell, category="Goods")
    assert "✓ channels[shop_de].content.new_listings" in shell("check").output


def test_plan_shows_what_would_be_made_or_why_not(shell: Shell) -> None:
    write(shell, category="Goods", needs=["price", "images"])
    shown = shell("plan", "shop_de", "--flow", "content").output
    assert "shop_de: new listings" in shown
