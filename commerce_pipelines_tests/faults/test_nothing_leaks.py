"""Whole runs of every lane, fine ones and failing ones, and then a search for their secrets and persons everywhere.

Everywhere is: Dagster's storage as it lies on the disk (event log, run tags, metadata), what the processes print (the
compute logs hold just that), temporary files, every table of ours, and the alerts' texts.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import dagster as dg
import pytest

from commerce_pipelines_tests.doubles.everywhere import SECRETS, Lanes, lanes
from commerce_sandbox import world as sandbox
from commerce_sandbox.server import Call, Fault

__all__ = ["lanes"]  # a fixture

MANY = 10**6


class Trouble(NamedTuple):
    """What goes wrong in one run. at: the lane's marketplace or Odoo; fault: made of a buyer's e-mail address, and of
    all that is known of all buyers, to be quoted; fails: whether the run does."""

    at: str
    fault: Callable[[str, str], Fault]
    fails: bool = True


def odoo_error(name: str, message: str) -> bytes:
    data = {"name": name, "message": message, "debug": f"Traceback …\n{message}", "arguments": [message]}
    return json.dumps(
        {"jsonrpc": "2.0", "id": 1, "error": {"code": 0, "message": "Server Error", "data": data}}
    ).encode()


def does(method: str, model: str) -> Callable[[Call], bool]:
    return lambda call: f'"{model}", "{method}"'.encode() in call.body


def not_login(call: Call) -> bool:
    return "token" not in call.path


def always(match: Callable[[Call], bool], body: Any, status: int | None = None) -> Fault:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Fault(match=match, status=status, body=content, times=MANY)


TROUBLES = {
    "refused, quoting the buyer and the token": Trouble("channel", lambda email, everything: always(
        not_login, {"errors": [{"code": "InvalidInput", "message": f"{email} Bearer canary-s3cret-client",
                                "details": everything}]}, 400)),
    "credentials refused": Trouble("channel", lambda email, everything: always(
        not_login, {"errors": f"the token of {email} is invalid", "debug": everything}, 401)),
    "an answer of another shape": Trouble("channel", lambda email, everything: always(
        not_login, {"payload": everything, "orders": everything, "data": everything})),
    "Odoo refuses orders": Trouble("odoo", lambda email, everything: always(
        does("load", "sale.order"), odoo_error("odoo.exceptions.UserError", f"{email} may not buy.\n{everything}")),
        fails=False),
    "Odoo trips over reading": Trouble("odoo", lambda email, everything: always(
        does("search_read", "ir.model.data"), odoo_error("builtins.ValueError", f"Invalid term ('=', '{email}')"))),
    "Odoo forbids": Trouble("odoo", lambda email, everything: always(
        does("load", "sale.order"), odoo_error("odoo.exceptions.AccessError", f"No access.\n\nRecords: {everything}"))),
}  # fmt: skip


@pytest.mark.parametrize("name", sandbox.LANES)
def test_no_secret_and_no_person_is_left_anywhere(lanes: Lanes, name: str, capfd: pytest.CaptureFixture[str]) -> None:
    persons = lanes.persons(name)
    email = min(person for person in persons if "@" in person)
    assert len(persons) > 10
    # Shorter ones stand now and then in the hexadecimal text of ciphers, or among the decimals of a time.
    assert not [text for text in persons if len(text) < 11 and set(text) <= set("0123456789abcdef")]
    with dg.DagsterInstance.local_temp(str(lanes.folder), {"telemetry": {"enabled": False}}) as instance:
        troubles = {
            what: trouble for what, trouble in TROUBLES.items() if trouble.at == "channel" or name == sandbox.LANES[-1]
        }
        for what, trouble in troubles.items():
            server = lanes.world.odoo if trouble.at == "odoo" else lanes.world.channels[name]
            fault = trouble.fault(email, "; ".join(sorted(persons)))
            server.faults.append(fault)
            assert lanes.run(instance, name) is not trouble.fails, what
            assert fault.times < MANY, what
            server.faults.clear()
        assert lanes.run(instance, name)
        printed = "".join(capfd.readouterr())
        places = dict(lanes.stored()) | {"printed": printed.encode()}
    text = b"\n".join(places.values())
    assert b"sale_orders" in text
    assert len(lanes.said) == sum(trouble.fails for trouble in troubles.values())
    leaks = {
        (place, what)
        for place, content in places.items()
        for what in (*SECRETS.values(), *persons)
        if what.encode() in content or what.encode().hex().encode() in content
    }
    assert leaks == set()
