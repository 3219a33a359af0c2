"""Documents of Amazon's returns reports: whatever is in them, each return is read or refused by itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from commerce_pipelines.channels.amazon.channel import AmazonChannel
from commerce_pipelines.channels.amazon.returns.return_documents import FBA, FLAT, XML
from commerce_pipelines.channels.capabilities import Window
from commerce_pipelines.core.errors import CommerceError, RateLimited, RecordError, TransientError
from commerce_pipelines.domain.returns.records import ReturnState
from commerce_sandbox.amazon.return_rows import make_return, make_unit

from ..contract import NOON, Clock, Recorded, connect, judged
from .polling import ORDER, OTHER, WEEK_AGO, Poller, asked


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def amazon(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorded]:
    with judged(clock, monkeypatch) as stand_in:
        yield stand_in


def test_what_buyers_write_is_not_kept(amazon: Recorded, clock: Clock) -> None:
    amazon.returns.add(make_unit(ORDER, "LPN1", WEEK_AGO, "KET-FBA", comments="I am Anna Muster"))
    amazon.returns.add(make_unit(ORDER, "LPN2", WEEK_AGO, "KET-FBA", comments="Anna\tMuster\tagain"))
    pages = list(connect(amazon, clock, marketplaces=("DE",)).returns.created(Window(WEEK_AGO, NOON)))
    raw = b"".join(record for page in pages for record in page.records)
    assert b"LPN1" in raw
    assert [word for word in (b"Anna", b"Muster") if word in raw] == []


def test_a_row_with_other_columns_is_landed_as_unreadable_and_the_others_go_on(amazon: Recorded, clock: Clock) -> None:
    amazon.returns.add(make_unit(ORDER, "LPN1", WEEK_AGO, "KET-FBA"))
    amazon.returns.add(make_unit(ORDER, "LPN2", WEEK_AGO, "KET-FBA", comments="a\tb"))
    channel = connect(amazon, clock, marketplaces=("DE",))
    records = [raw for page in channel.returns.created(Window(WEEK_AGO, NOON)) for raw in page.records]
    assert len(records) == 2
    refused = [raw for raw in records if refuses(channel, raw)]
    assert len(refused) == 1
    clock.passed += 7200  # the same row in another report is the same answer
    again = [raw for page in channel.returns.created(Window(WEEK_AGO, NOON)) for raw in page.records]
    assert sorted(again) == sorted(records)


def refuses(channel: AmazonChannel, raw: bytes) -> bool:
    try:
        channel.returns.head(raw)
        channel.returns.translate(raw)
    except RecordError as error:
        return error.reason.code == "bad_payload"
    return False


@pytest.mark.parametrize(
    "spoiled",
    [
        {"order_id": ""}, {"return_request_date": "soon"}, {"return_request_status": "Genehmigt"}, {"items": []},
        {"items": [{"merchant_sku": "KET", "return_quantity": "many"}]},
        {"items": [{"merchant_sku": "", "return_quantity": "1"}]},
        {"items": [{"merchant_sku": "KET", "return_quantity": "0"}]}, {"return_delivery_date": "31-Feb-2026"},
    ],
)  # fmt: skip
def test_a_return_that_cannot_be_read_is_refused(spoiled: dict[str, Any], amazon: Recorded, clock: Clock) -> None:
    amazon.returns.add(make_return(ORDER, "DJ1RMA", WEEK_AGO, ("KET", 1)))
    channel = connect(amazon, clock, marketplaces=("DE",))
    [raw] = [raw for page in channel.returns.created(Window(WEEK_AGO, NOON)) for raw in page.records]
    assert not refuses(channel, raw)
    assert refuses(channel, json.dumps({**json.loads(raw), **spoiled}).encode())


@pytest.mark.parametrize("raw", [b"", b"[]", b"\xff", b"{}", b'{"report":"merchant"}', b'{"report":"other"}'])
def test_bytes_that_are_no_return_are_refused(raw: bytes, amazon: Recorded, clock: Clock) -> None:
    assert refuses(connect(amazon, clock, marketplaces=("DE",)), raw)


def test_the_very_same_item_twice_counts_once_where_no_more_was_ordered(amazon: Recorded, clock: Clock) -> None:
    amazon.returns.add(make_return(ORDER, "DJ1RMA", WEEK_AGO, ("KET", 1)))
    amazon.returns.items_repeated = True
    [record] = Poller(amazon, clock).look_until_done()
    assert [(line.sku, line.quantity) for line in record.lines] == [("KET", 1)]
    clock.passed += 3600
    two = make_return(OTHER, "DJ2RMA", WEEK_AGO, ("KET", 1))
    amazon.returns.add({**two, "order_quantity": "2"})
    record = Poller(amazon, clock).look_until_done()[-1]
    assert [(line.sku, line.quantity) for line in record.lines] == [("KET", 2)]


@pytest.mark.parametrize("how", ["refused", "FATAL"])
def test_an_account_that_gets_only_the_flat_file_is_read_from_it(how: str, amazon: Recorded, clock: Clock) -> None:
    amazon.returns.add(
        make_return(ORDER, "DJ1", WEEK_AGO, ("KÄNNCHEN", 1), ("MUG", 2), delivered=NOON - timedelta(days=1)),
        make_return(OTHER, "DJ2", WEEK_AGO, ("KET", 1)),
    )
    if how == "refused":
        amazon.reports.refused.add(XML)
    else:
        amazon.reports.fate = ["FATAL"]
    first, second = Poller(amazon, clock).look_until_done()
    assert (first.return_id, first.state) == (f"{ORDER}:DJ1", ReturnState.RECEIVED)
    assert sorted((line.sku, line.quantity) for line in first.lines) == [("KÄNNCHEN", 1), ("MUG", 2)]
    assert first.created_at.date() == WEEK_AGO.date()
    assert second.return_id == f"{OTHER}:DJ2"
    assert asked(amazon) == [XML, FLAT, FBA]


def test_columns_in_another_language_stop_the_flat_file_with_the_fix(amazon: Recorded, clock: Clock) -> None:
    amazon.returns.add(make_return(ORDER, "DJ1", WEEK_AGO, ("KET", 1)), make_unit(OTHER, "LPN1", WEEK_AGO, "KET"))
    amazon.reports.refused.add(XML)
    amazon.returns.flat_columns = tuple(
        {"Order ID": "Bestellnummer"}.get(name, name) for name in amazon.returns.flat_columns
    )
    poller = Poller(amazon, clock)
    seen: list[str] = []
    for _ in range(6):
        try:
            seen += [record.rma for record in poller.look()]
        except RateLimited:
            pass
        except CommerceError:
            break
        clock.passed += 60
    assert seen == ["LPN1"]  # the other report is not held up
    with pytest.raises(TransientError, match="no column order id; set the account's language"):
        poller.look()
    clock.passed += 1800
    amazon.reports.refused.clear()
    assert [record.rma for record in poller.look_until_done()] == ["DJ1", "LPN1"]


BOMB = b"""<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>
<AmazonEnvelope><Message><return_details><order_id>&b;</order_id></return_details></Message></AmazonEnvelope>"""
FILE = b"""<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><AmazonEnvelope>&x;</AmazonEnvelope>"""


@pytest.mark.parametrize("body", [BOMB, FILE, b"<AmazonEnvelope><Message>", b"\x00", b""])
def test_xml_that_may_not_be_read_is_read_as_the_flat_file(
    body: bytes, amazon: Recorded, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    amazon.returns.add(make_return(ORDER, "DJ1", WEEK_AGO, ("KET", 1)))
    write = amazon.returns.write
    monkeypatch.setattr(
        amazon.returns, "write",
        lambda kind, start, end: (body or b" ", "text/xml") if kind == XML else write(kind, start, end),
    )  # fmt: skip
    assert [record.rma for record in Poller(amazon, clock).look_until_done()] == ["DJ1"]
    assert asked(amazon) == [XML, FLAT, FBA]


def test_a_document_beyond_all_measure_is_not_read(
    amazon: Recorded, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("commerce_pipelines.channels.amazon.returns.return_documents.MOST_XML", 1000)
    amazon.returns.add(*(make_return(ORDER, f"DJ{number}", WEEK_AGO, ("KET", 1)) for number in range(9)))
    assert len(Poller(amazon, clock).look_until_done()) == 9
    assert asked(amazon) == [XML, FLAT, FBA]


def test_characters_that_xml_forbids_spoil_no_other_return(
    amazon: Recorded, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    amazon.returns.add(make_return(ORDER, "DJ1", WEEK_AGO, ("KET", 1)))
    write = amazon.returns.write

    def spoil(kind: str, *span: Any) -> tuple[bytes, str]:
        body, content_type = write(kind, *span)
        return body.replace(b"Gooseneck", b"Goose\x02neck"), content_type

    monkeypatch.setattr(amazon.returns, "write", spoil)
    assert [record.rma for record in Poller(amazon, clock).look_until_done()] == ["DJ1"]
    assert asked(amazon) == [XML, FBA]


def test_the_same_return_is_the_same_bytes_however_amazon_sorts_it(amazon: Recorded, clock: Clock) -> None:
    record = make_return(ORDER, "DJ1", WEEK_AGO, ("KET", 1), ("MUG", 2))
    channel = connect(amazon, clock, marketplaces=("DE",))
    seen = set()
    for items in (record["items"], record["items"][::-1]):
        amazon.returns.add({**record, "items": items})
        seen |= {raw for page in channel.returns.created(Window(WEEK_AGO, NOON)) for raw in page.records}
        clock.passed += 7200
    assert len(seen) == 1
