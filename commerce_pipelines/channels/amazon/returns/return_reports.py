"""Requesting Amazon's returns reports: at most one of a kind in half an hour, whoever asks.

What belongs here: which report is used again, when one is requested, what becomes of one that fails. What does not: one
call (api/reports.py), dividing a document (return_documents.py).

Amazon cancels a report that is requested again within half an hour, and calls a report without rows cancelled as well.
So a cancelled report is only believed because no second one is ever requested within that time. A report of 59 days
costs no more than one of a day, and shows what became of older returns, of whose changes Amazon gives no sign.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from ....core.errors import CredentialError, PermanentError, RateLimited
from ...capabilities import Window
from ..api import reports
from ..api.api import Api
from ..api.payloads import Report
from .return_documents import FBA, FLAT, XML, divide

ASKED_EVERY = timedelta(minutes=30)
LONGEST_SPAN = timedelta(days=59)  # Amazon takes 60
REUSED_FOR = timedelta(hours=1)  # by runs, which need no state of this very minute
PENDING = ("IN_QUEUE", "IN_PROGRESS")


class GivenUp(Exception):
    """A report that cannot be had. why: in words, with the fix."""

    def __init__(self, kind: str, why: str) -> None:
        super().__init__(why)
        self.kind, self.why = kind, why


class ReturnReports:
    """The reports of one seller account. marketplaces: returns where it sells, and is called when that is needed."""

    def __init__(self, api: Api, marketplaces: Callable[[], Sequence[str]]) -> None:
        self._api, self._marketplaces = api, marketplaces

    @property
    def first_kinds(self) -> tuple[str, ...]:
        """The kinds to ask for; FLAT stands in for XML where that cannot be had."""
        return (XML, FBA) if self._api.settings.fba_returns else (XML,)

    def newest_span(self) -> Window:
        """The span of a report that shows the present."""
        now = self._api.now().astimezone(UTC).replace(microsecond=0)
        return Window(now - LONGEST_SPAN, now)

    def ask(self, kind: str) -> Report:
        """A report of the newest span, requested now or within the last half hour. Raises GivenUp; RateLimited while
        Amazon would cancel another one."""
        span = self.newest_span()
        recent = self._find(kind, span.end - ASKED_EVERY)
        for report in recent:
            if _is_covering(report, span.start, span.end - ASKED_EVERY):
                return report
        if recent:
            raise RateLimited(f"{self._api.name}: Amazon makes one {kind} in half an hour; it is asked again later.")
        return self._create(kind, span)

    def look(self, kind: str, report_id: str) -> list[bytes]:
        """The records of a requested report. Raises GivenUp; RateLimited while Amazon works on it."""
        return self._take(kind, reports.get_report(self._api, report_id))

    def read(self, kind: str, window: Window) -> list[bytes]:
        """The records of a span that is no longer than a report may be, waiting for Amazon. Raises GivenUp."""
        now = self._api.now().astimezone(UTC).replace(microsecond=0)
        recent = self._find(kind, now - REUSED_FOR)
        fresh = min(window.end, now - REUSED_FOR)
        report = next((report for report in recent if _is_covering(report, window.start, fresh)), None)
        if report is None:
            if recent:
                wait = recent[0].created_time + ASKED_EVERY - now
                self._api.sleep(max(0.0, wait.total_seconds()))
            span = self.newest_span()  # a look at the present uses it, too, and need not wait for one of its own
            if window.start < span.start:
                span = Window(window.start, min(window.start + LONGEST_SPAN, span.end))
            report = self._create(kind, span)
        return self._take(kind, reports.wait_for(self._api, kind, report))

    def _find(self, kind: str, since: datetime) -> list[Report]:
        return reports.find_recent(self._api, kind, self._marketplaces(), since)

    def _create(self, kind: str, span: Window) -> Report:
        try:
            return reports.create(self._api, kind, self._marketplaces(), span)
        except CredentialError as error:
            role = "Amazon Fulfillment" if kind == FBA else "Inventory and Order Tracking"
            fix = f"give the application the role {role} and authorise it again"
            raise GivenUp(kind, f"the application may not request it: {fix}") from error
        except PermanentError as error:
            raise GivenUp(kind, "Amazon refuses the request: ask for the report in Seller Central") from error

    def _take(self, kind: str, report: Report) -> list[bytes]:
        if report.processing_status in PENDING:
            raise RateLimited(f"{self._api.name}: Amazon works on the {kind}; the next look goes on with it.")
        if report.processing_status == "CANCELLED":
            return []  # no rows
        if report.processing_status != "DONE" or not report.report_document_id:
            raise GivenUp(kind, "Amazon gave it up: ask for the report in Seller Central, and if it fails there too, "
                          "open a case")  # fmt: skip
        try:
            return divide(kind, reports.open_document(self._api, report))
        except CredentialError:
            raise
        except PermanentError as error:
            raise GivenUp(kind, str(error).rstrip(".")) from error


def _is_covering(report: Report, start: datetime, end: datetime) -> bool:
    """Whether a report shows the returns from `start` to `end`. Two polls' spans differ by minutes at their old end."""
    begins, ends = report.data_start_time, report.data_end_time
    return begins is not None and ends is not None and begins <= start + ASKED_EVERY and ends >= end


__all__ = ["ASKED_EVERY", "FBA", "FLAT", "LONGEST_SPAN", "XML", "GivenUp", "ReturnReports"]
