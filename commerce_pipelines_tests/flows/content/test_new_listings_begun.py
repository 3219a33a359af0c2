"""A new product that the shop has, and whose making it then refused, is gone on with and not made a second time."""

from __future__ import annotations

import json
from typing import Any

import pytest

from commerce_pipelines.warehouse import exceptions
from commerce_pipelines_tests.doubles.contents import KETTLE, SHOP
from commerce_pipelines_tests.flows.content.test_new_listings import NEW, Maker, open_maker
from commerce_sandbox.server import Call, Fault

__all__ = ["open_maker"]


@pytest.mark.parametrize("refusal", [
    {"data": {"productVariantsBulkUpdate": {"productVariants": None, "userErrors": [
        {"code": "INVALID_INPUT", "field": ["variants"], "message": "Weight is not allowed"}]}}},
    {"errors": "Not allowed"},
])  # fmt: skip
def test_a_product_that_was_begun_and_refused_is_gone_on_with_under_its_new_title(
    open_maker: Any, refusal: dict[str, Any]
) -> None:
    maker: Maker = open_maker()
    maker.add()
    count = maker.count()

    def fills(call: Call) -> bool:
        return b"mutation FillVariants" in call.body

    maker.shop.faults.append(Fault(match=fills, body=json.dumps(refusal).encode()))
    assert dict(maker.make().outcomes) == {"refused": 1}
    maker.merchant.edit(NEW, name="Another Kettle")
    assert dict(maker.make().outcomes) == {"accepted": 1}
    [product] = maker.products()
    assert (product["title"], maker.count(), maker.waits()) == ("Another Kettle", count + 1, {})


def test_a_sku_in_other_letters_is_the_same_sku_to_the_shop(open_maker: Any) -> None:
    maker: Maker = open_maker()
    template = maker.add()
    place = maker.merchant.product(KETTLE)["places"][0]
    maker.shop.stock.variants[place]["sku"] = NEW.lower()  # since the last reading
    assert dict(maker.make().outcomes) == {"refused": 1}
    assert maker.waits() == {f"template-{template}": "new_listing_there"}


def test_a_handle_that_another_product_has_is_told_as_that(open_maker: Any) -> None:
    maker: Maker = open_maker()
    template = maker.add()
    maker.merchant.product(KETTLE)["handle"] = "travel-kettle-ket-new-1"
    assert dict(maker.make().outcomes) == {"refused": 1}
    assert maker.waits() == {f"template-{template}": "new_listing_refused"}
    with maker.connections.warehouse.transaction() as connection:
        [row] = exceptions.open_exceptions(connection, SHOP, "content")
    assert "(HANDLE_TAKEN)" in row.message


def test_a_listing_that_cannot_be_read_again_at_once_was_still_made(open_maker: Any) -> None:
    maker: Maker = open_maker()
    maker.add()

    def reads(call: Call) -> bool:
        return b"query SomeProductContents" in call.body

    maker.shop.faults.extend(Fault(match=reads, status=502) for _ in range(9))
    assert dict(maker.make().outcomes) == {"accepted": 1}
    maker.shop.faults.clear()
    maker.merchant.run(whole=True)
    assert maker.make().planned.states == {}
