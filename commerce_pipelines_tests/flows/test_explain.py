"""The page of an order: which answer changed what, what was decided and why; nothing of a person, nothing unescaped."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from commerce_pipelines.cli.guard import Guard
from commerce_pipelines.cli.main import main
from commerce_pipelines.cli.order_page import write_page
from commerce_pipelines.cli.webserver import OwnPages
from commerce_pipelines.core.errors import PermanentError, TransientError
from commerce_pipelines.domain.drift.documents import read_document
from commerce_pipelines.domain.orders.order import Address, Buyer, OrderStatus
from commerce_pipelines.flows.explain import explain, list_changes, list_leaves, list_personal, write_value
from commerce_pipelines.warehouse import audit
from commerce_pipelines_tests.doubles.lane import MUG, NAME, Lane, later, line, numbered

EVIL = '<script>alert("x")</script>'
PERSON = Buyer(name="Ada Byron", email="ada@example.com")
HOME = Address(name="Ada Byron", street="Weg 1", city="Berlin", postcode="10115", country="DE")


def bring_in(lane: Lane, request: pytest.FixtureRequest) -> str:
    """A paid order with two answers, loaded after each; the second one adds a unit and moves the buyer."""
    (number,) = numbered(request)
    order = lane.order(number, msgspec.structs.replace(line(), title=EVIL), buyer=PERSON, shipping=HOME)
    lane.put(order)
    lane.run()
    moved = Address(name="Ada Byron", street="Gasse 2", city="Berlin", postcode="10115", country="DE")
    lane.put(later(order, lines=(msgspec.structs.replace(line(3380, MUG, 2), title=EVIL),), shipping=moved))
    lane.run()
    return number


def test_each_answer_says_what_it_changed_and_the_decision_says_why(lane: Lane, request: pytest.FixtureRequest) -> None:
    page = explain(lane.connections, NAME, bring_in(lane, request))
    first, second = page.answers
    assert ("total", "", "1690") in first.changes
    assert ("total", "1690", "3380") in second.changes
    assert ("lines[0].quantity", "1", "2") in second.changes
    assert {field for field, _, _ in second.changes} >= {"lines[0].amount", "shipping.street"}
    [decided] = [event for event in page.events if event.what == "decided and loaded"]
    assert decided.details["rule"]
    [sale] = [event for event in page.events if event.what == "in Odoo now"]
    assert "/odoo/sales/" in sale.details["link"]


def test_nothing_of_a_person_is_on_the_page_and_every_text_is_escaped(
    lane: Lane, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The double's answers have names of their own; those of marketplaces: test_a_marketplaces_fields_about_persons.
    monkeypatch.setattr("commerce_pipelines.flows.explain.list_personal", lambda *_: ("buyer", "shipping", "billing"))
    number = bring_in(lane, request)
    html = write_page(explain(lane.connections, NAME, number))
    for value in ("Ada", "Byron", "ada@example.com", "Weg 1", "Gasse", "10115", "<script", "alert"):
        assert value not in html
    assert f"text of {len(EVIL)} characters" in html
    assert "personal" in html
    assert not re.search(r"(?:src|href)=(?!\"http://127|\"https?://)", html)
    whole = write_page(explain(lane.connections, NAME, number, personal=True))
    assert "Gasse 2" in whole
    assert "<script" not in whole
    with lane.connections.warehouse.transaction() as connection:
        assert any(event.action == "personal data shown" and event.record == number for event in audit.read(connection))


def test_a_marketplaces_fields_about_persons_are_hidden_wherever_they_stand(lane: Lane) -> None:
    hidden = list_personal(lane.connections, NAME)
    answer = {
        "email": "Ada", "shippingAddress": {"city": "Berlin"}, "buyer": {"buyerName": "Ada"}, "name": "#1001",
        "packages": [{"trackingNumber": "1Z"}], "ShippingAddress": [{"Name": ["Ada"]}], "total": "9.95",
    }  # fmt: skip
    shown = {field: now for field, _, now in list_changes({}, dict(list_leaves(answer)), hidden)}
    assert {field for field, now in shown.items() if now != "personal"} == {"name", "total"}


def test_names_that_are_data_and_notes_of_one_word_are_not_shown() -> None:
    answer = {"by": {"ada@example.com": 1, "4917012345678": 2, "A-12345678": 3}, "refunds": [{"note": "Byron"}]}
    rows = list(list_changes({}, dict(list_leaves(answer)), ["email"]))
    assert rows == [("by.*0", "", "1"), ("by.*1", "", "2"), ("by.*2", "", "3"), ("refunds[0].note", "", "personal")]


@pytest.mark.parametrize("depth", [100, 900, 5_000])
def test_an_answer_that_is_nested_deeply_has_a_page(depth: int) -> None:
    document = read_document(b'{"a":' * depth + b"1" + b"}" * depth)
    assert document is None or len(list(list_leaves(document))) == 1


def test_while_odoo_is_away_the_page_tells_what_is_on_record(
    lane: Lane, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = bring_in(lane, request)

    def fail(*values: Any) -> Any:
        raise TransientError("Odoo at http://127.0.0.1 does not answer.")

    monkeypatch.setattr("commerce_pipelines.odoo.sales.sale_orders.sale_totals", fail)
    page = explain(lane.connections, NAME, number)
    assert len(page.answers) == 2
    whats = [event.what for event in page.events]
    assert "not known now: what Odoo has" in whats
    assert "decided and loaded" in whats


def test_what_waits_stands_first(lane: Lane, request: pytest.FixtureRequest) -> None:
    (number,) = numbered(request)
    lane.put(lane.order(number, line(sku="no such article")))
    lane.run()
    html = write_page(explain(lane.connections, NAME, number))
    assert "unknown_sku" in html
    assert html.index("What waits") < html.index("What was decided")


def test_as_of_a_minute_only_what_was_known_then_is_told(lane: Lane, request: pytest.FixtureRequest) -> None:
    number = bring_in(lane, request)
    first, second = explain(lane.connections, NAME, number).answers
    page = explain(lane.connections, NAME, number, as_of=first.at + (second.at - first.at) / 2)
    assert page.answers == (first,)
    assert [event.what for event in page.events] == ["answer received by pull"]
    with pytest.raises(PermanentError, match=f"Nothing of shop_de {number} was known"):
        explain(lane.connections, NAME, number, as_of=first.at - timedelta(seconds=1))


def test_an_order_that_was_never_seen_is_told(lane: Lane) -> None:
    with pytest.raises(PermanentError, match="no order 'nothing'"):
        explain(lane.connections, NAME, "nothing")


def test_it_is_written_by_trace(
    lane: Lane, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = bring_in(lane, request)
    monkeypatch.setattr("commerce_pipelines.cli.orders._open_connections", lambda: lane.connections)
    file = tmp_path / "page.html"
    result = CliRunner().invoke(main, ["trace", NAME, number, "--html", str(file)])
    assert result.exit_code == 0, result.output
    assert f"Order {NAME} {number}" in file.read_text()


def ask(path: str, show: Callable[..., str], method: str = "GET") -> tuple[int, dict[bytes, bytes], str]:
    """What the web server answers. The application behind answers 299."""
    sent: list[Any] = []

    async def behind(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 299, "headers": []})
        await send({"type": "http.response.body", "body": b"dagster"})

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError("nothing is read")

    scope = {"type": "http", "path": path, "method": method, "headers": []}
    asyncio.run(OwnPages(behind, {"orders": show})(scope, receive, send))
    start, body = sent
    return start["status"], dict(start["headers"]), body["body"].decode()


def test_the_ui_serves_it_and_leaves_dagsters_pages_alone() -> None:
    status, headers, text = ask("/orders/shop_de/4711", lambda channel, order_id, _: f"{channel} {order_id}")
    assert (status, text) == (200, "shop_de 4711")
    assert b"default-src 'none'" in headers[b"content-security-policy"]
    assert headers[b"cache-control"] == b"no-store"
    assert ask("/orders/shop_de/a/b", lambda channel, order_id, _: order_id)[2] == "a/b"
    for path in ("/", "/orders", "/orders/shop_de", "/assets/orders/x/y", "/articles/shop_de/1", "x/orders/a/b"):
        assert ask(path, lambda *_: "page")[0] == 299
    assert ask("/orders/shop_de/1", lambda *_: "page", "POST")[0] == 299

    def fail(channel: str, order_id: str, _: object) -> str:
        raise PermanentError(f"no {order_id}") if channel == "shop_de" else RuntimeError("secret")

    assert ask(f"/orders/shop_de/{EVIL}", fail)[::2] == (
        404, "<!doctype html><meta charset=utf-8><p>no &lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;</p>",
    )  # fmt: skip

    def be_away(*_: object) -> str:
        raise TransientError("The database does not answer.")

    assert ask("/orders/shop_de/1", be_away)[0] == 503
    assert ask("/orders/shop_de/1", lambda *_: "\ud800")[2] == "?"
    status, _, text = ask("/orders/other/1", fail)
    assert (status, "secret" in text, "RuntimeError" in text) == (500, False, True)


def test_behind_the_guard_the_page_needs_the_token_and_keeps_its_content_policy() -> None:
    async def behind(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("Dagster is not asked for the page")

    async def receive() -> Any:
        raise AssertionError("nothing is read")

    def open_page(**headers: str) -> Any:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        pairs = [(b"host", b"127.0.0.1:3000"), *((name.encode(), value.encode()) for name, value in headers.items())]
        scope = {"type": "http", "path": "/orders/shop_de/1", "method": "GET", "query_string": b"", "headers": pairs}
        guard = Guard(OwnPages(behind, {"orders": lambda *_: "page"}), ["127.0.0.1:3000"], "correct-horse")
        asyncio.run(guard(scope, receive, send))
        return sent[0]

    assert open_page()["status"] == 401
    assert open_page(cookie="commerce_ui=wrong")["status"] == 401
    start = open_page(cookie="commerce_ui=correct-horse")
    assert start["status"] == 200
    policies = [value for name, value in start["headers"] if name == b"content-security-policy"]
    assert any(b"default-src 'none'" in policy for policy in policies)


def test_changes_name_items_by_their_id_so_that_a_new_one_moves_no_other() -> None:
    before = {"lines": [{"id": "gid://Line/1", "n": 1}, {"id": "gid://Line/2", "n": 2}]}
    after = {"lines": [{"id": "gid://Line/9", "n": 9}, *before["lines"]], "buyer": {"name": "Ada"}}
    rows = list(list_changes(dict(list_leaves(before)), dict(list_leaves(after)), ["buyer"]))
    assert [field for field, _, _ in rows] == ["lines[9].id", "lines[9].n", "buyer.name"]
    assert rows[-1] == ("buyer.name", "–", "personal")
    gone = list(list_changes({"a": 1, "b": 2}, {"a": 1}, []))
    assert gone == [("b", "2", "–")]


@pytest.mark.parametrize(("value", "shown"), [
    (None, "null"), (True, "true"), (12.5, "12.5"), ("12.50", "12.50"), ("PAID", "PAID"), ("", ""), ([], "[]"),
    ("2026-01-02T10:00:00Z", "2026-01-02T10:00:00Z"), ("Ada Byron", "text of 9 characters"),
])  # fmt: skip
def test_only_what_says_nothing_of_a_person_is_shown(value: Any, shown: str) -> None:
    assert write_value(value) == shown


def test_an_unpaid_order_has_a_page_too(lane: Lane, request: pytest.FixtureRequest) -> None:
    (number,) = numbered(request)
    lane.put(lane.order(number, status=OrderStatus.WAITING))
    lane.run()
    assert "waiting" in write_page(explain(lane.connections, NAME, number))
