"""What Odoo has delivered of one order, and in which parcels it left.

What belongs here: the shapes, which tracking number belongs to which package, how many of the channel's units lie in
each parcel. What does not: reading Odoo (odoo/fulfilment/), what the channel is told (shipment_plan.py).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from urllib.parse import quote

import msgspec

_BETWEEN_NUMBERS = re.compile(r"[,;\s]+")
_TINY = Decimal("0.000001")  # what Odoo's floats may lack of a whole unit


class _Frozen(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    pass


class Piece(_Frozen, frozen=True, kw_only=True, omit_defaults=True):
    """Goods of one order line in a delivery. line: external id of the order line. own: they are the line's own product
    in its own unit, and not a component of a kit or a substitute. package: '' outside of packages."""

    line: str
    product: int
    quantity: Decimal
    own: bool = True
    package: str = ""


class Delivery(_Frozen, frozen=True, kw_only=True, omit_defaults=True):
    """One transfer to the customer that is done. method: Odoo's delivery method. numbers: its tracking numbers. url:
    where all of them, or the only one, is tracked."""

    picking: int
    name: str
    shipped_at: datetime
    pieces: tuple[Piece, ...]
    method: str = ""
    numbers: tuple[str, ...] = ()
    url: str = ""


class DeliveredLine(_Frozen, frozen=True, kw_only=True, omit_defaults=True):
    """Units of one order line in Odoo, as the line counts them. delivered: Odoo's qty_delivered, where kits are whole
    kits and returns are subtracted. missing: still to be delivered, or cancelled."""

    line: str
    ordered: Decimal
    delivered: Decimal
    missing: Decimal = Decimal(0)


class DeliveredOrder(_Frozen, frozen=True, kw_only=True, omit_defaults=True):
    """One sale order and its done deliveries, the oldest first. What a person sent again, or in exchange, by returning
    a return, is not among them."""

    odoo_id: int
    name: str
    lines: tuple[DeliveredLine, ...]
    deliveries: tuple[Delivery, ...]


class Parcel(_Frozen, frozen=True, kw_only=True, omit_defaults=True):
    """One parcel of a delivery. more: further numbers of the same goods."""

    delivery: Delivery
    pieces: tuple[Piece, ...]
    package: str = ""
    number: str = ""
    more: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        """Where this parcel's number is tracked; '' if that cannot be told."""
        everything = self.delivery.url
        if len(self.delivery.numbers) < 2 or not everything:
            return everything
        return f"{everything}{quote(self.number)}" if everything.endswith(("=", "/")) else ""


def split_numbers(reference: str) -> tuple[str, ...]:
    """The tracking numbers in Odoo's one field for them, which people and connectors separate by commas, semicolons or
    blanks; each once."""
    return tuple(dict.fromkeys(number for number in _BETWEEN_NUMBERS.split(reference) if number))


def split_url(url: str, reference: str, numbers: Sequence[str]) -> str:
    """The address under which the numbers are tracked. With several numbers Odoo puts its whole field into the
    address; then the part before the field is returned, if the field stands at the end."""
    if not url.startswith(("http://", "https://")):
        return ""  # a list of addresses, as JSON
    if len(numbers) < 2:
        return url
    for spelling in (reference, quote(reference), quote(reference, safe="")):
        if url.endswith(spelling):
            return url.removesuffix(spelling)
    return ""


def parcels_of(delivery: Delivery) -> list[Parcel]:
    """The parcels of a delivery. As many packages as numbers: a package has the number that is its name, else they are
    paired in order. Otherwise all goods are one parcel under the first number, and the others are its further
    numbers."""
    packages = list(dict.fromkeys(piece.package for piece in delivery.pieces))
    numbers = delivery.numbers
    if len(packages) < 2 or "" in packages or len(packages) != len(numbers):
        package = packages[0] if len(packages) == 1 else ""
        first, more = (numbers[0], numbers[1:]) if numbers else ("", ())
        return [Parcel(delivery=delivery, pieces=delivery.pieces, package=package, number=first, more=more)]
    named = {package: package for package in packages if package in numbers}
    rest = iter([number for number in numbers if number not in named])
    number_of = {package: named.get(package) or next(rest) for package in packages}
    return [
        Parcel(
            delivery=delivery, package=package, number=number_of[package],
            pieces=tuple(piece for piece in delivery.pieces if piece.package == package),
        )
        for package in packages
    ]  # fmt: skip


def whole(units: Decimal, pack: int) -> int:
    """Whole units of the channel in so many of Odoo's; pack: how many of Odoo's one of the channel's is."""
    return int((units + _TINY) // pack)


def shipped_units(line: DeliveredLine, parcels: Sequence[Parcel], pack: int) -> list[int]:
    """Units of the channel that leave with each parcel. A unit that is spread over parcels leaves with the last of
    them; so does a kit."""
    own = any(piece.own for parcel in parcels for piece in parcel.pieces if piece.line == line.line)
    count = _count_own if own else _count_kits
    together = [whole(units, pack) for units in count(line, parcels)]
    return [now - before for before, now in zip([0, *together], together, strict=False)]


def _count_own(line: DeliveredLine, parcels: Sequence[Parcel]) -> Iterable[Decimal]:
    """Units that have left with each parcel and those before it."""
    units = Decimal(0)
    for parcel in parcels:
        units += sum((piece.quantity for piece in parcel.pieces if piece.line == line.line and piece.own), Decimal(0))
        yield units


def _count_kits(line: DeliveredLine, parcels: Sequence[Parcel]) -> Iterable[Decimal]:
    """The same for a kit, by the share of each component that has left; all kits that Odoo counts have left with the
    last parcel."""
    total = _sum_products(line, parcels)
    so_far: dict[int, Decimal] = defaultdict(Decimal)
    for parcel in parcels:
        for product, quantity in _sum_products(line, [parcel]).items():
            so_far[product] += quantity
        share = min((so_far[product] / units for product, units in total.items() if units), default=Decimal(0))
        yield Decimal(int(line.delivered * share + _TINY))


def _sum_products(line: DeliveredLine, parcels: Iterable[Parcel]) -> Mapping[int, Decimal]:
    sums: dict[int, Decimal] = defaultdict(Decimal)
    for parcel in parcels:
        for piece in parcel.pieces:
            if piece.line == line.line:
                sums[piece.product] += piece.quantity
    return sums


def most_units(line: DeliveredLine, gross: int, pack: int) -> int:
    """The most units of the channel that have left for the first time. gross: units in all parcels.

    A unit that came back and was sent once more, or exchanged, counts once: then Odoo counts it as delivered again, but
    the unit that is still missing has not left.
    """
    at_once = whole(line.ordered - line.missing, pack)
    return min(gross, max(whole(line.delivered, pack), at_once))
