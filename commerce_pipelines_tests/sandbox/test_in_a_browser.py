"""A newcomer's path through the demo's pages in a real browser: buys, sees the order in Odoo, breaks a login, heals it.

Needs PyQt6-WebEngine, which nothing else here does: `pip install PyQt6-WebEngine`.
"""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from commerce_pipelines_tests.cli.test_browser import browse
from commerce_pipelines_tests.sandbox.test_acting import OTHER, SHOP, Newcomer, newcomer
from commerce_pipelines_tests.sandbox.test_pages import SKU

__all__ = ["newcomer"]

pytestmark = pytest.mark.skipif(find_spec("PyQt6") is None, reason="needs a real browser: pip install PyQt6-WebEngine")

# Fills a form in and sends it once; answers with the page that comes then.
BUY = """(() => {
  const form = document.querySelector('form[action="/shop/SHOP/buy"]');
  if (!form) return null;
  if (document.body.innerText.includes("bought 20 x SKU")) return document.body.innerText;
  if (sessionStorage.getItem("bought")) return null;
  sessionStorage.setItem("bought", "yes");
  form.sku.value = "SKU"; form.units.value = "20"; form.buyer.value = "Erika Mustermann";
  form.requestSubmit();
  return null;
})()"""
PRESS = """(() => {
  const text = document.body && document.body.innerText, field = document.querySelector(`FIELD`);
  if (text && text.includes("DONE")) return text;
  if (!field || sessionStorage.getItem("DONE")) return null;
  sessionStorage.setItem("DONE", "yes");
  (field.form || field).requestSubmit();
  return null;
})()"""
TEXT = "document.body && document.body.innerText"
# The page shows by itself what happens meanwhile.
NEWS = """(() => {
  window.first ??= (fetch("/odoo/do/receive", {method: "POST"}), true);
  const text = document.body && document.body.innerText;
  return text && text.includes("received") ? text : null;
})()"""


def press(field: str, done: str) -> str:
    return PRESS.replace("FIELD", field).replace("DONE", done)


def test_a_newcomer_in_a_browser(newcomer: Newcomer) -> None:
    url = newcomer.url
    assert newcomer.press("/odoo/do/adjust", sku=SKU, units="100") == 303
    for shop in (SHOP, OTHER):
        assert newcomer.push_stock(shop)
    before = newcomer.count_for_sale(OTHER)
    buy = BUY.replace("SHOP", SHOP).replace("SKU", SKU)
    (bought,) = browse((f"{url}/shop/{SHOP}", buy))
    (order,) = newcomer.world.counters[SHOP].list_orders(1)
    assert order.lines == ((SKU, 20),)
    assert order.reference in (bought or "")

    assert newcomer.bring_orders(SHOP)
    assert newcomer.push_stock(OTHER)
    sales, offers = browse((f"{url}/odoo", TEXT), (f"{url}/shop/{OTHER}", TEXT))
    assert order.reference in (sales or "")
    assert "Erika Mustermann" in (sales or "")
    assert f"{SKU}\tGooseneck Kettle" in (offers or "")
    assert newcomer.count_for_sale(OTHER) <= before - 19

    revoke = 'form[action="/break/revoked"] input[value="ebay_de"]'
    broken, healed, news = browse(
        (f"{url}/break", press(revoke, "broken: ebay_de")),
        (f"{url}/break", press('form[action="/break/heal"]', "Everything is healed")),
        (f"{url}/", NEWS),
    )
    assert "broken: ebay_de" in (broken or "")
    assert "broken:" not in (healed or "")
    assert "received" in (news or "")
