"""Where Odoo itself sends personal data: read as far as the user's rights reach, and told where they do not.

On a real Odoo 19 with an administrator and with the pipelines' own user, by both transports.
"""

from __future__ import annotations

import pytest

from commerce_pipelines.core.errors import CredentialError
from commerce_pipelines.odoo.privacy.outlets import CARRIERS, MAIL, MODULES, SERVICES, WEBHOOKS, read_outlets
from commerce_pipelines.odoo.rpc.client import Client
from commerce_pipelines_tests.doubles import lean
from commerce_pipelines_tests.odoo.conftest import Connect


def test_what_can_be_read_is_read_and_the_rest_is_told(connected: Connect) -> None:
    outlets = read_outlets(connected())
    assert MODULES not in outlets.unread
    assert CARRIERS not in outlets.unread
    assert all(place.host and place.data.is_personal for place in outlets.destinations)


@pytest.fixture
def administrator() -> Client:
    return lean.administrator_or_skip()


@pytest.mark.odoo
def test_an_administrator_reads_mail_servers_and_webhooks(administrator: Client) -> None:
    call = administrator.call
    [model] = call("ir.model", "search", domain=[["model", "=", "res.partner"]])
    call(
        "ir.mail_server",
        "create",
        vals_list=[{"name": "out", "smtp_host": "smtp.example.net", "smtp_encryption": "starttls"}],
    )
    call("ir.actions.server", "create", vals_list=[
        {"name": "hook", "model_id": model, "state": "webhook", "webhook_url": "https://hooks.example.net/s3cret"},
    ])  # fmt: skip
    outlets = read_outlets(administrator)
    assert outlets.unread == []
    hosts = {place.host for place in outlets.destinations}
    assert {"smtp.example.net", "hooks.example.net"} <= hosts
    assert "s3cret" not in repr(outlets)
    installed = call("ir.module.module", "search_read", domain=[["state", "=", "installed"]], fields=["name"])
    services = {SERVICES[row["name"]].host for row in installed if row["name"] in SERVICES}
    assert services
    assert services <= hosts


@pytest.mark.odoo
@pytest.mark.parametrize("transport", ["jsonrpc", "json2"])
def test_the_pipelines_own_user_reads_services_and_carriers_only(administrator: Client, transport: str) -> None:
    user = lean.open_lean(transport)
    with pytest.raises(CredentialError):
        user.call("ir.mail_server", "search_count", domain=[])
    outlets, of_all = read_outlets(user), read_outlets(administrator)
    assert outlets.unread == [MAIL, WEBHOOKS]
    services = {service.host for service in SERVICES.values()}
    assert (
        {place.host for place in outlets.destinations} & services
        == {place.host for place in of_all.destinations} & services
        != set()
    )
