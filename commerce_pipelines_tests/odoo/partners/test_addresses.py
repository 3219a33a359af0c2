"""A state stands in an address once: in its own field where Odoo knows it, else in the city's line."""

from __future__ import annotations

from typing import Any

import pytest

from commerce_pipelines.domain.orders.order import Address
from commerce_pipelines.odoo.partners.addresses import address_values


class Known:
    """Countries of an Odoo that knows Texas and New South Wales."""

    def country(self, code: str) -> int:
        return 1

    def state(self, code: str, state: str) -> int:
        return {"tx": 44, "texas": 44, "new south wales": 2}.get(state.strip().casefold(), 0)


COUNTRIES: Any = Known()


@pytest.mark.parametrize(
    ("city", "state", "name", "expected"),
    [
        ("Austin", "TX", "Texas", ("Austin", "44")),
        ("Austin, TX", "TX", "", ("Austin", "44")),
        ("Austin, Texas", "TX", "Texas", ("Austin", "44")),
        ("Texas City", "TX", "Texas", ("Texas City", "44")),
        ("TX", "TX", "", ("TX", "44")),
        ("Sydney", "NSW", "New South Wales", ("Sydney", "2")),  # by its name
        ("Dublin", "D", "Co. Dublin", ("Dublin, Co. Dublin", "")),
        ("Dublin, Co. Dublin", "D", "Co. Dublin", ("Dublin, Co. Dublin", "")),
        ("London", "ON", "", ("London, ON", "")),  # letters of another word are no state
        ("Springfield IL", "IL", "", ("Springfield IL", "")),
        ("Berlin", "Berlin", "", ("Berlin", "")),
        ("", "Kent", "", ("Kent", "")),
        ("Wien", "", "", ("Wien", "")),
    ],
)
def test_a_state_stands_once(city: str, state: str, name: str, expected: tuple[str, str]) -> None:
    address = Address(city=city, state=state, state_name=name, country="XX")
    values = address_values(address, "Ada", COUNTRIES)
    assert (values["city"], values["state_id/.id"]) == expected
