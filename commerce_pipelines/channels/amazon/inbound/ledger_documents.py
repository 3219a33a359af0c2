"""Documents of Amazon's ledger reports -> events and balances.

What belongs here: the columns of both documents, and their days. What does not: requesting them (fba_stock.py), what
the figures mean (domain/inbound/).

Columns vary with the marketplace and with what a seller has chosen, so they are found by name. A row that cannot be
read is never left out, because its units would be lost: the whole document is refused. An event of an unknown word
counts with its units and is marked.

**Days** are written as the marketplace does. With slashes nobody can tell day from month by one date alone: the order
that puts every date of the document into the span that was asked for is the right one, and a document of which both
orders do is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta

from ....core.errors import ProtocolError
from ....core.legible import one_word
from ....domain.inbound.ledger import Balance, Event, LedgerEvent, number_rows
from ..api.documents import Fetched
from ..api.reports import BadRow, read_rows

DETAILS, SUMMARY = "GET_LEDGER_DETAIL_VIEW_DATA", "GET_LEDGER_SUMMARY_VIEW_DATA"
CHARSET = "cp1252"  # of a flat file that is not UTF-8
# The words of the column Event Type, without spaces and in lower case.
KNOWN_EVENTS = frozenset(("receipts", "shipments", "customerreturns", "vendorreturns", "whsetransfers", "adjustments"))
COLUMN_OF = {
    Event.RECEIPTS: "receipts",
    Event.SHIPMENTS: "customer shipments",
    Event.RETURNS: "customer returns",
    Event.REMOVALS: "vendor returns",
    Event.TRANSFERS: "warehouse transfer in/out",
    Event.FOUND: "found",
    Event.LOST: "lost",
    Event.DAMAGED: "damaged",
    Event.DISPOSED: "disposed",
    Event.OTHER: "other events",
    Event.UNKNOWN: "unknown events",
}
LONGEST_TEXT = 120
_NUMBER = re.compile(r"[+-]?[0-9]{1,9}(?:\.0*)?\Z")
_ISO = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[T ].*)?\Z")
_PARTS = re.compile(r"([0-9]{1,2})([./-])([0-9]{1,2})\2([0-9]{4})\Z")


def list_spellings(name: str) -> tuple[str, ...]:
    """The ways in which reports spell a column's name, in lower case."""
    return name, name.replace(" ", "-"), name.replace(" ", "_"), name.replace("/", " ").replace(" ", "_")


_DETAIL_COLUMNS = {
    "day": ("date",), "fnsku": ("fnsku",), "asin": ("asin",), "msku": ("msku",),
    "event": list_spellings("event type"), "reference": list_spellings("reference id"), "quantity": ("quantity",),
    "centre": (*list_spellings("fulfillment center"), *list_spellings("fulfilment centre")),
    "disposition": ("disposition",), "reason": ("reason",), "country": ("country",),
}  # fmt: skip
_SUMMARY_COLUMNS = {
    "day": ("date",), "fnsku": ("fnsku",), "msku": ("msku",), "disposition": ("disposition",),
    "place": ("location",), "start": list_spellings("starting warehouse balance"),
    "end": list_spellings("ending warehouse balance"),
    "in_transit": list_spellings("in transit between warehouses"),
    **{str(event): list_spellings(column) for event, column in COLUMN_OF.items()},
}  # fmt: skip
_DETAIL_NEEDED = ("day", "msku", "event", "quantity")
_SUMMARY_NEEDED = ("day", "msku", "start", "end")


def read_details(document: Fetched, start: date, end: date) -> list[LedgerEvent]:
    """The events of `[start, end)`. Raises ProtocolError for a document that is not this report, or has a row that
    cannot be read."""
    rows = list(decode_rows(read_rows(document, DETAILS, _DETAIL_COLUMNS, _DETAIL_NEEDED), DETAILS))
    days = read_days({row["day"] for row in rows}, start, end, DETAILS)
    return number_rows(
        LedgerEvent(
            day=day, msku=row["msku"], name=one_word(row["event"].replace(" ", "")) or "unnamed",
            quantity=read_number(row["quantity"], "Quantity", DETAILS), fnsku=row["fnsku"], asin=row["asin"],
            reference=row["reference"], centre=row["centre"], country=row["country"], disposition=row["disposition"],
            reason=row["reason"], is_known=row["event"].replace(" ", "").lower() in KNOWN_EVENTS,
        )
        for row in rows
        if start <= (day := days[row["day"]]) < end
    )  # fmt: skip


def read_summary(document: Fetched, start: date, end: date) -> list[Balance]:
    """The balances of `[start, end)`. Raises ProtocolError as `read_details` does, and where a row is there twice."""
    rows = list(decode_rows(read_rows(document, SUMMARY, _SUMMARY_COLUMNS, _SUMMARY_NEEDED), SUMMARY))
    days = read_days({row["day"] for row in rows}, start, end, SUMMARY)
    balances = {}
    for row in rows:
        if not start <= (day := days[row["day"]]) < end:
            continue
        key = (day, row["place"], row["fnsku"], row["msku"], row["disposition"])
        if key in balances:
            raise ProtocolError(
                f"The {SUMMARY} tells of one SKU in one disposition twice for {day}: it is not summed up by day. It is "
                "asked for again by the next run."
            )
        figures = {event: read_number(row[event], column, SUMMARY) for event, column in COLUMN_OF.items()}
        balances[key] = Balance(
            day=day, msku=row["msku"], fnsku=row["fnsku"], disposition=row["disposition"], place=row["place"],
            start=read_number(row["start"], "Starting Warehouse Balance", SUMMARY),
            end=read_number(row["end"], "Ending Warehouse Balance", SUMMARY),
            in_transit=read_number(row["in_transit"], "In Transit Between Warehouses", SUMMARY),
            events={event: units for event, units in figures.items() if units},
        )  # fmt: skip
    return list(balances.values())


def read_days(texts: Iterable[str], start: date, end: date, kind: str) -> dict[str, date]:
    """The day that each of the texts writes. start, end: the span that was asked for; a marketplace may show a day more
    on either side. Raises ProtocolError for a text that is no day, and where the order of day and month cannot be
    told."""
    days: dict[str, date] = {}
    slashed: dict[str, re.Match[str]] = {}
    for text in texts:
        if iso := _ISO.match(text):
            days[text] = _build_day(iso[1], iso[2], iso[3], kind)
        elif (parts := _PARTS.match(text)) and parts[2] == ".":
            days[text] = _build_day(parts[4], parts[3], parts[1], kind)
        elif parts:
            slashed[text] = parts
        else:
            raise ProtocolError(f"The {kind} writes a day in a way that nobody knows; it is not read.")
    first, last = start - timedelta(days=1), end + timedelta(days=1)
    if not all(first <= day <= last for day in days.values()):
        raise ProtocolError(f"The {kind} has dates outside of the span that was asked for; it is not read.")
    return days | _choose_order(slashed, first, last, kind) if slashed else days


def _choose_order(texts: Mapping[str, re.Match[str]], first: date, last: date, kind: str) -> dict[str, date]:
    readings = []
    for month, day in ((1, 3), (3, 1)):
        try:
            reading = {text: _build_day(parts[4], parts[month], parts[day], kind) for text, parts in texts.items()}
        except ProtocolError:
            continue
        if all(first <= read <= last for read in reading.values()) and reading not in readings:
            readings.append(reading)
    if len(readings) != 1:
        why = "of which day and month cannot be told apart" if readings else "outside of the span that was asked for"
        raise ProtocolError(f"The {kind} has dates {why}; it is not read.")
    return readings[0]


def _build_day(year: str, month: str, day: str, kind: str) -> date:
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        raise ProtocolError(f"The {kind} has a date that does not exist; it is not read.") from None


def decode_rows(rows: Iterable[dict[str, bytes] | BadRow], kind: str) -> Iterator[dict[str, str]]:
    for row in rows:
        if isinstance(row, BadRow):
            raise ProtocolError(f"The {kind} cannot be read: {row.why}.")
        yield dict(zip(row, _decode_texts(tuple(row.values())), strict=True))


def _decode_texts(values: Sequence[bytes]) -> list[str]:
    """As UTF-8 where the bytes are valid UTF-8, which text of another charset practically never is."""
    raw = b"\t".join(values)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode(CHARSET, "replace")
    return [part.strip().strip('"').strip()[:LONGEST_TEXT] for part in text.split("\t")]


def read_number(text: str, column: str, kind: str) -> int:
    """Whole units; an empty field, or a column that the report lacks, is 0."""
    if not text:
        return 0
    if not _NUMBER.match(text):
        raise ProtocolError(f"The {kind} has something else than a number of units in {column}; it is not read.")
    return int(text.partition(".")[0])
