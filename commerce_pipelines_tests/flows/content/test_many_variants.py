"""A product with more variants than one answer holds: all of them are read, in pages, and changed in calls of 250."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from commerce_pipelines.core.errors import TransientError
from commerce_pipelines.domain.content.listings import ContentOutcome, SentChange, ShownListing
from commerce_pipelines_tests.doubles.contents import SHOP, Merchant
from commerce_pipelines_tests.doubles.picture_source import MemoryPictures
from commerce_sandbox.catalogue import Article
from commerce_sandbox.server import Call, Fault

FIRST = 1_000  # the number of the first variant


def make_shirt(merchant: Merchant, variants: int) -> dict[str, Any]:
    """A product of the shop with so many variants."""
    shop = merchant.shop
    places = range(FIRST, FIRST + variants)
    for place in places:
        shop.stock.add(place, Article(f"SHIRT-{place}", f"Shirt {place}", 1990, 100), {71: 5})
    return shop.contents.add(FIRST, places, "Shirt", shop.now())


def read(merchant: Merchant) -> dict[str, ShownListing]:
    content = merchant.connections.channel(SHOP).content
    assert content is not None
    return {listing.key: listing for page in content.read() for listing in page}


def change_prices(merchant: Merchant, listings: list[ShownListing]) -> list[ContentOutcome]:
    content = merchant.connections.channel(SHOP).content
    assert content is not None
    changes = [
        SentChange(key=row.key, token=row.key, listing=row, field="price", before=row.values["price"],
                   after="12.34 EUR")
        for row in listings
    ]  # fmt: skip
    return list(content.send(changes, MemoryPictures()))


def list_variants(shown: dict[str, ShownListing], product: dict[str, Any]) -> list[ShownListing]:
    return [
        row for row in shown.values()
        if row.reference["product_id"] == product["id"] and "variant_id" in row.reference
    ]  # fmt: skip


@contextmanager
def meet(merchant: Merchant, mark: bytes, act: Any) -> Iterator[None]:
    """Somebody does something whenever such a query comes."""

    def note(call: Call) -> bool:
        if mark in call.body:
            act()
        return False

    fault = Fault(match=note)
    merchant.shop.faults.append(fault)
    yield
    merchant.shop.faults.remove(fault)


@pytest.mark.parametrize("variants", [100, 101, 150, 300])
def test_all_variants_are_read_and_changed(open_shop: Any, variants: int) -> None:
    merchant: Merchant = open_shop()
    shirt = make_shirt(merchant, variants)
    shown = read(merchant)
    rows = list_variants(shown, shirt)
    assert (len(rows), len({row.key for row in rows})) == (variants, variants)
    [shared] = [row for row in shown.values() if row.reference["product_id"] == shirt["id"] and row not in rows]
    assert len(shared.skus) == variants
    content = merchant.connections.channel(SHOP).content
    assert content is not None
    assert list(content.reread([shared, rows[-1]])) == [shared, rows[-1]]
    answers = change_prices(merchant, rows)
    assert ({answer.status for answer in answers}, len(answers)) == ({"accepted"}, variants)
    assert {row.values["price"] for row in list_variants(read(merchant), shirt)} == {"12.34 EUR"}
    assert merchant.mutations.count("UpdateVariants") == -(-variants // 250)


def test_a_product_that_changes_while_its_variants_are_read_waits_alone(open_shop: Any) -> None:
    merchant: Merchant = open_shop()
    shirt, shown = make_shirt(merchant, 150), read(merchant)
    rows = list_variants(shown, shirt)
    other = next(row for row in shown.values() if "variant_id" in row.reference and row not in rows)

    def edit() -> None:
        shirt["updatedAt"] = f"2020-01-01T00:00:{len(merchant.shop.calls) % 60:02d}Z"

    with meet(merchant, b"MoreVariants", edit):
        outcomes = {answer.key: answer.status for answer in change_prices(merchant, [*rows[:2], other])}
        assert outcomes == {rows[0].key: "unknown", rows[1].key: "unknown", other.key: "accepted"}
        with pytest.raises(TransientError, match="was changed while"):
            read(merchant)
    assert len(list_variants(read(merchant), shirt)) == 150


def test_pages_that_repeat_themselves_end(open_shop: Any) -> None:
    merchant: Merchant = open_shop()
    shirt = make_shirt(merchant, 150)

    def repeat(body: bytes) -> bytes:
        answer = json.loads(body)
        page = answer["data"]["nodes"][0]["variants"]["pageInfo"]
        page.update(hasNextPage=True, endCursor=json.loads(first[0])["variables"]["after"])
        return json.dumps(answer).encode()

    first: list[bytes] = []

    def is_more(call: Call) -> bool:
        if b"MoreVariants" in call.body:
            first.append(call.body)
            return True
        return False

    merchant.shop.faults.append(Fault(match=is_more, times=99, after=True, change=repeat))
    assert list_variants(read(merchant), shirt) == []
    assert len(first) == 1
