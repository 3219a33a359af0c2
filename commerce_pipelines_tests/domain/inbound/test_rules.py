"""The section `inbound`: what it needs, and what contradicts it."""

from __future__ import annotations

import pytest

from commerce_pipelines.core.errors import SettingsError
from commerce_pipelines.settings.file import parse

HEAD = (
    'odoo: {url: "http://127.0.0.1:8069", database: shop, username: bot, password: {env: ODOO_PASSWORD}}\nchannels:\n'
)
OAUTH = "{client_id: {env: ID}, client_secret: {env: SECRET}, refresh_token: {env: REFRESH}}"
ON = "enabled: true, since: 2026-11-01"


def channel(inbound: str, more: str = ", channel_warehouse: FBA", name: str = "amazon_eu") -> str:
    return f"  - {{name: {name}, kind: amazon, credentials: {OAUTH}, inbound: {{{inbound}}}{more}}}\n"


def test_it_is_off_until_a_merchant_says_otherwise() -> None:
    rules = parse(HEAD + channel("", more="")).channels[0].inbound
    assert (rules.enabled, rules.receive, rules.claim_days) == (False, False, 60)


@pytest.mark.parametrize(
    ("inbound", "more", "problem"),
    [
        ("enabled: true", ", channel_warehouse: FBA", "since is missing"),
        (ON, "", "needs `channel_warehouse`"),
        ("receive: true", "", "needs `enabled: true`"),
        (f"{ON}, claim_days: 0", ", channel_warehouse: FBA", "claim_days must be at least 1"),
        (f"{ON}, overdue_days: -1", ", channel_warehouse: FBA", "overdue_days must be at least 0"),
    ],
)
def test_what_contradicts_it(inbound: str, more: str, problem: str) -> None:
    with pytest.raises(SettingsError, match=problem):
        parse(HEAD + channel(inbound, more))


def test_two_accounts_do_not_share_one_warehouse() -> None:
    second = channel(ON, name="amazon_us", more=", channel_warehouse: FBA, region: na")
    with pytest.raises(SettingsError, match="another channel's"):
        parse(HEAD + channel(ON) + second)
    assert parse(HEAD + channel(ON) + second.replace("FBA", "FBA-US"))
