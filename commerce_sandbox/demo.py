"""`make demo`: a merchant's week, from three marketplaces into Odoo and back: orders, stock, parcels, returns, refunds.

What belongs here: the course of the demo. What does not: its marketplaces and orders (world.py).
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import requests

from commerce_pipelines.assets.common import RANGE_END, RANGE_START
from commerce_pipelines.assets.inbound import TRANSFERS
from commerce_pipelines.assets.inventory import INVENTORY_TAG, WHOLE_TAG
from commerce_pipelines.cli.dev import RECEIVER, Services, Ui, dagster_home, ending_cleanly
from commerce_pipelines.cli.proofs import Proofs
from commerce_pipelines.cli.proofs import prove as prove_channels
from commerce_pipelines.cli.report import show
from commerce_pipelines.core.errors import CommerceError
from commerce_pipelines.core.lanes import run_tags
from commerce_pipelines.core.topics import Topic
from commerce_pipelines.flows.content.publish import release
from commerce_pipelines.flows.inbound.plan_consent import release as release_plan
from commerce_pipelines.resources.connections import Connections, open_connections
from commerce_pipelines.sensors.content import lane as content_lane
from commerce_pipelines.sensors.failures import reason
from commerce_pipelines.sensors.fulfilment import lane as shipment_lane
from commerce_pipelines.sensors.inbound import TABLES as AWAY_TABLES
from commerce_pipelines.sensors.inventory import lane as stock_lane
from commerce_pipelines.sensors.orders import TABLES
from commerce_pipelines.sensors.returns import TABLES as RETURN_TABLES

from .editing import edit_product
from .preparing import prepared, write_settings
from .site.listening import HOST
from .steps import Steps, console
from .world import DAYS, LANES, PAYS_BACK, World

PORT = 3000
LANES_SECONDS = 170.0
AFTER_SALE_SECONDS = 170.0
ZONE = ZoneInfo("Europe/Berlin")


def main() -> int:
    parser = argparse.ArgumentParser(prog="make demo")
    parser.add_argument("--once", action="store_true", help="without UI, to the end, then the proof")
    parser.add_argument("--port", type=int, default=PORT)
    arguments = parser.parse_args()
    root = Path.cwd() / ".commerce" / "demo"
    os.environ.pop("COMMERCE_DATABASE_URL", None)  # the demo never touches a database of yours
    try:
        with ending_cleanly(), prepared(root, None if arguments.once else arguments.port) as world:
            return once(world) if arguments.once else live(world, root, arguments.port)
    except KeyboardInterrupt:
        console.print("Stopped; nothing is left running.")
        return 0
    except CommerceError as error:
        console.print(f"[red]{error}", soft_wrap=True)
        return 1


def days() -> tuple[date, date]:
    """The demo's business days, first and last."""
    today = datetime.now(ZONE).date()
    return today - timedelta(days=DAYS), today


def half_open(span: tuple[date, date]) -> tuple[date, date]:
    return span[0], span[1] + timedelta(days=1)


def once(world: World) -> int:
    """Every lane in this process, then the proof; returns 0 only if nothing is missing, and each marketplace has
    parcels and refunds."""
    from commerce_pipelines.settings import file as settings_file

    connections = open_connections(settings_file.load())
    span = dict(zip((RANGE_START, RANGE_END), map(date.isoformat, days()), strict=True))
    with Steps(6 * len(LANES) + 6) as step:
        step("PostgreSQL and Dagster")
        connections.warehouse.migrate()
        with in_process(connections) as run:
            for name in LANES:
                step(f"{name} → Odoo")
                run([[name, table] for table in TABLES], {**span, **run_tags(name, "orders")})
            for name in LANES:
                step(f"stock → {name}")
                run(*whole_stock(name))
            compare_content(run)
            edit_product(world.odoo)
            for name in LANES:
                step(f"a title and a picture, edited in Odoo, after a person agreed → {name}")
                bring_content(name, connections, run)
            world.after_sale.ship(invoice=False)
            for name in LANES:
                step(f"parcels → {name}")
                keys = [key.path for key in shipment_lane(name, read=name == LANES[0])]
                run(keys, run_tags(name, Topic.FULFILMENT))
            for name in LANES:
                step(f"invoices and payments of {name} → Odoo")
                run([[name, "invoices"]], run_tags(name, Topic.INVOICING))
            world.odoo.invoice()  # a person invoices the rest, which has not left yet
            world.after_sale.pay_back(datetime.now(UTC))
            world.after_sale.credit(PAYS_BACK)
            exchange(world, run, step)
            step(f"a credit note in Odoo → {PAYS_BACK}")
            run([[PAYS_BACK, "issued_refunds"]], run_tags(PAYS_BACK, Topic.REFUNDING))
            for name in LANES:
                step(f"returns and refunds of {name} → Odoo")
                run([[name, table] for table in RETURN_TABLES], {**span, **run_tags(name, Topic.RETURNS)})
            send_goods(world, connections, run, step)
            step(f"ledger of {LANES[0]} against Odoo")
            run([[LANES[0], table] for table in AWAY_TABLES], run_tags(LANES[0], Topic.INBOUND))
    proofs = prove(connections, as_json=True)
    is_whole = has_paid_back(proofs) and all(has_after_sale(proofs, name) for name in LANES)
    failings = list_failings(world)
    for text in failings:
        console.print(f"[red]{text}")
    return 0 if proofs.complete and is_whole and not failings else 1


def list_failings(world: World) -> list[str]:
    """What did not reach a marketplace, in words."""
    texts = [] if world.sending.number else ["No plan was made of the transfer to Amazon's warehouse."]
    if unedited := world.list_unedited():
        texts.append(f"{', '.join(unedited)}: the title and the picture that were edited in Odoo are not shown.")
    return texts


def exchange(world: World, run: Callable[[Sequence[Any], dict[str, str]], None], step: Callable[[str], None]) -> None:
    """A buyer of the shop exchanges a unit; the day of the order is brought to Odoo again."""
    step(f"an exchange of {LANES[2]} → Odoo")
    if placed := world.after_sale.exchange(LANES[2], datetime.now(UTC)):
        day = placed.astimezone(ZONE).date().isoformat()
        run([[LANES[2], table] for table in TABLES], {RANGE_START: day, RANGE_END: day, **run_tags(LANES[2], "orders")})


def send_goods(
    world: World, connections: Connections, run: Callable[[Sequence[Any], dict[str, str]], None],
    step: Callable[[str], None],
) -> None:  # fmt: skip
    """A packed transfer becomes a plan, a person agrees, the goods leave and are counted without two units."""
    name = LANES[0]
    keys, tags = [["odoo", TRANSFERS], [name, "inbound_shipments"]], run_tags(name, Topic.INBOUND)
    step(f"a packed transfer → a plan of {name}, after a person agreed")
    world.sending.pack()
    run(keys, tags)
    release_plan(connections, name, "the demo's merchant")
    run(keys, tags)
    step(f"goods on the road → the warehouse of {name}")
    while world.sending.go_on():
        run(keys, tags)


@contextmanager
def in_process(connections: Connections) -> Iterator[Callable[[Sequence[Any], dict[str, str]], None]]:
    """A function that runs assets (keys, tags) in this process, recorded in the demo's Dagster; it prints what
    fails."""
    import dagster as dg

    from commerce_pipelines.definitions import build_defs

    os.environ["DAGSTER_HOME"] = str(dagster_home(Path.cwd()))
    job = build_defs(connections.settings, connections).resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.get() as instance:

        def run(keys: Sequence[Any], tags: dict[str, str]) -> None:
            result = job.execute_in_process(
                instance=instance,
                asset_selection=list(map(dg.AssetKey, keys)),
                tags=tags,
                run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
                raise_on_error=False,
            )
            for event in (step for step in result.all_events if step.is_step_failure):
                console.print(f"[red]{event.step_key}: {reason(event)}", soft_wrap=True)

        yield run


def whole_stock(name: str) -> tuple[list[Any], dict[str, str]]:
    """Assets and tags of a channel's whole stock run, listings included."""
    tags = {**run_tags(name, "inventory"), INVENTORY_TAG: name, WHOLE_TAG: "true"}
    return [key.path for key in stock_lane(name, listings=True)], tags


def compare_content(run: Callable[[Sequence[Any], dict[str, str]], None]) -> None:
    """The first look at what listings show; they are in line with Odoo."""
    for name in LANES:
        run([key.path for key in content_lane(name)], run_tags(name, Topic.CONTENT))


def bring_content(
    name: str, connections: Connections, run: Callable[[Sequence[Any], dict[str, str]], None]
) -> None:  # fmt: skip
    """After a person has edited a product in Odoo: a run plans the change, a person agrees to it, and a run brings
    it."""
    keys, tags = [key.path for key in content_lane(name)], run_tags(name, Topic.CONTENT)
    run(keys, tags)
    release(connections, name, "the demo's merchant")
    run(keys, tags)


def prove(connections: Connections, as_json: bool = False) -> Proofs:
    proofs = prove_channels(connections, {channel.name: days() for channel in connections.settings.channels})
    show(proofs, as_json=as_json)
    return proofs


def has_after_sale(proofs: Proofs, name: str) -> bool:
    """Whether parcels of a marketplace left and all of them were told, refunds were made and all of them are booked,
    and orders are invoiced and paid."""
    shipped, refunded = proofs.deliveries[name].whole, proofs.refunds[name].whole
    paid = sum(part.paid for part in proofs.invoices[name].whole.values())
    booked = 0 < refunded.orders_in_channel == refunded.sale_orders_in_odoo
    return 0 < shipped.delivered == shipped.confirmed and booked and paid > 0


def has_paid_back(proofs: Proofs) -> bool:
    """Whether a person credited an order in Odoo, and its marketplace has paid all of that back."""
    parts = list(proofs.refunds_out[PAYS_BACK].whole.values())
    return 0 < sum(part.notes for part in parts) == sum(part.paid_back for part in parts)


def live(world: World, root: Path, port: int) -> int:
    """Dagster with its UI; new orders come in until Ctrl-C."""
    halt = threading.Event()
    with caught_up(world, root, port) as (connections, services):
        proofs = prove_channels(connections, {name: days() for name in LANES})
        show(Proofs(spans=proofs.spans, orders=proofs.orders))  # nothing has left yet
        for line in (
            f"\n[bold green]http://{HOST}:{port}[/] — Dagster: open Lineage, then a lane's sale_orders.",
            f"[bold green]{world.pages}[/] — the shops, Odoo, and what you may do there: buy, ship, send back, break.",
            "Every few seconds an order comes in, goods come or go in Odoo's warehouse, or a buyer is paid back.",
            "The sensors bring orders, returns and refunds to Odoo, stock and parcels to the marketplaces.",
            f"Now and then a person credits an order in Odoo: {PAYS_BACK} pays it back within ten minutes.",
            "A title and a picture were edited in Odoo: each marketplace's content_changes shows the plan within ten "
            "minutes; materialise its published_content with `release: true` to agree to it.",
            "Every command works on the demo as well, in its folder: cd .commerce/demo, then for example "
            "../../.venv/bin/commerce-pipelines exceptions list.",
            "A packed transfer becomes a plan of Amazon's within half an hour, which waits for `"
            f"../../.venv/bin/commerce-pipelines release {LANES[0]} --flow inbound`. Two units never arrive.",
            "Ctrl-C ends everything.",
        ):
            console.print(line, soft_wrap=True)
        threading.Thread(target=world.trickle, args=(halt,), daemon=True).start()
        try:
            show_after_sale(world, connections, services)
            world.after_sale.is_open = True
            services.wait()
        finally:
            halt.set()
    return 1


def show_after_sale(world: World, connections: Connections, services: Services) -> None:
    """The first deliveries leave and the first buyers are paid back; prints the proof once the sensors have dealt with
    it."""
    from commerce_pipelines.flows.intake.pull import pull
    from commerce_pipelines.flows.returns.stage import offered_topics

    console.print("\nThe first deliveries leave, the first buyers are paid back; the proof follows …", soft_wrap=True)
    world.after_sale.ship()
    world.after_sale.pay_back(datetime.now(UTC))
    world.after_sale.exchange(LANES[2], datetime.now(UTC))
    world.after_sale.credit(PAYS_BACK)
    for name in LANES:
        for topic in offered_topics(connections, name):
            pull(connections, name, *half_open(days()), topic=topic)
    deadline = time.monotonic() + AFTER_SALE_SECONDS
    while services.alive() and any(map(partial(is_at_work, connections), LANES)):
        if time.monotonic() > deadline:
            console.print("The sensors are still at work: Dagster shows how far they are.")
            return
        time.sleep(1)
    proofs = prove_channels(connections, {name: days() for name in LANES})
    show(msgspec.structs.replace(proofs, orders={}))


def is_at_work(connections: Connections, name: str) -> bool:
    """Whether parcels are still to be told, or refunds to be booked."""
    from commerce_pipelines.flows.fulfilment.prove import prove as prove_deliveries
    from commerce_pipelines.flows.returns.stage import offered_topics

    topics = offered_topics(connections, name)
    shipped = prove_deliveries(connections, name, *half_open(days())).whole
    return shipped.confirmed < max(shipped.delivered, 1) or any(
        connections.landing(name, topic).pending(*half_open(days())) for topic in topics
    )


@contextmanager
def caught_up(world: World, root: Path, port: int) -> Iterator[tuple[Connections, Services]]:
    """Dagster at work, once it has dealt with every order so far; it is stopped at the end.

    The last days are landed first, so that each sensor's first tick brings all of them to Odoo in one run.
    """
    from commerce_pipelines.flows.intake.pull import pull
    from commerce_pipelines.settings import file as settings_file

    connections = open_connections(settings_file.load())
    with ExitStack() as stack:
        with Steps(4) as step:
            step("PostgreSQL, and the answers of the marketplaces")
            for name in LANES:
                pull(connections, name, *half_open(days()))
            step("the marketplaces' listings, and the stock of Odoo for them")
            with in_process(connections) as run:
                for name in LANES:
                    run(*whole_stock(name))
                run([[LANES[2], "subscriptions"]], run_tags(LANES[2], "notices"))
                compare_content(run)
            write_settings(world, root, guarded=True)
            edit_product(world.odoo)
            step("Dagster (half a minute)")
            services = Services(root, Ui(HOST, port), log=root / "dagster.log", stops_database=False, extras=[RECEIVER])
            stack.enter_context(services)
            _wait_for_ui(f"http://{HOST}:{port}", services)
            step("one run per lane: the sensors ask for every day that has orders to bring to Odoo")
            _wait_for_lanes(connections, services)
        world.odoo.webhook = world.hint_url
        yield connections, services


def _wait_for_ui(url: str, services: Services) -> None:
    for _ in range(240):
        if not services.alive():
            raise CommerceError("Dagster ended; its log is .commerce/demo/dagster.log.")
        try:
            answer = _ask(url, "{ repositoriesOrError { ... on RepositoryConnection { nodes { name } } } }")
            if answer["repositoriesOrError"].get("nodes"):
                return
        except (requests.RequestException, KeyError, ValueError):
            pass
        time.sleep(0.5)
    raise CommerceError("Dagster did not come up within two minutes; its log is .commerce/demo/dagster.log.")


def _wait_for_lanes(connections: Connections, services: Services) -> None:
    """Wait until every landed order is dealt with; the proof shows what is missing if that takes too long."""
    deadline = time.monotonic() + LANES_SECONDS
    while time.monotonic() < deadline and services.alive():
        if not any(connections.landing(name, "orders").pending(*half_open(days())) for name in LANES):
            return
        time.sleep(0.5)


def _ask(url: str, query: str) -> Any:
    return requests.post(f"{url}/graphql", json={"query": query}, timeout=30).json()["data"]


if __name__ == "__main__":
    sys.exit(main())
