"""A channel that is told of parcels, in memory or over real HTTP: it carries out whatever it gets, and loses answers.

What belongs here: the doubles, and what a person does to a delivery in Odoo. What does not: assertions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from commerce_pipelines.channels.capabilities import Shipments
from commerce_pipelines.domain.fulfilment.shipments import SentShipment, Shipment
from commerce_pipelines.domain.outbox.effects import Effect, Kind, Outcome
from commerce_pipelines_tests.doubles.lane import Lane
from commerce_pipelines_tests.doubles.outbox import MarketDoor

FULFILMENT = "fulfilment: {enabled: true, carriers: {DHL Paket: DHL, '': {other: Spedition}}}, "


class ParcelDesk(Shipments):
    """told: every parcel that the channel was told of, each time. refuse, lose: how many of the next parcels. code: of
    a refusal. asked: how often it was asked to take a parcel."""

    def __init__(self) -> None:
        self.told: list[Shipment] = []
        self.numbers: dict[tuple[str, int], str] = {}
        self.corrected: list[tuple[Shipment, str]] = []
        self.refuse = self.lose = 0
        self.tells = True
        self.code = "bad_carrier"
        self.asked = 0

    def send(self, shipments: Sequence[SentShipment]) -> Iterator[Outcome]:
        for sent in shipments:
            self.asked += 1
            if self.refuse:
                self.refuse -= 1
                yield Outcome(key=sent.key, status="refused", code=self.code, message="It is not taken.")
                continue
            self.told.append(sent.shipment)
            self.numbers[sent.shipment.order_id, sent.shipment.parcel] = sent.shipment.tracking_number
            if self.lose:
                self.lose -= 1
                yield Outcome(key=sent.key, status="unknown", code="lost")
                continue
            yield Outcome(key=sent.key, status="accepted", reference=f"ref-{sent.shipment.parcel}")

    def look(self, shipments: Sequence[SentShipment]) -> Iterator[Outcome]:
        for sent in shipments:
            if not self.tells:
                yield Outcome(key=sent.key, status="unknown")
            elif (sent.shipment.order_id, sent.shipment.parcel) in self.numbers:
                yield Outcome(key=sent.key, status="accepted", reference=f"ref-{sent.shipment.parcel}")
            else:
                yield Outcome(key=sent.key, status="absent")

    def correct(self, shipments: Sequence[SentShipment]) -> Iterator[Outcome]:
        for sent in shipments:
            if self.refuse:
                self.refuse -= 1
                yield Outcome(key=sent.key, status="refused", code="no_way", message="It cannot be corrected.")
                continue
            self.corrected.append((sent.shipment, sent.reference))
            yield Outcome(key=sent.key, status="accepted")

    def parcels(self, order_id: str) -> list[tuple[int, str, dict[str, int]]]:
        """(parcel, tracking number, units by line) of an order, each time that it was told."""
        return [
            (shipment.parcel, shipment.tracking_number, {line.line_id: line.quantity for line in shipment.lines})
            for shipment in self.told
            if shipment.order_id == order_id
        ]


class MarketShipments(Shipments):
    """The parcels of a Market (doubles/outbox.py): it is told over HTTP, and a crash may happen at any point."""

    def __init__(self, url: str) -> None:
        self._once, self._set = MarketDoor(url, Kind.SHIPMENT), MarketDoor(url, Kind.TRACKING)

    def send(self, shipments: Sequence[SentShipment]) -> Iterator[Outcome]:
        return self._once.send(list(map(_build_effect, shipments)))

    def look(self, shipments: Sequence[SentShipment]) -> Iterator[Outcome]:
        return self._once.look(list(map(_build_effect, shipments)))

    def correct(self, shipments: Sequence[SentShipment]) -> Iterator[Outcome]:
        return self._set.send(list(map(_build_effect, shipments)))


def _build_effect(sent: SentShipment) -> Effect:
    body: dict[str, Any] = msgspec.to_builtins(sent.shipment)
    return Effect(sequence=0, key=sent.key, body=body, token=sent.token, status="sent")  # type: ignore[arg-type]


def desk_of(lane: Lane) -> ParcelDesk:
    """The lane's channel is told of parcels from now on, at this desk."""
    desk = ParcelDesk()
    lane.channel.shipments = desk
    return desk


def validate(lane: Lane, order_id: str, units: float | None = None, **vals: Any) -> int:
    """A person ships the order's open delivery, or so many units of its first move; the picking. vals: written to it
    afterwards, as a tracking number is."""
    client = lane.connections.odoo
    (sale,) = lane.sales(order_id)
    moves = client.call(
        "stock.move", "search_read", fields=["picking_id"], load=None, order="id",
        domain=[["sale_line_id.order_id", "=", sale["id"]], ["state", "not in", ["done", "cancel", "draft"]],
                ["location_dest_id.usage", "=", "customer"]],
    )  # fmt: skip
    if units is not None:
        client.call("stock.move", "write", ids=[moves[0]["id"]], vals={"quantity": units, "picked": True})
    picking = int(moves[0]["picking_id"])
    context = {"skip_sms": True, "skip_backorder": True}
    assert client.call("stock.picking", "button_validate", ids=[picking], context=context) is True
    if vals:
        client.call("stock.picking", "write", ids=[picking], vals=vals)
    return picking


def made(acts: Sequence[tuple[str, str]]) -> Counter[str]:
    return Counter(key for key, _ in acts)
