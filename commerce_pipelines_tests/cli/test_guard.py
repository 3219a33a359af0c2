"""Which requests reach Dagster's web server, and which a page of another site cannot make."""

from __future__ import annotations

import asyncio
import re
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import uvicorn

from commerce_pipelines.cli.guard import COOKIE, Guard

HOST = "127.0.0.1:3000"
JSON = {"content-type": "application/json"}
TOKEN = "correct-horse"


async def dagster(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await receive()
        return await send({"type": "websocket.accept"})
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-frame-options", b"SAMEORIGIN")]})
    await send({"type": "http.response.body", "body": b"dagster"})


def ask(
    method: str = "GET", url: str = "/", headers: dict[str, str] | None = None, *, token: str | None = None,
    kind: str = "http",
) -> list[dict[str, Any]]:  # fmt: skip
    path, _, query = url.partition("?")
    request_headers = {"host": HOST, **(headers or {})}
    scope = {
        "type": kind, "method": method, "path": path, "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in request_headers.items() if value],
    }  # fmt: skip
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(Guard(dagster, [HOST, "localhost:3000"], token)(scope, receive, send))
    return sent


def status(*values: Any, **names: Any) -> int:
    return int(ask(*values, **names)[0]["status"])


def test_the_ui_itself_goes_through_and_cannot_be_framed() -> None:
    same = {"origin": f"http://{HOST}", "sec-fetch-site": "same-origin", "sec-fetch-mode": "cors"}
    assert status("POST", "/graphql", {**JSON, **same}) == 200
    assert status(headers={"sec-fetch-site": "none", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}) == 200
    headers = dict(ask()[0]["headers"])
    assert headers[b"x-frame-options"] == b"DENY"
    assert headers[b"content-security-policy"] == b"frame-ancestors 'none'"


def test_a_script_on_the_machine_may_ask() -> None:
    assert status("POST", "/graphql", JSON) == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:3000", "127.0.0.1", "", "127.0.0.1:3001"])
def test_another_host_is_refused(host: str) -> None:
    """A name that its owner lets point to this machine (DNS rebinding) is another host."""
    assert status(headers={"host": host}) == 421


@pytest.mark.parametrize(
    ("method", "url", "headers"),
    [
        ("GET", "/graphql?query=mutation{x}", {}),  # an <img>
        ("HEAD", "/graphql/?query=x", {}),
        ("POST", "/graphql", {"content-type": "text/plain"}),  # a form
        ("POST", "/graphql", {"content-type": "application/x-www-form-urlencoded"}),
        ("POST", "/graphql", {"content-type": "multipart/form-data; boundary=x"}),
        ("POST", "/graphql", {}),
        ("POST", "/report_asset_materialization/x", {"content-type": "text/plain"}),
        ("POST", "/graphql", {**JSON, "origin": "https://evil.example"}),
        ("POST", "/graphql", {**JSON, "origin": "null"}),
        ("POST", "/graphql", {**JSON, "origin": f"http://{HOST}.evil.example"}),
        ("POST", "/graphql", {**JSON, "origin": f"file://{HOST}"}),
        ("POST", "/graphql", {**JSON, "origin": "http://localhost:3000"}),
        ("POST", "/graphql", {**JSON, "sec-fetch-site": "cross-site"}),
        ("GET", "/logs/run", {"sec-fetch-site": "cross-site", "sec-fetch-dest": "image", "sec-fetch-mode": "no-cors"}),
        ("GET", "/", {"sec-fetch-site": "cross-site", "sec-fetch-dest": "iframe", "sec-fetch-mode": "navigate"}),
        ("GET", "/", {"sec-fetch-site": "same-site", "sec-fetch-dest": "script", "sec-fetch-mode": "no-cors"}),
        ("GET", "/graphql", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}),
    ],
)
def test_what_a_page_of_another_site_can_make_a_browser_send_is_refused(
    method: str, url: str, headers: dict[str, str]
) -> None:
    assert 400 <= status(method, url, headers) < 500


def test_a_link_on_another_page_may_lead_to_the_ui() -> None:
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert status("GET", "/runs/1", link) == 200


@pytest.mark.parametrize(
    ("origin", "taken"),
    [(f"http://{HOST}", True), ("https://evil.example", False), ("", False), ("http://localhost:3000", False)],
)
def test_a_websocket_is_taken_from_our_own_page_alone(origin: str, taken: bool) -> None:
    sent = ask(headers={"origin": origin}, kind="websocket")
    assert (sent[0]["type"] == "websocket.accept") is taken


def test_the_token_is_exchanged_for_a_cookie_that_other_sites_cannot_send() -> None:
    first = ask(url=f"/runs?token={TOKEN}&tab=1", token=TOKEN)[0]
    headers = dict(first["headers"])
    assert first["status"] == 303
    assert headers[b"location"] == b"/runs?tab=1"
    assert headers[b"set-cookie"] == f"{COOKIE}={TOKEN}; Path=/; HttpOnly; SameSite=Strict".encode()
    assert status(headers={"cookie": f"a=b; {COOKIE}={TOKEN}"}, token=TOKEN) == 200
    assert status("POST", "/graphql", {**JSON, "authorization": f"Bearer {TOKEN}"}, token=TOKEN) == 200
    assert ask(headers={"origin": f"http://{HOST}", "cookie": f"{COOKIE}={TOKEN}"}, kind="websocket", token=TOKEN)[0][
        "type"
    ] == "websocket.accept"  # fmt: skip


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        ("/", {}),
        ("/?token=wrong", {}),
        ("/?token=", {}),
        ("/", {"cookie": f"{COOKIE}=wrong"}),
        ("/", {"cookie": f'{COOKIE}="'}),
        ("/", {"authorization": "Bearer "}),
        ("/", {"authorization": f"Basic {TOKEN}"}),
    ],
)
def test_without_the_token_nothing_is_shown(url: str, headers: dict[str, str]) -> None:
    assert status(url=url, headers=headers, token=TOKEN) == 401
    sent = ask(headers={"origin": f"http://{HOST}", **headers}, kind="websocket", token=TOKEN)
    assert sent[0]["type"] == "websocket.close"


def test_a_path_that_names_another_host_leads_nowhere_else() -> None:
    headers = dict(ask(url=f"//evil.example/x?token={TOKEN}", token=TOKEN)[0]["headers"])
    assert headers[b"location"] == b"/evil.example/x"


def test_dagsters_web_server_is_made_by_the_function_that_is_wrapped() -> None:
    """webserver.py replaces this private name: an upgrade of Dagster that moves it would leave the UI unguarded."""
    import inspect

    import dagster_webserver.cli as web_server_cli

    source = inspect.getsource(web_server_cli.host_dagster_ui_with_workspace_process_context)
    assert "app = create_app_from_workspace_process_context(" in source
    assert web_server_cli.dagster_webserver.params


def test_the_hosts_of_a_ui_are_loopback_its_own_and_the_proxys(monkeypatch: pytest.MonkeyPatch) -> None:
    from commerce_pipelines.cli.webserver import hosts

    monkeypatch.setenv("COMMERCE_UI_HOSTS", "ui.example.com, ")
    assert hosts("::1", "3000") == [
        "127.0.0.1:3000", "localhost:3000", "[::1]:3000", "[::1]:3000", "ui.example.com",
    ]  # fmt: skip


FROM_ODOO = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}


@pytest.fixture
def ui() -> Iterator[str]:
    """The guard in front of a page, over HTTP: `host:port`."""
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        place.listen()
        host = f"127.0.0.1:{place.getsockname()[1]}"
        guard = Guard(dagster, [host], TOKEN, linked="/orders/")
        server = uvicorn.Server(uvicorn.Config(guard, log_level="critical", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [place]})
        thread.start()
        yield host
        server.should_exit = True
        thread.join()


def test_a_link_in_odoo_leads_to_the_page_in_two_steps(ui: str) -> None:
    """The browser sends no cookie with the first request, which Odoo's page makes; the second is our own page's."""
    url = f"http://{ui}/orders/shop_de/302-1%2F%22%3E%3Cb%3E"
    first = requests.get(url, headers=FROM_ODOO, timeout=240)
    assert (first.status_code, first.headers["cache-control"]) == (200, "no-store")
    assert "default-src 'none'" in first.headers["content-security-policy"]
    assert first.headers["x-frame-options"] == "DENY"
    [link] = re.findall(r'href="([^"]*)"', first.text)
    assert (link, first.text.count(link)) == ("/orders/shop_de/302-1/%22%3E%3Cb%3E", 2)
    own = {**FROM_ODOO, "sec-fetch-site": "same-origin"}
    second = requests.get(f"http://{ui}{link}", headers=own, cookies={COOKIE: TOKEN}, timeout=240)
    assert (second.status_code, second.text) == (200, "dagster")
    assert requests.get(f"http://{ui}{link}", headers=own, timeout=240).status_code == 401  # it knows no token


@pytest.mark.parametrize(("method", "path", "more"), [
    ("GET", "/", {}),
    ("GET", "/graphql", {}),
    ("GET", "/orders/..%2Fgraphql", {}),  # a browser would make /graphql of a link to it
    ("GET", "/orders/%2e%2e%2Flocations", {}),
    ("POST", "/orders/shop_de/1", {}),
    ("GET", "/orders/shop_de/1", {"sec-fetch-dest": "iframe"}),
    ("GET", "/orders/shop_de/1", {"sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}),
    ("GET", "/orders/shop_de/1", {"sec-fetch-site": "none"}),
    ("GET", "/orders/shop_de/1", {"sec-fetch-site": None, "sec-fetch-mode": None, "sec-fetch-dest": None}),
    ("GET", "/orders/shop_de/1", {"host": "evil.example"}),
])  # fmt: skip
def test_nothing_else_is_led_on(ui: str, method: str, path: str, more: dict[str, str | None]) -> None:
    headers = {name: value for name, value in {**FROM_ODOO, **more}.items() if value}
    prepared = requests.Request(method, f"http://{ui}", headers=headers).prepare()
    prepared.url = f"http://{ui}{path}"  # as it stands
    with requests.Session() as session:
        answer = session.send(prepared, timeout=240)
    assert answer.status_code in (401, 403, 415, 421)
    assert "href" not in answer.text
