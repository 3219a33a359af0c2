"""Each benchmark runs to its end at a tiny size and yields the figures that its name promises. How large they are is
not looked at: a figure of ten orders means nothing."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from importlib.util import find_spec

import pytest

from bench import delivery_told, odoo_load, order_hint, receiver, stock_change
from bench.__main__ import BENCHMARKS, main
from bench.figures import Figure, Skipped, last_line
from bench.shop_orders import Orders
from commerce_pipelines.channels.shopify.orders import payloads
from commerce_pipelines.channels.shopify.orders.translate import translate
from commerce_pipelines.domain.orders.order import check
from commerce_sandbox.amazon.making import is_fba
from commerce_sandbox.catalogue import CATALOGUE
from commerce_sandbox.world import LANES, running

TINY = 0.0002
PROMISED = {
    "extract": {"extract_land_transform_vs_pandas", "extract_land_transform_vs_dlt", "extract_land_transform_memory"},
    "completeness": {"completeness_100k"},
    "money": {"money_100k_orders"},
    "stock_decide": {"stock_decide_50k", "stock_changes_12_of_50k"},
    "old_orders": {"old_orders"},
    "stock_calls": {"stock_calls_amazon", "stock_calls_ebay", "stock_calls_shopify"},
    "deliveries": {"deliveries_amazon", "deliveries_ebay", "deliveries_shopify"},
    "backfill_twice": {"backfill_twice_writes"},
    "erase": {"erase_1m"},
    "ledger": {"ledger_50k"},
    "inbound_plan": {"inbound_plan_calls"},
    "rehearsal": {"rehearsal_10k"},
    "content": {"content_updates", "content_uploads", "content_again", "content_decided"},
    "erase_partners": {"erase_partners", "erase_partners_calls"},
    "backfill_time": {
        "backfill_time_shopify",
        "backfill_time_ebay",
        "backfill_time_amazon",
        "backfill_calls_an_order",
    },
    "live": {"live_amazon_10k", "live_amazon_40k", "live_calls_an_order", "live_lost_healed"},
    "pace": {"pace_shopify", "pace_amazon", "pace_ebay", "pace_refused"},
}
# From which figure on a benchmark counts rather than measures time: true at any size.
COUNTS = {
    "inbound_plan": 0,
    "stock_decide": -1,
    "stock_calls": 0,
    "deliveries": 0,
    "backfill_twice": 0,
    "pace": 1,
    "backfill_time": 0,
    "live": 0,
    "content": 0,
    "erase_partners": 1,
}
MODULES = {"extract": ("dlt", "psutil"), "stock_decide": ("psutil",), "erase_partners": ("psutil",)}


@pytest.mark.parametrize("name", PROMISED)
def test_a_benchmark_runs(name: str, server_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_DATABASE_URL", server_url)
    for module in MODULES.get(name, ()):
        if find_spec(module) is None:
            pytest.skip(f"{module} of the dependency group bench is not installed; `make bench` installs it")
    figures = import_module(f"bench.{name}").run(TINY, lambda doing: None)
    assert {figure.name for figure in figures} == PROMISED[name]
    assert all(figure.value >= 0 for figure in figures)
    for figure in figures[COUNTS.get(name, len(figures)) :]:
        assert figure.met, figure


def test_without_an_odoo_its_benchmarks_are_skipped_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("ODOO_URL", raising=False)
    monkeypatch.setattr(sys, "argv", ["bench", "odoo_load"])
    with pytest.raises(Skipped, match="ODOO_URL"):
        odoo_load.run(1.0, lambda doing: None)
    main()
    output = capsys.readouterr()
    assert json.loads(output.out.splitlines()[-1]) == {}
    assert "set ODOO_URL" in output.err


def test_every_benchmark_is_in_the_list() -> None:
    of_minutes = {
        *("credit_notes", "delivery_told", "odoo_load", "order_hint", "receiver", "stock_change", "stock_read"),
        *("writers", "writers_killed"),
    }  # fmt: skip
    assert PROMISED.keys() | of_minutes == set(BENCHMARKS)


def test_a_change_of_stock_is_timed_per_channel(monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo itself takes minutes: here is only what is made of its times, and where a request is seen."""
    times = [{"amazon_eu": 1.0 * n, "ebay_de": 2.0 * n, "shopify_de": 3.0 * n} for n in range(1, 21)]
    monkeypatch.setattr(stock_change, "run_demo", lambda module, count, tell: times)
    (figure,) = stock_change.run(1.0, lambda doing: None)
    assert (figure.name, figure.unit, figure.met) == ("stock_change_to_request_p95", "s", False)
    assert 45 < figure.value < 55
    article = next(article for article in CATALOGUE if not is_fba(article))
    with running() as world:
        before = stock_change.shown(world, article.sku)
        world.channels["amazon_eu"].listings.offers[article.sku].availability[0]["quantity"] = 999
        after = stock_change.shown(world, article.sku)
    assert before.keys() == set(LANES)
    assert {name for name in LANES if before[name] != after[name]} == {"amazon_eu"}


def test_a_delivery_is_timed_until_its_channel_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo itself takes minutes: here is only what is made of its times, and where a parcel is seen."""
    times = [{name: float(n)} for n, name in enumerate((*LANES, *LANES, *LANES), 1)]
    monkeypatch.setattr(delivery_told, "run_demo", lambda module, count, tell: times)
    (figure,) = delivery_told.run(1.0, lambda doing: None)
    assert (figure.name, figure.baseline, figure.met) == ("delivery_to_request_p95", 5.0, True)
    assert 8.5 < figure.value < 9.0
    with running() as world:
        name, order_id = next((LANES[0], reference) for reference in world.after_sale.list_open(LANES[0]))
        fulfilment = world.channels[name].orders[order_id]["fulfillment"]
        fulfilment["fulfillmentStatus"] = "SHIPPED"
        assert order_id not in world.after_sale.list_open(name)
        assert delivery_told.list_leaving(world) == []  # nothing is in Odoo yet


def test_an_order_is_timed_until_it_is_confirmed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo itself takes minutes: here is only what is made of its times, and what counts as confirmed."""
    monkeypatch.setattr(order_hint, "run_demo", lambda *_: [{"shopify_de": float(n)} for n in range(1, 21)])
    (figure,) = order_hint.run(1.0, lambda doing: None)
    assert (figure.name, figure.baseline, figure.met) == ("hint_to_sale_p95", 10.5, True)
    with running() as world:
        sales = world.odoo.database.rows["sale.order"]
        sales |= {1: {"client_order_ref": "#1", "state": "sale"}, 2: {"client_order_ref": "#2", "state": "draft"}}
        assert order_hint.list_confirmed(world) == {"#1": 1}


def test_of_a_receiver_that_is_killed_the_calm_times_count_and_every_message() -> None:
    sender = receiver.Sender(0, 4, lambda doing: None)
    sender.answered = {0: (0.0, 0.010), 1: (4.9, 7.0), 2: (5.5, 7.5), 3: (9.0, 9.020)}
    p99, lost = receiver._build_figures(sender, {0, 1, 3}, 5, (5.0, 6.0), "")
    assert (round(p99.value), round(p99.baseline), p99.met) == (20, 20, True)
    assert (lost.value, lost.met) == (2, False)  # one answered and not kept, one never answered


def test_the_last_line_is_the_contract() -> None:
    figure = Figure(name="a_vs_b", value=30.0, unit="orders per second", baseline=3.0, target=10.0)
    assert json.loads(last_line([figure])) == {
        "a_vs_b": {"value": 30.0, "unit": "orders per second", "baseline": 3.0, "ratio": 10.0, "target": 10.0}
    }
    assert figure.met


def test_the_benchmarks_orders_are_sound_and_of_the_size_they_claim() -> None:
    orders = Orders(2_000)
    sizes = [len(orders[number]) for number in orders]
    assert 6_300 < sum(sizes) / len(sizes) < 7_000
    assert Orders(2_000)[1_234] == orders[1_234]
    for number in range(0, 2_000, 40):
        check(translate(payloads.order(orders[number]), channel="shop", shop="bench.myshopify.com", basis="shop"))
