"""What a compression dictionary may learn: what many share, and nothing about a person."""

from __future__ import annotations

import json

import pytest

from commerce_pipelines.warehouse.landing.dictionaries import SHARED_BY_SUBJECTS, common

GUEST = {"name": "Kanari Vogelsang", "address1": "Kanarienweg 77", "city": "Zwitscherhausen", "zip": "98765"}
REST = {"email": "kanari@nest.example", "phone": "+49 30 5550123"}


def json_orders(count: int) -> list[tuple[str, bytes]]:
    """Orders of one guest, each a subject of its own."""
    return [
        (
            f"order:{number}",
            json.dumps({"id": f"{number}", "currencyCode": "EUR", "shippingAddress": GUEST, **REST}).encode(),
        )
        for number in range(count)
    ]


def xml_orders(count: int) -> list[tuple[str, bytes]]:
    text = (
        "<Order><OrderID>{}</OrderID><Currency>EUR</Currency><BuyerUserID>vogelsang77</BuyerUserID><ShippingAddress>"
        "<Name>Kanari Vogelsang</Name><Street1>Kanarienweg 77</Street1><CityName>Zwitscherhausen</CityName>"
        "<PostalCode>98765</PostalCode><Phone>+49 30 5550123</Phone></ShippingAddress>"
        "<Email>kanari@nest.example</Email></Order>"
    )
    return [(f"order:{number}", text.format(number).encode()) for number in range(count)]


@pytest.mark.parametrize("orders", [json_orders, xml_orders])
def test_a_guest_of_many_orders_is_not_learned(orders: object) -> None:
    learned = b" ".join(common(orders(SHARED_BY_SUBJECTS + 5)))  # type: ignore[operator]
    for word in (
        b"Kanari",
        b"Vogelsang",
        b"vogelsang77",
        b"Kanarienweg",
        b"Zwitscherhausen",
        b"98765",
        b"nest",
        b"5550123",
    ):
        assert word not in learned
    assert b"EUR" in learned


def test_what_few_share_is_not_learned() -> None:
    orders = [(f"order:{number}", b'{"sku": "RARE", "currency": "EUR"}') for number in range(SHARED_BY_SUBJECTS - 1)]
    assert b"RARE" not in b" ".join(common(orders))
    more = [*orders, ("order:x", orders[0][1])]
    assert b"RARE" in b" ".join(common(more))


def test_field_names_stay() -> None:
    learned = b" ".join(common(json_orders(SHARED_BY_SUBJECTS)))
    assert b'"shippingAddress"' in learned
