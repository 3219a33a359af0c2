"""A shipment as every channel is told of it: one parcel of one order.

What belongs here: the shape, and the bridge to an effect's body. What does not: which shipments there are
(odoo/fulfilment/), what a marketplace makes of one (channels/*/fulfilment/).
"""

from __future__ import annotations

from datetime import datetime

import msgspec


class _Frozen(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    pass


class ShippedLine(_Frozen, frozen=True, kw_only=True, omit_defaults=True):
    """Units of one line of the channel's order that are in the parcel. line_id: as `OrderLine.line_id`."""

    line_id: str
    quantity: int


class Shipment(_Frozen, frozen=True, kw_only=True, omit_defaults=True):
    """One parcel. It is also the body of its effect, so it holds ids and figures, and no personal data.

    shipped_at: neither in the future nor before the order was placed; whoever makes the shipment sees to that. parcel:
    counts the parcels of the order from 1 and never changes for a parcel. carrier: the channel's own code for the
    carrier, '' where there is none for it; carrier_name: its name, for the channel's "other". tracking_number: '' where
    the parcel has none. more_numbers: further numbers of the same goods, where Odoo does not say which lies in which
    parcel; a channel that takes one number for a parcel is not told of them.
    """

    order_id: str
    parcel: int
    shipped_at: datetime
    lines: tuple[ShippedLine, ...]
    marketplace: str = ""  # as `Order.marketplace`
    carrier: str = ""
    carrier_name: str = ""
    tracking_number: str = ""
    more_numbers: tuple[str, ...] = ()
    tracking_url: str = ""


class SentShipment(_Frozen, frozen=True, kw_only=True, omit_defaults=True):
    """A shipment and its effect. key: of the effect, by which outcomes are told. reference: the channel's own id of
    it, '' until it gives one. token: the same for every attempt."""

    key: str
    shipment: Shipment
    token: str
    reference: str = ""
