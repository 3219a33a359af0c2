"""Fulfilling orders on Shopify: one fulfilment for each parcel, and reading the order where a call leaves doubt.

What belongs here: reading orders together, the calls, what their answers mean. What does not: which units make up a
parcel (parcels.py), which parcels there are (domain/fulfilment/).

**Read, then call.** Fulfilment orders are split, merged and moved, each time under new ids, so they are read right
before the calls, for several orders by one query. Where a call is refused, the order is read again: the errors have no
codes, and what the order shows is what happened.

**Nothing is repeated.** Shopify knows no second call by a key. A lost answer raises UnknownOutcome; the next look finds
the parcel by its tracking number. The buyer is told with the call that makes the fulfilment, and by no other.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from ....core.errors import (
    CredentialError,
    PermanentError,
    ProtocolError,
    RateLimited,
    TransientError,
    UnknownOutcome,
)
from ....core.words import Words
from ....domain.fulfilment.shipments import SentShipment
from ....domain.fulfilment.shown import judge
from ....domain.outbox.effects import Outcome
from ...capabilities import Shipments
from ...http.session import Repeat
from ...outcomes import build_outcome
from ..api.graphql import GraphQL, TooExpensive
from ..api.queries import FULFIL, OPEN_PARCELS, PARCELS, SET_TRACKING
from .parcels import Plan, build_fulfilment, build_tracking, is_whole, number_of, plan_parcel, read_shown
from .payloads import FulfilAnswer, Order, ParcelsAnswer, TrackingAnswer, UserError, read_order

ORDERS_AT_ONCE = 25  # orders read by one query; fewer where Shopify calls that too expensive
FEW = {"parcels": 3, "lines": 10}  # of each order that is read together with others
MANY = {"parcels": 30, "lines": 250}  # of an order that has more
Orders = dict[str, Order | None]  # by our id, without those that Shopify does not know; None: it cannot be read
SEPARATOR = " "  # between the ids of a parcel that left from several locations


class ShopifyShipments(Shipments):
    """Parcels of one shop. notify: whether Shopify mails the buyer when a parcel is confirmed."""

    def __init__(self, graphql: GraphQL, notify: bool) -> None:
        self._graphql, self._notify = graphql, notify
        self._at_once = {OPEN_PARCELS: ORDERS_AT_ONCE, PARCELS: ORDERS_AT_ONCE}

    def send(self, shipments: Sequence[SentShipment]) -> Iterator[Outcome]:
        """Two parcels in a row without an answer mean that it cannot be reached, which is raised."""
        lost = False
        for group, orders in self._read_groups(shipments, OPEN_PARCELS):
            for sent in group:
                try:
                    yield self._confirm(sent, _get_order(orders, sent.shipment.order_id))
                    lost = False
                except (CredentialError, RateLimited):
                    raise
                except (UnknownOutcome, TransientError) as error:
                    if lost:
                        raise TransientError(str(error), words=error.words) from None
                    lost = True
                    yield build_outcome(sent, "unknown", "no_answer", error)
                except ProtocolError as error:
                    yield build_outcome(sent, "unknown", "bad_answer", error)
                except PermanentError as error:
                    yield build_outcome(sent, "refused", "refused", error)

    def look(self, shipments: Sequence[SentShipment]) -> Iterator[Outcome]:
        for group, orders in self._read_groups(shipments, PARCELS):
            for sent in group:
                try:
                    yield _judge(sent, _get_order(orders, sent.shipment.order_id))
                except ProtocolError as error:
                    yield build_outcome(sent, "unknown", "bad_answer", error)

    def correct(self, shipments: Sequence[SentShipment]) -> Iterator[Outcome]:
        """The buyer is not mailed again."""
        for sent in shipments:
            references = sent.reference.split(SEPARATOR) if sent.reference else self._find_fulfilments(sent)
            if not references:
                message = "Shopify shows no fulfilment of this parcel: correct the tracking number in the shop."
                yield build_outcome(sent, "refused", "no_parcel", message)
                continue
            for reference in references:
                variables = {"id": reference, "tracking": build_tracking(sent.shipment)}
                answer = self._graphql.change(SET_TRACKING, variables, TrackingAnswer, repeat=Repeat.STATE)
                if errors := answer.fulfillmentTrackingInfoUpdate.userErrors:
                    yield self._explain_correction(sent, errors)
                    break
            else:
                yield Outcome(key=sent.key, status="accepted", reference=SEPARATOR.join(references))

    def _confirm(self, sent: SentShipment, order: Order | None) -> Outcome:
        """Fulfilments of the parcel, one for each location that it leaves from; `order` loses the units. Before a
        refusal is believed, the order is read again: it may have been split, merged or moved meanwhile."""
        tried: list[tuple[str, str, int]] = []
        errors: Sequence[UserError] = ()
        for is_last in (False, True):
            plan = plan_parcel(sent.shipment, order) if order else Plan({}, None, [])
            begun = False
            if plan.parts and not plan.blocked and _list_parts(plan) != tried:
                tried = _list_parts(plan)
                done, errors = self._create_each(sent, plan)
                if not errors:
                    return _build_accepted(sent, done, plan)
                begun = bool(done)
            elif is_last:
                break
            order = self._read_order(sent)
            if begun:
                break
        return self._explain(sent, order, errors)

    def _create_each(self, sent: SentShipment, plan: Plan) -> tuple[list[str], Sequence[UserError]]:
        """(the fulfilments that were made, the errors of the one that was not)."""
        done: list[str] = []
        for parts in plan.parts.values():
            variables = {"fulfillment": build_fulfilment(sent.shipment, parts, notify=self._notify)}
            answer = self._graphql.change(FULFIL, variables, FulfilAnswer, repeat=Repeat.NEVER).fulfillmentCreate
            if answer.userErrors:
                return done, answer.userErrors
            for part in parts:
                part.line.remainingQuantity -= part.quantity
            done.append(answer.fulfillment.id if answer.fulfillment else "")
        return done, ()

    def _explain(self, sent: SentShipment, order: Order | None, errors: Sequence[UserError]) -> Outcome:
        """What an order that was read just now shows of a parcel that could not be confirmed."""
        seen = _judge(sent, order)
        blocked = plan_parcel(sent.shipment, order).blocked if order else None
        if seen.status == "absent" or (seen.status == "refused" and blocked):
            message = "Shopify refuses the fulfilment although it waits for these units: fulfil them in the shop."
            seen = build_outcome(sent, "refused", *(blocked or ("refused", message)))
        return msgspec.structs.replace(seen, words=Words("; ".join(error.message for error in errors)))

    def _read_order(self, sent: SentShipment) -> Order | None:
        """Raises ProtocolError for an order that cannot be read."""
        order_id = sent.shipment.order_id
        orders = self._read([order_id], PARCELS)
        return _get_order(orders, order_id)

    def _find_fulfilments(self, sent: SentShipment) -> list[str]:
        """The fulfilments that hold exactly the parcel's units, for a parcel whose fulfilment nobody noted; none where
        that is not clear."""
        order = self._read_order(sent)
        units = {line.line_id: line.quantity for line in sent.shipment.lines}
        shown = read_shown(order, sent.shipment).parcels if order else ()
        same = [parcel.reference for parcel in shown if dict(parcel.lines) == units]
        return same if len(same) == 1 else []

    def _explain_correction(self, sent: SentShipment, errors: Sequence[UserError]) -> Outcome:
        seen = _judge(sent, self._read_order(sent))
        if seen.status != "accepted":
            message = "Shopify refuses the tracking number: correct it in the shop."
            seen = build_outcome(sent, "refused", "refused", message)
        return msgspec.structs.replace(seen, words=Words("; ".join(error.message for error in errors)))

    def _read_groups(
        self, shipments: Sequence[SentShipment], query: str
    ) -> Iterator[tuple[list[SentShipment], Orders]]:
        """The shipments in groups, each with its orders as they stand now."""
        left = deque(shipments)
        while left:
            group: list[SentShipment] = []
            order_ids: dict[str, None] = {}
            while left and len({*order_ids, left[0].shipment.order_id}) <= self._at_once[query]:
                group.append(left.popleft())
                order_ids[group[-1].shipment.order_id] = None
            yield group, self._read(list(order_ids), query)

    def _read(self, order_ids: list[str], query: str) -> Orders:
        orders: Orders = {}
        while order_ids:
            batch = order_ids[: self._at_once[query]]
            try:
                orders |= self._ask(query, batch, FEW)
            except TooExpensive:
                if len(batch) == 1:
                    raise ProtocolError("Shopify calls the parcels of one order too expensive to be read.") from None
                self._at_once[query] = len(batch) // 2
                continue
            order_ids = order_ids[len(batch) :]
        for order_id in [order_id for order_id, order in orders.items() if order is None]:
            orders |= self._ask(PARCELS, [order_id], MANY)
        return orders

    def _ask(self, query: str, order_ids: list[str], most: Mapping[str, int]) -> Orders:
        """most: parcels of an order, and lines of a parcel."""
        variables = {"ids": [f"gid://shopify/Order/{order_id}" for order_id in order_ids], **most}
        nodes = self._graphql.ask(query, variables, ParcelsAnswer).nodes
        orders: Orders = {}
        for order_id, node in zip(order_ids, nodes, strict=False):
            if bytes(node) != b"null":
                order = read_order(node)
                sound = order and number_of(order.id) == order_id and is_whole(order, most["parcels"])
                orders[order_id] = order if sound else None
        return orders


def _get_order(orders: Orders, order_id: str) -> Order | None:
    """None for an order that Shopify does not know. Raises ProtocolError for one that cannot be read."""
    if order_id in orders and orders[order_id] is None:
        raise ProtocolError(f"The parcels of Shopify's order {order_id[:40]} cannot be read.")
    return orders.get(order_id)


def _judge(sent: SentShipment, order: Order | None) -> Outcome:
    if order is None:
        return build_outcome(sent, "refused", "no_such_order", "Shopify has no order with this id.")
    return judge("Shopify", sent, read_shown(order, sent.shipment))


def _list_parts(plan: Plan) -> list[tuple[str, str, int]]:
    return [(part.fulfilment_order, part.line.id, part.quantity) for parts in plan.parts.values() for part in parts]


def _build_accepted(sent: SentShipment, references: list[str], plan: Plan) -> Outcome:
    reference = SEPARATOR.join(filter(None, references))
    if not plan.short:
        return Outcome(key=sent.key, status="accepted", reference=reference)
    lines = ", ".join(line_id[:40] for line_id in plan.short[:5])
    message = f"Shopify waited for fewer units than the parcel has, of line {lines}."
    return Outcome(key=sent.key, status="accepted", code="fewer_open", message=message, reference=reference)
