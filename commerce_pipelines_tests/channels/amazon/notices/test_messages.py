"""Messages of Amazon: what is kept of them, and which are nobody's."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from commerce_pipelines.channels.amazon.notices.messages import read_message
from commerce_pipelines.core.errors import ForgedMessage
from commerce_pipelines.core.topics import Topic
from commerce_sandbox.amazon.queue import build_order_change, build_report_finished

from ..contract import NOON

SPECS = os.environ.get("COMMERCE_SPECS", "")
SELLER, GERMANY = "A1EXAMPLE", "A1PA6795UKMFR9"


def read(message: Any, seller: str = SELLER, places: tuple[str, ...] = (GERMANY,)) -> Any:
    return read_message(json.dumps(message).encode(), seller, places)


def test_an_order_is_named_and_nothing_else_is_kept() -> None:
    notice = read(build_order_change("902-3159896-1390916", NOON, message="m1"))
    assert (notice.topic, notice.record_id, notice.changed_at) == (Topic.ORDERS, "902-3159896-1390916", NOON)
    assert (notice.delivery_id, notice.event) == ("m1", "ORDER_CHANGE")
    assert "48110" not in str(notice)


@pytest.mark.skipif(not SPECS, reason="COMMERCE_SPECS names no folder")
def test_messages_of_the_stand_in_are_as_amazons_schemas_say() -> None:
    folder = Path(SPECS) / "amazon" / "schemas" / "notifications"
    for name, message in (
        ("OrderChangeNotification", build_order_change("902-3159896-1390916", NOON, message="m1")),
        ("ReportProcessingFinishedNotification", build_report_finished("GET_X", NOON, message="m1")),
    ):
        schema = json.loads((folder / f"{name}.json").read_bytes())
        jsonschema.Draft7Validator(schema).validate(message)
        for example in schema["examples"]:
            assert read(example, seller="", places=()).delivery_id


@pytest.mark.parametrize(
    "change",
    [
        {"seller": "A2OTHER9"}, {"marketplace": "ATVPDKIKX0DER"},
        {"status": "Pending"},  # nothing can be loaded of it, and a second message comes when it is paid
    ],
)  # fmt: skip
def test_what_is_not_ours_or_not_ready_is_nobodys(change: dict[str, str]) -> None:
    assert read(build_order_change("902-3159896-1390916", NOON, message="m1", **change)).topic is None


def test_an_account_without_seller_id_and_marketplaces_takes_all() -> None:
    message = build_order_change("902-3159896-1390916", NOON, message="m1", seller="A2OTHER9", marketplace="XX")
    assert read(message, seller="", places=()).record_id == "902-3159896-1390916"


def test_a_report_of_returns_wakes_the_look_at_returns() -> None:
    ready = read(build_report_finished("GET_XML_RETURNS_DATA_BY_RETURN_DATE", NOON, message="m2"))
    assert (ready.topic, ready.record_id) == (Topic.RETURNS, "")
    assert read(build_report_finished("GET_MERCHANT_LISTINGS_ALL_DATA", NOON, message="m3")).topic is None


@pytest.mark.parametrize(
    "body",
    [
        b"", b"hello", b"[]", b"{}", b"[" * 100_000, b"\xff", b'{"NotificationType": "ORDER_CHANGE"}',
        json.dumps(build_order_change("../../orders", NOON, message="m1")).encode(),
        json.dumps(build_order_change("902", NOON, message="m 1")).encode(),
        json.dumps({**build_order_change("902", NOON, message="m1"), "Payload": {}}).encode(),
        json.dumps({**build_order_change("902", NOON, message="m1"), "Payload": [1]}).encode(),
    ],
)  # fmt: skip
def test_what_is_no_message_of_amazons_is_refused(body: bytes) -> None:
    with pytest.raises(ForgedMessage):
        read_message(body, SELLER, ())
