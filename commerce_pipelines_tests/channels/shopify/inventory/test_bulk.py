"""A large catalogue over HTTP as one bulk operation: the same listings for a handful of points, or an error."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from commerce_pipelines.channels.shopify.channel import ShopifyChannel
from commerce_pipelines.channels.shopify.inventory import quantities as inventory
from commerce_pipelines.core.errors import CommerceError, CredentialError, PermanentError, TransientError
from commerce_sandbox.server import Fault
from commerce_sandbox.shopify.bulk import PATH

from ..orders.test_reading import Clock, channel, clock, connect, graphql, shop
from .test_quantities import Recorded, listed, shrink

__all__ = ["channel", "clock", "shop"]  # fixtures


@pytest.fixture
def large(shop: Recorded) -> Recorded:
    """A shop whose variants are too many to page through in time."""
    shrink(shop, 300)
    shop.points, shop.restore = 1_000, 20
    return shop


def test_the_bulk_file_gives_what_the_pages_give(
    large: Recorded, channel: ShopifyChannel, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_bulk = listed(channel)
    assert len(large.calls) == 5  # the first page, the start, two looks, the file
    clock.passed += 3_600
    monkeypatch.setattr(inventory, "PAGING_SECONDS", 1e9)
    paged = listed(connect(large, clock))
    assert in_bulk == paged
    assert len(paged) == 600


def test_levels_may_name_the_item_as_their_parent_and_come_first(large: Recorded, channel: ShopifyChannel) -> None:
    expected = listed(channel)

    [gid] = large.bulk.files
    lines = [json.loads(line) for line in large.bulk.files[gid].splitlines()]
    item_of = {line["id"]: line["inventoryItem"]["id"] for line in lines if "inventoryItem" in line}
    for line in lines:
        if "__parentId" in line:
            line["__parentId"] = item_of[line["__parentId"]]
    body = "\n".join(json.dumps(line) for line in reversed(lines)).encode()
    large.faults.append(Fault(match=PATH, body=body))
    assert listed(channel) == expected


def state(**fields: Any) -> Callable[[Recorded], None]:
    operation = {"id": "gid://shopify/BulkOperation/1", "status": "COMPLETED", "errorCode": None, "url": None, **fields}
    body = json.dumps({"data": {"bulkOperation": operation}}).encode()
    return lambda shop: shop.faults.append(Fault(match=graphql("query BulkState"), body=body, times=999))


def cut(shop: Recorded) -> None:
    """The file ends early, at the end of a line."""
    whole_file = shop.bulk.file

    def half_file(path: str) -> bytes | None:
        whole = whole_file(path)
        return None if whole is None else whole[: whole.rindex(b"\n", 0, len(whole) // 2) + 1]

    shop.bulk.file = half_file  # type: ignore[method-assign]


def elsewhere(shop: Recorded) -> None:
    state(objectCount="900", url="https://files.example.com/x.jsonl")(shop)


def occupied(shop: Recorded) -> None:
    shop.bulk.most = 0


@pytest.mark.parametrize(
    ("happens", "error", "says"),
    [
        (cut, TransientError, "lines of 900"),
        (occupied, TransientError, "other bulk operations of this app for longer than 600 s"),
        (state(status="FAILED", errorCode="TIMEOUT"), TransientError, "TIMEOUT"),
        (state(status="FAILED", errorCode="ACCESS_DENIED"), CredentialError, "read_inventory"),
        (state(status="EXPIRED"), TransientError, "EXPIRED"),
        (state(status="CANCELED"), TransientError, "CANCELED"),
        (state(status="RUNNING"), TransientError, "longer than 1800 s"),
        (state(objectCount="900"), TransientError, "0 lines of 900"),
        (elsewhere, PermanentError, "not a host of this channel"),
    ],
)
def test_anything_but_a_whole_file_is_an_error(
    large: Recorded,
    channel: ShopifyChannel,
    happens: Callable[[Recorded], None],
    error: type[CommerceError],
    says: str,
) -> None:
    happens(large)
    with pytest.raises(error, match=says):
        listed(channel)


def test_a_line_that_cannot_be_read_waits_alone(large: Recorded, channel: ShopifyChannel) -> None:
    sound = listed(channel)
    [gid] = large.bulk.files
    lines = [json.loads(line) for line in large.bulk.files[gid].splitlines()]
    variant = next(line for line in lines if "inventoryItem" in line)
    level = next(line for line in lines if line.get("__parentId") and line["__parentId"] != variant["id"])
    gone = {line["id"] for line in lines if line.get("__parentId") == variant["id"]} | {level["id"]}
    variant["inventoryItem"] = {"id": 5}
    level["quantities"] = "many"
    large.faults.append(Fault(match=PATH, body="\n".join(map(json.dumps, lines)).encode()))
    listings = listed(channel)
    bad = {key: listing for key, listing in listings.items() if "unreadable" in listing.reference}
    assert sorted(listing.reference["unreadable"] for listing in bad.values()) == [
        "$.inventoryItem.id", "$.quantities",
    ]  # fmt: skip
    assert len(sound) - len(listings) + len(bad) == len(gone)
    assert all(listings[key] == sound[key] for key in listings.keys() - bad.keys())
