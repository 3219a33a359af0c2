"""A rehearsal of other settings: exact differences, nothing written, and no difference where nothing was changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

import dagster as dg
import msgspec
import pytest
from click.testing import CliRunner

from commerce_pipelines.assets.rehearsal import KEY
from commerce_pipelines.cli.main import main
from commerce_pipelines.core.errors import PermanentError, SettingsError
from commerce_pipelines.core.section import Secret
from commerce_pipelines.core.topics import Topic
from commerce_pipelines.definitions import build_defs
from commerce_pipelines.domain.orders.order import Address, LineKind, OrderStatus, Review
from commerce_pipelines.flows import rehearsal
from commerce_pipelines.flows.inventory.inputs import take_stock
from commerce_pipelines.settings.file import Settings
from commerce_pipelines.settings.fingerprint import fingerprint_of_all
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.doubles.channel import SETTINGS, some_settings
from commerce_pipelines_tests.doubles.inventory import Odoo, Shop, connections, refresh_targets
from commerce_pipelines_tests.doubles.lane import MUG, NAME, PAPER, Lane, Server, line, numbered, writes

FRANCE = Address(name="Ada Byron", street="Rue 1", city="Paris", postcode="75001", country="FR")
Sell = Callable[..., list[str]]


@pytest.fixture
def sell(lane: Lane, request: pytest.FixtureRequest) -> Sell:
    """Lands two paid orders (Germany, France), an unpaid one, a test and an unreadable answer; returns the ids."""

    def land(**more: Any) -> list[str]:
        ids = numbered(request, 5)
        orders = [
            lane.order(ids[0], **more), lane.order(ids[1], line(2000, PAPER, 2), shipping=FRANCE, **more),
            lane.order(ids[2], status=OrderStatus.WAITING), lane.order(ids[3], is_test=True),
        ]  # fmt: skip
        items = [(lane.channel.head(raw), raw) for raw in map(msgspec.json.encode, orders)]
        broken = msgspec.json.encode(lane.order(ids[4]))
        items.append((lane.channel.head(broken), broken.replace(b'"currency"', b'"kurrency"')))
        lane.connections.landing(NAME, Topic.ORDERS).land(items, "poll", lane.connections.instruments.now())
        return ids

    return land


def change(settings: Settings, **more: Any) -> Settings:
    """The settings with other keys of the first channel."""
    first, *others = settings.channels
    return msgspec.structs.replace(settings, channels=(msgspec.structs.replace(first, **more), *others))


def kinds_of(lane: Lane, done: rehearsal.Rehearsed) -> dict[str, tuple[str, ...]]:
    return {row.either.record_id: row.kinds for row in rehearsal.list_examples(lane.connections, done.rehearsal.id)}


def test_unchanged_settings_make_no_difference_whatever_has_landed(
    lane: Lane, sell: Sell, odoo: Server, request: pytest.FixtureRequest
) -> None:
    sell()
    (number,) = numbered(request)
    odd = [
        lane.order(f"{number}a", line(-500, kind=LineKind.DISCOUNT, sku="", line_id="2"), line()),
        lane.order(f"{number}b", line(sku="no such article")), lane.order(f"{number}c", currency="CHF"),
        lane.order(f"{number}d", review=Review.RISKY), lane.order(f"{number}e", shipping=None, billing=None),
        lane.order(f"{number}f", status=OrderStatus.CANCELLED), lane.order(f"{number}g", total=1),
        lane.order(f"{number}h", placed_at=lane.noon - timedelta(days=3)),
    ]  # fmt: skip
    items = [(lane.channel.head(raw), raw) for raw in map(msgspec.json.encode, odd)]
    lane.connections.landing(NAME, Topic.ORDERS).land(items, "poll", lane.connections.instruments.now())
    before = len(odoo.calls or [])
    done = rehearsal.rehearse(lane.connections, lane.connections.settings)
    assert (done.rehearsal.differing, done.tallies) == (0, {})
    assert done.compared == {NAME: 13}
    assert writes(odoo, before) == []


def test_a_day_is_decided_in_parts_and_in_the_order_of_all(
    lane: Lane, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However the database orders texts: no day is held whole."""
    (number,) = numbered(request)
    names = [f"{number}{end}" for end in ("b", "A", "a1", "B", "-", "ä", "a", "_", "Z", "10", "9")]
    items = [(lane.channel.head(raw), raw) for raw in (msgspec.json.encode(lane.order(name)) for name in names)]
    lane.connections.landing(NAME, Topic.ORDERS).land(items, "poll", lane.connections.instruments.now())
    monkeypatch.setattr(rehearsal, "_ORDERS_A_CHUNK", 2)
    sizes: list[int] = []
    decide = rehearsal._decide_chunk

    def count(connections: Any, name: str, chunk: Any) -> Any:
        sizes.append(len(chunk))
        return decide(connections, name, chunk)

    monkeypatch.setattr(rehearsal, "_decide_chunk", count)
    done = rehearsal.rehearse(lane.connections, lane.connections.settings)
    assert (done.compared, done.rehearsal.differing, max(sizes)) == ({NAME: len(names)}, 0, 2)
    rows = rehearsal.decide_all(lane.connections, [NAME], lane.day, lane.day + timedelta(days=1), ())
    assert [row.record_id for row in rows] == sorted(names)


def test_answers_that_come_while_it_works_are_no_difference(
    lane: Lane, sell: Sell, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second side reads later than the first."""
    german, *_ = sell()
    (new,) = numbered(request)
    whole = rehearsal._decide_orders
    landing, sides = lane.connections.landing(NAME, Topic.ORDERS), []

    def decide(connections: Any, *values: Any) -> Any:
        sides.append(connections)
        if len(sides) == 2:
            orders = [
                lane.order(german, line(5000, MUG, 4), updated_at=lane.noon + timedelta(hours=1)),
                lane.order(new),
            ]
            items = [(lane.channel.head(raw), raw) for raw in map(msgspec.json.encode, orders)]
            landing.land(items, "poll", lane.connections.instruments.now())
        return list(whole(connections, *values))

    monkeypatch.setattr(rehearsal, "_decide_orders", decide)
    done = rehearsal.rehearse(lane.connections, lane.connections.settings)
    assert len(sides) == 2
    assert (done.rehearsal.differing, done.tallies) == (0, {})


def test_each_kind_of_difference_is_counted_with_its_money(lane: Lane, sell: Sell, odoo: Server) -> None:
    german, french, *_ = sell()
    before = len(odoo.calls or [])
    settings = lane.connections.settings
    without_oss = msgspec.structs.replace(settings, vat=msgspec.structs.replace(settings.vat, oss=False))
    done = rehearsal.rehearse(lane.connections, without_oss)
    assert kinds_of(lane, done) == {french: ("tax", "fiscal position")}
    tally = done.tallies[NAME, "orders", "tax"]
    assert (tally.count, tally.money) == (1, {"EUR": 2000})
    [row] = rehearsal.list_examples(lane.connections, done.rehearsal.id, record_id=french)
    assert row.before
    assert row.after
    assert (row.before.fields["tax"], row.after.fields["tax"]) == (
        "FR 20 % oss included: 20.00", "DE 19 % domestic included: 20.00",
    )  # fmt: skip
    assert row.after.why

    other = change(settings, guest="Somebody", skus={MUG: PAPER}, analytic={})
    assert kinds_of(lane, rehearsal.rehearse(lane.connections, other)) == {
        german: ("products", "partner"), french: ("partner",),
    }  # fmt: skip
    assert writes(odoo, before) == []


def test_a_name_that_odoo_lacks_makes_its_orders_wait(lane: Lane, sell: Sell) -> None:
    german, french, *_ = sell()
    done = rehearsal.rehearse(lane.connections, change(lane.connections.settings, sales_team="No such team"))
    rows = rehearsal.list_examples(lane.connections, done.rehearsal.id, kind="state")
    assert {row.either.record_id: row.after and row.after.fields["state"] for row in rows} == {
        german: "waits: unknown_team", french: "waits: unknown_team",
    }  # fmt: skip


def test_a_rehearsal_holds_nothing_of_the_buyer(lane: Lane, sell: Sell, tmp_path: Path) -> None:
    sell()
    rehearsal.rehearse(lane.connections, change(lane.connections.settings, guest="Somebody"))
    rehearsal.save(lane.connections, tmp_path / "d")
    with lane.connections.warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT convert_from(before, 'UTF8') || convert_from(after, 'UTF8') FROM commerce.rehearsal_differences"
        )
        kept = " ".join(row[0] for row in cursor) + (tmp_path / "d").read_text()
    assert "confirmed" in kept
    for value in ("Byron", "@example.com", "Rue 1", "75001", "Berlin"):
        assert value not in kept


def test_two_releases_are_compared_by_a_file(lane: Lane, sell: Sell, tmp_path: Path) -> None:
    german, *_ = sell()
    file = tmp_path / "decisions"
    assert rehearsal.save(lane.connections, file) == 5
    done = rehearsal.rehearse(lane.connections, lane.connections.settings, against=file)
    assert done.rehearsal.differing == 0
    lines = [json.loads(text) for text in file.read_text().splitlines()]
    for row in lines:
        if row["record_id"] == german:
            row["fields"]["tax"] = "something else"
    file.write_text("\n".join(map(json.dumps, lines)))
    done = rehearsal.rehearse(lane.connections, lane.connections.settings, against=file)
    assert kinds_of(lane, done) == {german: ("tax",)}
    file.write_text("no decisions")
    with pytest.raises(SettingsError, match="is no file that"):
        rehearsal.rehearse(lane.connections, lane.connections.settings, against=file)


def test_settings_of_another_odoo_or_channel_are_refused(lane: Lane) -> None:
    settings = lane.connections.settings
    elsewhere = msgspec.structs.replace(settings, odoo=msgspec.structs.replace(settings.odoo, database="other"))
    with pytest.raises(SettingsError, match=r"odoo.url and odoo.database"):
        rehearsal.rehearse(lane.connections, elsewhere)
    renamed = change(settings, name="shop_at")
    with pytest.raises(SettingsError, match="no channel in common"):
        rehearsal.rehearse(lane.connections, renamed)
    with pytest.raises(SettingsError, match="no channel shop_de of this kind"):
        rehearsal.rehearse(lane.connections, renamed, names=[NAME])


def test_only_agreed_settings_may_write_where_that_is_required(
    lane: Lane, connect: Any, odoo: Server, request: pytest.FixtureRequest
) -> None:
    numbers = numbered(request, 3)
    strict = msgspec.structs.replace(lane.connections.settings, rehearsal_required=True)
    first = connect.of(strict)
    first.put(first.order(numbers[0]))
    assert first.run().actions == {"created": 1}  # those in use when it was switched on
    changed = connect.of(change(strict, guest="Somebody"))
    changed.put(changed.order(numbers[1]))
    with pytest.raises(PermanentError, match="not those that somebody agreed to"):
        changed.run()
    done = rehearsal.rehearse(first.connections, changed.connections.settings)
    rehearsal.agree(first.connections, done.rehearsal.id, "ada")
    assert changed.run().actions["created"] == 1
    first.put(first.order(numbers[2]))
    first.run()  # the old ones were agreed to as well
    with pytest.raises(SettingsError, match="no rehearsal 4711"):
        rehearsal.agree(first.connections, 4711, "ada")


def test_people_start_it_from_dagster_and_from_a_terminal(
    lane: Lane, sell: Sell, odoo: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, french, *_ = sell()
    monkeypatch.setenv("TOKEN", "t")
    monkeypatch.chdir(tmp_path)
    text = SETTINGS.replace("http://127.0.0.1:8069", odoo.url).replace("database: demo", f"database: {odoo.database}")
    text = text.replace("username: admin", f"username: {odoo.username}, transport: {odoo.transport}")
    (tmp_path / "commerce.yaml").write_text(text + "vat: {oss: true}\n")
    (tmp_path / "new.yaml").write_text(text + "vat: {oss: false}\n")
    definitions = build_defs(lane.connections.settings, lane.connections)
    with dg.DagsterInstance.ephemeral() as instance:
        result = definitions.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=instance, asset_selection=[KEY],
            run_config={"ops": {"rehearsal": {"config": {"settings": str(tmp_path / "new.yaml"), "days": 5}}}},
        )  # fmt: skip
    [event] = result.get_asset_materialization_events()
    metadata = event.materialization.metadata
    assert (metadata["records that differ"].value, metadata["records compared"].value) == (1, 5)
    sides = metadata["side by side"]
    assert isinstance(sides, dg.TableMetadataValue)
    assert {str(record.data["record"]) for record in sides.records} == {french}
    assert f"](/orders/{NAME}/{quote(french, safe='')})" in str(metadata[f"orders/{NAME}"].value)

    with dg.DagsterInstance.ephemeral() as instance:
        result = definitions.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=instance, asset_selection=[KEY]
        )
    [event] = result.get_asset_materialization_events()
    assert "Name the file to try" in str(event.materialization.metadata["nothing compared"].value)
    monkeypatch.setattr("commerce_pipelines.cli.rehearse.open_connections", lambda settings: lane.connections)

    def type_in(*words: str) -> str:
        return CliRunner().invoke(main, list(words), env={"COLUMNS": "250"}).output

    shown = type_in("rehearse", "--settings", "new.yaml", "--json")
    summary = json.loads(shown.splitlines()[-1])
    assert (summary["records"], summary["differing"]) == (5, 1)
    number = str(summary["rehearsal"])
    assert french in type_in("rehearse", "--show", number, "--kind", "tax")
    assert "nothing asks for it" in type_in("release", "--rehearsal", number)
    assert "Name what to compare" in type_in("rehearse")
    assert "Name CHANNEL and --flow" in type_in("release")


def test_listings_that_would_show_another_quantity(warehouse: Warehouse) -> None:
    world = connections(
        warehouse, Odoo({("A", "WH"): [50, 12], ("B", "WH"): [0, 0]}), Shop({"A": 0, "B": 7, "GONE": 3})
    )
    name = world.settings.channels[0].name
    empty = rehearsal.rehearse(world, world.settings)
    assert empty.left_out == (f"{name}: no stock of Odoo is stored yet; materialise odoo/stock_levels to compare "
                              "listings.",)  # fmt: skip
    take_stock(world)
    refresh_targets(world, name)
    assert rehearsal.rehearse(world, world.settings).rehearsal.differing == 0
    half = change(
        world.settings, inventory=msgspec.structs.replace(world.settings.channels[0].inventory, share=Decimal(50))
    )
    done = rehearsal.rehearse(world, half)
    [row] = rehearsal.list_examples(world, done.rehearsal.id)
    assert (row.either.record_id, row.kinds, done.compared) == ("A", ("quantity",), {name: 3})
    assert row.before
    assert row.after
    assert (row.before.fields["quantity"], row.after.fields["quantity"]) == ("38", "19")
    off = change(world.settings, inventory=msgspec.structs.replace(world.settings.channels[0].inventory, enabled=False))
    one_side = rehearsal.rehearse(world, off)
    assert one_side.left_out == (f"{name}: inventory is switched on or off, so its listings are not compared.",)
    assert (one_side.rehearsal.differing, one_side.rehearsal.records) == (0, 0)


def test_agreed_settings_change_with_every_rule_and_with_nothing_else() -> None:
    settings = some_settings()
    stamp = fingerprint_of_all(settings)
    rules: dict[str, dict[str, Any]] = {
        "returns": {"enabled": True}, "refunding": {"since": date(2026, 12, 1)}, "fulfilment": {"enabled": True},
        "content": {"enabled": True}, "inventory": {"enabled": True},
    }  # fmt: skip
    for key, more in rules.items():
        section = msgspec.structs.replace(getattr(settings.channels[0], key), **more)
        assert fingerprint_of_all(change(settings, **{key: section})) != stamp, key
    reached = msgspec.structs.replace(
        settings.odoo, url="https://odoo.example.com", username="other", password=Secret(env="OTHER"), timeout_seconds=9
    )
    assert fingerprint_of_all(msgspec.structs.replace(settings, odoo=reached)) == stamp
    assert fingerprint_of_all(change(settings, endpoint="https://other.example.com", poll_seconds=600)) == stamp
