"""What a plan leaves on transfers: the numbers of its shipments, and the labels of its boxes and units.

What belongs here: these writes. What does not: reading transfers (departing.py, receipts.py).

Both may be repeated: a number that stands there already is not added, a file of the same name not attached again.
"""

from __future__ import annotations

import base64
from collections.abc import Collection, Iterable

from ...core.failpoints import failpoint
from ...domain.inbound.consignment import Label
from ..rpc.client import OdooClient
from ..rpc.search_read import fetch

PICKING = "stock.picking"


def write_numbers(client: OdooClient, pickings: Collection[int], numbers: Collection[str]) -> None:
    """Add the numbers to the transfers' Source Documents; what stands there stays."""
    for row in fetch(client, PICKING, [["id", "in", sorted(pickings)]], ["origin"]):
        before = row["origin"] or ""
        lacking = [number for number in numbers if number not in before]
        if lacking:
            client.call(PICKING, "write", ids=[row["id"]], vals={"origin": " ".join(filter(None, [before, *lacking]))})
    failpoint("fba_numbers_written")


def list_files(client: OdooClient, pickings: Collection[int]) -> dict[int, list[str]]:
    """Names of the files on these transfers."""
    domain = [["res_model", "=", PICKING], ["res_id", "in", sorted(pickings)]]
    files: dict[int, list[str]] = {}
    for row in fetch(client, "ir.attachment", domain, ["name", "res_id"]) if pickings else []:
        files.setdefault(row["res_id"], []).append(row["name"])
    return files


def attach(client: OdooClient, picking: int, labels: Iterable[Label]) -> list[str]:
    """Attach files to a transfer; returns the names of those that were new."""
    there = set(list_files(client, [picking]).get(picking, ()))
    new = []
    for label in labels:
        if label.name in there:
            continue
        vals = {
            "name": label.name, "res_model": PICKING, "res_id": picking,
            "datas": base64.b64encode(label.content).decode(),
        }  # fmt: skip
        client.call("ir.attachment", "create", vals_list=[vals])
        failpoint("fba_label_attached")
        new.append(label.name)
    return new
