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


def test_only_confirming_a_shipment_is_called_by_v0() -> None:
    """That operation stays in v0."""
    paths = {path for file in ROOT.rglob("*.py") for path in re.findall(r'"(/[\w/]*v0[^"]*)"', file.read_text())}
    assert paths == {"/orders/v0/orders/{}/shipmentConfirmation"}


def test_amazon_announces_no_end_of_what_is_called() -> None:
    specs = os.environ.get("COMMERCE_SPECS")
    file = Path(specs or "") / "amazon" / "ordersV0.json"
    if not specs or not file.exists():
        pytest.skip("needs the vendors' contracts: set COMMERCE_SPECS to their folder")
    paths = json.loads(file.read_text(encoding="utf-8"))["paths"]
    ended = {
        path
        for path, verbs in paths.items()
        if any(verb.get("deprecated") for verb in verbs.values() if isinstance(verb, dict))
    }
    assert "/orders/v0/orders" in ended
    assert "/orders/v0/orders/{orderId}/shipmentConfirmation" in set(paths) - ended
