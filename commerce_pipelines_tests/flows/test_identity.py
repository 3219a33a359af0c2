"""A channel is its account, whatever it is called, and an account belongs to one Odoo."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any

import msgspec
import pytest

from commerce_pipelines.channels.capabilities import AccountId
from commerce_pipelines.core.errors import CredentialError, PermanentError, SettingsError
from commerce_pipelines.flows import identity
from commerce_pipelines.flows.intake.pull import pull
from commerce_pipelines.flows.orders.load import load
from commerce_pipelines.flows.orders.prove import prove
from commerce_pipelines.flows.orders.stage import stage
from commerce_pipelines.resources.connections import Connections, open_connections
from commerce_pipelines.settings.file import Settings
from commerce_pipelines.warehouse.shared import known_accounts
from commerce_pipelines.warehouse.shared.known_accounts import Place
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines.warehouse.tables.frames import read_frame, replace_days
from commerce_pipelines_tests.conftest import MASTER_KEY
from commerce_pipelines_tests.doubles.channel import FakeChannel, some_settings
from commerce_pipelines_tests.doubles.lane import Lane, Server, writes

SECOND = """
  - {name: shop_two, kind: shopify, shop: de.myshopify.com, credentials: {access_token: {env: OTHER}},
     start_date: 2025-01-01}
"""


class Shop(FakeChannel):
    """A shop whose account is handed in, counting how often it is asked for it."""

    def __init__(self, name: str, account_id: str, error: Exception | None = None) -> None:
        super().__init__(name)
        self.account_id, self.failure, self.probes = account_id, error, 0

    def probe(self) -> AccountId:
        self.probes += 1
        if self.failure is not None:
            raise self.failure
        return AccountId(account_id=self.account_id, description="a shop")


@pytest.fixture
def opened(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Connections of these settings to this worker's database; channels by name."""
    monkeypatch.setenv("TOKEN", "one")
    monkeypatch.setenv("OTHER", "two")
    environ = {
        "COMMERCE_DATABASE_URL": warehouse.url,
        "COMMERCE_MASTER_KEY": base64.urlsafe_b64encode(MASTER_KEY).decode(),
    }

    def make(settings: Settings, *shops: Shop) -> Connections:
        by_name = {shop.name: shop for shop in shops}
        return open_connections(settings, environ, channels=lambda channel, *_: by_name[channel.name])

    return make


def renamed(settings: Settings, name: str) -> Settings:
    (channel,) = settings.channels
    return msgspec.structs.replace(settings, channels=(msgspec.structs.replace(channel, name=name),))


def test_an_account_is_asked_for_once_and_again_after_new_credentials(
    opened: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop("shop_de", "de.myshopify.com")
    connections = opened(some_settings(), shop)
    for _ in range(3):
        assert identity.identify(connections, "shop_de").account_id == "de.myshopify.com"
    assert shop.probes == 1
    monkeypatch.setenv("TOKEN", "rotated")
    identity.identify(connections, "shop_de")
    identity.identify(connections, "shop_de")
    assert shop.probes == 2
    monkeypatch.setenv("TOKEN", "of another shop")
    shop.account_id = "at.myshopify.com"
    with pytest.raises(SettingsError, match="another account than before"):
        identity.identify(connections, "shop_de")


@pytest.mark.parametrize(("account_id", "other"), [("de.myshopify.com", "two"), ("", "one")])
def test_one_account_is_never_two_channels(
    opened: Any, monkeypatch: pytest.MonkeyPatch, account_id: str, other: str
) -> None:
    """By its id, or, where the marketplace tells none, by its credentials."""
    monkeypatch.setenv("OTHER", other)
    connections = opened(some_settings(SECOND), Shop("shop_de", account_id), Shop("shop_two", account_id))
    identity.identify(connections, "shop_de")
    with pytest.raises(SettingsError, match="one account: every order would come twice"):
        pull(connections, "shop_two", date(2025, 11, 1), date(2025, 11, 2))
    assert identity.identify(connections, "shop_de").channel == "shop_de"


def test_accounts_that_tell_no_id_and_have_credentials_of_their_own_are_two(opened: Any) -> None:
    refused = CredentialError("no")
    connections = opened(some_settings(SECOND), Shop("shop_de", "", refused), Shop("shop_two", "", refused))
    assert identity.identify(connections, "shop_de").label == "shop_de"
    assert identity.identify(connections, "shop_two").label == "shop_two"


def test_two_processes_that_use_a_channel_first_at_once_agree(warehouse: Warehouse) -> None:
    other = Warehouse(warehouse.url, MASTER_KEY)

    def second() -> str:
        with other.transaction() as connection:
            known_accounts.add(connection, "shop_de", "shopify", "1", "credentials")
            return known_accounts.read_all(connection)[0].label

    with ThreadPoolExecutor(1) as pool:
        with warehouse.transaction() as connection, connection.cursor() as cursor:
            known_accounts.add(connection, "shop_de", "shopify", "1", "credentials")
            label = pool.submit(second)
            while True:  # until the second one waits for this transaction
                cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
                if cursor.fetchone() != (0,) or label.done():
                    break
        assert label.result() == "shop_de"
    other.close()


def test_a_renamed_channel_is_told_with_the_command_that_adopts_it(opened: Any) -> None:
    identity.identify(opened(some_settings(), Shop("shop_de", "de.myshopify.com")), "shop_de")
    connections = opened(renamed(some_settings(), "laden"), Shop("laden", "de.myshopify.com"))
    with pytest.raises(SettingsError, match="commerce-pipelines channels rename shop_de laden"):
        identity.identify(connections, "laden")
    assert identity.strangers(connections) == ["shop_de"]
    identity.rename(connections, "shop_de", "laden")
    assert identity.identify(connections, "laden").label == "shop_de"
    assert identity.strangers(connections) == []


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("shop_de", "nowhere", "has no channel nowhere"),
        ("shop_de", "shop_two", "still has a channel shop_de"),
        ("never", "shop_two", "no records of a channel never"),
        ("gone", "shop_two", "records of a channel shop_two already"),
    ],
)
def test_a_name_that_cannot_be_adopted_is_refused(opened: Any, old: str, new: str, says: str) -> None:
    connections = opened(some_settings(SECOND), Shop("shop_de", "a"), Shop("shop_two", "b"))
    with connections.warehouse.transaction() as connection:
        known_accounts.add(connection, "gone", "shopify", "c", "x")
        known_accounts.add(connection, "shop_two", "shopify", "b", "y")
    with pytest.raises(SettingsError, match=says):
        identity.rename(connections, old, new)


def test_a_name_that_is_used_again_for_another_account_is_another_label(opened: Any) -> None:
    first = opened(some_settings(), Shop("shop_de", "a"))
    identity.identify(first, "shop_de")
    identity.rename(opened(renamed(some_settings(), "laden"), Shop("laden", "a")), "shop_de", "laden")
    later = opened(some_settings(), Shop("shop_de", "b"))
    with later.warehouse.transaction() as connection:
        known_accounts.add(connection, "shop_de", "shopify", "b", "other")
        assert known_accounts.label_of(connection, "shop_de") == "shop_de_2"


@pytest.mark.parametrize(
    ("kept", "now", "differ"),
    [
        (Place("a:443/x", "u", 1), Place("a:443/x", "u", 1), False),
        (Place("a:443/x", "u", 1), Place("a:443/x", "", 1), False),  # our user may not read the parameter any more
        (Place("a:443/x", "u", 1), Place("b:443/x", "u", 1), True),  # a clone elsewhere
        (Place("a:443/x", "u", 1), Place("a:443/y", "u", 1), True),
        (Place("a:443/x", "u", 1), Place("a:443/x", "v", 1), True),  # a duplicate put in its place
        (Place("a:443/x", "u", 1), Place("a:443/x", "u", 2), True),
    ],
)
def test_two_odoos_are_told_apart(kept: Place, now: Place, differ: bool) -> None:
    assert bool(identity.difference(kept, now)) is differ


def run(connections: Connections, name: str, day: date) -> None:
    """What a Dagster run does: stage, load, keep the ledger."""
    end = day + timedelta(days=1)
    stage(connections, name, day, end)
    with connections.warehouse.transaction() as connection:
        orders = read_frame(connection, "orders", None, "channel = %s", (name,))
    ledger, _ = load(connections, name, orders)
    with connections.warehouse.transaction() as connection:
        replace_days(connection, "sale_orders", name, [day], ledger)


def test_a_renamed_channel_goes_on_with_the_orders_that_odoo_has(lane: Lane, odoo: Server) -> None:
    lane.put(lane.order("R1"))
    lane.run()
    connections = lane.connections
    with connections.warehouse.transaction() as connection:
        known_accounts.rename(connection, "shop_de", "laden")
    lane.channel.name = "laden"
    again = Connections(
        renamed(connections.settings, "laden"),
        warehouse=lambda: connections.warehouse,
        odoo=lambda: connections.odoo,
        channels=lambda *_: lane.channel,
        instruments=connections.instruments,
    )
    before = len(odoo.calls or [])
    run(again, "laden", lane.day)
    proof = prove(again, "laden", lane.day, lane.day + timedelta(days=1)).whole
    assert proof.complete
    assert proof.sale_orders_in_odoo == 1
    count = again.odoo.call("sale.order", "search_count", domain=[["client_order_ref", "ilike", "R1"]])
    assert count == 1
    assert writes(odoo, before) == []


def test_another_odoo_is_not_written_to_before_a_person_agrees(lane: Lane) -> None:
    lane.put(lane.order("P1"))
    lane.run()
    connections = lane.connections
    with connections.warehouse.transaction() as connection:
        known_accounts.set_place(connection, "shop_de", Place("production.example.com:443/live", "u", 1), agreed=True)
    lane.put(lane.order("P2"))
    with pytest.raises(PermanentError, match="commerce-pipelines channels agree shop_de"):
        lane.run()
    with pytest.raises(PermanentError, match=r"at production\.example\.com:443/live"):
        identity.may_publish(connections, "shop_de")
    identity.agree(connections, "shop_de")
    lane.run()
    assert lane.prove().whole.complete


def test_an_odoo_with_orders_that_this_database_never_wrote_is_written_to_and_the_shop_is_not(lane: Lane) -> None:
    """A lost database followed by a backfill adopts what is in Odoo; a copy beside the live one publishes nothing."""
    lane.put(lane.order("L1"))
    lane.run()
    connections = lane.connections
    with connections.warehouse.transaction() as connection, connection.cursor() as cursor:
        for table in ("accounts", "sale_orders", "orders", "order_lines", "snapshots"):
            cursor.execute(f"DELETE FROM commerce.{table}")
    lane.run()
    assert lane.prove().whole.complete
    with pytest.raises(PermanentError, match="another installation is at work, or this one lost its database"):
        identity.may_publish(connections, "shop_de")
    identity.agree(connections, "shop_de")
    assert identity.may_publish(connections, "shop_de").agreed
