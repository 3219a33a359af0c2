"""The `fulfilment:` section of a channel: what it is told of shipments, and what waits for a person.

What belongs here: the section, its defaults and its checks. What does not: what is confirmed (shipment_plan.py),
whether a delivery method exists in Odoo (odoo/readiness.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from msgspec.structs import force_setattr

from ...core.section import Section
from ..keys import key


class OtherCarrier(Section, kw_only=True, frozen=True):
    """`{other: Hausbote}`: a carrier that the channel has no code for, by the name that buyers read."""

    other: str


class FulfilmentRules(Section, kw_only=True, frozen=True):
    """The `fulfilment:` section of a channel. Off until a merchant says otherwise, because buyers hear of it."""

    enabled: bool = False
    # Odoo's delivery method -> the channel's code of the carrier; '' is for deliveries with no method of this list.
    carriers: dict[str, str | OtherCarrier] = {}
    missing_tracking: Literal["hold", "send"] = "hold"  # a delivery without tracking number
    notify: bool = True  # whether the channel tells the buyer, where it leaves that to the seller
    deadline_hours: int = 24  # hours after which the check `confirmed_in_time` names a delivery that is not confirmed
    hold_above: int = 500  # a run that would confirm more parcels than this waits for a person's consent
    poll_seconds: int = 15  # how often Odoo is asked for deliveries
    take_over: bool = False  # deliveries of what the channel ships itself (FBA) are done in Odoo as it says
    dry_run: bool = False  # read and decide, but tell the channel nothing

    def __post_init__(self) -> None:
        """Delivery methods in the spelling by which they are looked up."""
        force_setattr(self, "carriers", {key(name): carrier for name, carrier in self.carriers.items()})

    def problems(self) -> Iterator[tuple[str, str]]:
        """(key, problem and fix) for keys that contradict one another."""
        for name, carrier in self.carriers.items():
            if not (carrier.other if isinstance(carrier, OtherCarrier) else carrier).strip():
                yield f"carriers[{name!r}]", "names no carrier: write the channel's code, or {other: NAME}."
        for name, least in (("deadline_hours", 1), ("hold_above", 1), ("poll_seconds", 5)):
            if getattr(self, name) < least:
                yield name, f"must be at least {least}."

    def carrier_of(self, method: str) -> tuple[str, str] | None:
        """(the channel's code, else '', its name for the channel's "other") of a delivery method; None where neither
        it nor '' is listed."""
        carrier = self.carriers.get(key(method), self.carriers.get(""))
        if carrier is None:
            return None
        return ("", carrier.other) if isinstance(carrier, OtherCarrier) else (carrier, "")
