"""Groups of channels as code locations: together they are what one location was, each is complete in itself, and a
channel that moves from one to another loses nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import msgspec
import pytest

from commerce_pipelines import definitions
from commerce_pipelines.core.errors import SettingsError
from commerce_pipelines.core.groups import LOCATION, location_of
from commerce_pipelines.definitions import build_defs
from commerce_pipelines.flows.inventory.inputs import read_listings
from commerce_pipelines.flows.pollers import list_pollers
from commerce_pipelines.resources.run_process import CHANNELS_OF_RUN
from commerce_pipelines.sensors.inventory import Cursor
from commerce_pipelines.settings.file import NAMED_APART, Settings, parse
from commerce_pipelines.settings.fingerprint import fingerprint, fingerprint_of_all
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.doubles.doors import doors
from commerce_pipelines_tests.doubles.inventory import Odoo, Shop

EXAMPLE = parse((Path(__file__).parents[1] / "commerce.example.yaml").read_text(encoding="utf-8"))
TWO_SHOPS = """
odoo: {url: 'http://127.0.0.1:8069', database: shop, username: bot, password: {env: ODOO_PASSWORD}}
channels:
  - {name: shop_de, group: GROUP_DE, kind: shopify, shop: a.myshopify.com, credentials: {access_token: {env: TOKEN}},
     inventory: {enabled: true, share: 100, breaker: {from_listings: 10}}}
  - {name: shop_at, group: GROUP_AT, kind: shopify, shop: b.myshopify.com, credentials: {access_token: {env: TOKEN_AT}},
     inventory: {enabled: true, share: 100, breaker: {from_listings: 10}}}
"""


def put_in_groups(settings: Settings, *groups: str) -> Settings:
    """The channels in these groups, in turn."""
    channels = [
        msgspec.structs.replace(channel, group=groups[at % len(groups)]) for at, channel in enumerate(settings.channels)
    ]
    return msgspec.structs.replace(settings, channels=tuple(channels))


def split(settings: Settings) -> list[dg.Definitions]:
    """What each code location holds, the first one first."""
    return [build_defs(settings, group=group) for group in ("", *settings.groups)]


def list_parts(defs: dg.Definitions) -> dict[str, set[str]]:
    repository = defs.get_repository_def()
    return {
        "assets": {spec.key.to_user_string() for spec in defs.resolve_all_asset_specs()},
        "checks": {key.to_user_string() for key in defs.resolve_asset_graph().asset_check_keys},
        "sensors": {sensor.name for sensor in repository.sensor_defs},
        "schedules": {schedule.name for schedule in repository.schedule_defs},
        "jobs": {job.name for job in repository.get_all_jobs()} - {"__ASSET_JOB"},
    }


@pytest.mark.parametrize("groups", [("north", "south"), ("north", ""), ("north",)])
def test_locations_share_nothing_and_are_together_what_one_was(groups: tuple[str, ...]) -> None:
    """Only what each group has one of has another name: its looks at Odoo, its hourly schedules."""
    whole = list_parts(build_defs(EXAMPLE))
    parts = [list_parts(defs) for defs in split(put_in_groups(EXAMPLE, *groups))]
    for kind, names in whole.items():
        times = Counter(name for location in parts for name in location[kind])
        assert set(times.values()) == {1}, kind
        assert {drop_group(name, groups) for name in times} == names, kind
    first = parts[0]
    assert {"overview", "exceptions_desk", "privacy/retention", "rehearsal"} <= first["assets"]
    assert {"run_failures", "outcomes", "overview"} <= first["sensors"]
    assert "exceptions_care" in first["jobs"]


def drop_group(name: str, groups: tuple[str, ...]) -> str:
    for group in filter(None, groups):
        name = name.replace(f"/{group}/", "/").removesuffix(f"_{group}")
    return name


def test_every_location_can_be_loaded_and_reads_odoo_by_itself() -> None:
    for defs in split(put_in_groups(EXAMPLE, "north", "south", "")):
        dg.Definitions.validate_loadable(defs)
        tables = [spec.key.path[-1] for spec in defs.resolve_all_asset_specs() if spec.key.path[0] == "odoo"]
        assert len(tables) == len(set(tables))


def test_without_groups_the_first_location_is_everything() -> None:
    assert list_parts(build_defs(EXAMPLE, group="")) == list_parts(build_defs(EXAMPLE))


def test_a_group_decides_nothing_about_records_and_rules() -> None:
    """Otherwise a channel that moves would wait for a rehearsal, and all its waiting records would be tried again."""
    moved = put_in_groups(EXAMPLE, "north")
    assert fingerprint_of_all(moved) == fingerprint_of_all(EXAMPLE)
    name = EXAMPLE.channels[0].name
    assert fingerprint(moved, name, "orders") == fingerprint(EXAMPLE, name, "orders")


@pytest.mark.parametrize("name", ["North", "1", "a-b", "a/b", "nördlich"])
def test_a_group_is_named_like_a_channel(name: str) -> None:
    with pytest.raises(SettingsError, match=r"channels\[shop_de\].group must match"):
        parse(TWO_SHOPS.replace("GROUP_DE", f"'{name}'").replace("GROUP_AT", "''"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "commerce.yaml").write_text(TWO_SHOPS.replace("GROUP_DE", "north").replace("GROUP_AT", "south"))
    monkeypatch.chdir(tmp_path)
    for name in ("TOKEN", "TOKEN_AT", "ODOO_PASSWORD"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setattr(definitions, "_built", [])
    return tmp_path


def load(attribute: str) -> set[str]:
    """The channels of what Dagster loads by this name."""
    specs = getattr(definitions, attribute)().resolve_all_asset_specs()
    return {spec.key.path[0] for spec in specs if spec.key.path[-1] == "raw_orders"}


def test_a_group_is_loaded_by_an_attribute_of_the_module(folder: Path) -> None:
    assert (load("group_north"), load("group_south"), load("defs")) == ({"shop_de"}, {"shop_at"}, set())
    with pytest.raises(SettingsError, match=r"No channel in commerce\.yaml is in the group 'west'"):
        load("group_west")
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = definitions.no_such_name


def test_a_run_finds_its_channel_wherever_it_is_now(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the channel has moved, and where runs are forked of a process that holds everything."""
    monkeypatch.setenv(CHANNELS_OF_RUN, "shop_at")
    assert load("group_north") == load("group_west") == load("defs") == {"shop_at"}
    monkeypatch.setenv(CHANNELS_OF_RUN, "overview")
    assert load("defs") == set()
    monkeypatch.setenv(CHANNELS_OF_RUN, "odoo")
    assert load("group_north") == {"shop_de"}
    definitions.build_repository()
    assert load("group_north") == {"shop_de", "shop_at"}


class World:
    """Two shops that sell one Odoo's stock, each in a group of its own."""

    def __init__(self, warehouse: Warehouse, instance: dg.DagsterInstance) -> None:
        self.odoo, self.instance, self.warehouse = Odoo({("A", "WH"): [50, 0]}), instance, warehouse
        self.shops = {name: Shop({"A": 40}) for name in ("shop_de", "shop_at")}
        for name, shop in self.shops.items():
            shop.name = name
        self.cursors: dict[str, str | None] = {}
        self.open("north", "south")
        for name in self.shops:
            read_listings(self.connections, name)

    def open(self, of_de: str, of_at: str) -> None:
        """Settings in which the shops are in these groups, as after a restart."""
        settings = parse(TWO_SHOPS.replace("GROUP_DE", of_de or "''").replace("GROUP_AT", of_at or "''"))
        self.connections = doors(settings, self.warehouse, odoo=self.odoo, channels=self.shops)
        names = ("", *settings.groups)
        self.locations = {group: build_defs(settings, self.connections, group=group) for group in names}

    def tick(self, group: str) -> list[str]:
        """One tick of the group's sensor of stock, and the runs that it asks for, in their location; the channels."""
        defs = self.locations[group]
        sensor = defs.resolve_sensor_def(f"odoo_stock_changes_{group}")
        cursor = self.cursors.get(group)
        if cursor:  # its pause is over
            cursor = msgspec.json.encode(msgspec.json.decode(cursor) | {"seconds": 0.0}).decode()
        with dg.build_sensor_context(
            instance=self.instance, cursor=cursor, resources={"connections": self.connections},
            repository_def=defs.get_repository_def(),
        ) as context:  # fmt: skip
            ticked: Any = sensor.evaluate_tick(context)
        self.cursors[group] = ticked.cursor
        for request in ticked.run_requests:
            done = defs.resolve_job_def(str(sensor.job_name)).execute_in_process(
                instance=self.instance, asset_selection=request.asset_selection, tags=request.tags,
            )  # fmt: skip
            assert done.success
        return [request.tags["commerce/channel"] for request in ticked.run_requests]

    def show(self) -> dict[str, int | None]:
        return {name: shop.shown["A"] for name, shop in self.shops.items()}


@pytest.fixture
def world(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    for name in ("TOKEN", "TOKEN_AT"):
        monkeypatch.setenv(name, name)
    with dg.DagsterInstance.ephemeral() as instance:
        yield World(warehouse, instance)


def test_a_change_in_odoo_is_seen_by_both_groups(world: World) -> None:
    """No group's look takes it away from the other's."""
    assert (world.tick("north"), world.tick("south")) == (["shop_de"], ["shop_at"])
    world.odoo.stock["A", "WH"] = [30, 0]
    assert (world.tick("north"), world.tick("south")) == (["shop_de"], ["shop_at"])
    assert world.show() == {"shop_de": 30, "shop_at": 30}
    assert (world.tick("north"), world.tick("south")) == ([], [])


def test_a_channel_that_moves_to_another_group_and_back_loses_no_change(world: World) -> None:
    assert (world.tick("north"), world.tick("south")) == (["shop_de"], ["shop_at"])
    world.odoo.stock["A", "WH"] = [30, 0]
    world.open("south", "south")
    assert sorted(world.tick("south")) == ["shop_at", "shop_de"]
    assert world.show() == {"shop_de": 30, "shop_at": 30}
    world.open("north", "south")
    assert world.tick("south") == []
    world.odoo.stock["A", "WH"] = [50, 0]  # as it was when the group north had looked last, long ago
    left = msgspec.json.decode(world.cursors["north"] or "", type=Cursor)
    hour_ago = left.at - timedelta(hours=1)
    world.cursors["north"] = msgspec.json.encode(msgspec.structs.replace(left, at=hour_ago)).decode()
    assert (world.tick("north"), world.tick("south")) == (["shop_de"], ["shop_at"])
    assert world.show() == {"shop_de": 50, "shop_at": 50}
    assert world.tick("north") == []


def test_a_group_forgets_the_channels_that_have_left_it(world: World) -> None:
    world.open("south", "south")
    assert sorted(world.tick("south")) == ["shop_at", "shop_de"]
    world.open("north", "south")
    world.odoo.stock["A", "WH"] = [30, 0]
    assert (world.tick("north"), world.tick("south")) == (["shop_de"], ["shop_at"])
    world.odoo.stock["A", "WH"] = [50, 0]
    world.open("south", "south")  # what south remembers of shop_de would be this stock
    assert sorted(world.tick("south")) == ["shop_at", "shop_de"]
    assert world.show() == {"shop_de": 50, "shop_at": 50}


def test_each_group_has_pollers_of_its_own_and_all_are_watched() -> None:
    pollers = list_pollers(parse(TWO_SHOPS.replace("GROUP_DE", "''").replace("GROUP_AT", "north")))
    stock = {name: poller.group for name, poller in pollers.items() if name.startswith("odoo_stock_changes")}
    assert stock == {"odoo_stock_changes": "", "odoo_stock_changes_north": "north"}
    assert pollers["odoo_stock_changes_north"].subject == "the stock in Odoo for the group north"
    assert (location_of(""), location_of("north")) == (LOCATION, f"{LOCATION}_north")


def test_channels_whose_schedules_would_have_the_same_name_are_refused() -> None:
    """And only those: a name is taken by no flow that is off."""
    shops = TWO_SHOPS.replace("GROUP_DE", "''").replace("GROUP_AT", "''").replace("shop_at", "shop_de_returns")
    build_defs(parse(shops)).get_repository_def()
    with pytest.raises(SettingsError, match=r"channels\[shop_de_returns\]\.name: .* channels\[shop_de\]\.returns"):
        parse(shops.replace("inventory: {", "returns: {enabled: true}, inventory: {", 1))


def test_the_flows_that_take_names_are_known() -> None:
    """Those with NAME_nightly, where a channel called so would have the same."""
    parts = list_parts(build_defs(EXAMPLE))
    names = parts["sensors"] | parts["schedules"] | parts["jobs"]
    own = {
        name.removeprefix(f"{channel.name}_")
        for channel in EXAMPLE.channels for name in names if name.startswith(f"{channel.name}_")
    }  # fmt: skip
    taken = {start for name in own for start, _, end in [name.partition("_")] if end in own}
    assert taken == set(NAMED_APART)
