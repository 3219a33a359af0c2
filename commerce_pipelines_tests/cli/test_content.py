"""`plan CHANNEL --flow content` and `release CHANNEL --flow content`: from a terminal, against the stand-ins of Shopify
and Odoo, over real HTTP."""

from __future__ import annotations

from commerce_pipelines.flows.content.inputs import take_products
from commerce_pipelines.flows.content.publish import publish, refresh
from commerce_pipelines.odoo.rpc.client import connect as connect_odoo
from commerce_pipelines.resources.connections import open_connections
from commerce_pipelines.settings import file as settings_file
from commerce_pipelines_tests.cli.test_main import Shell, shell
from commerce_pipelines_tests.doubles.contents import KETTLE, SHOP

__all__ = ["shell"]


def run() -> dict[str, int]:
    connections = open_connections(settings_file.load())
    take_products(connections, SHOP)
    refresh(connections, SHOP)
    return dict(publish(connections, SHOP, run_id="run").outcomes)


def edit(**values: object) -> None:
    """A person edits the kettle in Odoo."""
    odoo = connect_odoo(settings_file.load().odoo, "admin")
    [row] = odoo.call(
        "product.product", "search_read", domain=[["default_code", "=", KETTLE]], fields=["product_tmpl_id"], load=None
    )
    odoo.call("product.template", "write", ids=[row["product_tmpl_id"]], vals=values)


def test_nothing_is_sent_before_a_release_and_then_only_what_the_shop_did_not_change(shell: Shell) -> None:
    shell.write(content={"enabled": True})
    planned = shell("plan", SHOP, "--flow", "content")  # the first one reads the listings itself
    assert planned.exit_code == 0, planned.output
    assert "nothing is changed" in planned.output
    assert "there is nothing to release" in shell("release", SHOP, "--flow", "content").output
    before = shell.shop.contents.of_sku(KETTLE)["title"]
    edit(name="Kettle A", description_sale="For pour-over.")
    planned = shell("plan", SHOP, "--flow", "content")
    assert all(text in planned.output for text in ("Kettle A", "title", "description", "change"))
    assert "there is nothing to release" in shell("release", SHOP, "--flow", "content").output  # no run has held it yet
    assert [run(), run()] == [{}, {}]
    assert shell.shop.contents.of_sku(KETTLE)["title"] == before
    released = shell("release", SHOP, "--flow", "content")
    assert (released.exit_code, "2 fields of 1 listings would change" in released.output) == (0, True)
    product = shell.shop.contents.of_sku(KETTLE)
    shell.shop.contents.change(product, shell.shop.now(), title="Edited in the shop")
    assert run() == {"accepted": 1, "stale": 1}
    assert (product["title"], product["descriptionHtml"]) == ("Edited in the shop", "<p>For pour-over.</p>")
    planned = shell("plan", SHOP, "--flow", "content")
    assert ("Edited in the shop" in planned.output, "For pour-over" in planned.output) == (True, False)
    assert run() == {}
    assert shell("release", SHOP, "--flow", "content").exit_code == 0
    assert run() == {"accepted": 1}
    assert product["title"] == "Kettle A"
    assert shell("release", SHOP, "--flow", "content").exit_code == 1


def test_a_channel_without_content_and_days_are_one_sentence(shell: Shell) -> None:
    shell.write()
    for command, sentence in {
        ("plan", SHOP, "--flow", "content"): "content.enabled is not true",
        ("release", SHOP, "--flow", "content"): "content.enabled is not true",
        ("release", "shop_uk", "--flow", "content"): "configured: shop_de",
        ("plan", SHOP, "--flow", "content", "--from", "2026-01-01"): "takes no days",
    }.items():
        result = shell(*command)
        assert (result.exit_code in (1, 2), sentence in result.output.splitlines()[-1]) == (True, True), result.output
