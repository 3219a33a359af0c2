"""The group of the pipelines' user: what it may and may not do, and that advice never asks for more.

On a real Odoo 19 the group is made by the command, and its user tries what an attacker with its password would.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from commerce_pipelines.cli.main import main
from commerce_pipelines.core.errors import CredentialError
from commerce_pipelines.flows.identity import may_differ
from commerce_pipelines.odoo.access import EXCESSIVE, GIVEN, GROUP, OPERATIONS, OWN, make_group
from commerce_pipelines.odoo.readiness import find_excessive_rights, verify_rights
from commerce_pipelines.odoo.reference.database import read_identity
from commerce_pipelines.odoo.rpc.client import Client
from commerce_pipelines.odoo.rpc.load import read_ids
from commerce_pipelines_tests.doubles import lean
from commerce_pipelines_tests.test_advice import _list_printed, _list_written

DOCUMENT = Path(__file__).parents[2] / "docs" / "run-for-real.md"
# Groups of an administrator, those that lead to one, or that may enter bank accounts, as Odoo names and shows them.
FAR_REACHING = re.compile(
    r"group_(erp_manager|system|partner_manager|account_manager)|Access Rights|Administration /|Role / Administrator|"
    r"(Sales|Inventory|Invoicing|Accounting|Settings) / Administrator|Contacts?( /)? [Cc]reation"
)


def test_no_advice_names_a_far_reaching_group() -> None:
    assert [where for where, text in (*_list_printed(), *_list_written()) if FAR_REACHING.search(text)] == []


def test_the_document_lists_the_group_s_rights() -> None:
    rows = re.findall(r"^\| `([\w.]+)` \| ([a-z, ]+) \| (.+) \|$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    assert rows == [(right.model, ", ".join(right.names), right.reason) for right in OWN]


def test_the_group_has_no_right_that_is_excessive() -> None:
    always = [right for right in (*OWN, *GIVEN) if right.need not in ("returns", "invoicing")]
    rights = {(right.model, name) for right in always for name in right.names}
    assert not rights & {(model, operation) for model, operation, _ in EXCESSIVE}
    assert not {right.model for right in OWN} & {"res.users", "res.groups", "res.partner.bank", "ir.config_parameter"}
    assert all("u" not in right.operations for right in OWN)


@pytest.fixture
def administrator() -> Iterator[Client]:
    """Its group needs nothing more for a flow here, even where the other tests try all flows as its user."""
    client = lean.administrator_or_skip()
    make_group(client)
    yield client
    make_group(client, lean.list_flows())


@pytest.fixture(params=["jsonrpc", "json2"])
def user(request: pytest.FixtureRequest, administrator: Client) -> Client:
    client = lean.open_lean(request.param)
    make_group(administrator)  # the user may be new, and with it the group for all flows
    return client


@pytest.mark.odoo
def test_the_user_has_every_right_and_none_too_many(user: Client, administrator: Client) -> None:
    assert (verify_rights(user), find_excessive_rights(user)) == ([], [])
    problems = find_excessive_rights(administrator)
    assert len(problems) == len(EXCESSIVE)
    assert all("commerce-pipelines access" in sentence and GROUP in sentence for sentence in problems)


@pytest.mark.odoo
def test_returns_need_two_groups_more_and_give_no_power_over_users_or_banks(
    user: Client, administrator: Client
) -> None:
    [refused, *_] = verify_rights(user, ["returns"])
    assert "account.move (credit notes): run `commerce-pipelines access`" in refused
    make_group(administrator, ["returns"])
    try:
        assert (verify_rights(user, ["returns"]), find_excessive_rights(user, ["returns"])) == ([], [])
        assert len(find_excessive_rights(user)) == 1
    finally:
        make_group(administrator)
    assert len(verify_rights(user, ["returns"])) >= 3
    assert find_excessive_rights(user) == []


@pytest.mark.odoo
def test_invoices_need_one_group_more(user: Client, administrator: Client) -> None:
    assert len(verify_rights(user, ["invoicing"])) >= 2
    make_group(administrator, ["invoicing"])
    try:
        assert (verify_rights(user, ["invoicing"]), find_excessive_rights(user, ["invoicing"])) == ([], [])
        assert len(find_excessive_rights(user)) == 1
    finally:
        make_group(administrator)


@pytest.mark.odoo
def test_the_user_cannot_get_more(user: Client) -> None:
    groups = {"group_ids": [[4, user.call("ir.model.data", "check_object_reference", module="base",
                                          xml_id="group_system")[1]]]}  # fmt: skip
    rows = user.call("ir.model.data", "search", domain=[["module", "=", "commerce_pipelines"]], limit=1)
    [partner] = user.call("res.users", "read", ids=[user.who.uid], fields=["partner_id"], load=None)
    account = {"acc_number": "DE02120300000000202051", "partner_id": partner["partner_id"]}
    attacks = (
        ("res.users", "write", [user.who.uid], {"vals": groups}),
        ("ir.model.data", "write", rows, {"vals": {"name": "mine"}}),
        ("res.partner.bank", "create", None, {"vals_list": [account]}),
        ("ir.config_parameter", "get_param", None, {"key": "database.secret"}),
        ("ir.actions.server", "create", None, {"vals_list": [{"name": "x", "state": "code"}]}),
    )
    for model, method, ids, named in attacks:
        with pytest.raises(CredentialError):
            user.call(model, method, ids=ids, **named)


@pytest.mark.odoo
def test_a_missing_right_is_named_with_the_command(user: Client, administrator: Client) -> None:
    row = read_ids(administrator, "ir.model.access", ["access_account_tax"])["access_account_tax"]
    administrator.call("ir.model.access", "write", ids=[row], vals={"perm_create": False})
    try:
        [problem] = verify_rights(user)
        assert "may not create account.tax (" in problem
        assert "`commerce-pipelines access`" in problem
    finally:
        make_group(administrator)
    assert verify_rights(user) == []


@pytest.mark.odoo
def test_the_command_again_changes_nothing_and_takes_away_what_is_too_much(
    administrator: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lean.open_lean("jsonrpc")
    group = read_ids(administrator, "res.groups", ["group"])["group"]
    [model] = administrator.call("ir.model", "search", domain=[["model", "=", "res.partner.bank"]])
    more = {"name": "more", "model_id": model, "group_id": group, "perm_create": True}
    administrator.call("ir.model.access", "create", vals_list=[more])
    before = set(_read_rows(administrator, group)) - {("res.partner.bank", "c")}
    monkeypatch.chdir(tmp_path)
    settings = administrator.settings
    monkeypatch.setenv("ODOO_ADMINISTRATOR_PASSWORD", lean.administrator_password())
    words = ["--url", settings.url, "--database", settings.database, "--administrator", settings.username]
    result = CliRunner().invoke(main, ["access", *words, "--user", lean.open_lean("jsonrpc").settings.username])
    assert result.exit_code == 0, result.output
    for sentence in ("is up to date", "Removed 1 access rights", f"is in the group {GROUP}"):
        assert sentence in result.output
    named = administrator.call("ir.model", "search_read", domain=[["model", "in", [right.model for right in OWN]]],
                               fields=["model"], load=None)  # fmt: skip
    there = {row["model"] for row in named}  # those of an app that is not installed are left out
    wanted = {(right.model, right.operations) for right in OWN if right.model in there}
    assert set(_read_rows(administrator, group)) == before == wanted
    assert lean.administrator_password() not in "".join(path.read_text() for path in tmp_path.rglob("*"))
    refused = CliRunner().invoke(main, ["access", *words, "--user", settings.username])
    assert (refused.exit_code, "of their own" in refused.output) == (1, True)


def _read_rows(administrator: Client, group: int) -> Iterator[tuple[str, str]]:
    fields = ["model_id", *(f"perm_{name}" for name in OPERATIONS.values())]
    rows = administrator.call("ir.model.access", "search_read", domain=[["group_id", "=", group]], fields=fields)
    ids = [row["model_id"][0] for row in rows]
    models = {row["id"]: row["model"] for row in administrator.call("ir.model", "read", ids=ids, fields=["model"])}
    for row in rows:
        letters = "".join(letter for letter, name in OPERATIONS.items() if row[f"perm_{name}"])
        yield models[row["model_id"][0]], letters


@pytest.mark.odoo
def test_a_copy_of_the_database_is_another_one_for_every_user(user: Client, administrator: Client) -> None:
    """Odoo gives a copy a new uuid and a new secret; here the secret alone changes for a moment."""
    before = read_identity(user)
    assert before
    assert before == read_identity(user)
    assert not may_differ(read_identity(administrator), before)
    secret = administrator.call("ir.config_parameter", "get_param", key="database.secret")
    try:
        administrator.call("ir.config_parameter", "set_param", key="database.secret", value="of a copy")
        after = read_identity(user)
    finally:
        administrator.call("ir.config_parameter", "set_param", key="database.secret", value=secret)
    assert (after != before, may_differ(before, after)) == (True, True)
    assert read_identity(user) == before
