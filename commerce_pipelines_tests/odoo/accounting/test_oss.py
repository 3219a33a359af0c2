"""Taxes of the Union scheme bear what Odoo's OSS report looks for, where Odoo's own module for it is installed."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from commerce_pipelines.core.errors import CredentialError
from commerce_pipelines.domain.sales.draft import MODULE
from commerce_pipelines.domain.vat.keys import TaxKey
from commerce_pipelines.odoo.accounting.oss import tag_of
from commerce_pipelines.odoo.accounting.taxes import tax_xid
from commerce_pipelines.odoo.readiness import verify_oss
from commerce_pipelines.odoo.rpc.load import read_ids
from commerce_pipelines_tests.doubles.odoo import World, draft, line

LINE = ["document_type", "repartition_type", "tag_ids", "account_id"]


@pytest.fixture
def tag(world: World) -> Iterator[int]:
    """The tag of l10n_eu_oss. A database without that module gets what its data file holds, for this test, where
    its user may make it: Odoo lets only those who administer accounting."""
    if tag := tag_of(world.client):
        yield tag
        return
    try:
        made = world.create("account.account.tag", name="OSS", applicability="taxes")
    except CredentialError:
        pytest.skip("l10n_eu_oss is not installed here, and this user may make no tag in its place")
    vals = {"module": "l10n_eu_oss", "name": "tag_oss", "model": "account.account.tag", "res_id": made}
    data = world.call("ir.model.data", "create", vals_list=[vals])
    yield made
    world.call("ir.model.data", "unlink", ids=data)


def forget(world: World, *names: str) -> None:
    """What an earlier test made under these external ids is nobody's any more."""
    taxes = read_ids(world.client, "account.tax", names)
    for name in names:  # those of its distribution lines as well
        domain = [["module", "=", MODULE], ["name", "=like", f"{name}%"]]
        world.call("ir.model.data", "unlink", ids=world.call("ir.model.data", "search", domain=domain))
    for tax in taxes.values():
        vals = {"active": False, "name": f"Forgotten {secrets.token_hex(4)}", "fiscal_position_ids": [[5, 0, 0]]}
        world.call("account.tax", "write", ids=[tax], vals=vals)


def sell(world: World, key: TaxKey, amount: int) -> int:
    """The tax that an order under the Union scheme bears."""
    order = draft(line("1", world.product(), 1, amount, key), regime="oss", tax_country=key.country)
    (outcome,) = world.load(order)
    assert outcome.action == "created", outcome
    (tax,) = world.lines(order)[0]["tax_ids"]
    return int(tax)


def test_a_new_tax_has_the_tag_the_group_and_its_country(world: World, tag: int) -> None:
    key = TaxKey("SE", 250_000, True, "oss")
    forget(world, tax_xid(key))
    tax = sell(world, key, 12500)
    rows = world.call(
        "account.tax.repartition.line", "search_read", domain=[["tax_id", "=", tax]], fields=LINE, load=None
    )
    assert {(row["document_type"], row["repartition_type"]) for row in rows} == {
        (document, what) for document in ("invoice", "refund") for what in ("base", "tax")
    }
    assert all(tag in row["tag_ids"] for row in rows)
    fields = ["tax_group_id", "fiscal_position_ids", "original_tax_ids", "country_id"]
    (row,) = world.call("account.tax", "read", ids=[tax], fields=fields)
    assert row["tax_group_id"][1] == "OSS 25.0%"
    positions = world.call(
        "account.fiscal.position", "read", ids=row["fiscal_position_ids"], fields=["country_id"], load=None
    )
    (sweden,) = world.call("res.country", "search", domain=[["code", "=", "SE"]])
    assert [position["country_id"] for position in positions] == [sweden]
    company = world.client.who.company_id
    (home,) = world.call("res.company", "read", ids=[company], fields=["account_sale_tax_id"], load=None)
    assert row["original_tax_ids"] == [home["account_sale_tax_id"]]
    assert row["country_id"][1] == "Germany"


def test_taxes_of_one_rate_share_the_module_s_own_group(world: World, tag: int) -> None:
    keys = [TaxKey(country, 250_000, True, "oss") for country in ("DK", "HR")]
    forget(world, *map(tax_xid, keys))
    taxes = [sell(world, key, 12500) for key in keys]
    groups = world.call("account.tax", "read", ids=taxes, fields=["tax_group_id"], load=None)
    assert len({row["tax_group_id"] for row in groups}) == 1
    name = f"{world.client.who.company_id}_oss_tax_group_25_0_DE"
    (data,) = world.call(
        "ir.model.data", "search_read", domain=[["module", "=", "account"], ["name", "=", name]], fields=["res_id"],
        load=None,
    )  # fmt: skip
    assert data["res_id"] == groups[0]["tax_group_id"]


def test_the_other_price_basis_keeps_the_tags(world: World, tag: int) -> None:
    keys = [TaxKey("FI", 255_000, included, "oss") for included in (True, False)]
    forget(world, *map(tax_xid, keys))
    sell(world, keys[0], 12550)
    order = draft(
        line("1", world.product(), 1, 10000, keys[1]), regime="oss", tax_country="FI", total=12550, expected_tax=2550
    )
    world.load(order)
    (tax,) = world.lines(order)[0]["tax_ids"]
    rows = world.call(
        "account.tax.repartition.line", "search_read", domain=[["tax_id", "=", tax]], fields=LINE, load=None
    )
    assert rows
    assert all(tag in row["tag_ids"] for row in rows)


def test_check_names_taxes_that_the_report_does_not_find(world: World, tag: int) -> None:
    key = TaxKey("RO", 210_000, True, "oss")
    forget(world, tax_xid(key))
    tax = sell(world, key, 12100)
    (name,) = (row["name"] for row in world.call("account.tax", "read", ids=[tax], fields=["name"]))
    assert not any(name in problem for problem in verify_oss(world.client))
    lines = world.call("account.tax.repartition.line", "search", domain=[["tax_id", "=", tax]])
    world.call("account.tax.repartition.line", "write", ids=lines, vals={"tag_ids": [[5, 0, 0]]})
    assert any(name in problem and "tag OSS" in problem for problem in verify_oss(world.client))


def test_check_says_what_to_install_first(world: World) -> None:
    if tag_of(world.client):
        pytest.skip("l10n_eu_oss is installed here")
    (problem,) = verify_oss(world.client)
    assert "l10n_eu_oss" in problem
    assert "install it" in problem
