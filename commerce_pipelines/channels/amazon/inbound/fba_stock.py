"""Amazon's stock of one seller: the ledger by reports, and what each marketplace shows now.

What belongs here: the operations of FbaStock. What does not: the documents (ledger_documents.py), shipments
(shipments.py), one call (api/).

The ledger is region-wide: one request for the account, whatever the number of its marketplaces. Amazon cancels a report
that is requested again within half an hour, and a report without rows; so a report of the same span is used again for
an hour, and a cancelled one is only believed where no other could have been in its way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

import msgspec

from ....core.errors import CredentialError, PermanentError, ProtocolError, RateLimited
from ....domain.inbound.ledger import Ledger
from ....domain.inbound.levels import FbaLevel
from ....domain.inbound.removals import RemovedUnits
from ....domain.inbound.road import FbaShipment
from ...capabilities import Window
from ...own_warehouses import FbaStock
from ..account import SUMMARIES
from ..api import reports
from ..api.api import Api, decode
from ..api.documents import Fetched
from ..api.payloads import Report
from .ledger_documents import DETAILS, SUMMARY, read_details, read_summary
from .removal_documents import REMOVALS, read_removals
from .shipments import read_shipments

REUSED_FOR = timedelta(hours=1)
ASKED_EVERY = timedelta(minutes=30)
LOCATIONS = {"country": "COUNTRY", "centre": "FC"}
ROLE = "Amazon Fulfillment"


class _Shown(msgspec.Struct, rename="camel", gc=False):
    pass


class Reserved(_Shown):
    total_reserved_quantity: int = 0


class Researching(_Shown):
    total_researching_quantity: int = 0


class Unfulfillable(_Shown):
    total_unfulfillable_quantity: int = 0


class Details(_Shown):
    fulfillable_quantity: int = 0
    inbound_working_quantity: int = 0
    inbound_shipped_quantity: int = 0
    inbound_receiving_quantity: int = 0
    reserved_quantity: Reserved | None = None
    researching_quantity: Researching | None = None
    unfulfillable_quantity: Unfulfillable | None = None


class Summary(_Shown):
    seller_sku: str = ""
    fn_sku: str = ""
    asin: str = ""
    total_quantity: int = 0
    inventory_details: Details | None = None


class Result(_Shown):
    inventory_summaries: list[Summary]


class Next(_Shown):
    next_token: str | None = None


class Summaries(_Shown):
    payload: Result
    pagination: Next | None = None


class AmazonFbaStock(FbaStock):
    """marketplaces: returns where the account sells, and is called when that is needed."""

    def __init__(self, api: Api, marketplaces: Callable[[], Sequence[str]]) -> None:
        self._api, self._marketplaces = api, marketplaces

    def read_ledger(self, start: date, end: date, by: Literal["country", "centre"]) -> Ledger:
        zone = self._api.settings.zone
        span = Window(
            datetime.combine(start, time.min, zone).astimezone(UTC),
            datetime.combine(end, time.min, zone).astimezone(UTC),
        )
        options = {"aggregateByLocation": LOCATIONS[by], "aggregatedByTimePeriod": "DAILY"}
        requested = [(SUMMARY, self._ask(SUMMARY, span, options)), (DETAILS, self._ask(DETAILS, span, None))]
        summary, details = (self._take(kind, report) for kind, report in requested)
        if summary is None:
            return Ledger()
        balances = read_summary(summary, start, end)
        if not balances:
            return Ledger()
        last = max(balance.day for balance in balances)
        events = read_details(details, start, end) if details else []
        days = tuple(start + timedelta(days=n) for n in range((last - start).days + 1))
        return Ledger(days=days, balances=tuple(balances), events=tuple(event for event in events if event.day <= last))

    def read_removals(self, start: date, end: date) -> list[RemovedUnits]:
        zone = self._api.settings.zone
        span = Window(
            datetime.combine(start, time.min, zone).astimezone(UTC),
            datetime.combine(end, time.min, zone).astimezone(UTC),
        )
        document = self._take(REMOVALS, self._ask(REMOVALS, span, None))
        return list(read_removals(document, zone)) if document else []

    def read_levels(self, marketplace: str) -> list[FbaLevel]:
        return [_build_level(summary) for page in self._read_pages(marketplace) for summary in page]

    def read_shipments(self, shipment_ids: Sequence[str]) -> list[FbaShipment]:
        return read_shipments(self._api, self.list_marketplaces(), shipment_ids)

    def list_marketplaces(self) -> tuple[str, ...]:
        return tuple(self._marketplaces())

    def _read_pages(self, marketplace: str) -> Iterator[list[Summary]]:
        """A token lives for thirty seconds, so nothing is done between two pages."""
        query = {
            "details": "true", "granularityType": "Marketplace", "granularityId": marketplace,
            "marketplaceIds": marketplace,
        }  # fmt: skip
        seen = {""}
        while True:
            answer = decode(self._api.call("getInventorySummaries", SUMMARIES, query), Summaries)
            yield answer.payload.inventory_summaries
            token = (answer.pagination and answer.pagination.next_token) or ""
            if not token:
                return
            if token in seen:
                raise ProtocolError(f"{self._api.name}: Amazon repeats a page token of the inventory.")
            seen.add(token)
            query = {**query, "nextToken": token}

    def _ask(self, kind: str, span: Window, options: dict[str, str] | None) -> Report:
        places = self.list_marketplaces()[:1]  # the data are of the account, not of one marketplace
        for report in reports.find_recent(self._api, kind, places, self._api.now() - REUSED_FOR):
            if (report.data_start_time, report.data_end_time) == (span.start, span.end) and (
                report.processing_status in reports.USABLE
            ):
                return report
        try:
            return reports.create(self._api, kind, places, span, options)
        except CredentialError as error:
            raise CredentialError(
                f"{self._api.name}: the application may not request the {kind}: give it the role {ROLE} and authorise "
                "it again.", words=error.words,
            ) from None  # fmt: skip

    def _take(self, kind: str, report: Report) -> Fetched | None:
        """The document of a report, waiting for Amazon; None where it has no rows."""
        report = reports.wait_for(self._api, kind, report)
        if report.processing_status == "DONE" and report.report_document_id:
            return reports.open_document(self._api, report)
        if report.processing_status != "CANCELLED":
            raise PermanentError(
                f"{self._api.name}: Amazon gave up the {kind}: the next run asks for it again; if that fails, too, ask "
                "for it in Seller Central."
            )
        places = self.list_marketplaces()[:1]
        before = reports.find_recent(self._api, kind, places, report.created_time - ASKED_EVERY)
        if any(other.report_id != report.report_id and other.created_time <= report.created_time for other in before):
            raise RateLimited(
                f"{self._api.name}: Amazon makes one {kind} in half an hour and has cancelled this one; it is asked "
                "for again later."
            )
        return None


def _build_level(summary: Summary) -> FbaLevel:
    shown = summary.inventory_details or Details()
    return FbaLevel(
        msku=summary.seller_sku, fnsku=summary.fn_sku, asin=summary.asin, total=summary.total_quantity,
        fulfillable=shown.fulfillable_quantity, inbound_working=shown.inbound_working_quantity,
        inbound_shipped=shown.inbound_shipped_quantity, inbound_receiving=shown.inbound_receiving_quantity,
        reserved=shown.reserved_quantity.total_reserved_quantity if shown.reserved_quantity else 0,
        researching=shown.researching_quantity.total_researching_quantity if shown.researching_quantity else 0,
        unfulfillable=(
            shown.unfulfillable_quantity.total_unfulfillable_quantity if shown.unfulfillable_quantity else 0
        ),
    )  # fmt: skip
