"""Amazon's returns (goods): by reports, of merchant-fulfilled orders and of FBA.

What belongs here: the operations of Source, and what is kept between two looks. What does not: which report is
requested (return_reports.py), its document (return_documents.py), what a return means (return_translate.py).

A report takes minutes, and a look has seconds. So a look requests it and keeps its number in `resume`; the next looks
ask whether it is done. A kind of report that cannot be had holds up no other: it is told for half an hour, and then
asked for again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

import msgspec

from ....core.errors import RecordError, TransientError
from ....core.topics import Topic
from ....domain.returns.records import Return
from ...capabilities import AfterSale, Head, Page, Unchanged, Window
from ..api.api import Api
from . import return_payloads
from .return_reports import ASKED_EVERY, FBA, FLAT, LONGEST_SPAN, XML, GivenUp, ReturnReports
from .return_translate import translate

RECORDS_A_PAGE = 500


class Place(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a look goes on. kinds: of reports that are not landed yet. report_id: of the first of them, once it is
    requested; done: its records that are landed. begun: up to when the reports show returns. failures: reports that
    cannot be had, and why."""

    kinds: tuple[str, ...]
    begun: datetime
    report_id: str = ""
    done: int = 0
    failures: tuple[tuple[str, str], ...] = ()


class AmazonReturns(AfterSale[Return]):
    """Returns of one seller account. marketplaces: as for ReturnReports."""

    topic = Topic.RETURNS

    def __init__(self, api: Api, marketplaces: Callable[[], Sequence[str]]) -> None:
        self._api, self._reports = api, ReturnReports(api, marketplaces)

    def changed(self, window: Window, resume: str | None = None, unchanged: Unchanged | None = None) -> Iterator[Page]:
        """All returns of the last 59 days, every half hour; nothing in between. Raises RateLimited until a report is
        ready."""
        now = self._api.now()
        place = _read_place(resume)
        if place is None:
            read_until = window.start + timedelta(minutes=self._api.settings.overlap_minutes)
            if now - read_until < ASKED_EVERY:
                return
        elif not place.kinds:
            if now - place.begun < ASKED_EVERY:
                raise self._build_error(place)
            place = None
        place = place or Place(kinds=self._reports.first_kinds, begun=now)
        while place.kinds:
            if not place.report_id:
                place = self._ask(place)
                yield _build_page((), place, window)
                continue
            records, after = self._look(place)
            for start in range(place.done, len(records), RECORDS_A_PAGE):
                place = msgspec.structs.replace(place, done=start + RECORDS_A_PAGE)
                yield _build_page(records[start : start + RECORDS_A_PAGE], place, window)
            place = after
            if place.kinds:
                yield _build_page((), place, window)
        if place.failures:
            yield _build_page((), place, window)
            raise self._build_error(place)
        yield Page(records=(), resume=None, watermark=max(window.start, place.begun))

    def created(self, window: Window) -> Iterator[Page]:
        """Returns requested within the window, and units that came back to FBA within it. Waits for the reports."""
        failures: list[tuple[str, str]] = []
        for kind in self._reports.first_kinds:
            start = window.start
            while start < window.end:
                end = min(start + LONGEST_SPAN, window.end)
                try:
                    records = self._read(kind, Window(start, end))
                except GivenUp as error:
                    failures.append((error.kind, error.why))
                    break
                inside = [raw for raw in records if _is_within(raw, start, end)]
                for first in range(0, len(inside), RECORDS_A_PAGE):
                    part = tuple(inside[first : first + RECORDS_A_PAGE])
                    yield Page(records=part, resume=None, watermark=window.end)
                start = end
        if failures:
            raise self._build_error(Place(kinds=(), begun=window.end, failures=tuple(failures)))

    def fetch(self, record_id: str) -> bytes | None:
        """The return with this id, RMA or license plate, of the last 59 days: Amazon's reports go back no further."""
        for page in self.created(self._reports.newest_span()):
            for raw in page.records:
                key = _read_key(raw)
                if key and record_id in (key, key.partition(":")[2]):
                    return raw
        return None

    def of_order(self, order_id: str) -> None:
        """Amazon's reports show returns by day, never by order."""

    def head(self, raw: bytes) -> Head:
        return return_payloads.head(raw)

    def translate(self, raw: bytes) -> Return:
        return translate(raw, self._api.name)

    def _ask(self, place: Place) -> Place:
        try:
            report = self._reports.ask(place.kinds[0])
        except GivenUp as error:
            return _add_failure(place, error)
        begun = min(place.begun, report.data_end_time or place.begun)
        return msgspec.structs.replace(place, report_id=report.report_id, done=0, begun=begun)

    def _look(self, place: Place) -> tuple[list[bytes], Place]:
        """The records of the place's report, and the place after it."""
        try:
            records = self._reports.look(place.kinds[0], place.report_id)
        except GivenUp as error:
            return [], _add_failure(place, error)
        return records, msgspec.structs.replace(place, kinds=place.kinds[1:], report_id="", done=0)

    def _read(self, kind: str, span: Window) -> list[bytes]:
        try:
            return self._reports.read(kind, span)
        except GivenUp:
            if kind != XML:
                raise
            return self._reports.read(FLAT, span)

    def _build_error(self, place: Place) -> TransientError:
        """What cannot be had. No permanent error, after which refunds would be asked for less often."""
        reasons = "; ".join(f"the {kind}: {why}" for kind, why in place.failures)
        fba = any(kind == FBA for kind, _ in place.failures)
        off = f" Where nothing is sold by FBA, write fba_returns: false in channels[{self._api.name}]." if fba else ""
        return TransientError(f"{self._api.name}: not all of Amazon's returns can be read: {reasons}.{off}")


def _add_failure(place: Place, error: GivenUp) -> Place:
    """The place after a report that cannot be had: XML has a stand-in."""
    if error.kind == XML:
        return msgspec.structs.replace(place, kinds=(FLAT, *place.kinds[1:]), report_id="", done=0)
    failures = (*place.failures, (error.kind, error.why))
    return msgspec.structs.replace(place, kinds=place.kinds[1:], report_id="", done=0, failures=failures)


def _build_page(records: Sequence[bytes], place: Place, window: Window) -> Page:
    return Page(records=tuple(records), resume=msgspec.json.encode(place).decode(), watermark=window.start)


def _read_place(text: str | None) -> Place | None:
    try:
        return msgspec.json.decode(text, type=Place) if text else None
    except msgspec.DecodeError:
        return None


def _is_within(raw: bytes, start: datetime, end: datetime) -> bool:
    """Whether a return is of this span. What cannot be read is landed, so that somebody sees it."""
    try:
        return start <= return_payloads.head(raw).created_at < end
    except RecordError:
        return True


def _read_key(raw: bytes) -> str:
    try:
        return return_payloads.head(raw).record_id
    except RecordError:
        return ""
