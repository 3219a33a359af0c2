"""How long the keys of the pipelines' user are valid still, on a real Odoo 19 with the key that its user made."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from commerce_pipelines.core.instruments import REAL
from commerce_pipelines.odoo.reference.api_keys import WARNING_DAYS, find_expiring_keys
from commerce_pipelines_tests.doubles import lean
from commerce_pipelines_tests.odoo.conftest import Connect


def test_a_user_without_keys_is_told_nothing(connected: Connect, server: tuple[str, str]) -> None:
    if server[0] == "odoo":
        pytest.skip("the users of a real Odoo have keys here")
    assert find_expiring_keys(connected(), date(2026, 11, 20)) == []


@pytest.mark.odoo
@pytest.mark.parametrize("transport", ["jsonrpc", "json2"])
def test_the_end_of_a_key_is_announced(transport: str) -> None:
    lean.administrator_or_skip()
    user, today = lean.open_lean(transport), REAL.now().date()  # the key lasts for ninety days
    (sentence,) = find_expiring_keys(user, today + timedelta(days=1))
    assert f"in {WARNING_DAYS - 1} days" in sentence
    assert user.settings.username in sentence
    assert find_expiring_keys(user, today - timedelta(days=5)) == []
    assert datetime.now(UTC).date() >= today
