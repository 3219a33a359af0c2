"""Taxes and fiscal positions of every regime: found where the chart has them, else made after its pattern."""

from __future__ import annotations

import secrets
from decimal import Decimal

import msgspec

from commerce_pipelines.domain.sales.rules import TaxMapping
from commerce_pipelines.domain.vat.keys import TaxKey
from commerce_pipelines_tests.doubles.odoo import World, draft, line
from commerce_pipelines_tests.odoo.conftest import Connect

CASES = {
    "domestic": (TaxKey("DE", 190_000, True, "domestic"), 11900, 1900, ""),
    "domestic reduced": (TaxKey("DE", 70_000, True, "domestic"), 10700, 700, ""),
    "domestic on top": (TaxKey("DE", 190_000, False, "domestic"), 10000, 1900, ""),
    "Union scheme": (TaxKey("FR", 200_000, True, "oss"), 11900, 1983, "OSS FR"),
    "Union scheme, reduced": (TaxKey("FR", 55_000, True, "oss"), 10550, 550, "OSS FR"),
    "import scheme": (TaxKey("FR", 200_000, True, "ioss"), 12000, 2000, "IOSS FR"),
    "registered abroad": (TaxKey("PL", 230_000, True, "local"), 12300, 2300, "Local VAT PL"),
    "reverse charge": (TaxKey("", 0, True, "reverse_charge"), 20000, 0, "Intra-community (reverse charge)"),
    "export": (TaxKey("", 0, True, "export"), 10000, 0, "Export"),
    "marketplace": (TaxKey("", 0, True, "marketplace"), 2000, 0, "VAT collected by marketplace"),
    "untaxed abroad": (TaxKey("IE", 0, True, "oss"), 2000, 0, "OSS IE"),
}


def test_every_regime_with_its_tax_and_fiscal_position(world: World) -> None:
    mug = world.product()
    drafts = {}
    for name, (key, amount, tax, _) in CASES.items():
        total = amount if key.included else amount + tax
        drafts[name] = draft(line("1", mug, 1, amount, key), total=total, regime=key.regime, tax_country=key.country)
    outcomes = {outcome.order_id: outcome for outcome in world.load(*drafts.values())}
    for name, (_, _, tax, position) in CASES.items():
        outcome = outcomes[drafts[name].order_id]
        assert (outcome.action, outcome.amount_total, outcome.amount_tax) == ("created", drafts[name].total, tax), name
        row = world.order(drafts[name], "fiscal_position_id")
        assert (row["fiscal_position_id"] or [0, ""])[1] == position, name
    world.transport.calls.clear()
    assert {outcome.action for outcome in world.load(*drafts.values())} == {"unchanged"}
    assert world.transport.writes() == []


def taxes_of(world: World, key: TaxKey) -> dict[str, object]:
    order = draft(line("1", world.product(), 1, 10000, key), regime=key.regime, tax_country=key.country)
    [outcome] = world.load(order)
    assert outcome.action == "created", outcome
    [tax_id] = world.lines(order)[0]["tax_ids"]
    fields = ["name", "amount", "price_include", "tax_group_id", "country_id"]
    return dict(world.call("account.tax", "read", ids=[tax_id], fields=fields, load=None)[0])


def test_a_twin_books_to_the_same_accounts_and_tags_as_its_pattern(world: World) -> None:
    twin = taxes_of(world, TaxKey("DE", 190_000, True, "domestic"))
    who = world.client.who
    [company] = world.call("res.company", "read", ids=[who.company_id], fields=["account_sale_tax_id"], load=None)
    [pattern] = world.call(
        "account.tax", "read", ids=[company["account_sale_tax_id"]], fields=["tax_group_id", "country_id"], load=None
    )
    assert twin["price_include"]
    assert (twin["tax_group_id"], twin["country_id"]) == (pattern["tax_group_id"], pattern["country_id"])
    lines = [repartition(world, int(str(tax["id"]))) for tax in (twin, pattern)]
    assert lines[0] == lines[1]
    assert any(account for _, _, _, account, _ in lines[0])


def repartition(world: World, tax_id: int) -> list[tuple[object, ...]]:
    rows = world.call(
        "account.tax.repartition.line", "search_read", domain=[["tax_id", "=", tax_id]], load=None,
        fields=["document_type", "repartition_type", "factor_percent", "account_id", "tag_ids"],
    )  # fmt: skip
    names = ("document_type", "repartition_type", "factor_percent", "account_id")
    return sorted((*(row[name] for name in names), tuple(row["tag_ids"])) for row in rows)


def test_a_scheme_tax_uses_the_standard_account_but_none_of_its_tags(world: World) -> None:
    foreign = repartition(world, int(str(taxes_of(world, TaxKey("ES", 210_000, True, "oss"))["id"])))
    [company] = world.call(
        "res.company", "read", ids=[world.client.who.company_id], fields=["account_sale_tax_id"], load=None
    )
    home = repartition(world, company["account_sale_tax_id"])
    assert [row[:4] for row in foreign] == [row[:4] for row in home]
    assert all(row[4] == () for row in foreign)


def test_the_channels_own_mapping_comes_first(world: World) -> None:
    name = f"Special {secrets.token_hex(4)}"
    tax = world.create(
        "account.tax", name=name, amount=12.34, type_tax_use="sale", price_include_override="tax_included"
    )
    foreign = TaxKey("NO", 123_400, True, "oss")
    mapping = TaxMapping(country="NO", rate=Decimal("12.34"), tax=name)
    order = draft(line("1", world.product(), 1, 11234, foreign), regime="oss", tax_country="NO")
    [refused] = world.load(order)
    assert (refused.code, refused.message) == ("unknown_tax", "There is no tax for 12.34 % NO.")
    [outcome] = world.load(order, taxes=(mapping,))
    assert (outcome.action, outcome.amount_tax) == ("created", 1234)
    assert world.lines(order)[0]["tax_ids"] == [tax]
    wrong = msgspec.structs.replace(mapping, included=False)
    on_top = draft(line("1", world.product(), 1, 10000, msgspec.structs.replace(foreign, included=False)), total=11234)
    [outcome] = world.load(on_top, taxes=(wrong,))
    assert outcome.code == "unknown_tax"
    assert "on top of the price" in outcome.message


def test_nothing_is_created_where_settings_forbid_it(world: World, connected: Connect) -> None:
    strict = World(connected(create_missing=False), world.kind)
    key = TaxKey("LU", 170_000, True, "oss")
    outcomes = strict.load(
        draft(line("1", world.product(), 1, 10000, key)),
        draft(line("1", world.product(), 1, 10000), regime="oss", tax_country="LU"),
        draft(line("1", world.product(), 1, 10000), currency="ZAR"),
    )
    assert [outcome.code for outcome in outcomes] == ["unknown_tax", "unknown_fiscal_position", "inactive_currency"]
    assert strict.transport.writes() == []


def test_a_domestic_rate_that_no_tax_has_is_not_invented(world: World) -> None:
    order = draft(line("1", world.product(), 1, 10000, TaxKey("DE", 98_760, True, "domestic")))
    assert [outcome.code for outcome in world.load(order)] == ["unknown_tax"]
