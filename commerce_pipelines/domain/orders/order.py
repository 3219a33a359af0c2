"""The order as the business sees it, whatever marketplace it came from.

Every channel translates its payload to `Order`; everything after that reads only this. Personal data sits in
`Buyer` and `Address` alone, so that the rest can be staged in clear.

What belongs here: the shape, its invariants, and the questions anybody may ask of an order. What does not: how a
marketplace says it (channels/*/orders/translate.py), which Odoo record it becomes (domain/sales/draft.py).
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo

import msgspec

from ...core.errors import RecordError

LARGEST_AMOUNT = 10**15  # minor units: above this, Odoo's floats lose cents
MOST_UNITS = 10**9  # the most units of one line
HIGHEST_RATE_PPM = 10_000_000  # parts per million: 1000 %
UNPAID_FOR_LONG = timedelta(days=30)  # an order that is unpaid for longer will not be paid
Sold = tuple[str, str]  # a product line's SKU, '' where it has none, and its title
LONGEST_ID = 500  # characters of an id: a row of a PostgreSQL index holds at most 2,700 bytes


class OrderStatus(StrEnum):
    """Where the order stands for the merchant."""

    WAITING = "waiting"  # not paid or not priced yet: never loaded
    PAID = "paid"  # paid (or payment guaranteed by the marketplace): must be in Odoo
    CANCELLED = "cancelled"  # cancelled as a whole


class Review(StrEnum):
    """Why the marketplace advises against sending an order yet."""

    PENDING = "pending"  # the marketplace is still assessing it
    RISKY = "risky"  # the marketplace asks the seller to look at it
    CANCEL = "cancel"  # the marketplace advises to cancel it
    PAYMENT = "payment"  # the marketplace is reviewing its payment


class FulfilledBy(StrEnum):
    MERCHANT = "merchant"
    CHANNEL = "channel"  # Amazon FBA and the like: stock and parcels are the marketplace's


class Shipped(StrEnum):
    NO = "no"
    PARTLY = "partly"
    YES = "yes"


class LineKind(StrEnum):
    """What a line of money is for. Everything but PRODUCT becomes a service product in Odoo."""

    PRODUCT = "product"
    SHIPPING = "shipping"
    GIFT_WRAP = "gift_wrap"
    DISCOUNT = "discount"  # always negative
    TIP = "tip"
    DUTY = "duty"
    FEE = "fee"  # cash on delivery, regulatory fees charged to the buyer
    GIFT_CARD = "gift_card"  # a sold multi-purpose voucher: a liability, no VAT (Art. 30b VAT Directive)
    ROUNDING = "rounding"


class _Frozen(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    pass


class Address(_Frozen, frozen=True, kw_only=True, omit_defaults=True):
    """Empty strings where the channel gives nothing. country: ISO 3166-1 alpha-2. state: code or name as given."""

    name: str = ""
    company: str = ""
    street: str = ""
    street2: str = ""
    city: str = ""
    postcode: str = ""
    state: str = ""
    state_name: str = ""  # in words, where the channel gives a code and a name
    country: str = ""
    phone: str = ""


class Buyer(_Frozen, frozen=True, kw_only=True, omit_defaults=True):
    """Who bought. `ref` is the channel's stable id of the buyer (user name, customer id), '' if it gives none."""

    ref: str = ""
    account: str = ""  # an id of the buyer's account that stays when `ref` (a user name) changes, '' if there is none
    name: str = ""
    email: str = ""  # as given; '' when absent; normalised by `email_key`
    email_is_relay: bool = False  # a marketplace's forwarding address: not an identity
    phone: str = ""
    company: str = ""
    vat_number: str = ""
    language: str = ""  # BCP 47, e.g. de-DE
    is_business: bool = False


class OrderLine(_Frozen, frozen=True, kw_only=True, omit_defaults=True):
    """One line of money. Amounts are minor units of the order's currency.

    amount: what was charged for the whole quantity, in the order's price basis: tax included when
            `Order.prices_include_tax`, else without tax. Negative for discounts. Before discounts: each discount is a
            DISCOUNT line of its own, with the tax rate of what it reduces.
    tax:    the seller's tax on this line (inside `amount` when prices include tax, else on top). Tax that the
            marketplace collects and remits is not here: it is `Order.collected`.
    rate:   stated rate in parts per million (19 % = 190_000), summed over the line's tax lines; None = not stated.
    of:     the id of the product line that this line belongs to, for a discount, shipping or gift wrap of one line.
    shipped: units of a product line that the channel surely counts as shipped, 0 to quantity, whoever reported them; a
            channel that counts no units by line says so of whole lines or orders only. Part of no comparison: what was
            sold stays the same when it is shipped.
    is_exchange: sold, after the order was placed, for goods of it that come back. Part of no comparison.
    """

    line_id: str  # stable for the life of the order; unique in it
    kind: LineKind
    title: str
    quantity: int
    amount: int
    tax: int = 0
    rate: int | None = None
    sku: str = ""
    of: str = ""
    shipped: int = 0
    is_exchange: bool = False


class Payment(_Frozen, frozen=True, kw_only=True, omit_defaults=True):
    method: str
    amount: int  # minor units of the order's currency


class EuroRate(_Frozen, frozen=True, kw_only=True):
    """What one unit of a currency is worth in euros, by Odoo's rates, and the day that these are of."""

    rate: Decimal
    day: date


class Order(_Frozen, frozen=True, kw_only=True, omit_defaults=True):
    """A marketplace order at one revision.

    total:     minor units that the seller is owed = sum of lines (+ their tax when prices exclude tax).
    collected: minor units of tax that the marketplace collects and remits itself, on top of `total`.
    `total + collected` is what the buyer paid. Times are aware UTC. Raises nothing; see `check`.
    """

    channel: str
    order_id: str
    number: str
    placed_at: datetime
    updated_at: datetime
    status: OrderStatus
    currency: str
    total: int
    prices_include_tax: bool
    lines: tuple[OrderLine, ...]
    collected: int = 0
    collected_as: str = ""  # IOSS, OSS, deemed_supplier, US_FACILITATOR … as evidence
    fulfilled_by: FulfilledBy = FulfilledBy.MERCHANT
    shipped: Shipped = Shipped.NO
    delivered_by: datetime | None = None  # when the buyer has the goods at the latest, as far as the channel tells
    marketplace: str = ""  # A1PA6795UKMFR9, EBAY_DE, shop domain
    service: str = ""  # the channel's shipping service or level, as the carrier mapping's key
    departure_country: str = ""  # where the goods leave from, when the channel says it
    # Amazon multi-channel fulfilment of a sale that another channel made: never a sale order
    is_other_channel: bool = False
    is_test: bool = False
    review: Review | None = None
    payments: tuple[Payment, ...] = ()
    refunded: int = 0
    replaces: str = ""  # the order whose goods this one sends again, free of charge, or exchanges for others
    buyer: Buyer = Buyer()
    billing: Address | None = None
    shipping: Address | None = None
    euro: EuroRate | None = None  # of its currency on its day; read where the import scheme's limit needs it

    @property
    def destination(self) -> Address:
        """Where the goods go, for VAT: the delivery address, else the billing address, else an empty address."""
        return self.shipping or self.billing or Address()


def balance(order: Order) -> int:
    """`total` less the sum of the lines: 0 for a sound order."""
    lines = sum([line.amount for line in order.lines])
    taxes = 0 if order.prices_include_tax else sum([line.tax for line in order.lines])
    return order.total - lines - taxes


def measure(order: Order) -> None:
    """Raises RecordError for figures and ids that no table can hold: one of them would fail the rows of all other
    orders."""
    _check_distinct(order)
    for line in order.lines:
        if len(line.line_id) > LONGEST_ID:
            raise RecordError(
                "bad_payload", f"Line {line.line_id[:40]}… has an id of more than {LONGEST_ID} characters.",
                fix="Look at the order in the marketplace; if it is right there, report its payload.",
                subject=line.line_id[:40],
            )  # fmt: skip
        if not -MOST_UNITS <= line.quantity <= MOST_UNITS:
            raise RecordError(
                "bad_quantity", f"Line {line.line_id[:40]} has a quantity beyond {MOST_UNITS}.",
                fix="Look at the order in the marketplace.", subject=line.line_id[:40],
            )  # fmt: skip
        if line.rate is not None and not 0 <= line.rate <= HIGHEST_RATE_PPM:
            raise RecordError(
                "bad_payload",
                f"Line {line.line_id[:40]} has a tax rate outside of 0 to {HIGHEST_RATE_PPM // 10_000} %.",
                fix="Look at the order in the marketplace.", subject=line.line_id[:40],
            )  # fmt: skip
        if not (-LARGEST_AMOUNT <= line.amount <= LARGEST_AMOUNT and -LARGEST_AMOUNT <= line.tax <= LARGEST_AMOUNT):
            raise _build_beyond_error(order)
    for amount in (order.total, order.collected, order.refunded):
        if not -LARGEST_AMOUNT <= amount <= LARGEST_AMOUNT:
            raise _build_beyond_error(order)


def _build_beyond_error(order: Order) -> RecordError:
    return RecordError(
        "bad_amount", f"The order has an amount beyond {LARGEST_AMOUNT} minor units of {order.currency[:3]}.",
        fix="Look at the order in the marketplace.", subject=order.currency[:3],
    )  # fmt: skip


def check(order: Order) -> None:
    """Raises RecordError for an order that contradicts itself, so that no guess reaches Odoo."""
    off = balance(order)
    if off:
        raise RecordError(
            "unbalanced",
            f"The lines of the order differ from its total by {off} minor units of {order.currency}.",
            fix="Compare the order in the marketplace; amounts of a kind we do not know yet are the usual cause.",
            subject=order.currency,
        )
    _check_distinct(order)
    for line in order.lines:
        if line.quantity <= 0:
            raise RecordError(
                "bad_quantity",
                f"Line {line.line_id} has the quantity {line.quantity}.",
                fix="Look at the order in the marketplace.",
                subject=line.line_id,
            )


def _check_distinct(order: Order) -> None:
    ids = [line.line_id for line in order.lines]
    if len(set(ids)) != len(ids):
        raise RecordError(
            "duplicate_line",
            "Two lines of the order carry the same id.",
            fix="Report the payload's shape: the channel's translation must give each line its own id.",
        )


def business_day(instant: datetime, zone: ZoneInfo) -> date:
    """The channel's calendar day of an instant. Raises ValueError for an instant without a time zone."""
    if instant.tzinfo is None:
        raise ValueError("an instant without a time zone has no business day")
    return instant.astimezone(zone).date()


def open_units(order: Order, zone: ZoneInfo, history_before: date | None, now: datetime) -> dict[Sold, int]:
    """Units by the channel's SKU and title that an order will take out of the merchant's own warehouses, once it is in
    Odoo.

    Only a paid order, or one that may still be paid, takes units. An order shipped before `history_before` takes none.
    """
    paid = order.status is OrderStatus.PAID or (
        order.status is OrderStatus.WAITING and order.placed_at > now - UNPAID_FOR_LONG
    )
    past = (
        order.shipped is Shipped.YES
        and history_before is not None
        and business_day(order.placed_at, zone) < history_before
    )
    if not paid or past or order.is_test or order.is_other_channel or order.fulfilled_by is not FulfilledBy.MERCHANT:
        return {}
    units: dict[Sold, int] = {}
    for line in order.lines:
        if line.kind is LineKind.PRODUCT:
            units[line.sku, line.title] = units.get((line.sku, line.title), 0) + line.quantity
    return units
