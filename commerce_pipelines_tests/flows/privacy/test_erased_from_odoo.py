"""After an erasure a real Odoo 19 holds nothing of the person: its whole database and its filestore are searched, in
every likely encoding, for names, addresses and numbers that exist nowhere else.

Besides the usual variables it needs ODOO_DATABASE_URL, by which pg_dump reads Odoo's own database, ODOO_FILESTORE, the
folder of its files, and pg_dump itself (doubles/traces.py). With ODOO_AS=lean the pipelines' own user erases.
"""

from __future__ import annotations

import base64
import gzip
import os
import zlib
from pathlib import Path
from typing import Any

import pytest

from commerce_pipelines.flows.privacy.erase import erase, plan
from commerce_pipelines.flows.privacy.person import Identity
from commerce_pipelines.odoo.rpc.client import Client
from commerce_pipelines_tests.doubles.lane import Lane, Server
from commerce_pipelines_tests.doubles.persons import buy_everywhere, make_person, on_three_channels
from commerce_pipelines_tests.doubles.traces import command_or_skip, dump, find_files, find_rows, list_tables
from commerce_pipelines_tests.flows.conftest import open_administrator, settings_of
from commerce_pipelines_tests.flows.privacy.test_erase import invoice, ship

REAL = [pytest.param(name, marks=pytest.mark.odoo) for name in ("jsonrpc", "json2")]


@pytest.fixture
def lane(connect: Any, odoo: Server) -> Lane:
    """The lane of one of three channels."""
    lane: Lane = connect.of(on_three_channels(settings_of(odoo)))
    return lane


class Life:
    """What a person bought, and what people in Odoo made of it."""

    def __init__(self, lane: Lane, odoo: Server) -> None:
        self.lane, self.odoo, self.person = lane, odoo, make_person()
        self.client: Client = open_administrator(odoo)
        self.orders = buy_everywhere(lane, self.person)
        self.account = f"IBAN{self.person.word}"

    def annotate(self) -> None:
        """Notes, messages, files, a bank account, a further address: whatever people type."""
        text = f"{self.person.name}, {self.person.email}, {self.person.phone}, {self.person.street}"
        for order_id in self.orders:
            [sale] = self.lane.sales(order_id)
            write(self.client, "sale.order", [sale["id"]], note=f"<p>For {text}</p>", signed_by=self.person.name)
            places = [("sale.order", sale["id"]), ("res.partner", sale["partner_id"])]
            for model, record in [*places, *(("stock.picking", number) for number in sale["picking_ids"])]:
                self.client.call(model, "message_post", ids=[record], body=f"Called {text}", subject=self.person.word)
                self._write_files(model, record, text)
        partners, word = self.contacts(), self.person.word
        write(self.client, "res.partner", partners[:1], comment=text, ref=word, website=f"https://{word}.example")
        child = {"parent_id": partners[0], "type": "other", "name": self.person.friend, "street": f"{word} lane 9"}
        self.client.call("res.partner", "create", vals_list=[child])
        account = {"partner_id": partners[0], "acc_number": self.account}
        self.client.call("res.partner.bank", "create", vals_list=[account])

    def _write_files(self, model: str, record: int, text: str) -> None:
        files = {
            "letter.txt": text.encode(),
            "letter.csv": text.encode("utf-16"),
            "letter.gz": gzip.compress(text.encode()),
        }
        self.client.call("ir.attachment", "create", vals_list=[
            {"name": f"{self.person.word} {name}", "res_model": model, "res_id": record,
             "datas": base64.b64encode(content).decode()} for name, content in files.items()
        ])  # fmt: skip

    def deliver(self) -> None:
        for order_id in self.orders:
            ship(self.odoo, self.lane, order_id)

    def bill(self, *, documented: int) -> list[str]:
        """Invoice the first three orders, of which as many get a PDF; returns the numbers of the others."""
        bare = []
        for number, order_id in enumerate(self.orders[:3]):
            invoice(self.odoo, self.lane, order_id)
            [sale] = self.lane.sales(order_id)
            [row] = self.client.call("sale.order", "read", ids=[sale["id"]], fields=["invoice_ids"], load=None)
            [move] = self.client.call("account.move", "read", ids=row["invoice_ids"], fields=["name"], load=None)
            if number >= documented:
                bare.append(move["name"])
                continue
            pdf = b"%PDF-1.7\n" + zlib.compress(f"Invoice to {self.person.name}, {self.person.street}".encode())
            self.client.call("ir.attachment", "create", vals_list=[
                {"name": "invoice.pdf", "res_model": "account.move", "res_id": move["id"],
                 "mimetype": "application/pdf", "datas": base64.b64encode(pdf).decode()},
            ])  # fmt: skip
        return bare

    def contacts(self) -> list[int]:
        domain = ["|", ["email", "=", self.person.email], ["name", "=", self.person.name]]
        context = {"active_test": False}
        return list(self.client.call("res.partner", "search", domain=domain, order="id", context=context))

    def overwrite_account(self) -> None:
        """What docs/privacy.md asks a person to do."""
        domain = [["acc_number", "=", self.account]]
        accounts = self.client.call("res.partner.bank", "search", domain=domain)
        assert accounts
        write(self.client, "res.partner.bank", accounts, acc_number=f"ERASED-{accounts[0]}", acc_holder_name=False)
        domain = [["model", "=", "res.partner.bank"], ["res_id", "in", accounts]]
        self.client.call("mail.message", "unlink", ids=self.client.call("mail.message", "search", domain=domain))


def write(client: Client, model: str, ids: list[int], **vals: Any) -> None:
    client.call(model, "write", ids=ids, vals=vals)


def forget(life: Life) -> dict[str, Any]:
    result = erase(life.lane.connections, plan(life.lane.connections, Identity(email=life.person.email)), "tests")
    assert result.done, result.certificate
    return result.certificate


def clean_up(client: Client) -> None:
    """What Odoo does every day by itself: files without a record go."""
    domain = [["module", "=", "base"], ["name", "=", "autovacuum_job"]]
    [job] = client.call("ir.model.data", "search_read", domain=domain, fields=["res_id"], load=None)
    client.call("ir.cron", "method_direct_trigger", ids=[job["res_id"]])


@pytest.mark.timeout(1800)  # the search alone takes half a minute of an idle machine
@pytest.mark.parametrize("odoo", REAL, indirect=True)
def test_odoo_holds_nothing_of_an_erased_person_but_listed_invoices(lane: Lane, odoo: Server) -> None:
    places = [os.environ.get(name) for name in ("ODOO_DATABASE_URL", "ODOO_FILESTORE")]
    if not all(places):
        pytest.skip("needs ODOO_DATABASE_URL and ODOO_FILESTORE: Odoo's own database and the folder of its files")
    url, filestore = str(places[0]), Path(str(places[1]))
    command_or_skip("pg_dump", url)
    gone, listed = (Life(lane, odoo) for _ in range(2))
    bare = {}
    for life, documented in ((gone, 3), (listed, 2)):
        life.annotate()
        life.deliver()
        bare[life.person] = life.bill(documented=documented)
    clean_up(gone.client)
    before = dump(url)
    for life in (gone, listed):
        assert {"res_partner", "res_partner_bank"} <= list_tables(before, life.person.word)
        assert {"mail_message", "sale_order", "ir_attachment"} <= list_tables(before, life.person.email)

    for life in (gone, listed):
        assert [reason["why"] for reason in forget(life)["left"]] == ["bank"]
        life.overwrite_account()
        certificate = forget(life)
        assert certificate["left"] == []
        assert [number for kept in certificate["kept"] for number in kept["invoices"]] == bare[life.person]
    clean_up(gone.client)
    texts = gone.person.texts | listed.person.texts
    rows = find_rows(dump(url), texts)
    assert {row: held for row, held in rows.items() if held - listed.person.on_invoices} == {}
    assert {table for table, _ in rows} == {"res_partner", "account_move"}
    numbers = [int(number) for table, number in rows if table == "res_partner"]
    partners = listed.client.call("res.partner", "read", ids=numbers, fields=["name"])
    # Beside the recipient its addresses, whom Odoo calls `recipient, Erased`.
    recipients = [row["id"] for row in partners if row["name"] != "Erased"]
    assert recipients == [kept["partner_id"] for kept in certificate["kept"]]
    assert set(find_files(filestore, texts)) <= list_documents(gone.client)


def list_documents(client: Client) -> set[str]:
    """Files of the filestore that are attached to invoices: the law keeps them."""
    domain = [["res_model", "=", "account.move"], ["mimetype", "=", "application/pdf"]]
    rows = client.call("ir.attachment", "search_read", domain=domain, fields=["store_fname"], load=None)
    return {row["store_fname"] for row in rows}
