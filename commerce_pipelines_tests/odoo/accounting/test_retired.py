"""Archived records of ours are not used again, and records with lines are made once."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator

import pytest

from commerce_pipelines.domain.orders.order import LineKind
from commerce_pipelines.domain.vat.keys import TaxKey
from commerce_pipelines.odoo.accounting.fiscal_positions import position_xid
from commerce_pipelines.odoo.accounting.taxes import tax_xid
from commerce_pipelines.odoo.reference.services import service_xid
from commerce_pipelines.odoo.rpc.load import read_ids
from commerce_pipelines_tests.doubles.odoo import World, draft, line, service

from .test_taxes import repartition

Archive = Callable[[str, str], str]


@pytest.fixture
def archive(world: World) -> Iterator[Archive]:
    """A function that archives the record of an external id and tells its name; all come back after the test."""
    done: list[tuple[str, int]] = []

    def put_away(model: str, name: str) -> str:
        record = read_ids(world.client, model, [name])[name]
        world.call(model, "write", ids=[record], vals={"active": False})
        done.append((model, record))
        return str(world.call(model, "read", ids=[record], fields=["display_name"])[0]["display_name"])

    yield put_away
    for model, record in done:
        world.call(model, "write", ids=[record], vals={"active": True})


def test_an_archived_tax_is_not_chosen_and_named(world: World, archive: Archive) -> None:
    key = TaxKey("HU", 270_000, True, "oss")
    mug = world.product()

    def order() -> object:
        return draft(line("1", mug, 1, 12700, key), regime="oss", tax_country="HU")

    assert [outcome.action for outcome in world.load(order())] == ["created"]  # type: ignore[arg-type]
    name = archive("account.tax", tax_xid(key))
    [refused] = world.load(order())  # type: ignore[arg-type]
    assert (refused.action, refused.code) == ("refused", "unknown_tax")
    assert name.split(" (")[0] in refused.message
    assert "archived" in refused.message


def test_another_tax_that_fits_takes_an_archived_ones_place(world: World, archive: Archive) -> None:
    """The accountant's own twin of the chart's 19 %: the same accounts, group and country, prices with tax."""
    key = TaxKey("DE", 190_000, True, "domestic")
    mug = world.product()
    order = draft(line("1", mug, 1, 11900, key))
    world.load(order)
    [ours] = world.lines(order)[0]["tax_ids"]
    fields = ["tax_group_id", "country_id"]
    [same] = world.call("account.tax", "read", ids=[ours], fields=fields, load=None)
    sides: dict[str, list[object]] = {"invoice": [], "refund": []}
    for side, kind, factor, account, tags in repartition(world, ours):
        vals = {"repartition_type": kind, "factor_percent": factor, "account_id": account, "tag_ids": [[6, 0, tags]]}
        sides[str(side)].append([0, 0, vals])
    twin = world.create(
        "account.tax", name=f"USt {secrets.token_hex(3)}", amount=19, price_include_override="tax_included",
        tax_group_id=same["tax_group_id"], country_id=same["country_id"],
        invoice_repartition_line_ids=sides["invoice"], refund_repartition_line_ids=sides["refund"],
    )  # fmt: skip
    archive("account.tax", tax_xid(key))
    second = draft(line("1", mug, 1, 11900, key))
    [outcome] = world.load(second)
    assert (outcome.action, outcome.amount_tax) == ("created", 1900)
    assert world.lines(second)[0]["tax_ids"] != [ours]
    world.call("account.tax", "write", ids=[twin], vals={"active": False})


def test_an_archived_fiscal_position_is_not_chosen(world: World, archive: Archive) -> None:
    mug, key = world.product(), TaxKey("HR", 250_000, True, "oss")

    def order() -> object:
        return draft(line("1", mug, 1, 12500, key), regime="oss", tax_country="HR")

    world.load(order())  # type: ignore[arg-type]
    name = archive("account.fiscal.position", position_xid("oss", "HR"))
    [refused] = world.load(order())  # type: ignore[arg-type]
    assert (refused.code, name in refused.message) == ("unknown_fiscal_position", True)
    [country] = world.call("res.country", "search", domain=[["code", "=", "HR"]])
    other = world.create("account.fiscal.position", name=f"OSS Kroatien {secrets.token_hex(3)}", country_id=country)
    taken = order()
    [outcome] = world.load(taken)  # type: ignore[arg-type]
    assert outcome.action == "created"
    assert world.order(taken, "fiscal_position_id")["fiscal_position_id"][0] == other  # type: ignore[arg-type]
    world.call("account.fiscal.position", "write", ids=[other], vals={"active": False})


def test_an_archived_service_or_pricelist_is_named(world: World, archive: Archive) -> None:
    mug = world.product()

    def order(currency: str = "EUR") -> object:
        return draft(line("1", mug, 1, 1000), service(LineKind.TIP, 100, None), currency=currency)

    [first, second] = world.load(order(), order("SGD"))  # type: ignore[arg-type]
    assert (first.action, second.action) == ("created", "created")
    tip = archive("product.product", service_xid(LineKind.TIP))
    [refused] = world.load(order())  # type: ignore[arg-type]
    assert (refused.code, tip in refused.message) == ("unknown_service", True)
    if "pricelist_SGD" in read_ids(world.client, "product.pricelist", ["pricelist_SGD"]):
        archive("product.pricelist", "pricelist_SGD")
        [refused] = world.load(draft(line("1", mug, 1, 1000), currency="SGD"))
        assert (refused.code, "archived" in refused.message) == ("unknown_pricelist", True)


REGIME = (TaxKey("", 0, True, "marketplace"), TaxKey("", 0, False, "marketplace"))


def test_a_regimes_first_tax_is_made_once_whatever_the_price_basis(world: World) -> None:
    forget(world, "account.tax", "tax_marketplace")
    mug = world.product()
    world.transport.calls.clear()
    orders = [draft(line("1", mug, 1, 1000, key), regime="marketplace", tax_country="") for key in REGIME]
    assert [outcome.action for outcome in world.load(*orders)] == ["created", "created"]
    assert world.transport.calls.count(("account.tax", "load")) == 1
    [tax] = read_ids(world.client, "account.tax", ["tax_marketplace"]).values()
    assert len(repartition(world, tax)) == 4


@pytest.mark.parametrize("key", [TaxKey("LT", 210_000, True, "oss"), TaxKey("", 0, True, "marketplace")])
def test_a_tax_whose_answer_was_lost_has_its_lines_once(world: World, key: TaxKey) -> None:
    forget(world, "account.tax", tax_xid(key))
    world.transport.lose[("account.tax", "load")] = 1
    order = draft(line("1", world.product(), 1, 12100, key), regime=key.regime, tax_country=key.country)
    assert [outcome.action for outcome in world.load(order)] == ["created"]
    [tax] = read_ids(world.client, "account.tax", [tax_xid(key)]).values()
    assert len(repartition(world, tax)) == 4
    assert world.lines(order)[0]["tax_ids"] == [tax]


def forget(world: World, model: str, name: str) -> None:
    """The record of an external id is left to itself, so that a new one has to be made."""
    ids = read_ids(world.client, model, [name])
    if ids:
        label = f"Old {secrets.token_hex(4)}"
        world.call(model, "write", ids=list(ids.values()), vals={"active": False, "name": label})
        rows = world.call("ir.model.data", "search", domain=[["module", "=", "commerce_pipelines"],
                                                             ["name", "=like", f"{name}%"]])  # fmt: skip
        world.call("ir.model.data", "unlink", ids=rows)
