"""The pipelines' own user in a real Odoo: made by the product's own command, with a password and an API key.

What belongs here: logging in as the user that `commerce-pipelines access` makes, where ODOO_AS=lean asks for it; the
tests' own set-up stays an administrator's. What does not: the user's rights (commerce_pipelines/odoo/access.py).
"""

from __future__ import annotations

import os
import secrets
from functools import cache
from typing import Any

import pytest
import requests

from commerce_pipelines.core.section import Secret
from commerce_pipelines.odoo.access import FLOW_GROUPS, make_group, put_in_group
from commerce_pipelines.odoo.rpc.client import Client, connect
from commerce_pipelines.odoo.rpc.settings import OdooSettings

_PASSWORD = os.environ.get("ODOO_PASSWORD", "")  # a lane's test gives the variable the password of the product's user
CURRENCIES = ["CHF", "GBP", "JPY", "KWD", "PLN", "SGD", "TWD", "USD"]  # a person activates them, the product may not


def login_of(transport: str) -> tuple[str, str]:
    """(login, password or API key) of the user that the product is tried as; ODOO_* name the administrator."""
    if os.environ.get("ODOO_AS") == "lean":
        login, password, key = _make_lean_user()
        return login, password if transport == "jsonrpc" else key
    return os.environ["ODOO_USERNAME"], os.environ["ODOO_PASSWORD" if transport == "jsonrpc" else "ODOO_API_KEY"]


def open_lean(transport: str) -> Client:
    """A client of the user that the product's own command makes."""
    login, password, key = _make_lean_user()
    settings = OdooSettings(
        url=os.environ["ODOO_URL"], database=os.environ["ODOO_DATABASE"], username=login,
        password=Secret(env="UNUSED"), transport="json2" if transport == "json2" else "jsonrpc",
    )  # fmt: skip
    return connect(settings, password if transport == "jsonrpc" else key)


def administrator_or_skip() -> Client:
    if not os.environ.get("ODOO_URL"):
        pytest.skip("needs a real Odoo 19: set ODOO_URL, ODOO_DATABASE, ODOO_USERNAME, ODOO_PASSWORD, ODOO_API_KEY")
    return administrator()


def administrator_password() -> str:
    return _PASSWORD


def administrator() -> Client:
    """Opens a client of the administrator that ODOO_* name."""
    settings = OdooSettings(
        url=os.environ["ODOO_URL"], database=os.environ["ODOO_DATABASE"], username=os.environ["ODOO_USERNAME"],
        password=Secret(env="UNUSED"),
    )  # fmt: skip
    return connect(settings, administrator_password())


def list_flows() -> list[str]:
    """The flows for which the group needs more: all of them where all tests are tried as its user."""
    return list(FLOW_GROUPS) if os.environ.get("ODOO_AS") == "lean" else []


@cache
def _make_lean_user() -> tuple[str, str, str]:
    client, login, password = administrator(), f"lean-{secrets.token_hex(4)}", secrets.token_hex(8)
    make_group(client, list_flows())
    domain = [["name", "in", CURRENCIES], ["active", "=", False]]
    inactive = client.call("res.currency", "search", context={"active_test": False}, domain=domain)
    client.call("res.currency", "write", ids=inactive, vals={"active": True})
    put_in_group(client, login, lambda: password, list(client.who.companies.values()))
    return login, password, make_key(login, password)


def make_key(login: str, password: str) -> str:
    """An API key, made as a person makes it in the preferences: Odoo offers no other way over HTTP."""
    url, session = os.environ["ODOO_URL"], requests.Session()

    def post(path: str, **params: Any) -> Any:
        answer = session.post(f"{url}{path}", json={"jsonrpc": "2.0", "params": params}, timeout=60).json()
        assert "error" not in answer, answer
        return answer["result"]

    def call(model: str, method: str, *args: Any, **kwargs: Any) -> Any:
        return post("/web/dataset/call_kw", model=model, method=method, args=list(args), kwargs=kwargs)

    post("/web/session/authenticate", db=os.environ["ODOO_DATABASE"], login=login, password=password)
    wizard = call("res.users.apikeys.description", "create", {"name": "tests", "duration": "90"})
    check = call("res.users.apikeys.description", "make_key", [wizard])
    shown = call("res.users.identitycheck", "run_check", [check["res_id"]], context={"password": password})
    return str(shown["context"]["default_key"])
