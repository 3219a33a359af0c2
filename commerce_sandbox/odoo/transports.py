"""Odoo's two APIs on the wire: JSON-RPC and JSON-2.

What belongs here: requests to calls, answers and errors to bodies, transactions. What does not: what a method does.
"""

from __future__ import annotations

import inspect
import json
import re
import traceback
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from ..server import Call, Reply
from .confirming import action_confirm  # importing these modules publishes their methods
from .errors import AccessDenied, MissingError, NotFound, OdooError, UnknownMethod, Unprocessable, describe
from .importing import load
from .orm import Database, Env, Method, Row, find_method, known_model
from .searching import read
from .transfers import button_validate

PUBLISHED = (action_confirm, button_validate, load, read)
VERSION = {"server_version": "19.0", "server_version_info": [19, 0, 0, "final", 0, ""], "server_serie": "19.0",
           "protocol_version": 1}  # fmt: skip
_JSON = {"Content-Type": "application/json; charset=utf-8"}
_PATH = re.compile(r"^/json/2/([^/]+)/([^/]+)$")
_UNKNOWN_DATABASE = b"""<!DOCTYPE html>
<title>404 Not Found</title>
<h1>Not Found</h1>
<p>No database is selected and the requested URL was not found in the server-wide controllers.</p>
<p>Please verify the hostname, <a href=/web/login>login</a> and try again.</p>

<!-- Alternatively, use the X-Odoo-Database header. -->
"""


class Unauthorized(OdooError):
    """JSON-2: no API key, or a wrong one."""

    name, status = "werkzeug.exceptions.Unauthorized", 401


class BadRequest(OdooError):
    """JSON-2: the body is no JSON."""

    name, status = "werkzeug.exceptions.BadRequest", 400


class OperationalError(OdooError):
    """The server cannot reach PostgreSQL, or the database does not exist."""

    name = "psycopg2.OperationalError"


def in_transaction(db: Database, work: Callable[[], Any]) -> Any:
    """Run one call: all of its changes stay, or none. Ids and numbers that it drew are not given back."""
    try:
        result = work()
    except BaseException:
        db.undo()
        raise
    finally:
        if db.collided:
            db.conflicts, db.collided = db.conflicts - 1, False
    db.commit()
    return result


@lru_cache(maxsize=512)
def _list_parameters(method: Method, model: str, name: str) -> inspect.Signature:
    """Names of the arguments that a caller may pass: those of the function without env, model and ids."""
    parameters = list(inspect.signature(method.run).parameters.values())[2 if method.of_model else 3 :]
    return inspect.Signature([p.replace(kind=inspect.Parameter.POSITIONAL_OR_KEYWORD) for p in parameters])


def _run(db: Database, user: int, context: Mapping[str, Any], model: str, name: str, arguments: Any) -> Any:
    method = find_method(db, model, name)
    env = Env(db, user, dict(context))
    env.colliding = db.conflicts > 0
    ids, positional, named = arguments(method, env)
    where = () if method.of_model else (_read_ids(ids),)
    return method.run(env, model, *where, *positional, **named)


def _read_ids(ids: Any) -> list[int]:
    return [] if not ids else list(ids) if isinstance(ids, list | tuple) else [ids]


def _find_user(db: Database, login: str, secret: str) -> int:
    """The user's id; 0 when login and password (or API key) do not fit."""
    for user, row in db.rows["res.users"].items():
        if row["login"] == login and row["active"] and secret and row.get("secret") == secret:
            return user
    return 0


# JSON-RPC


def json_rpc(db: Database, call: Call) -> Reply:
    """POST /jsonrpc. The status is 200 whenever the body can be read; an error stands in the body, with the code 0."""
    try:
        body = json.loads(call.body)
        params = body["params"]
        number = body.get("id")
    except (ValueError, KeyError, TypeError):
        return Reply(400, b"Invalid JSON data", {"Content-Type": "text/html; charset=utf-8"})
    try:
        result = _call_service(db, params["service"], params["method"], list(params["args"]))
    except Exception as error:
        data = error_body(error)
        failure = {"code": 0, "message": "Odoo Server Error", "data": data}
        return Reply(200, {"jsonrpc": "2.0", "id": number, "error": failure}, _JSON)
    return Reply(200, {"jsonrpc": "2.0", "id": number, "result": result}, _JSON)


def _call_service(db: Database, service: str, method: str, args: list[Any]) -> Any:
    if service == "common":
        if method == "version":
            return VERSION
        if method in ("login", "authenticate"):
            _reach(db, args[0])
            return _find_user(db, args[1], args[2]) or False
        raise Exception(f"Method not found: {method}")
    if service == "object":
        if method not in ("execute", "execute_kw"):
            raise NameError(f"Method not available {method}")
        return _execute(db, method, args)
    raise KeyError(service)


def _reach(db: Database, name: str) -> None:
    if name != db.name:
        raise OperationalError(f'connection to server at "127.0.0.1", port 5432 failed: FATAL:  database "{name}" '
                               "does not exist\n")  # fmt: skip


def _execute(db: Database, kind: str, args: list[Any]) -> Any:
    name, user, secret, model, method, *rest = args
    _reach(db, name)
    row = db.rows["res.users"].get(int(user))
    if row is None:
        raise MissingError(f"Record does not exist or has been deleted.\n(Record: res.users({user},), User: {user})")
    if not secret or row.get("secret") != secret or not row["active"]:
        raise AccessDenied
    positional = list(rest[0]) if kind == "execute_kw" and rest else list(rest) if kind == "execute" else []
    named = dict(rest[1] or {}) if kind == "execute_kw" and len(rest) > 1 else {}
    known_model(db, model)
    context = named.pop("context", None) or {}

    def arguments(method_found: Method, _env: Env) -> tuple[Any, list[Any], Row]:
        ids = None
        if not method_found.of_model:
            if not positional:
                raise IndexError("list index out of range")
            ids = positional.pop(0)
        try:
            _list_parameters(method_found, model, method).bind(*positional, **named)
        except TypeError as error:
            raise TypeError(f"{model}.{method}() {error}") from None
        if method == "create" and not positional:
            raise IndexError("list index out of range")  # Odoo looks at its first argument to shape the answer
        return ids, positional, named

    first = positional[0] if positional else None
    result = in_transaction(db, lambda: _run(db, int(user), context, model, method, arguments))
    return result[0] if method == "create" and isinstance(first, Mapping) else result


# JSON-2


def json_2(db: Database, call: Call) -> Reply:
    """POST /json/2/<model>/<method>: the answer is the bare value; an error has a status of its own."""
    if call.headers.get("x-odoo-database", db.name) != db.name:
        return Reply(404, _UNKNOWN_DATABASE, {"Content-Type": "text/html; charset=utf-8"})
    try:
        return Reply(200, _answer(db, call), _JSON)
    except Exception as error:
        status = describe(error)[1]
        extra = {"WWW-Authenticate": "Bearer "} if status == 401 else {}
        web = isinstance(error, OdooError) and error.name.startswith("werkzeug")
        arguments = [str(error), status] if web else None
        return Reply(status, error_body(error, arguments), {**_JSON, **extra})


def _answer(db: Database, call: Call) -> Any:
    path = _PATH.match(call.path)
    if path is None or call.method != "POST":
        raise NotFound("Did you mean POST /json/2/<model>/<method>?")
    user = _find_bearer(db, call)
    try:
        body = json.loads(call.body) if call.body else {}
    except ValueError as error:
        raise BadRequest(f"could not parse the body as json: {error}") from None
    model, name = path.groups()
    named = dict(body) if isinstance(body, dict) else {}
    if model not in db.models:
        raise NotFound(f"the model {model!r} does not exist")
    ids, context = named.pop("ids", ()), named.pop("context", None) or {}

    def arguments(method_found: Method, _env: Env) -> tuple[Any, Sequence[Any], Row]:
        if method_found.of_model and ids:
            raise Unprocessable(f"cannot call {model}.{name} with ids")
        try:
            _list_parameters(method_found, model, name).bind(**named)
        except TypeError as error:
            raise Unprocessable(str(error)) from None
        return ids, (), named

    try:
        return in_transaction(db, lambda: _run(db, user, context, model, name, arguments))
    except UnknownMethod as error:
        raise NotFound(str(error)) from None


def _find_bearer(db: Database, call: Call) -> int:
    match = re.match(r"^bearer\s+(.+)$", call.headers.get("authorization", ""), re.IGNORECASE)
    if match is None:
        raise Unauthorized("User not authenticated, use an API Key with a Bearer Authorization header.")
    for user, row in db.rows["res.users"].items():
        if row["active"] and row.get("secret") == match[1]:
            return user
    raise Unauthorized("Invalid apikey")


def error_body(error: Exception, arguments: list[Any] | None = None) -> Row:
    """An exception as Odoo shows it: class, sentence, and a traceback that contains values of the call."""
    return {
        "name": describe(error)[0],
        "message": str(error.args[0]) if error.args else str(error),
        "arguments": list(error.args) if arguments is None else arguments,
        "context": {},
        "debug": "".join(traceback.format_exception(error)),
    }
