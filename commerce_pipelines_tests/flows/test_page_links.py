"""A note with a link to its page on each sale order, in an Odoo, the stand-in's or a real one: one, and only by
setting."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import pytest

from commerce_pipelines_tests.doubles.lane import NAME, Lane, Server, later, line, numbered
from commerce_pipelines_tests.flows.conftest import open_administrator

PLACE = "page_links: 'https://ui.example.com/shop/', "


def read_notes(odoo: Server, lane: Lane, order_id: str) -> list[dict[str, Any]]:
    """The notes of people, and ours, on an order."""
    [sale] = lane.sales(order_id)
    rows: list[dict[str, Any]] = open_administrator(odoo).call(
        "mail.message", "search_read", load=None, fields=["body", "message_type", "subtype_id"],
        domain=[["model", "=", "sale.order"], ["res_id", "=", sale["id"]], ["body", "like", "ui.example.com"]],
    )  # fmt: skip
    return rows


def test_each_order_has_one_note_that_links_to_its_page(
    connect: Any, odoo: Server, request: pytest.FixtureRequest
) -> None:
    first, second = (f"{order_id}/ä&" for order_id in numbered(request, 2))
    lane = connect(of_odoo=PLACE)
    sold = lane.order(first)
    lane.put(sold, lane.order(second))
    assert lane.run().actions["created"] == 2
    for order_id in (first, second):
        [note] = read_notes(odoo, lane, order_id)
        [link] = re.findall(r'href="([^"]*)"', note["body"])
        assert link == f"https://ui.example.com/shop/orders/{NAME}/{quote(order_id, safe='')}"
        assert note["message_type"] == "comment"
    lane.put(later(sold, lines=(*sold.lines, line(490, line_id="2"))))
    assert lane.run().actions["changed"] == 1
    assert [len(read_notes(odoo, lane, order_id)) for order_id in (first, second)] == [1, 1]


def test_without_the_setting_there_is_no_note(connect: Any, odoo: Server, request: pytest.FixtureRequest) -> None:
    [order_id] = numbered(request)
    lane = connect()
    lane.put(lane.order(order_id))
    lane.run()
    assert read_notes(odoo, lane, order_id) == []
