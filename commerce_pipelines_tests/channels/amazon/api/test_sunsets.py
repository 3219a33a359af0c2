"""What Amazon takes away is not called: it removes reading orders by v0 on 27 March 2027 (its descriptions mark what
ends as `deprecated`)."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from commerce_pipelines.channels import amazon

ROOT = Path(amazon.__file__).parent


def test_only_what_stays_is_called_by_v0() -> None:
    """Confirming a shipment, what shipments to Amazon hold, and their labels."""
    paths = {path for file in ROOT.rglob("*.py") for path in re.findall(r'"(/[\w/]*v0[^"]*)"', file.read_text())}
    assert {re.sub(r"\{[^}]*\}", "{}", path) for path in paths} == {
        "/orders/v0/orders/{}/shipmentConfirmation", "/fba/inbound/v0/shipments",
        "/fba/inbound/v0/shipments/{}/labels",
    }  # fmt: skip


def test_amazon_announces_no_end_of_what_is_called() -> None:
    folder = Path(os.environ.get("COMMERCE_SPECS") or "") / "amazon"
    if not (folder / "ordersV0.json").exists():
        pytest.skip("needs the vendors' contracts: set COMMERCE_SPECS to their folder")
    paths, ended = set[str](), set[str]()
    for name in ("ordersV0", "fulfillmentInboundV0"):
        for path, verbs in json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))["paths"].items():
            paths.add(path)
            if any(verb.get("deprecated") for verb in verbs.values() if isinstance(verb, dict)):
                ended.add(path)
    assert "/orders/v0/orders" in ended
    assert "/orders/v0/orders/{orderId}/shipmentConfirmation" in paths - ended
    assert {"/fba/inbound/v0/shipments", "/fba/inbound/v0/shipments/{shipmentId}/labels"} <= paths - ended
