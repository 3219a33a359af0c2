"""Reports: requested as rarely as possible, waited for, read row by row.

What belongs here: the flow createReport, getReport, getReportDocument for any report, and the reading of a
tab-separated one's rows. What does not: what the columns mean (inventory/listings.py, returns/return_documents.py),
where documents may lie (documents.py).

Amazon cancels a report that is requested again too soon. A report of the last hour is therefore used again, whichever
process requested it and whether it is done or not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from ....core.errors import ProtocolError, TransientError, UnknownOutcome
from ...capabilities import Window
from ...http.session import Repeat
from .api import Api, decode
from .documents import Fetched, fetch, lines
from .payloads import CreatedReport, Document, Report, Reports

REPORTS_PATH = "/reports/2021-06-30"
REUSED_FOR = timedelta(hours=1)
LOOK_PAUSE_SECONDS = (2.0, 4.0, 8.0, 15.0)  # seconds between two looks at a report; the last pause repeats
REPORT_WAIT_SECONDS = 900.0
CLOCKS_DIFFER = timedelta(minutes=2)
USABLE = ("DONE", "IN_PROGRESS", "IN_QUEUE")
STATUSES = (*USABLE, "CANCELLED", "FATAL")
LOCALE = {"preferredReportDocumentLocale": "en_US"}  # otherwise Amazon names the columns in the marketplace's language


class BadRow(NamedTuple):
    """A row whose fields do not match the header's columns."""

    raw: bytes
    why: str


class Rows(NamedTuple):
    """A report: when it was requested, and its rows by the names of the wanted columns ('' for a column that it
    lacks)."""

    asked: datetime
    rows: Iterator[dict[str, bytes] | BadRow]
    charset: str


class Failed(Exception):
    """Amazon gave up the report twice: CANCELLED (also its answer for an empty report) or FATAL."""

    def __init__(self, status: str) -> None:
        super().__init__(status)
        self.status = status


def read(api: Api, kind: str, marketplace: str, columns: Mapping[str, Sequence[str]], needed: Sequence[str]) -> Rows:
    """The report of one marketplace. columns: our name -> the names that Amazon uses. needed: the columns that the
    report must have.

    Raises Failed; TransientError for a report that is not done within fifteen minutes; ProtocolError for a report that
    is not the requested one.
    """
    report = _wait_for_done_report(api, kind, marketplace)
    document = open_document(api, report)
    return Rows(report.created_time, read_rows(document, kind, columns, needed), document.charset)


def open_document(api: Api, report: Report) -> Fetched:
    """The document of a report that is done."""
    answer = api.call("getReportDocument", f"{REPORTS_PATH}/documents/{report.report_document_id}")
    return fetch(api, "getReportDocument", decode(answer, Document))


def _wait_for_done_report(api: Api, kind: str, marketplace: str) -> Report:
    """The finished report. A report that fails is requested once more."""
    failed: set[str] = set()
    places = (marketplace,)
    recent = find_recent(api, kind, places, api.now() - REUSED_FOR, USABLE)
    report = recent[0] if recent else create(api, kind, places)
    while True:
        report = wait_for(api, kind, report)
        if report.marketplace_ids and marketplace not in report.marketplace_ids:
            raise ProtocolError(f"{api.name}: Amazon answered a {kind} of another marketplace than {marketplace}.")
        if report.processing_status == "DONE" and report.report_document_id:
            return report
        if failed:
            raise Failed(report.processing_status)
        failed.add(report.report_id)
        report = create(api, kind, places)
        if report.report_id in failed:
            raise Failed("the same report again")


def find_recent(
    api: Api, kind: str, marketplaces: Sequence[str], since: datetime, statuses: Sequence[str] = STATUSES
) -> list[Report]:
    """The reports of this kind and of all these marketplaces requested since then, the newest first."""
    query = {"reportTypes": kind, "marketplaceIds": ",".join(marketplaces), "createdSince": format_instant(since),
             "pageSize": "10", "processingStatuses": ",".join(statuses)}  # fmt: skip
    reports = decode(api.call("getReports", f"{REPORTS_PATH}/reports", query), Reports).reports
    ours = [report for report in reports if set(marketplaces) <= set(report.marketplace_ids)]
    return sorted(ours, key=lambda report: report.created_time, reverse=True)


def create(
    api: Api, kind: str, marketplaces: Sequence[str], span: Window | None = None,
    options: Mapping[str, str] | None = None,
) -> Report:  # fmt: skip
    """Request a report. span: of its data, where the kind has one; options: of the kind."""
    body: dict[str, object] = {"reportType": kind, "marketplaceIds": list(marketplaces)}
    if span is None:
        body["reportOptions"] = LOCALE
    else:
        body |= {"dataStartTime": format_instant(span.start), "dataEndTime": format_instant(span.end)}
    if options:
        body["reportOptions"] = dict(options)
    asked = api.now()
    try:
        # Never repeated: a second request would cancel the first.
        answer = api.send("POST", "createReport", f"{REPORTS_PATH}/reports", body, repeat=Repeat.NEVER, ok=(202,))
    except UnknownOutcome as error:
        since = asked - REUSED_FOR if span is None else asked - CLOCKS_DIFFER
        if recent := find_recent(api, kind, marketplaces, since, USABLE):
            return recent[0]
        raise TransientError(
            f"{error} Amazon shows no such report yet; the next run looks again.", words=error.words
        ) from None
    return get_report(api, decode(answer, CreatedReport).report_id)


def wait_for(api: Api, kind: str, report: Report) -> Report:
    """The report when Amazon has ended its work on it. Raises TransientError after fifteen minutes."""
    started = api.clock()
    pauses = iter(LOOK_PAUSE_SECONDS)
    pause = 0.0
    while report.processing_status in ("IN_QUEUE", "IN_PROGRESS"):
        if api.clock() - started > REPORT_WAIT_SECONDS:
            raise TransientError(
                f"{api.name}: Amazon still works on the {kind}; the next run goes on with the same report."
            )
        pause = next(pauses, pause)
        api.sleep(pause)
        report = get_report(api, report.report_id)
    return report


def get_report(api: Api, report_id: str) -> Report:
    return decode(api.call("getReport", f"{REPORTS_PATH}/reports/{report_id}"), Report)


def read_rows(
    document: Fetched, kind: str, columns: Mapping[str, Sequence[str]], needed: Sequence[str]
) -> Iterator[dict[str, bytes] | BadRow]:
    """The rows. columns, needed: as for `read`. Empty columns may be missing at the end of a row. A row with more
    columns than the header, or without a needed column, is bad by itself: nobody can tell which field is which."""
    every = lines(document)
    header = [
        heading.strip().strip(b'"').lower() for heading in next(every, b"").removeprefix(b"\xef\xbb\xbf").split(b"\t")
    ]
    place = {
        ours: next((header.index(heading.encode()) for heading in theirs if heading.encode() in header), -1)
        for ours, theirs in columns.items()
    }
    missing = [columns[heading][0] for heading in needed if place[heading] < 0]
    if missing:
        raise ProtocolError(
            f"The {kind} has no column {' and no column '.join(missing)}; set the account's language in Seller Central "
            "to English, or compare what Amazon sends now with the names that channels/amazon reads."
        )
    least = max(place[heading] for heading in needed)
    for number, line in enumerate(every, 2):
        if not line.strip():
            continue
        fields = line.split(b"\t")
        if not least < len(fields) <= len(header):
            yield BadRow(line, f"line {number} of the {kind} has {len(fields)} columns, not {len(header)}")
            continue
        yield {ours: fields[at] if 0 <= at < len(fields) else b"" for ours, at in place.items()}


def format_instant(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
