"""erase_partners, erase_partners_calls, erase_partners_odoo: erasing a thousand persons who wait for the daily pass.

**What is measured.** A thousand persons of a Shopify shop have an order each in Odoo, with a contact and an address of
their own and a note, and a request for erasure of each is on record. `flows.privacy.erase.resume` carries all of them
out: it finds everything of theirs, makes their contacts anonymous, destroys their keys, writes their certificates. With
the stand-in of Odoo the first figure is the CPU time of our thread, in which everything of ours happens, the second is
the number of calls of Odoo; its baseline is what one person takes.

With a real Odoo 19 the third figure is the wall time by which that is longer than the bare writes inside Odoo's own
shell: the same contacts overwritten and archived, their messages, attachments, activities and followers deleted, notes
cleared, in batches as large as ours. Both take two turns, and the better one of each counts. Ours does more: it looks
for everything, decides, and destroys the keys.

**What is not measured.** Bringing the orders into Odoo, and putting the requests on record.

Needs nothing for the first two figures; for the third what odoo_load.py needs, and ODOO_SHELL. The orders stay there.

What belongs here: making the persons, and the clocks. What does not: the erasure (flows/privacy/).
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from commerce_pipelines.flows.privacy.erase import PERSONS_A_CHUNK, resume
from commerce_pipelines.resources.connections import Connections, open_connections
from commerce_pipelines.settings.file import parse
from commerce_pipelines.warehouse.privacy import requests
from commerce_sandbox.catalogue import CATALOGUE
from commerce_sandbox.odoo import OdooStandIn, demo_database
from commerce_sandbox.shopify import ShopifyStandIn
from commerce_sandbox.shopify.making import Line, make_order
from commerce_sandbox.shopify.shop import instant

from . import odoo_shell
from .backfill_twice import backfill
from .database import MASTER_KEY_TEXT, Server, server
from .figures import Figure, Skipped
from .measure import measured
from .odoo_server import connected

PERSONS, LEAST, TURNS, WARM = 1_000, 4, 2, 4
NOT_TOLD = ("company", "address2", "province", "provinceCode", "phone")
SETTINGS = """
odoo: {{url: "{odoo}", database: "{database}", username: "{user}", password: {{env: BENCH_PASSWORD}}}}
vat: {{seller_country: DE, oss: true}}
channels:
  - {{name: {name}, kind: shopify, shop: demo.myshopify.com, endpoint: "{shop}",
     start_date: {start}, credentials: {{access_token: {{env: BENCH_TOKEN}}}}}}
"""
SCRIPT = """
def load(rows):
    more = {{"active_test": False, "no_vat_validation": True}}
    partners = env["res.partner"].with_context(**more).browse([one for row in rows for one in row["partners"]])
    partners.write({{"name": "Erased", "email": False, "phone": False, "street": False, "street2": False,
        "zip": False, "city": False, "state_id": False, "vat": False, "ref": False, "comment": False, "website": False,
        "company_name": False, "function": False, "image_1920": False, "category_id": [(5, 0, 0)], "active": False}})
    sales = env["sale.order"].browse([one for row in rows for one in row["sales"]])
    for model, of in (("mail.message", "model"), ("ir.attachment", "res_model"), ("mail.activity", "res_model"),
                      ("mail.followers", "res_model")):
        for records in (partners, sales):
            env[model].search([(of, "=", records._name), ("res_id", "in", records.ids)]).unlink()
    sales.write({{"note": False, "signed_by": False}})
    env.cr.commit()
"""


class Turn(NamedTuple):
    """What one pass took. thread: CPU-seconds of ours. wall: seconds. database: CPU-seconds of our PostgreSQL."""

    thread: float
    wall: float
    database: float


def run(size: float, tell: Callable[[str], None]) -> list[Figure]:
    """Measure, and return the figures. size: a share of the full size. tell: takes a sentence about the progress."""
    os.environ |= {"BENCH_PASSWORD": "admin", "BENCH_TOKEN": "shpat_sandbox"}
    count = max(int(PERSONS * size), LEAST)
    with server() as database:
        with ShopifyStandIn() as shop, OdooStandIn(demo_database(CATALOGUE)) as odoo:
            figures = _measure_ours(_World(database, shop, odoo.url, "demo", "admin"), odoo, count, tell)
        try:
            _, settings, password = connected()
        except Skipped:
            return figures
        os.environ["BENCH_PASSWORD"] = password
        with ShopifyStandIn() as shop:
            world = _World(database, shop, settings.url, settings.database, settings.username)
            return [*figures, *_measure_odoo(world, count, tell)]


class _World:
    """A shop, an empty database of ours, and an Odoo into which the shop's orders are loaded."""

    def __init__(self, database: Server, shop: ShopifyStandIn, url: str, name: str, user: str) -> None:
        self.shop, self.token = shop, secrets.token_hex(4)
        self.channel = f"bench_{self.token}"
        self.now = datetime.now(UTC)
        text = SETTINGS.format(
            odoo=url, database=name, user=user, name=self.channel, shop=shop.url,
            start=self.now.date() - timedelta(days=3),
        )  # fmt: skip
        keys = {"COMMERCE_DATABASE_URL": database.fresh(), "COMMERCE_MASTER_KEY": MASTER_KEY_TEXT}
        self.url = keys["COMMERCE_DATABASE_URL"]
        self.connections: Connections = open_connections(parse(text), keys)
        # A service, because a delivery would have to be done before anybody is erased.
        article = {"name": "Service", "default_code": f"S-{self.token}", "type": "service"}
        self.connections.odoo.call("product.product", "create", vals_list=[article])

    def sell(self, count: int) -> list[str]:
        """An order of as many persons in Odoo; returns their e-mail addresses."""
        base, emails = 10_000_000 + secrets.randbelow(10**8), []
        placed = instant(self.now - timedelta(days=1))
        for at in range(count):
            emails.append(f"anna.{self.token}.{at}@example.com")
            home, friend = (
                {"name": f"{who} {self.token} {at}", "address1": f"{street} {at}", "city": "Köln", "zip": "50667",
                 "countryCodeV2": "DE", **dict.fromkeys(NOT_TOLD)}
                for who, street in (("Anna", "Hauptstraße"), ("Bert", "Nebenstraße"))
            )  # fmt: skip
            self.shop.add(make_order(
                [Line(f"S-{self.token}", "Service", 990)], number=base + at, created=placed, shipping=0,
                email=emails[-1], billingAddress=home, shippingAddress=friend, note=f"For {self.token} {at}",
            ))  # fmt: skip
        first = self.now.date() - timedelta(days=2)
        in_odoo = backfill(self.connections, first, self.now.date() + timedelta(days=1), self.channel)
        assert in_odoo == count, f"{in_odoo} of {count} orders are confirmed in Odoo: {self._read_codes()}"
        return emails

    def _read_codes(self) -> list[str]:
        with self.connections.warehouse.transaction() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT DISTINCT code || ': ' || message FROM commerce.exceptions LIMIT 3")
            return [code for (code,) in cursor.fetchall()]

    def erase(self, emails: Sequence[str]) -> Turn:
        """Requests of these persons, and one pass."""
        connections, now = self.connections, self.connections.instruments.now()
        with connections.warehouse.transaction() as connection:
            for email in emails:
                subject = connections.vault.subject_id(f"email:{email}").hex()
                requests.ask(connection, "bench", {subject}, (), now)
        with measured(self.url) as cost:
            thread, wall = time.thread_time(), time.perf_counter()
            results = resume(connections)
            took = time.thread_time() - thread, time.perf_counter() - wall
        assert [result.done for result in results] == [True] * len(emails), results[:1]
        assert sum(result.certificate["contacts_made_anonymous"] for result in results) == 2 * len(emails)
        return Turn(*took, cost.server_seconds)

    def find_records(self, emails: Sequence[str]) -> list[dict[str, Any]]:
        """Contacts and orders of these persons in Odoo, for the shell."""
        client, rows = self.connections.odoo, []
        buyers = client.call(
            "res.partner", "search_read", domain=[["email", "in", list(emails)], ["parent_id", "=", False]],
            fields=["child_ids", "sale_order_ids"], load=None,
        )  # fmt: skip
        for buyer in buyers:
            rows.append({"partners": [buyer["id"], *buyer["child_ids"]], "sales": buyer["sale_order_ids"]})
        assert len(rows) == len(emails)
        return rows


def _measure_ours(world: _World, odoo: OdooStandIn, count: int, tell: Callable[[str], None]) -> list[Figure]:
    tell(f"{count:,} persons buy")
    first, *others = world.sell(count + 1)
    seen = len(odoo.calls)
    world.erase([first])
    of_one = len(odoo.calls) - seen
    tell(f"{count:,} persons are erased")
    seen = len(odoo.calls)
    turn = world.erase(others)
    calls = len(odoo.calls) - seen
    world.connections.warehouse.close()
    note = f"PostgreSQL {turn.database:.1f} CPU-s beside it; {turn.wall:.0f} s with the stand-in's own time"
    return [
        Figure(
            name="erase_partners", value=turn.thread, unit=f"CPU-s for {count:,} persons", baseline=0, target=5.0,
            judged="value", at="most", note=note,
        ),
        Figure(
            name="erase_partners_calls", value=calls, unit=f"calls of Odoo for {count:,} persons", baseline=of_one,
            target=200, judged="value", at="most", note="the baseline is what one person takes",
        ),
    ]  # fmt: skip


def _measure_odoo(world: _World, count: int, tell: Callable[[str], None]) -> list[Figure]:
    shell = os.environ.get("ODOO_SHELL", "")
    if not shell:
        tell("erase_partners_odoo is left out: ODOO_SHELL is not set")
        return []
    a_turn = max(count // TURNS, 1)
    tell(f"{count * 2:,} persons buy in Odoo")
    emails = iter(world.sell(WARM + TURNS * (2 * a_turn + WARM)))

    def draw(number: int) -> list[str]:
        return [next(emails) for _ in range(number)]

    world.erase(draw(WARM))
    ours, bare = [], []
    for number in range(TURNS):
        tell(f"turn {number + 1} of {TURNS}: {a_turn} persons by ours, as many in Odoo's shell")
        ours.append(world.erase(draw(a_turn)).wall)
        task = {"warm": world.find_records(draw(WARM)), "rows": world.find_records(draw(a_turn)),
                "batch": PERSONS_A_CHUNK}  # fmt: skip
        bare.append(odoo_shell.run_script(shell, SCRIPT, task))
    world.connections.warehouse.close()
    scale = PERSONS / a_turn
    turns = "; ".join(
        f"{who} {', '.join(f'{seconds * scale:.1f}' for seconds in taken)}"
        for who, taken in (("ours", ours), ("shell", bare))
    )
    return [
        Figure(
            name="erase_partners_odoo", value=(min(ours) - min(bare)) * scale, baseline=min(bare) * scale,
            unit=f"s for {PERSONS:,} persons beyond Odoo's own writes", target=5.0, judged="value", at="most",
            note=f"seconds for {PERSONS:,}: {turns}",
        )
    ]  # fmt: skip
