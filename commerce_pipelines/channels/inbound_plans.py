"""What a marketplace can offer for goods on their way to its own warehouses: a capability of a Channel.

What belongs here: the protocol. What does not: what lies in the warehouses (own_warehouses.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from ..domain.inbound.consignment import (
    DeliveryWindow,
    Label,
    PackingOption,
    PlacementOption,
    PlannedShipment,
    Prep,
    StepCall,
    TransportOption,
)
from ..domain.outbox.effects import Outcome


class InboundPlans(Protocol):
    """Plans are made step by step. A step that the marketplace has taken on is `pending` until a look at it says that
    it is done. send, look: one outcome for each; raise only what stops all of them."""

    def find_marketplace(self, name: str) -> str:
        """The id of a marketplace of the account. Raises SettingsError for one that it is not."""
        ...

    def read_preps(self, marketplace: str, mskus: Sequence[str]) -> Sequence[Prep]:
        """How units are to be prepared and labelled; of those that the marketplace knows."""
        ...

    def send(self, steps: Sequence[StepCall]) -> Iterator[Outcome]:
        """Take these steps. A plan of the same name that is there already is taken for the plan that was to be made."""
        ...

    def look(self, steps: Sequence[StepCall]) -> Iterator[Outcome]:
        """What became of steps that are pending, or of which nobody knows. The reference of a plan that is made is its
        id."""
        ...

    def list_packings(self, plan_id: str) -> Sequence[PackingOption]: ...

    def list_placements(self, plan_id: str) -> Sequence[PlacementOption]: ...

    def list_transports(self, plan_id: str, placement_id: str) -> Sequence[TransportOption]: ...

    def list_windows(self, plan_id: str, shipment_id: str) -> Sequence[DeliveryWindow]: ...

    def read_planned(self, plan_id: str, shipment_ids: Sequence[str]) -> Sequence[PlannedShipment]: ...

    def read_item_labels(
        self, marketplace: str, units: Mapping[str, int], page: str, size: tuple[int, int]
    ) -> Iterator[bytes]:
        """Labels of units of these SKUs, by SKU, no more of them than one call takes; as files. size: width and height
        in millimetres, of labels that are printed singly."""
        ...

    def read_labels(self, plan_id: str, shipment: PlannedShipment, page: str) -> Iterator[Label]:
        """Labels of a shipment's boxes, a file for so many boxes as one call takes."""
        ...
