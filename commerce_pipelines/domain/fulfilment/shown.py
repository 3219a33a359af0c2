"""What a channel shows of an order's parcels, and what follows from it for a parcel of ours.

"Already shipped" is success only where the channel shows our tracking number for those lines: a merchant who ships by
hand, or another program, may have told the channel of another parcel.

What belongs here: that judgement, the same for every channel. What does not: reading what a channel shows
(channels/*/fulfilment/).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from ..outbox.effects import Outcome
from .shipments import SentShipment, Shipment

Verdict = Literal["accepted", "refused", "absent", "unknown"]


class ShownLine(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Units of one line that the channel still waits for, and units that it counts as shipped."""

    open: int
    shipped: int


class ShownParcel(msgspec.Struct, frozen=True, kw_only=True):
    """A parcel that the channel has been told of, by whomever. numbers: as the channel writes them. lines: units by
    line id."""

    reference: str
    numbers: Sequence[str]
    lines: Mapping[str, int]


class ShownOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order's parcels, and its lines by line id."""

    lines: Mapping[str, ShownLine]
    parcels: Sequence[ShownParcel]


def plain(number: str) -> str:
    """A tracking number for comparing: channels drop or add blanks and hyphens."""
    return "".join(character for character in number.upper() if character.isalnum())


def judge(channel: str, sent: SentShipment, shown: ShownOrder, own: str = "") -> Outcome:
    """What the channel has of a shipment. channel: its name in sentences. own: the reference that the parcel has on a
    channel where we choose it, '' elsewhere."""
    shipment = sent.shipment
    if parcel := _find_ours(shipment, shown, own):
        return Outcome(key=sent.key, status="accepted", reference=parcel.reference)
    status, code, message = _explain_absence(channel, shipment, shown)
    return Outcome(key=sent.key, status=status, code=code, message=message)


def _find_ours(shipment: Shipment, shown: ShownOrder, own: str) -> ShownParcel | None:
    """The parcel with our number, if parcels with it hold our lines; of a shipment without a number, a parcel that
    holds the lines that are shipped."""
    named = [parcel for parcel in shown.parcels if own and parcel.reference == own]
    parcels = named or shown.parcels
    if shipment.tracking_number:
        wanted = plain(shipment.tracking_number)
        parcels = [parcel for parcel in parcels if wanted in map(plain, parcel.numbers)]
    complete = all(
        sum(parcel.lines.get(line.line_id, 0) for parcel in parcels) >= line.quantity for line in shipment.lines
    )
    if not parcels or not complete:
        return None
    # A number may be on two parcels of ours. A parcel that is not called as we call ours is ours only if no units are
    # open that the channel would still have to be told of.
    doubtful = (own and not named) or not shipment.tracking_number
    return None if doubtful and not _find_closed(shipment, shown) else parcels[0]


def _find_closed(shipment: Shipment, shown: ShownOrder) -> str:
    """A line of the shipment for which the channel waits for fewer units than it has, '' if there is none."""
    for line in shipment.lines:
        if line.line_id in shown.lines and shown.lines[line.line_id].open < line.quantity:
            return line.line_id
    return ""


def _explain_absence(channel: str, shipment: Shipment, shown: ShownOrder) -> tuple[Verdict, str, str]:
    """(verdict, code, sentence) of a shipment that the channel does not show."""
    for line in shipment.lines:
        if line.line_id not in shown.lines:
            return "refused", "no_such_line", f"{channel} has no line {line.line_id[:40]} in this order."
    closed = _find_closed(shipment, shown)
    if not closed:
        return "absent", "", ""
    name = f"line {closed[:40]}"
    if any(parcel.lines.get(closed) for parcel in shown.parcels):
        return (
            "refused",
            "shipped_otherwise",
            f"{channel} shows {name} as shipped in another parcel: compare the tracking numbers in the marketplace.",
        )
    if not shown.lines[closed].shipped:
        return "refused", "nothing_open", f"{channel} waits for no units of {name}: it is cancelled or refunded there."
    return "unknown", "no_parcel", f"{channel} counts {name} as shipped but shows no parcel with it."
