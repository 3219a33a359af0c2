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
    named = [parcel for parcel in shown.parcels if own and parcel.reference == own]
    parcels = [parcel for parcel in named or shown.parcels if _has_number(parcel, shipment)]
    complete, begun = _count_units(shipment, shown, parcels)
    closed = _find_closed(shipment, shown)
    if not shipment.tracking_number:
        # Without a number, any parcel may be ours: all units shipped is success, and some of them is not clear.
        complete, begun = complete and bool(closed), begun and not closed and any(not p.numbers for p in parcels)
    elif own and not named:
        # A number may be on two parcels of ours: one that is called otherwise is ours only if no units are open.
        complete, begun = complete and bool(closed), False
    if complete:
        return Outcome(key=sent.key, status="accepted", reference=parcels[0].reference)
    if begun:
        message = f"{channel} shows some of the parcel's units as shipped: compare the parcel with the marketplace."
        return Outcome(key=sent.key, status="unknown", code="partly_shown", message=message)
    status, code, message = _explain_absence(channel, shipment, shown, closed)
    return Outcome(key=sent.key, status=status, code=code, message=message)


def _has_number(parcel: ShownParcel, shipment: Shipment) -> bool:
    wanted = plain(shipment.tracking_number)
    return not wanted or wanted in map(plain, parcel.numbers)


def _count_units(shipment: Shipment, shown: ShownOrder, parcels: Sequence[ShownParcel]) -> tuple[bool, bool]:
    """(whether the parcels hold all units of the shipment, whether they hold any). Units for which the channel waits no
    more cannot be told of."""
    complete, begun = bool(shipment.lines), False
    for line in shipment.lines:
        units = sum(parcel.lines.get(line.line_id, 0) for parcel in parcels)
        left = shown.lines[line.line_id].open if line.line_id in shown.lines else 0
        complete = complete and (units >= line.quantity or (units > 0 and left <= 0))
        begun = begun or units > 0
    return complete, begun


def _find_closed(shipment: Shipment, shown: ShownOrder) -> str:
    """A line of the shipment for which the channel waits for fewer units than it has, '' if there is none."""
    for line in shipment.lines:
        if line.line_id in shown.lines and shown.lines[line.line_id].open < line.quantity:
            return line.line_id
    return ""


def _explain_absence(channel: str, shipment: Shipment, shown: ShownOrder, closed: str) -> tuple[Verdict, str, str]:
    """(verdict, code, sentence) of a shipment that the channel does not show."""
    for line in shipment.lines:
        if line.line_id not in shown.lines:
            return "refused", "no_such_line", f"{channel} has no line {line.line_id[:40]} in this order."
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
