"""Shipping fulfilments on eBay: one call for each parcel, and reading the order where a call leaves doubt.

What belongs here: the calls, what their answers mean. What does not: what eBay shows of a parcel (parcels.py), which
parcels there are (domain/fulfilment/), one call and its rate (api/).

**Nothing is repeated.** eBay knows no second call by a key: a lost answer raises UnknownOutcome, and the next look
finds the parcel by its tracking number, which is the fulfilment's id as well. Of two calls without a number nobody can
tell one from the other.

**Tracking numbers are letters and digits.** eBay refuses blanks, hyphens and all other signs, so they are taken out.

**Correcting.** Error 34500 speaks of a PUT that the API does not have. The Trading API's CompleteSale replaces the
tracking of one line of an order, so a number is corrected only where each of the parcel's lines is in no other parcel.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import msgspec

from ....core.errors import (
    CredentialError,
    PermanentError,
    ProtocolError,
    RateLimited,
    TransientError,
    UnknownOutcome,
)
from ....core.legible import one_word
from ....core.words import Words
from ....domain.fulfilment.shipments import SentShipment, Shipment
from ....domain.fulfilment.shown import ShownOrder, judge
from ....domain.outbox.effects import Outcome
from ...capabilities import Shipments
from ...http.session import Repeat, Response
from ...outcomes import build_outcome
from ..api import trading_payloads
from ..api.account import MEANINGS, ORDERS, Account, describe
from . import payloads
from .parcels import explain_cancellation, list_legacy_ids, read_shown, rest_shipment

OTHER = "Other"  # eBay's carrier code for a carrier that it has no code for


class EbayShipments(Shipments):
    """Parcels of one account. `more_numbers` are not told: eBay takes one tracking number for a package."""

    def __init__(self, account: Account, now: Callable[[], datetime]) -> None:
        self._account, self._now = account, now

    def send(self, shipments: Sequence[SentShipment]) -> Iterator[Outcome]:
        """Two parcels in a row without an answer mean that eBay cannot be reached, which is raised."""
        lost = False
        for sent in map(rest_shipment, shipments):
            if refused := _refuse(sent):
                yield refused
                continue
            try:
                yield self._create(sent)
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
        """Two calls for each order, however many of its parcels are looked for."""
        orders: dict[str, list[SentShipment]] = {}
        for sent in map(rest_shipment, shipments):
            orders.setdefault(sent.shipment.order_id, []).append(sent)
        for group in orders.values():
            try:
                order, shown = self._read(group[0])
            except ProtocolError as error:
                yield from [build_outcome(sent, "unknown", "bad_answer", error) for sent in group]
                continue
            yield from [_judge(sent, order, shown) for sent in group]

    def correct(self, shipments: Sequence[SentShipment]) -> Iterator[Outcome]:
        """One call for each line of a parcel."""
        for sent in map(rest_shipment, shipments):
            order, shown = self._read(sent)
            if (refused := _refuse_correction(sent, shown)) or order is None:
                yield refused or _judge(sent, None, shown)
                continue
            try:
                for line_id in list_legacy_ids(sent.shipment, order):
                    request = build_correction(sent.shipment, line_id, self._now())
                    self._account.trading("CompleteSale", request, repeat=Repeat.STATE)
                yield Outcome(key=sent.key, status="accepted", reference=clean(sent.shipment.tracking_number))
            except (CredentialError, ProtocolError):
                raise
            except PermanentError as error:
                message = "eBay refuses the tracking number: correct it in Seller Hub."
                refusal = build_outcome(sent, "refused", "refused", message)
                yield msgspec.structs.replace(refusal, words=error.words)

    def list_carriers(self) -> Collection[str]:
        """The carriers of the seller's site, and the code for all others."""
        call = "GeteBayDetails"
        root = self._account.trading(call, {"DetailName": "ShippingCarrierDetails"}, repeat=Repeat.STATE)
        details = trading_payloads.read_answer(root, trading_payloads.DetailsAnswer, call).ShippingCarrierDetails
        return {OTHER, *(carrier.ShippingCarrier for carrier in details if carrier.ShippingCarrier)} if details else ()

    def _create(self, sent: SentShipment) -> Outcome:
        path = f"{ORDERS}/{quote(sent.shipment.order_id, safe='')}/shipping_fulfillment"
        details = msgspec.to_builtins(build_details(sent.shipment, self._now()))
        answer = self._account.post(
            "createShippingFulfillment", path, details, repeat=Repeat.NEVER, ok=(201, 400, 404, 409)
        )
        if answer.status == 201:
            made = answer.headers.get("Location", "").rstrip("/").rpartition("/")[2]
            return Outcome(key=sent.key, status="accepted", reference=one_word(made))
        return self._check_refusal(sent, answer)

    def _check_refusal(self, sent: SentShipment, answer: Response) -> Outcome:
        """What eBay shows after it refused a call. A conflict (409) may be with a call that is still at work."""
        order, shown = self._read(sent)
        seen = _judge(sent, order, shown)
        refusal = _Refusal.read(answer)
        if seen.status == "absent" and answer.status == 409:
            message = "eBay is at work on this order, and does not show the parcel yet."
            seen = build_outcome(sent, "unknown", "conflict", message)
        elif seen.status == "absent":
            seen = build_outcome(sent, "refused", refusal.code, refusal.sentence)
        return msgspec.structs.replace(seen, words=refusal.words)

    def _read(self, sent: SentShipment) -> tuple[payloads.Order | None, ShownOrder]:
        """The order, None where eBay does not know it, and its parcels."""
        path = f"{ORDERS}/{quote(sent.shipment.order_id, safe='')}"
        answer = self._account.rest("getOrder", path, ok=(200, 400, 404))
        if answer.status != 200:
            return None, ShownOrder(lines={}, parcels=())
        order = self._account.decode(answer, payloads.Order)
        listed = self._account.rest("getShippingFulfillments", f"{path}/shipping_fulfillment")
        return order, read_shown(order, self._account.decode(listed, payloads.Fulfillments).fulfillments or ())


class _Refusal(msgspec.Struct, frozen=True):
    """An error answer: eBay's code, our sentence, eBay's words."""

    code: str
    sentence: str
    words: Words

    @classmethod
    def read(cls, answer: Response) -> _Refusal:
        try:
            problems = describe(answer)
            codes, text = problems.codes, problems.text
        except (msgspec.DecodeError, UnicodeDecodeError):
            codes, text = (), ""  # a 409 has no body that is described
        code = next(filter(None, map(one_word, codes)), "") or str(answer.status)
        return cls(code, f"eBay refuses the shipment: {MEANINGS.get(code, f'code {code}')}.", Words(text))


def clean(number: str) -> str:
    """A tracking number as eBay takes it."""
    return "".join(sign for sign in number if sign.isascii() and sign.isalnum())


def build_details(shipment: Shipment, now: datetime) -> payloads.Details:
    """The body of createShippingFulfillment. A number is told with its carrier, and neither is told alone."""
    number = clean(shipment.tracking_number)
    return payloads.Details(
        line_items=[
            payloads.LineReference(line_item_id=line.line_id, quantity=line.quantity) for line in shipment.lines
        ],
        shipped_date=_format_instant(min(shipment.shipped_at, now)),
        shipping_carrier_code=_name_carrier(shipment) if number else "",
        tracking_number=number,
    )


def build_correction(shipment: Shipment, line_id: str, now: datetime) -> dict[str, Any]:
    """The content of CompleteSale, in the order of its schema."""
    tracking = {
        "ShippingCarrierUsed": _name_carrier(shipment),
        "ShipmentTrackingNumber": clean(shipment.tracking_number),
    }
    shipped_at = _format_instant(min(shipment.shipped_at, now))
    return {
        "Shipped": True,
        "Shipment": {"ShippedTime": shipped_at, "ShipmentTrackingDetails": tracking},
        "OrderLineItemID": line_id,
    }


def _name_carrier(shipment: Shipment) -> str:
    return shipment.carrier or shipment.carrier_name.strip() or OTHER


def _format_instant(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _judge(sent: SentShipment, order: payloads.Order | None, shown: ShownOrder) -> Outcome:
    if order is None:
        return build_outcome(sent, "refused", "no_such_order", "eBay has no order with this id.")
    return explain_cancellation(judge("eBay", sent, shown), order)


def _refuse(sent: SentShipment) -> Outcome | None:
    """The refusal of a shipment that must not be sent, None for all others."""
    shipment = sent.shipment
    if shipment.tracking_number.strip() and not clean(shipment.tracking_number):
        message = "eBay takes letters and digits only in a tracking number; correct it in the delivery in Odoo."
        return build_outcome(sent, "refused", "bad_tracking", message)
    if not shipment.lines or any(line.quantity < 1 for line in shipment.lines):
        return build_outcome(sent, "refused", "bad_quantity", "A parcel without units cannot be confirmed.")
    return None


def _refuse_correction(sent: SentShipment, shown: ShownOrder) -> Outcome | None:
    """The refusal of a correction that eBay cannot make, or that would take the number of another parcel."""
    if not clean(sent.shipment.tracking_number):
        message = "eBay takes no empty tracking number in place of another: correct the parcel in Seller Hub."
        return build_outcome(sent, "refused", "no_tracking", message)
    for line in sent.shipment.lines:
        holding = sum(1 for parcel in shown.parcels if parcel.lines.get(line.line_id))
        if holding == 0:
            message = "eBay shows no parcel with these units: correct the tracking number in Seller Hub."
            return build_outcome(sent, "refused", "no_parcel", message) if shown.lines else None
        if holding > 1:
            message = (
                f"eBay has line {line.line_id[:40]} in several parcels and would replace the numbers of all of them: "
                "correct this parcel in Seller Hub."
            )
            return build_outcome(sent, "refused", "several_parcels", message)
    return None
