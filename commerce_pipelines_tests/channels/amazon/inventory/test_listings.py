"""Reading Amazon's listings over HTTP: a small catalogue by search, a large one by report."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from commerce_pipelines.channels.amazon.channel import AmazonChannel
from commerce_pipelines.core.errors import ProtocolError, SettingsError, TransientError
from commerce_pipelines.domain.inventory.listings import InventoryRules
from commerce_pipelines.domain.orders.order import FulfilledBy
from commerce_sandbox.catalogue import CATALOGUE
from commerce_sandbox.server import Call, Fault

from ..catalogue import DE, FR, SELLER, fill, offer, pushes, read
from ..contract import NOON, Clock, Recorded, connect, judged

SEARCH, REPORTS = f"/items/{SELLER}", "/reports/2021-06-30/reports"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def amazon(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorded]:
    with judged(clock, monkeypatch) as stand_in:
        yield stand_in


@pytest.fixture
def channel(amazon: Recorded, clock: Clock) -> AmazonChannel:
    return connect(amazon, clock, seller_id=SELLER, marketplaces=("DE", "FR"))


def _is_request(call: Call) -> bool:
    return call.method == "POST" and call.path == REPORTS


def connect_later(amazon: Recorded) -> AmazonChannel:
    """Another process, hours later: nothing that was asked for before is recent."""
    clock = Clock()
    clock.passed = 3 * 3600.0
    amazon.now = clock.now
    return connect(amazon, clock, seller_id=SELLER, marketplaces=("DE", "FR"))


class TestSearch:
    def test_a_small_catalogue_is_searched_page_by_page(self, amazon: Recorded, channel: AmazonChannel) -> None:
        fill(amazon, 47)
        listings = read(channel)
        assert len(amazon.called(SEARCH)) == 3
        assert {key: listing.quantity for key, listing in listings.items()} == {
            listing.sku: listing.quantity for listing in amazon.listings.offers.values()
        }
        assert listings["SKU/00003 ä"].reference == {"marketplaces": f"{DE},{FR}", "product_type": "KITCHEN"}
        assert listings["SKU/00003 ä"].title == "Kettle 3 für Żółw"

    def test_what_amazon_fulfils_is_marked(self, amazon: Recorded, channel: AmazonChannel) -> None:
        fill(amazon, 20)
        by_amazon = [listing for listing in read(channel).values() if listing.fulfilled_by is FulfilledBy.CHANNEL]
        assert [(listing.sku, listing.quantity) for listing in by_amazon] == [
            ("SKU/00009 ä", None),
            ("SKU/00019 ä", None),
        ]

    def test_a_listing_that_is_sold_out_stays_alive(self, amazon: Recorded, channel: AmazonChannel) -> None:
        fill(amazon, 1)
        (listing,) = read(channel).values()
        assert (listing.quantity, listing.active) == (0, True)

    def test_the_catalogue_of_the_sandbox_is_listed(self, amazon: Recorded, clock: Clock) -> None:
        listings = read(connect(amazon, clock, seller_id=SELLER))
        assert listings.keys() == {article.sku for article in CATALOGUE}
        assert 5 < sum(listing.fulfilled_by is FulfilledBy.CHANNEL for listing in listings.values()) < 12

    def test_half_a_catalogue_is_no_catalogue(self, amazon: Recorded, channel: AmazonChannel) -> None:
        fill(amazon, 30)
        amazon.faults = [Fault(match=SEARCH, body=json.dumps({"numberOfResults": 30, "items": []}).encode())]
        with pytest.raises(TransientError, match="counts 30 listings and showed 0"):
            read(channel)

    def test_without_a_seller_id_the_key_is_named(self, amazon: Recorded, clock: Clock) -> None:
        nobody = connect(amazon, clock, marketplaces=("DE",))
        with pytest.raises(SettingsError, match=r"channels\[amazon_eu\]\.seller_id is missing.*Merchant Token"):
            list(nobody.listings.read())
        wrongs: tuple[dict[str, Any], ...] = ({"seller_id": "a-2"}, {"inventory": InventoryRules(enabled=True)})
        for wrong in wrongs:
            with pytest.raises(SettingsError, match=r"channels\[amazon_eu\]\.seller_id"):
                connect(amazon, clock, **wrong)


class TestReport:
    def test_a_large_catalogue_is_read_with_a_handful_of_calls(
        self, amazon: Recorded, channel: AmazonChannel, clock: Clock
    ) -> None:
        fill(amazon, 3000)
        listings = read(channel)
        assert {key: listing.quantity for key, listing in listings.items()} == {
            listing.sku: listing.quantity for listing in amazon.listings.offers.values()
        }
        assert {listing.reference["marketplaces"] for listing in listings.values()} == {f"{DE},{FR}"}
        assert sum(listing.fulfilled_by is FulfilledBy.CHANNEL for listing in listings.values()) == 300
        assert listings["SKU/00003 ä"].title == "Kettle 3 für ?ó?w"  # Amazon's own doing
        assert len(amazon.calls) < 20
        assert clock.passed < 60

    def test_what_changed_since_lies_over_a_report_from_the_cache(
        self, amazon: Recorded, channel: AmazonChannel, clock: Clock
    ) -> None:
        """Believing an old report would leave a lowered figure standing where it was raised meanwhile."""
        fill(amazon, 1200)
        read(channel)
        clock.passed += 1800
        wanted = pushes(channel, 3, quantity=77)
        assert {outcome.status for outcome in channel.quantities.push(wanted)} == {"accepted"}
        clock.passed += 60
        again = read(channel)
        assert [again[push.listing.key].quantity for push in wanted] == [77, 77, 77]
        assert len([call for call in amazon.called(REPORTS) if call.method == "POST"]) == 2  # one per marketplace

    def test_many_changes_are_searched_in_shorter_spans(self, amazon: Recorded, channel: AmazonChannel) -> None:
        fill(amazon, 1100)
        for number, listed in enumerate(list(amazon.listings.offers.values())):
            listed.updated = NOON - timedelta(seconds=10 * number)
        assert len(read(channel)) == 1100
        assert all(int(json.loads(reply.encoded()[0]).get("numberOfResults", 0)) <= 1100
                   for call, reply in amazon.exchanges if SEARCH in call.path)  # fmt: skip
        assert all("product_type" in listing.reference for listing in read(channel).values())

    def test_a_report_that_runs_is_waited_for_by_the_next_run(
        self, amazon: Recorded, channel: AmazonChannel, clock: Clock
    ) -> None:
        fill(amazon, 1100)
        amazon.reports.takes = timedelta(minutes=20)
        with pytest.raises(TransientError, match="still works on"):
            read(channel)
        amazon.reports.takes = timedelta(seconds=5)
        clock.passed += 600
        assert len(read(channel)) == 1100
        asked = [call.json()["marketplaceIds"] for call in amazon.called(REPORTS) if call.method == "POST"]
        assert asked == [[DE], [FR]]

    def test_a_lost_answer_to_the_request_is_not_a_second_report(
        self, amazon: Recorded, channel: AmazonChannel
    ) -> None:
        fill(amazon, 1100)
        amazon.faults = [Fault(match=_is_request, drop=True, after=True)]
        assert len(read(channel)) == 1100
        assert len([call for call in amazon.calls if _is_request(call)]) == 2  # one per marketplace

    def test_a_report_that_was_never_asked_for_is_for_the_next_run(
        self, amazon: Recorded, channel: AmazonChannel
    ) -> None:
        fill(amazon, 1100)
        amazon.faults = [Fault(match=_is_request, drop=True)]
        with pytest.raises(TransientError, match="no such report yet"):
            read(channel)
        assert len([call for call in amazon.calls if _is_request(call)]) == 1
        assert len(read(channel)) == 1100

    @pytest.mark.parametrize("fate", ["CANCELLED", "FATAL"])
    def test_a_failed_report_is_asked_for_once_more(self, amazon: Recorded, channel: AmazonChannel, fate: str) -> None:
        fill(amazon, 1100)
        amazon.reports.fate = [fate]
        assert len(read(channel)) == 1100
        amazon.reports.fate = [fate, fate, fate]
        amazon.now = lambda: NOON + timedelta(hours=3)
        with pytest.raises(TransientError, match=f"{DE} failed twice \\({fate}\\)"):
            read(connect_later(amazon))
        assert amazon.reports.fate == [fate]

    def test_a_marketplace_without_listings_has_no_report(self, amazon: Recorded, clock: Clock) -> None:
        amazon.listings.offers.clear()
        amazon.listings.add(*(offer(number, places=(DE,)) for number in range(1100)))
        assert len(read(connect(amazon, clock, seller_id=SELLER, marketplaces=("DE", "FR")))) == 1100

    def test_a_report_of_another_marketplace_is_refused(self, amazon: Recorded, channel: AmazonChannel) -> None:
        fill(amazon, 1100)
        body = {"reportId": "1", "reportType": "X", "createdTime": "2026-11-20T12:00:00Z", "processingStatus": "DONE",
                "reportDocumentId": "d", "marketplaceIds": [FR]}  # fmt: skip
        amazon.faults = [Fault(match=f"{REPORTS}/", body=json.dumps(body).encode())]
        with pytest.raises(ProtocolError, match="of another marketplace than A1PA6795UKMFR9"):
            read(channel)

    def test_the_same_failed_report_again_is_not_waited_for(self, amazon: Recorded, channel: AmazonChannel) -> None:
        fill(amazon, 1100)
        amazon.faults = [Fault(match=lambda call: call.method == "POST" and "reports" in call.path, times=2,
                               status=202, body=b'{"reportId": "1"}'),
                         Fault(match=f"{REPORTS}/1", times=2, body=json.dumps(
                             {"reportId": "1", "createdTime": "2026-11-20T12:00:00Z", "processingStatus": "FATAL"}
                         ).encode())]  # fmt: skip
        with pytest.raises(TransientError, match="the same report again"):
            read(channel)

    def test_a_sku_in_two_reports_shows_the_larger_figure(self, amazon: Recorded, channel: AmazonChannel) -> None:
        fill(amazon, 1100)
        for place, quantity in ((DE, 3), (FR, 8)):
            amazon.listings.offers["SKU/00000 ä"].availability[0]["quantity"] = quantity
            amazon.reports._cache[place] = (NOON, amazon.reports._write_rows(place))
        assert read(channel)["SKU/00000 ä"].quantity == 8

    @pytest.mark.parametrize("charset", ["UTF-8", "ISO-8859-1", "Windows-1252"])
    def test_the_charset_is_what_the_document_says(
        self, amazon: Recorded, channel: AmazonChannel, charset: str
    ) -> None:
        fill(amazon, 1000)
        amazon.reports.charset = charset
        assert read(channel).keys() == amazon.listings.offers.keys()

    def test_a_charset_that_is_wrong_is_seen_through_or_loud(self, amazon: Recorded, channel: AmazonChannel) -> None:
        fill(amazon, 1000)
        for place in (DE, FR):
            amazon.reports._cache[place] = (NOON, amazon.reports._write_rows(place).decode("cp1252").encode())
        assert read(channel).keys() == amazon.listings.offers.keys()
        amazon.reports.charset, amazon.reports.cached = "utf-8", timedelta(days=1)
        for place in (DE, FR):
            amazon.reports._cache[place] = (
                NOON,
                amazon.reports._write_rows(place).decode().encode("cp1252", "replace"),
            )
        with pytest.raises(ProtocolError, match=r"rows of Amazon.s report cannot be read, the first by its seller-sku"):
            read(connect_later(amazon))

    def test_columns_in_another_language_are_named(self, amazon: Recorded, channel: AmazonChannel) -> None:
        fill(amazon, 1000)
        german = {"seller-sku": "Händler-SKU", "quantity": "Menge"}
        amazon.reports.columns = tuple(german.get(column, column) for column in amazon.reports.columns)
        with pytest.raises(ProtocolError, match="no column seller-sku and no column quantity"):
            read(channel)
        asked = next(call for call in amazon.called(REPORTS) if call.method == "POST").json()
        assert asked["reportOptions"] == {"preferredReportDocumentLocale": "en_US"}

    @pytest.mark.parametrize(
        ("spoil", "why"),
        [
            (lambda row: b"half a row\tand no more", "line 1002 .* has 2 columns, not 29"),
            (lambda row: row + b"\tone more", "line 1002 .* has 30 columns, not 29"),
            (lambda row: row.replace(b"\tSKU/", b"\tx\tSKU/", 1), "line 1002 .* has 30 columns, not 29"),
            (lambda row: row.replace(b"\t7\t", b"\tseven\t"), "quantity in the GET_MERCHANT_LISTINGS_ALL_DATA"),
            (lambda row: row.replace(b"DEFAULT", b"2026-11-20"), "fulfillment-channel in the"),
        ],
    )
    def test_a_broken_row_waits_alone(
        self, amazon: Recorded, channel: AmazonChannel, spoil: Callable[[bytes], bytes], why: str
    ) -> None:
        fill(amazon, 1000)
        amazon.listings.add(offer(1001, 7, places=(FR,)))
        sound = read(channel)
        amazon.reports.cached = timedelta(days=1)
        rows = amazon.reports._write_rows(DE)
        last = next(row for row in rows.split(b"\n") if b"\t7\t" in row)
        amazon.reports._cache[DE] = (NOON, rows + spoil(last.replace(b"SKU/", b"SKU/new ")) + b"\n")
        listings = read(connect_later(amazon))
        (bad,) = listings.keys() - sound.keys()
        assert listings.keys() - {bad} == sound.keys()
        assert re.search(why, listings[bad].reference["unreadable"])
        assert (listings[bad].sku, listings[bad].quantity) == ("", None)

    def test_a_listing_of_another_shape_waits_alone(self, amazon: Recorded, channel: AmazonChannel) -> None:
        fill(amazon, 3)
        item = {"sku": "ODD", "fulfillmentAvailability": "none"}
        answer = {"numberOfResults": 2, "items": [item, {"sku": "EVEN"}]}
        amazon.faults = [Fault(match=SEARCH, body=json.dumps(answer).encode())]
        listings = read(channel)
        assert listings.pop("EVEN").quantity is None
        ((_, odd),) = listings.items()
        assert odd.reference["unreadable"] == "$.fulfillmentAvailability"
        assert odd.key == "unreadable-ODD"

    def test_what_changed_to_something_unreadable_is_not_told_by_the_older_report(
        self, amazon: Recorded, channel: AmazonChannel
    ) -> None:
        fill(amazon, 1000)
        amazon.reports.cached = timedelta(days=1)
        sound = read(channel)
        sku = next(iter(sound))
        answer = {"numberOfResults": 1, "items": [{"sku": sku, "fulfillmentAvailability": "none"}]}
        amazon.faults = [Fault(match=lambda call: "lastUpdatedAfter" in call.query, body=json.dumps(answer).encode())]
        listings = read(connect_later(amazon))
        assert sound.keys() - listings.keys() == {sku}
        assert listings.keys() - sound.keys() == {f"unreadable-{sku}"}
