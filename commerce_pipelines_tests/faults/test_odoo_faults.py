"""Odoo at its worst: away, slow, at odds with itself, tripping over one order. Nothing is lost, nothing comes twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
import pytest

from commerce_pipelines.core.errors import TransientError
from commerce_pipelines_tests.doubles.lane import Lane, waiting
from commerce_pipelines_tests.faults.checker import check
from commerce_sandbox.odoo import OdooStandIn
from commerce_sandbox.server import Call, Fault

COUNT = 12
POISON = "order-7"


def does(*methods: str, more_than: int = -1) -> Callable[[Call], bool]:
    """A JSON-RPC call of one of these methods on more than so many records."""

    def matches(call: Call) -> bool:
        arguments = call.json()["params"].get("args", []) if call.path == "/jsonrpc" else []
        if len(arguments) < 7 or arguments[4] not in methods:
            return False
        records = arguments[6].get("data") or [record_id for ids in arguments[5][:1] for record_id in ids]
        return len(records) > more_than

    return matches


def about_poison(call: Call) -> bool:
    return POISON.encode() in call.body and b'"sale.order"' in call.body and does("load")(call)


def error(name: str, message: str) -> bytes:
    data = {"name": name, "message": message, "debug": f"Traceback: {message}", "arguments": []}
    return json.dumps(
        {"jsonrpc": "2.0", "id": 1, "error": {"code": 0, "message": "Odoo Server Error", "data": data}}
    ).encode()


class Case(NamedTuple):
    """faults: what happens; loud: whether the first run fails of it; refused: orders it leaves in exceptions."""

    faults: Callable[[], list[Fault]]
    loud: bool = False
    refused: int = 0


QUOTED = "The contact Ada Byron (order-7@example.com, Weg 1) is not allowed to buy."
CASES = {
    "busy for a moment": Case(lambda: [Fault(match="/jsonrpc", status=503, times=3)]),
    "maintenance": Case(lambda: [Fault(match="/jsonrpc", status=503, body=b"<html>back soon", times=10**6)], loud=True),
    "a proxy's page with status 200": Case(lambda: [Fault(match="/jsonrpc", body=b"<html>Log in", times=2)]),
    "half an answer": Case(lambda: [Fault(match=does("search_read", "load"), truncate=True, times=3)]),
    "every answer lost once": Case(
        lambda: [Fault(match=does(method), after=True, drop=True) for method in ("load", "action_confirm", "write")]
    ),
    "a worker that dies over large batches": Case(
        lambda: [Fault(match=does("load", "action_confirm", more_than=3), drop=True, times=10**6)]
    ),
    "one order it refuses": Case(
        lambda: [Fault(match=about_poison, body=error("odoo.exceptions.UserError", QUOTED), times=10**6)], refused=1
    ),
    "one order it trips over": Case(
        lambda: [Fault(match=about_poison, body=error("builtins.TypeError", QUOTED), times=10**6)], refused=1
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_fault_of_odoo(case: Case, lane: Lane, odoo: OdooStandIn) -> None:
    lane.put(*(lane.order(f"order-{i}") for i in range(COUNT)))
    odoo.faults += (faults := case.faults())
    if case.loud:
        with pytest.raises(TransientError):
            lane.run()
        odoo.faults.clear()
    loaded = lane.run()
    assert loaded.actions["created"] == COUNT - case.refused
    assert all(fault.times < 10**6 for fault in faults)
    assert all(fault.times == 0 or fault.times > 10**5 for fault in faults)  # it did happen
    check(lane, odoo)
    if case.refused:
        (record,) = waiting(lane, POISON)
        assert record.code == "refused_by_odoo"
        for personal in ("Byron", "@", "Weg 1"):
            assert personal not in record.message
        odoo.faults.clear()
        assert lane.run().actions["created"] == 1
        check(lane, odoo)


def test_a_poison_order_is_not_tried_for_ever(lane: Lane, odoo: OdooStandIn) -> None:
    lane.put(*(lane.order(f"order-{i}") for i in (7, 8)))
    poison = Fault(match=about_poison, body=error("builtins.KeyError", "'x'"), times=10**6)
    odoo.faults.append(poison)
    lane.run(again=False)
    before = poison.times
    for _ in range(3):
        assert lane.run(again=False).actions == {"refused": 1, "unchanged": 1}
    assert poison.times == before
    assert waiting(lane, POISON)[0].tries == 1


def test_a_restart_between_two_batches(lane: Lane, odoo: OdooStandIn) -> None:
    """Odoo goes away after the first batch is confirmed: the run fails, and the next one goes on from there."""
    lane.connections.settings = _set_batches(lane, 5)
    lane.put(*(lane.order(f"order-{i}") for i in range(COUNT)))
    seen: list[Any] = []

    def after_the_first(call: Call) -> bool:
        seen.append(call)
        return sum(does("action_confirm")(earlier) for earlier in seen) > 0 and not does("action_confirm")(call)

    odoo.faults.append(Fault(match=after_the_first, drop=True, times=10**6))
    with pytest.raises(TransientError):
        lane.run()
    port = int(odoo.url.rpartition(":")[2])
    odoo.faults.clear()
    odoo.stop()
    with pytest.raises(TransientError):  # nobody listens
        lane.run()
    odoo._port = port
    odoo.start()
    assert lane.run().actions["created"] == COUNT - 5
    check(lane, odoo)


def _set_batches(lane: Lane, size: int) -> Any:
    settings = lane.connections.settings
    return msgspec.structs.replace(settings, odoo=msgspec.structs.replace(settings.odoo, batch=size))
