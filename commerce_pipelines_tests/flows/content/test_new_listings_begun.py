"""A new product that the shop has, and whose making it then refused, is gone on with and not made a second time."""

from __future__ import annotations

import json
from typing import Any

import pytest

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
