"""Types of Amazon's Finances API v2024-06-19: only the fields that are used.

What belongs here: the vendor's shapes under the vendor's names, and reading them from bytes. What does not: what an
amount is for (breakdowns.py), what a refund means (refund_translate.py). Source: finances_2024-06-19.json, in which
every field is optional; amounts are JSON numbers and are read from their text, never as floats.

**Key.** A refund that Amazon defers is released later. Amazon says that the same transaction changes its status then;
where the release is posted as a transaction of its own, it names the deferred one, and is the same refund.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, TypeVar

import msgspec

from ....core.errors import RecordError
from ....core.legible import decode_json, says
from ...capabilities import Head

T = TypeVar("T")

Instant = Annotated[datetime, msgspec.Meta(tz=True)]
REFUND = "refund"  # of `transactionType`, in lower case; chargebacks and claims that pay the buyer have this type too


class _Payload(msgspec.Struct, rename="camel", gc=False):
    pass


class Currency(_Payload):
    currency_code: Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{3}\Z")]
    currency_amount: Decimal


class Breakdown(_Payload):
    """breakdown_type: a word of a list that Amazon does not publish."""

    breakdown_type: str
    breakdown_amount: Currency
    breakdowns: list[Breakdown] | None = None


class Identifier(_Payload):
    related_identifier_name: str = ""
    related_identifier_value: str = ""


class ItemIdentifier(_Payload):
    item_related_identifier_name: str = ""
    item_related_identifier_value: str = ""


class Context(_Payload):
    """A ProductContext, or another kind whose fields are not read."""

    context_type: str = ""
    asin: str | None = None
    sku: str | None = None
    quantity_shipped: int | None = None


class Item(_Payload):
    total_amount: Currency | None = None
    related_identifiers: list[ItemIdentifier] | None = None
    breakdowns: list[Breakdown] | None = None
    contexts: list[Context] | None = None


class Marketplace(_Payload):
    marketplace_id: str | None = None


class Transaction(_Payload):
    """One refund. related_identifiers: ORDER_ID, REFUND_ID, DEFERRED_TRANSACTION_ID …"""

    transaction_id: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    posted_date: Instant
    total_amount: Currency
    related_identifiers: list[Identifier]
    items: list[Item] | None = None
    breakdowns: list[Breakdown] | None = None


class Kind(_Payload):
    """What tells whether a transaction is read at all."""

    transaction_type: str = ""
    marketplace_details: Marketplace | None = None


class HeadFields(_Payload):
    transaction_id: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    posted_date: Instant
    related_identifiers: list[Identifier]


class TransactionsPayload(_Payload):
    transactions: list[msgspec.Raw] | None = None
    next_token: str | None = None


class TransactionsPage(_Payload):
    payload: TransactionsPayload


_transactions = msgspec.json.Decoder(Transaction)
_kinds = msgspec.json.Decoder(Kind)
_heads = msgspec.json.Decoder(HeadFields)


def read_transaction(raw: bytes) -> Transaction:
    return _read(_transactions, raw)


def read_kind(raw: bytes) -> Kind:
    return _read(_kinds, raw)


def head(raw: bytes) -> Head:
    """What the landing must know of a refund. Amazon names no buyer here."""
    record = _read(_heads, raw)
    order_id = order_id_of(record.related_identifiers)
    posted = record.posted_date.astimezone(UTC)
    return Head(
        record_id=key_of(record.transaction_id, record.related_identifiers),
        created_at=posted,
        updated_at=posted,
        subject=f"order:{order_id}",
    )


def order_id_of(identifiers: list[Identifier]) -> str:
    """Raises RecordError(`bad_payload`) without one, because nothing says then what was refunded."""
    order_id = _find(identifiers, "ORDER_ID")
    if not order_id:
        raise bad_payload("no identifier is an ORDER_ID", subject="relatedIdentifiers")
    return order_id


def key_of(transaction_id: str, identifiers: list[Identifier]) -> str:
    """The refund's id: order and transaction, so that it can be found again by its order."""
    return f"{order_id_of(identifiers)}:{_find(identifiers, 'DEFERRED_TRANSACTION_ID') or transaction_id}"


def bad_payload(reason: str, *, subject: str = "") -> RecordError:
    return RecordError(
        "bad_payload",
        f"Amazon's refund is not shaped as its API says: {reason}.",
        fix="Look at the landed answer; if it is right there, report the path, because Amazon changed its API.",
        subject=subject,
    )


def _find(identifiers: list[Identifier], name: str) -> str:
    return next((row.related_identifier_value for row in identifiers if row.related_identifier_name == name), "")


def _read(decoder: msgspec.json.Decoder[T], raw: bytes) -> T:
    try:
        return decode_json(decoder, raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        reason = says(error)
        raise bad_payload(reason, subject=reason.partition(" - at `")[2].rstrip("`")) from None
