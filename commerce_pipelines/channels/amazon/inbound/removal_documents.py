"""Documents of Amazon's report of removal shipments -> rows.

What belongs here: its columns. What does not: requesting it (fba_stock.py), what follows, and which kinds of removal
orders come home (domain/inbound/removals.py).

A row that cannot be read is never left out, because its units would be lost: the whole document is refused. Whatever is
not called sellable is not: nobody sells it by mistake.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from ....core.errors import ProtocolError
from ....domain.inbound.removals import RemovedUnits
from ..api.documents import Fetched
from ..api.reports import read_rows
from .ledger_documents import decode_rows, list_spellings, read_number

REMOVALS = "GET_FBA_FULFILLMENT_REMOVAL_SHIPMENT_DETAIL_DATA"
_COLUMNS = {
    "order": list_spellings("order id"), "day": list_spellings("shipment date"), "msku": ("sku", "msku"),
    "units": list_spellings("shipped quantity"), "disposition": ("disposition",), "carrier": ("carrier",),
    "tracking": list_spellings("tracking number"),
    "type": (*list_spellings("removal order type"), *list_spellings("order type")),
}  # fmt: skip
_NEEDED = ("order", "day", "msku", "units", "disposition")


def read_removals(document: Fetched, zone: ZoneInfo) -> Iterator[RemovedUnits]:
    """Raises ProtocolError for a document that is not this report, or has a row that cannot be read."""
    for row in decode_rows(read_rows(document, REMOVALS, _COLUMNS, _NEEDED), REMOVALS):
        units = read_number(row["units"], "shipped-quantity", REMOVALS)
        if units < 0 or not row["order"]:
            raise ProtocolError(f"The {REMOVALS} has a row of less than no units, or of no order; it is not read.")
        yield RemovedUnits(
            order_id=row["order"][:40], shipped_on=_read_day(row["day"], zone), msku=row["msku"], units=units,
            is_sellable=row["disposition"].lower() == "sellable", carrier=row["carrier"][:40],
            tracking=row["tracking"][:60], kind=row["type"][:40],
        )  # fmt: skip


def _read_day(text: str, zone: ZoneInfo) -> date:
    """The day in the channel's zone of an instant in ISO form; without an offset it is UTC, a bare day is one."""
    try:
        if len(text) == 10:
            return date.fromisoformat(text)
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ProtocolError(f"The {REMOVALS} writes a day in a way that nobody knows; it is not read.") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(zone).date()
