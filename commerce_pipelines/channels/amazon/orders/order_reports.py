"""Which orders were placed, by a report: thousands of rows for one call, where a list gives a hundred.

What belongs here: when it is worth it, the report's request and its columns. What does not: the flow of any report
(api/reports.py), the proof (flows/orders/prove.py).

The report proves that no order is missing, and nothing else. It cannot stand in for an answer of the API: it has no ids
of items, no tax of discounts, no tax that Amazon collects, no names (docs/limits.md).
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta

from ....core.errors import CommerceError
from ...capabilities import Window
from ..api import reports
from ..api.api import Api
from ..api.payloads import Report

KIND = "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_ORDER_DATE_GENERAL"
COLUMNS = {
    "order_id": ("amazon-order-id",),
    "placed": ("purchase-date",),
    "status": ("order-status",),
    "channel": ("sales-channel",),
}
LEAST_ORDERS = 500  # five calls of a list
LONGEST_SPAN = timedelta(days=30)  # of one report
ASKED_EVERY = timedelta(minutes=30)  # Amazon cancels a report that is requested again sooner
LEAST_SHARE = 0.9  # of the landed orders that a report must show; another is not about these marketplaces or days
NO_SALES = ("pending", "cancel")

_log = logging.getLogger("commerce_pipelines.orders")


def is_worth_it(window: Window, landed: Collection[str]) -> bool:
    return len(landed) > LEAST_ORDERS and window.end - window.start <= LONGEST_SPAN


def read_placed(
    api: Api, marketplaces: Sequence[str], window: Window, landed: Collection[str]
) -> dict[str, datetime] | None:
    """When each sale was placed; None where no report can be had, or one that shows too few of the landed orders. Waits
    for Amazon."""
    try:
        report = _find_or_create(api, marketplaces, window)
        if report is None:
            return None
        report = reports.wait_for(api, KIND, report)
        if report.processing_status != "DONE" or not report.report_document_id:
            return None
        rows = reports.read_rows(reports.open_document(api, report), KIND, COLUMNS, tuple(COLUMNS))
        placed, shown = dict[str, datetime](), set[str]()
        for row in rows:
            if not isinstance(row, dict):
                continue
            order_id, at = row["order_id"].decode("ascii", "replace"), _read_instant(row["placed"])
            shown.add(order_id)
            if at is not None and window.start <= at < window.end and _is_sale(row):
                placed[order_id] = at
    except CommerceError as error:  # the application may lack the role for reports and have the one for orders
        _log.warning("%s: orders are proved by lists instead of a report: %s", api.name, error)
        return None
    return placed if len(shown.intersection(landed)) >= LEAST_SHARE * len(landed) else None


def _find_or_create(api: Api, marketplaces: Sequence[str], window: Window) -> Report | None:
    """A report of the window; None where Amazon would cancel one, because another was requested a moment ago."""
    now = api.now().astimezone(UTC).replace(microsecond=0)
    recent = reports.find_recent(api, KIND, marketplaces, now - ASKED_EVERY)
    for report in recent:
        begins, ends = report.data_start_time, report.data_end_time
        if begins is not None and ends is not None and begins <= window.start and ends >= min(window.end, now):
            return report
    return None if recent else reports.create(api, KIND, marketplaces, Window(window.start, min(window.end, now)))


def _is_sale(row: dict[str, bytes]) -> bool:
    """Neither pending nor cancelled, and sold on Amazon itself."""
    status, channel = row["status"].strip().lower(), row["channel"].strip().lower()
    return not status.startswith(tuple(word.encode() for word in NO_SALES)) and not channel.startswith(b"non-amazon")


def _read_instant(text: bytes) -> datetime | None:
    try:
        at = datetime.fromisoformat(text.decode("ascii").strip())
    except ValueError:
        return None
    return at.astimezone(UTC) if at.tzinfo else None
