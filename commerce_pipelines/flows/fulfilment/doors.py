"""Parcels as effects of the outbox: the doors that send them to a channel.

What belongs here: the bridge between effects and a channel's shipments. What does not: which parcels there are
(domain/fulfilment/), recording and repeating (flows/outbox/dispatch.py), the calls (channels/).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from ...channels.capabilities import Channel, Shipments, offered
from ...core.words import Words
from ...domain.fulfilment.shipment_plan import Planned
from ...domain.fulfilment.shipments import SentShipment, Shipment
from ...domain.outbox.effects import Effect, Outcome, Wanted

CORRECTIONS_AT_ONCE = 1_000


class ShipmentDoor:
    """Confirmations to one channel. waiting: how many are to be sent. words: what the channel said, by order; filled
    while they are sent."""

    def __init__(self, channel: Channel, waiting: int = 0) -> None:
        self._shipments: Shipments = offered(channel.shipments, channel, "shipments")
        self.handover = self._shipments.choose_handover(waiting)
        self.batch = self.handover.at_once
        self.words: dict[str, Words] = {}

    def send(self, effects: Sequence[Effect]) -> Iterator[Outcome]:
        return self._listen(effects, self._shipments.send(list(map(_build_sent, effects))))

    def look(self, effects: Sequence[Effect]) -> Iterator[Outcome]:
        return self._listen(effects, self._shipments.look(list(map(_build_sent, effects))))

    def _listen(self, effects: Sequence[Effect], outcomes: Iterator[Outcome]) -> Iterator[Outcome]:
        orders = {effect.key: str(effect.body["order_id"]) for effect in effects}
        for outcome in outcomes:
            if outcome.words or orders.get(outcome.key) not in self.words:
                self.words[orders.get(outcome.key, "")] = outcome.words
            yield outcome


class TrackingDoor:
    """Corrections to one channel. references: the channel's own ids of the confirmed parcels, by key."""

    batch = CORRECTIONS_AT_ONCE

    def __init__(self, channel: Channel, references: Mapping[str, str]) -> None:
        self._shipments: Shipments = offered(channel.shipments, channel, "shipments")
        self._references = references

    def send(self, effects: Sequence[Effect]) -> Iterator[Outcome]:
        sent = [_build_sent(effect, self._references.get(effect.key, "")) for effect in effects]
        return self._shipments.correct(sent)

    def look(self, effects: Sequence[Effect]) -> Iterator[Outcome]:
        """Looks at nothing: a correction whose outcome is unknown is simply sent again."""
        yield from ()


def _build_sent(effect: Effect, reference: str = "") -> SentShipment:
    shipment = msgspec.convert(effect.body, type=Shipment)
    return SentShipment(key=effect.key, shipment=shipment, token=effect.token, reference=reference or effect.reference)


def wish(planned: Planned, sale: str) -> Wanted:
    """A parcel as a wish. sale: the sale order's name in Odoo."""
    parcel = planned.parcel
    basis = {"sale order": sale, "delivery": parcel.delivery.name, "package": parcel.package}
    return Wanted(key=planned.key, body=msgspec.to_builtins(planned.shipment), basis=basis)
