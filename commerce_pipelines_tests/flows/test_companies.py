"""Two companies in one Odoo: each channel's orders, stock and names are its company's, however alike."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any, NamedTuple

import msgspec
import pytest

from commerce_pipelines.cli.check import verify
from commerce_pipelines.core.errors import PermanentError, ProtocolError, SettingsError
from commerce_pipelines.domain.orders.order import Address, Buyer, LineKind, Order
from commerce_pipelines.domain.vat.decision import VatPolicy
from commerce_pipelines.flows.identity import agree, may_write_odoo
from commerce_pipelines.flows.intake.pull import pull
from commerce_pipelines.flows.inventory import pulse
from commerce_pipelines.flows.inventory.inputs import stored_stock, take_all, take_stock
from commerce_pipelines.flows.inventory.pulse import look
from commerce_pipelines.flows.orders.plan import plan
from commerce_pipelines.odoo.readiness import offers
from commerce_pipelines.odoo.rpc.client import Client, OdooClient
from commerce_pipelines.odoo.rpc.load import any_names
from commerce_pipelines.settings.file import Settings
from commerce_pipelines_tests.doubles.inventory import in_pipe
from commerce_pipelines_tests.doubles.lane import MUG, NAME, RUN, Lane, Server, later, line, waiting
from commerce_pipelines_tests.flows.conftest import open_administrator, settings_of

SECOND, OTHER = "Zweite Handels GmbH", "shop_two"
SWISS = {"currency": "CHF", "shipping": Address(name="Urs", street="Weg 1", city="Bern", postcode="3000", country="CH")}
FRENCH = {"shipping": Address(name="Eve", street="Rue 1", city="Paris", postcode="75001", country="FR")}
WITHOUT_MODULES = {"install_mode": True}  # a new company would install its country's modules
GUEST: dict[str, Any] = {"buyer": Buyer(), "shipping": Address(city="Berlin", postcode="10115", country="DE")}


class Second(NamedTuple):
    """The other company, as its own client sees it."""

    client: Client
    company_id: int
    warehouse: dict[str, Any]


@pytest.fixture(scope="module")
def second(odoo: Server) -> Second:
    """A second German company with chart and warehouse, which the user of the pipelines may enter; made once."""
    first = open_administrator(odoo)
    if SECOND not in first.who.companies.values():
        germany = first.call("res.country", "search", domain=[["code", "=", "DE"]])[0]
        company = add_company(first, odoo, name=SECOND, country_id=germany)
        first.call("account.chart.template", "try_loading", ids=[], template_code="de_skr03", company=company)
    client = open_administrator(odoo).in_company(SECOND, "company")
    allow_company(client, odoo, client.who.company_id)
    company = client.who.company_id
    fields, named = ["name", "code", "lot_stock_id"], [*client.who.domain, ["code", "=", "WH"]]
    if not client.call("stock.warehouse", "search_count", domain=named):
        client.call("stock.warehouse", "create", vals_list=[{"name": "Lager", "code": "WH"}])  # as the first one's code
    (house,) = client.call("stock.warehouse", "search_read", domain=named, fields=fields, load=None)
    (mug,) = client.call("product.product", "search", domain=[["default_code", "=", MUG]])
    quant = {"product_id": mug, "location_id": house["lot_stock_id"], "inventory_quantity_auto_apply": 5000}
    client.call("stock.quant", "create", context={"inventory_mode": True}, vals_list=[quant])
    return Second(client, company, house)


def add_company(client: Client, odoo: Server, **values: Any) -> int:
    """A company that the user of the pipelines may enter."""
    (company,) = client.call("res.company", "create", vals_list=[values], context=WITHOUT_MODULES)
    allow_company(client, odoo, company)
    return int(company)


def allow_company(client: Client, odoo: Server, company: int) -> None:
    users = client.call("res.users", "search", domain=[["login", "=", odoo.username]])
    client.call("res.users", "write", ids=users, vals={"company_ids": [[4, company]]})


def of_two(odoo: Server, company: str = SECOND, more: str = "") -> Settings:
    settings = settings_of(odoo, "inventory: {enabled: true}, warehouse: WH, ")
    (channel,) = settings.channels
    two = msgspec.structs.replace(channel, name=OTHER, company=company, endpoint="https://two.example.com")
    return msgspec.structs.replace(settings, channels=(channel, two))


@pytest.fixture
def lanes(odoo: Server, second: Second, connect: Any, monkeypatch: pytest.MonkeyPatch) -> tuple[Lane, Lane]:
    lane = connect.of(of_two(odoo))
    monkeypatch.setenv("TOKEN", "one")
    return lane, lane.beside(OTHER)


def order_of(lane: Lane, **more: Any) -> Order:
    order = lane.order(f"co-{RUN}-{secrets.token_hex(3)}", *more.pop("lines", ()), **{"channel": lane.name, **more})
    lane.put(order)
    return order


def load(lane: Lane, **more: Any) -> dict[str, Any]:
    """The one sale order that becomes of an order, as its company sees it."""
    order = order_of(lane, **more)
    loaded = lane.run()
    assert loaded.actions["created"] == 1, loaded.reasons
    client = lane.connections.odoo_of(lane.name)
    fields = ["company_id", "warehouse_id", "pricelist_id", "fiscal_position_id", "partner_id", "order_line", "state",
              "amount_total"]  # fmt: skip
    (sale,) = client.call(
        "sale.order", "search_read", domain=[["client_order_ref", "=", order.number]], fields=fields, load=None
    )
    assert sale["state"] == "sale"
    sale["lines"] = client.call(
        "sale.order.line", "read", ids=sale["order_line"], fields=["product_id", "tax_ids"], load=None
    )
    return dict(sale)


def owners(client: OdooClient, model: str, ids: set[int]) -> set[int | bool]:
    context = client.who.everywhere
    rows = client.call(model, "read", ids=sorted(ids), fields=["company_id"], load=None, context=context)
    return {row["company_id"] for row in rows}


def test_each_order_is_its_own_company_s_with_everything_it_names(lanes: tuple[Lane, Lane], second: Second) -> None:
    shipping = line(490, "", line_id="s", kind=LineKind.SHIPPING)
    for lane, company in zip(lanes, (1, second.company_id), strict=True):
        client = lane.connections.odoo_of(lane.name)
        made = [load(lane), load(lane, **SWISS), load(lane, **FRENCH), load(lane, **GUEST, lines=(line(), shipping))]
        assert {sale["company_id"] for sale in made} == {company}
        assert owners(client, "stock.warehouse", {sale["warehouse_id"] for sale in made}) == {company}
        taxes = {tax for sale in made for row in sale["lines"] for tax in row["tax_ids"]}
        assert owners(client, "account.tax", taxes) == {company}
        positions = {sale["fiscal_position_id"] for sale in made if sale["fiscal_position_id"]}
        assert len(positions) == 2
        assert owners(client, "account.fiscal.position", positions) == {company}
        assert made[1]["pricelist_id"]
        assert owners(client, "product.pricelist", {made[1]["pricelist_id"]}) <= {company, False}
        assert owners(client, "res.partner", {made[3]["partner_id"]}) <= {company, False}
        assert owners(client, "product.product", {row["product_id"] for row in made[3]["lines"]}) <= {company, False}
        moves = client.call(
            "stock.move", "search_read", fields=["company_id", "state", "location_id"], load=None,
            domain=[["sale_line_id.order_id", "=", made[0]["id"]]],
        )  # fmt: skip
        assert [(move["company_id"], move["state"]) for move in moves] == [(company, "assigned")]
        assert lane.prove().whole.complete
        assert load(lane, **FRENCH)["lines"][0]["tax_ids"] == made[2]["lines"][0]["tax_ids"]  # not made twice


def test_what_is_created_has_an_external_id_of_its_company(lanes: tuple[Lane, Lane], second: Second) -> None:
    names: list[Any] = []
    for lane in lanes:
        client, sale = lane.connections.odoo_of(lane.name), load(lane, **FRENCH)
        position = {"account.fiscal.position": [sale["fiscal_position_id"]]}
        names += any_names(client, position).values()
    assert names[0].endswith(".fiscal_position_oss_FR")
    assert names[1].endswith(f".c{second.company_id}_fiscal_position_oss_FR")


def test_stock_is_read_per_company_though_both_call_their_warehouse_wh(
    lanes: tuple[Lane, Lane], second: Second
) -> None:
    connections = lanes[0].connections
    snapshots, problems = take_all(connections, whole=True)
    assert (len(snapshots), problems) == (2, [])
    for lane in lanes:
        client, stock = lane.connections.odoo_of(lane.name), stored_stock(connections, lane.name)
        assert stock is not None
        assert [place.code for place in stock.places].count("WH") == 1
        mugs = stock.levels[(stock.levels["code"] == MUG) & (stock.levels["warehouse"] == "WH")]
        (house,) = client.call("stock.warehouse", "search", domain=[["code", "=", "WH"], *client.who.domain])
        (free,) = client.call(
            "product.product", "search_read", domain=[["default_code", "=", MUG]], fields=["free_qty"], load=None,
            context={"warehouse_id": house},
        )  # fmt: skip
        assert mugs["free"].tolist() == [free["free_qty"]]


def test_one_company_without_any_stock_holds_up_nobody_else_s(odoo: Server, second: Second, connect: Any) -> None:
    name = f"Leere GmbH {secrets.token_hex(3)}"
    add_company(open_administrator(odoo), odoo, name=name)
    connections = connect.of(of_two(odoo, company=name)).connections
    snapshots, (problem,) = take_all(connections)
    assert (len(snapshots), name in problem) == (1, True)
    seen = look(connections, [NAME, OTHER])
    assert set(seen.pulses) == {NAME}
    assert f"for {OTHER} " in seen.problem
    assert name in seen.problem
    with pytest.raises(ProtocolError, match=name):
        take_stock(connections, OTHER)


def test_a_company_whose_stock_cannot_be_read_is_asked_once_for_all_its_channels(
    odoo: Server, second: Second, connect: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look at 50 channels asked an Odoo that was away 50 times, and said so in 50 sentences."""
    name = f"Leere GmbH {secrets.token_hex(3)}"
    add_company(open_administrator(odoo), odoo, name=name)
    settings = of_two(odoo, company=name)
    third = msgspec.structs.replace(settings.channels[1], name="shop_three", endpoint="https://three.example.com")
    settings = msgspec.structs.replace(settings, channels=(*settings.channels, third))
    asked: list[str] = []

    def count(connections: Any, channel: str, **named: Any) -> Any:
        asked.append(channel)
        return take_stock(connections, channel, **named)

    monkeypatch.setattr(pulse, "take_stock", count)
    seen = look(connect.of(settings).connections, [NAME, OTHER, "shop_three"])
    assert asked == [NAME, OTHER]
    assert seen.problem.startswith(f"The stock for {OTHER}, shop_three cannot be read: ")
    assert seen.problem.count(name) == 1


def test_an_order_on_its_way_holds_back_its_own_company_s_stock_alone(lanes: tuple[Lane, Lane]) -> None:
    mine, other = lanes
    order_of(other, lines=(line(quantity=7),))
    with_it = take_stock(mine.connections, NAME), take_stock(mine.connections, OTHER)
    pull(other.connections, OTHER, other.day, other.day + timedelta(days=1))
    assert [sum(in_pipe(mine.connections, stock).values()) for stock in with_it] == [0, 7]


def test_the_copy_guard_takes_the_channel_s_company(
    odoo: Server, second: Second, lanes: tuple[Lane, Lane], connect: Any
) -> None:
    mine, other = lanes
    load(mine)
    load(other)
    places = [may_write_odoo(mine.connections, name).place for name in (NAME, OTHER)]
    assert [place and place.company for place in places] == [1, second.company_id]
    moved = connect.of(of_two(odoo, company=""), name=OTHER)
    moved.channels = other.channels
    order = order_of(moved)
    other.channel.put(order)
    with pytest.raises(PermanentError, match="another company in it"):
        moved.run()


def test_orders_of_the_company_that_a_channel_left_stay_and_news_of_them_wait(
    odoo: Server, lanes: tuple[Lane, Lane], connect: Any
) -> None:
    other = lanes[1]
    order = order_of(other)
    other.run()
    moved = connect.of(of_two(odoo, company=""), name=OTHER)
    agree(moved.connections, OTHER)
    moved.put(order)
    assert moved.run().actions == {"created": 1}  # as it was
    moved.put(later(order, lines=(line(quantity=2, amount=3380),), total=3380))
    moved.run()
    assert [reason.code for reason in waiting(moved, order.order_id)] == ["other_company"]
    assert other.sales(order.order_id)[0]["amount_total"] == 16.9


def findings(lane: Lane) -> list[str]:
    return [f"{what}: {problem}" for what, problem in verify(lane.connections) if problem]


def test_check_tells_of_a_company_that_does_not_exist(odoo: Server, second: Second, connect: Any) -> None:
    problems = findings(connect.of(of_two(odoo, company="Dritte GmbH")))
    assert any(
        "channels[shop_two].company" in problem and "Dritte GmbH" in problem and SECOND in problem
        for problem in problems
    ), problems


def test_check_tells_of_a_company_that_the_user_may_not_enter(odoo: Server, second: Second, connect: Any) -> None:
    first = open_administrator(odoo)
    name = f"Fremde GmbH {secrets.token_hex(3)}"
    (company,) = first.call("res.company", "create", vals_list=[{"name": name}], context=WITHOUT_MODULES)
    first.call("res.users", "write", ids=[first.who.uid], vals={"company_ids": [[3, company, 0]]})
    with pytest.raises(SettingsError, match=r"channels\[shop_two\]\.company.*allowed\s+companies"):
        connect.of(of_two(odoo, company=name)).connections.odoo_of(OTHER).call("res.users", "search_count", domain=[])


def test_check_refuses_a_warehouse_of_another_company(odoo: Server, second: Second, connect: Any) -> None:
    house = f"Lager {secrets.token_hex(3)}"
    second.client.call("stock.warehouse", "create", vals_list=[{"name": house, "code": secrets.token_hex(2)}])
    settings = of_two(odoo)
    channel, two = settings.channels
    channel = msgspec.structs.replace(channel, warehouse=house)
    lane = connect.of(msgspec.structs.replace(settings, channels=(channel, two)))
    problems = findings(lane)
    assert any(
        "channels[shop_de].warehouse" in problem and house in problem and f"belongs to {SECOND}" in problem
        for problem in problems
    ), problems
    two = msgspec.structs.replace(two, warehouse=house)
    fine = connect.of(msgspec.structs.replace(settings, channels=(settings.channels[0], two)))
    assert not any(house in problem for problem in findings(fine))


def test_check_tells_of_a_seller_in_another_country_than_the_company(
    odoo: Server, second: Second, connect: Any
) -> None:
    settings = of_two(odoo)
    (channel, two) = settings.channels
    two = msgspec.structs.replace(two, vat=VatPolicy(seller_country="AT"))
    problems = findings(connect.of(msgspec.structs.replace(settings, channels=(channel, two))))
    (problem,) = (problem for problem in problems if "seller_country" in problem)
    assert "channels[shop_two].vat.seller_country is AT" in problem
    assert f"{SECOND} is in DE" in problem


def test_a_company_without_warehouse_or_chart_is_told_and_its_orders_wait(
    odoo: Server, second: Second, connect: Any
) -> None:
    name = f"Neue GmbH {secrets.token_hex(3)}"
    add_company(open_administrator(odoo), odoo, name=name)
    settings = of_two(odoo, company=name)
    (channel, two) = settings.channels
    two = msgspec.structs.replace(two, warehouse="")
    lane = connect.of(msgspec.structs.replace(settings, channels=(channel, two)), name=OTHER)
    problems = " ".join(findings(lane))
    assert f"{name} has no warehouse" in problems
    assert f"{name} has no sale tax" in problems
    order = order_of(lane)
    assert lane.run().actions == {"refused": 1}
    assert [reason.code for reason in waiting(lane, order.order_id)] == ["unknown_warehouse"]


def test_plan_and_init_know_the_companies(odoo: Server, lanes: tuple[Lane, Lane]) -> None:
    other = lanes[1]
    order_of(other, **FRENCH)
    planned = plan(other.connections, OTHER, other.day, other.day + timedelta(days=1))
    assert "created" in {verdict.action for verdict in planned}
    offered = offers(other.connections.odoo)
    assert SECOND in offered["companies"]
    assert f"warehouses of {SECOND}" in offered
