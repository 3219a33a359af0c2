"""A guard in front of Dagster's web server: who may send which request, from which page.

Dagster's server has no login. It answers mutations by GET, any Host, and a WebSocket of any origin: a page that
somebody opens in the same browser could stop a sensor with an <img>, or read run logs. The guard lets through what the
UI needs.

What belongs here: the ASGI application around another one. What does not: Dagster (webserver.py), TLS and logins (a
proxy, docs/run-for-real.md).
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from html import escape
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

COOKIE = "commerce_ui"
_HEADERS = [
    (b"x-frame-options", b"DENY"),
    (b"content-security-policy", b"frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
]
# Sec-Fetch-Dest of requests that are no image, script, frame or object of another page.
_NAVIGATION = {"document", "empty", ""}


class Guard:
    """Lets a request through if its Host is one of `hosts`, it comes from our own page, and it knows the token.

    hosts: `name:port` as browsers send it. token: part of the URL that `dev` prints, exchanged for a cookie that a page
    of another site cannot make a browser send; None requires no token. linked: the beginning of paths that pages of
    other sites link to, such as Odoo's notes. A browser keeps the cookie to itself when it follows such a link, so that
    our own page has to link once more. Nothing may be done by reading such a path.
    """

    def __init__(self, app: App, hosts: Iterable[str], token: str | None = None, linked: str = "") -> None:
        self._app, self._hosts, self._token = app, {host.lower() for host in hosts}, token
        self._linked = linked

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        headers = _read_headers(scope)
        refusal = self._find_refusal(scope, headers)
        if scope["type"] == "websocket":
            if refusal:
                await receive()
                return await send({"type": "websocket.close", "code": 1008})
            return await self._app(scope, receive, send)
        if self._token is not None and not refusal and (tokens := _parse_query(scope).get("token")):
            return await self._exchange_token(scope, tokens[0], send)
        if refusal and refusal[0] == 401 and self._is_linked(scope, headers):
            return await _send_step(send, scope)
        if refusal:
            return await _send_answer(send, *refusal)

        async def send_guarded(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = _merge_headers(message.get("headers", []))
            await send(message)

        await self._app(scope, receive, send_guarded)

    def _find_refusal(self, scope: Scope, headers: dict[str, str]) -> tuple[int, str] | None:
        """The status and sentence with which a request is refused; None lets it through."""
        host = headers.get("host", "").lower()
        if host not in self._hosts:
            return 421, "This address is not one of the UI's own; commerce-pipelines dev prints the right one."
        origin = headers.get("origin")
        if origin is not None and (urlsplit(origin).netloc.lower() != host or not origin.startswith("http")):
            return 403, "A page of another site may not use the UI."
        if scope["type"] == "websocket" and origin is None:
            return 403, "A WebSocket has to name its page (Origin)."
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and (
            scope["method"] != "GET"
            or scope["path"].endswith("/graphql")
            or headers.get("sec-fetch-dest", "") not in _NAVIGATION
            or headers.get("sec-fetch-mode", "") not in ("navigate", "")
        ):
            return 403, "A page of another site may link to the UI and nothing else."
        if scope["type"] == "http":
            if refusal := _refuse_graphql(scope, headers):
                return refusal
            if self._token is not None and _parse_query(scope).get("token"):
                return None
        if self._token is not None and not self._is_known(headers):
            return 401, "Open the address with the token that commerce-pipelines dev printed."
        return None

    def _is_linked(self, scope: Scope, headers: dict[str, str]) -> bool:
        """Whether somebody followed a link on a page of another site, in a window of its own, to where links may lead.
        A browser says so; of a request that says nothing nobody can tell, and it would come back here for ever."""
        return (
            bool(self._linked) and scope["method"] == "GET" and scope["path"].startswith(self._linked)
            and not {".", ".."} & set(scope["path"].split("/"))  # a browser would resolve them to another path
            and headers.get("sec-fetch-site") in ("cross-site", "same-site")
            and headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
        )  # fmt: skip

    def _is_known(self, headers: dict[str, str]) -> bool:
        assert self._token is not None  # noqa: S101 - narrows the type
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        except CookieError:
            cookie = None
        bearer = headers.get("authorization", "").removeprefix("Bearer ")
        return any(_is_token(candidate, self._token) for candidate in (cookie.value if cookie else "", bearer))

    async def _exchange_token(self, scope: Scope, candidate: str, send: Send) -> None:
        """Exchange the token in the URL for a cookie and redirect to the same page without the token, because URLs end
        up in histories and logs."""
        assert self._token is not None  # noqa: S101 - narrows the type
        if not _is_token(candidate, self._token):
            return await _send_answer(send, 401, "The token is wrong; commerce-pipelines dev printed the right one.")
        rest = [(key, value) for key, values in _parse_query(scope).items() if key != "token" for value in values]
        # A path that begins with two slashes would name another host.
        target = "/" + scope["path"].lstrip("/\\") + (f"?{urlencode(rest)}" if rest else "")
        cookie = f"{COOKIE}={self._token}; Path=/; HttpOnly; SameSite=Strict"
        location = [(b"location", target.encode("latin-1", "ignore")), (b"set-cookie", cookie.encode())]
        await _send_answer(send, 303, "", location)


def _refuse_graphql(scope: Scope, headers: dict[str, str]) -> tuple[int, str] | None:
    """The refusal of a GraphQL request that is not a POST of JSON, because a form, a link or an image can send any
    other."""
    if scope["method"] in ("GET", "HEAD", "OPTIONS"):
        if scope["path"].rstrip("/").endswith("/graphql") and "query" in _parse_query(scope):
            return 405, "GraphQL needs a POST of JSON."
        return None
    if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return 415, "Only application/json is taken."
    return None


def _read_headers(scope: Scope) -> dict[str, str]:
    """The headers by lower-case name. A header that comes twice is joined, so that the check sees all of it."""
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers


def _merge_headers(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """An answer's headers with ours in place of its own. A content policy that forbids framing as well stays: it is
    stricter, and a browser keeps to both."""
    names, policy = {name for name, _ in _HEADERS}, b"content-security-policy"
    kept = [
        (name, value) for name, value in headers
        if name.lower() not in names or (name.lower() == policy and b"frame-ancestors 'none'" in value)
    ]  # fmt: skip
    return [*kept, *_HEADERS]


def _parse_query(scope: Scope) -> dict[str, list[str]]:
    return parse_qs(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)


def _is_token(candidate: str, token: str) -> bool:
    return hmac.compare_digest(candidate.encode(), token.encode())


async def _send_step(send: Send, scope: Scope) -> None:
    """A page of our own that leads to the same path. It is the same for everybody and says nothing of what is there."""
    path = escape(quote(scope["path"]))
    page = (
        f'<!doctype html><html lang=en><meta charset=utf-8><meta http-equiv=refresh content="0;url={path}">'
        f'<title>commerce_pipelines</title><p><a href="{path}">Go on</a></p></html>'
    )
    policy = b"default-src 'none'; frame-ancestors 'none'"
    own = [(b"content-type", b"text/html; charset=utf-8"), (b"cache-control", b"no-store")]
    headers = _merge_headers([*own, (b"content-security-policy", policy)])
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": page.encode()})


async def _send_answer(send: Send, status: int, text: str, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
    plain = (b"content-type", b"text/plain; charset=utf-8")
    await send({"type": "http.response.start", "status": status, "headers": [plain, *headers, *_HEADERS]})
    await send({"type": "http.response.body", "body": f"{text}\n".encode()})
