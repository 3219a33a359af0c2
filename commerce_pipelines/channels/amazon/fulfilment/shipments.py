"""Confirming shipments on Amazon: one call for each parcel, and reading the order where the answer leaves doubt.

What belongs here: the request, what its answers mean, what Amazon shows of a parcel. What does not: parcels that go by
a feed (fed.py) and which those are (ways.py), which parcels there are (domain/fulfilment/), one call and its rate
(api/).

**A repeat edits.** Amazon knows a package by the packageReferenceId that the seller gives, within the order. It is our
number of the parcel, so the same call again changes the same package: after a lost answer it does no harm, and it is
also how a tracking number is corrected.

**A refusal is no proof.** "Unable to find package to update … or order already fulfilled" is what Amazon says to a
second confirmation, to a merchant's own one, and to a real mistake alike (amzn/selling-partner-api-models #5037). So
the order is read before an answer 400 is believed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from urllib.parse import quote

import msgspec

from ....core.errors import CredentialError, PermanentError, ProtocolError, RateLimited, TransientError
from ....core.legible import one_word
from ....core.words import Words
from ....domain.fulfilment.shipments import SentShipment, Shipment
from ....domain.fulfilment.shown import ShownLine, ShownOrder, ShownParcel, judge
from ....domain.outbox.effects import Outcome
from ...capabilities import Handover, Shipments
from ...http.session import Repeat, Response
from ...outcomes import build_outcome
from ..api.api import Api, decode, describe
from . import payloads
from .fed import OTHER, FedShipments
from .ways import MOST_FED, ONE_CALL_EACH, ONE_FEED, is_feed_quicker, is_unnumbered

CONFIRM = "/orders/v0/orders/{}/shipmentConfirmation"
READ = "/orders/2026-01-01/orders/{}"
INCLUDED = "FULFILLMENT,PACKAGES"
LOOK_PAUSE_SECONDS = (0.0, 2.0, 10.0)  # before each look at an order that is said to be fulfilled already
_FULFILLED = re.compile("PackageToUpdateNotFound|already fulfilled", re.IGNORECASE)
_GONE = frozenset(("CANCELLED", "UNFULFILLABLE"))


class AmazonShipments(Shipments):
    """Parcels of one account. `more_numbers` are not told: Amazon takes one tracking number for a package."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._fed = FedShipments(api, self._look_at_orders, self._confirm_each)

    def choose_handover(self, waiting: int) -> Handover:
        if self._is_fed(waiting):
            return Handover(min(waiting, MOST_FED), ONE_FEED)
        return Handover(how=ONE_CALL_EACH)

    def _is_fed(self, parcels: int) -> bool:
        """Whether so many parcels go by a feed although they have numbers. A feed names the seller."""
        return bool(self._api.settings.seller_id) and is_feed_quicker(parcels)

    def send(self, shipments: Sequence[SentShipment]) -> Iterator[Outcome]:
        """Parcels without a tracking number by a feed, the others each by a call; very many all by a feed."""
        many = self._is_fed(len(shipments))
        called: list[SentShipment] = []
        fed: list[SentShipment] = []
        for sent in shipments:
            (fed if (many or is_unnumbered(sent)) and not _refuse(sent) else called).append(sent)
        yield from self._confirm_each(called)
        if fed:
            yield from self._fed.tell(fed)

    def _confirm_each(
        self, shipments: Sequence[SentShipment], confirm: Callable[[SentShipment], Outcome] | None = None
    ) -> Iterator[Outcome]:
        """Two parcels in a row that Amazon does not answer mean that it cannot be reached, which is raised."""
        lost = False
        for sent in shipments:
            if refused := _refuse(sent) or _refuse_unnumbered(sent):
                yield refused
                continue
            try:
                yield (confirm or self._confirm)(sent)
                lost = False
            except (CredentialError, RateLimited):
                raise
            except TransientError as error:
                if lost:
                    raise
                lost = True
                yield build_outcome(sent, "unknown", "no_answer", error)
            except ProtocolError as error:
                yield build_outcome(sent, "unknown", "bad_answer", error)
            except PermanentError as error:
                yield build_outcome(sent, "refused", "refused", error)

    def correct(self, shipments: Sequence[SentShipment]) -> Iterator[Outcome]:
        """The same call again, which edits the package."""
        return self._confirm_each(shipments, self._edit)

    def look(self, shipments: Sequence[SentShipment]) -> Iterator[Outcome]:
        """Of parcels that a feed may have told the feed is looked for first."""
        called: list[SentShipment] = []
        fed: list[SentShipment] = []
        for sent in shipments:
            (fed if is_unnumbered(sent) or sent.reference else called).append(sent)
        if self._is_fed(len(called)):
            called, fed = [], list(shipments)
        yield from self._look_at_orders(called)
        yield from self._fed.look(fed)

    def _look_at_orders(self, shipments: Sequence[SentShipment]) -> Iterator[Outcome]:
        """One call for each order, however many of its parcels are looked for."""
        orders: dict[str, list[SentShipment]] = {}
        for sent in shipments:
            orders.setdefault(sent.shipment.order_id, []).append(sent)
        for order_id, group in orders.items():
            try:
                order = self._read_order(order_id)
            except ProtocolError as error:
                yield from [build_outcome(sent, "unknown", "bad_answer", error) for sent in group]
                continue
            yield from [_judge(sent, order) for sent in group]

    def _edit(self, sent: SentShipment) -> Outcome:
        """A package that a feed told has a number that Amazon gave it: the order shows which, by its units."""
        if sent.reference in ("", _name_package(sent.shipment)):
            return self._confirm(sent)
        order = self._read_order(sent.shipment.order_id)
        units = {line.line_id: line.quantity for line in sent.shipment.lines}
        there = [parcel.reference for parcel in (read_shown(order).parcels if order else ()) if parcel.lines == units]
        if len(there) != 1:
            message = "Amazon shows several parcels with these units, or none: correct the number in Seller Central."
            return build_outcome(sent, "refused", "unknown_package", message)
        return self._confirm(sent, there[0])

    def _confirm(self, sent: SentShipment, package: str = "") -> Outcome:
        package = package or _name_package(sent.shipment)
        answer = self._api.send(
            "POST",
            "confirmShipment",
            CONFIRM.format(quote(sent.shipment.order_id, safe="")),
            msgspec.to_builtins(build_confirmation(sent.shipment, self._api.now(), package)),
            repeat=Repeat.TOKEN,  # the packageReferenceId: a second call edits the package
            ok=(204, 400, 404),
        )
        if answer.status == 204:
            return Outcome(key=sent.key, status="accepted", reference=package)
        return self._check_refusal(sent, answer)

    def _check_refusal(self, sent: SentShipment, answer: Response) -> Outcome:
        """What Amazon shows after it refused a confirmation. What it shows is believed, and its refusal only where the
        parcel is not there although the units are open. An order that was confirmed a moment ago, by an attempt whose
        answer was lost, may take some seconds to show it."""
        answered = describe(answer)
        for pause in LOOK_PAUSE_SECONDS if _FULFILLED.search(answered.text) else (0.0,):
            self._api.sleep(pause)
            seen = _judge(sent, self._read_order(sent.shipment.order_id))
            if seen.status != "absent":
                return msgspec.structs.replace(seen, words=Words(answered.text))
        code = next(filter(None, map(one_word, answered.codes)), "") or str(answer.status)
        message = (
            f"Amazon refuses the confirmation ({answered.named or answer.status}) although it waits for these units; "
            "confirm the shipment in Seller Central."
        )
        refused = build_outcome(sent, "refused", code, message)
        return msgspec.structs.replace(refused, words=Words(answered.text))

    def _read_order(self, order_id: str) -> payloads.Order | None:
        path = READ.format(quote(order_id, safe=""))
        answer = self._api.call("getOrder", path, {"includedData": INCLUDED}, ok=(200, 400, 404))
        return decode(answer, payloads.GetOrderResponse).order if answer.status == 200 else None


def build_confirmation(shipment: Shipment, now: datetime, package: str = "") -> payloads.Confirmation:
    """The body of confirmShipment. Amazon takes no shipping date to come, such as one by a clock that is fast."""
    shipped_at = min(shipment.shipped_at, now).astimezone(UTC)
    return payloads.Confirmation(
        marketplace_id=shipment.marketplace,
        package_detail=payloads.PackageDetail(
            package_reference_id=package or _name_package(shipment),
            carrier_code=shipment.carrier or OTHER,
            carrier_name=shipment.carrier_name if shipment.carrier in ("", OTHER) else "",
            tracking_number=shipment.tracking_number,
            ship_date=shipped_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            order_items=[
                payloads.ConfirmedItem(order_item_id=line.line_id, quantity=line.quantity) for line in shipment.lines
            ],
        ),
    )


def read_shown(order: payloads.Order) -> ShownOrder:
    """The order's lines and parcels. A package that was cancelled is none."""
    lines = {}
    for item in order.order_items:
        fulfilment = item.fulfillment or payloads.ItemFulfillment()
        shipped = fulfilment.quantity_fulfilled or 0
        waiting = fulfilment.quantity_unfulfilled
        lines[item.order_item_id] = ShownLine(
            open=item.quantity_ordered - shipped if waiting is None else waiting, shipped=shipped
        )
    parcels = []
    for package in order.packages or ():
        if package.package_status is None or package.package_status.status != "CANCELLED":
            units: dict[str, int] = {}
            for part in package.package_items or ():
                units[part.order_item_id] = units.get(part.order_item_id, 0) + part.quantity
            numbers = [package.tracking_number] if package.tracking_number else []
            parcels.append(ShownParcel(reference=package.package_reference_id, numbers=numbers, lines=units))
    return ShownOrder(lines=lines, parcels=parcels)


def _name_package(shipment: Shipment) -> str:
    return str(shipment.parcel)


def _judge(sent: SentShipment, order: payloads.Order | None) -> Outcome:
    if order is None:
        return build_outcome(sent, "refused", "no_such_order", "Amazon has no order with this id.")
    fulfilment = order.fulfillment
    if fulfilment and fulfilment.fulfilled_by == "AMAZON":
        return build_outcome(
            sent, "refused", "fulfilled_by_channel", "Amazon ships this order itself, and tells the buyer."
        )
    shown = judge("Amazon", sent, read_shown(order), _name_package(sent.shipment))
    if shown.status != "accepted" and fulfilment and fulfilment.fulfillment_status in _GONE:
        return build_outcome(sent, "refused", "order_cancelled", "The order is cancelled on Amazon: stop the parcel.")
    return shown


def _refuse(sent: SentShipment) -> Outcome | None:
    """The refusal of a shipment that must not be sent, None for all others."""
    shipment = sent.shipment
    if shipment.carrier in ("", OTHER) and not shipment.carrier_name.strip():
        return build_outcome(
            sent, "refused", "no_carrier", "Amazon needs the carrier's name; choose a carrier in the delivery."
        )
    if shipment.parcel < 1 or not shipment.lines or any(line.quantity < 1 for line in shipment.lines):
        return build_outcome(sent, "refused", "bad_quantity", "A parcel without units cannot be confirmed.")
    return None


def _refuse_unnumbered(sent: SentShipment) -> Outcome | None:
    """A number that is known to Amazon cannot be taken back."""
    if not is_unnumbered(sent):
        return None
    message = "Amazon takes no tracking number back: enter one in the delivery in Odoo, or use Seller Central."
    return build_outcome(sent, "refused", "no_tracking", message)
