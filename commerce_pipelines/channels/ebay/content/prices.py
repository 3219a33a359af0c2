"""Prices of eBay's listings: by the API that made each, and never with a quantity.

What belongs here: the two calls, what an error means for a price. What does not: which price is right
(domain/content/), texts and pictures (revising.py).

ReviseInventoryStatus and bulkUpdatePriceQuantity leave the quantity as it is where they are told a price alone.
Variations of one listing have prices of their own, and go in one revision, four a call.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ....core.errors import TransientError
from ....core.legible import one_word
from ....core.words import Words
from ....domain.content.listings import ContentOutcome, SentChange, ShownListing
from ....domain.content.pricelists import read_amount
from ...http.session import Repeat
from ...http.throttle import BucketStore, Priority
from ...product_content import build_outcome
from ..api import payloads
from ..api import trading_payloads as trading
from ..api.account import MEANINGS, Account, is_passing
from ..api.revisions import may_revise
from ..api.xml import Money
from . import managed as inventory
from .payloads import BulkAnswer, StatusRevised

STATUSES_A_CALL = 4  # InventoryStatus containers in one call
BULK = "/sell/inventory/v1/bulk_update_price_quantity"


def find_item(listing: ShownListing) -> str:
    """The item id of a listing, or of the listing that a variation belongs to."""
    return listing.reference.get("item_id") or listing.key


def revise_prices(
    account: Account, buckets: BucketStore, changes: Sequence[SentChange], item_id: str
) -> Iterator[ContentOutcome]:
    """Set the prices of one listing, or of its variations. Raises what stops all of them."""
    classic: list[SentChange] = []
    for change in changes:
        managed = inventory.find_managed(account, change.listing.skus[0], item_id)
        if managed is None:
            classic.append(change)
        elif _may_revise(account, buckets, item_id):
            yield _revise_offer(account, managed, change)
        else:
            yield _build_postponed(change)
    for start in range(0, len(classic), STATUSES_A_CALL):
        some = classic[start : start + STATUSES_A_CALL]
        if _may_revise(account, buckets, item_id):
            yield from _revise_statuses(account, some, item_id)
        else:
            yield from map(_build_postponed, some)


def _may_revise(account: Account, buckets: BucketStore, item_id: str) -> bool:
    return may_revise(buckets, account.settings.name, item_id, Priority.CONTENT)


def _build_postponed(change: SentChange) -> ContentOutcome:
    sentence = "The listing was revised so often today that the rest is kept for its stock."
    return build_outcome(change, "unknown", "revision_limit", sentence)


def _revise_offer(account: Account, managed: inventory.Managed, change: SentChange) -> ContentOutcome:
    amount, currency = read_amount(change.after)
    price = {"currency": currency, "value": amount}
    body = {"requests": [{"offers": [{"offerId": str(managed.offer["offerId"]), "price": price}]}]}
    answer = account.post("bulkUpdatePriceQuantity", BULK, body, repeat=Repeat.STATE, ok=(200, 207, 400))
    if answer.status == 400:
        return _refuse(change, inventory.read_errors(account, answer))
    responses = account.decode(answer, BulkAnswer).responses
    if responses and all(response.status_code == 200 for response in responses):
        return ContentOutcome(key=change.key, status="accepted", shown=change.after)
    return _refuse(change, [error for response in responses for error in response.errors])


def _refuse(change: SentChange, errors: Sequence[payloads.Error]) -> ContentOutcome:
    code = str(errors[0].error_id) if errors else "unanswered"
    words = Words("; ".join(error.long_message or error.message for error in errors))
    return build_outcome(change, "refused", code, _explain(code), words=words)


def _revise_statuses(account: Account, some: Sequence[SentChange], item_id: str) -> Iterator[ContentOutcome]:
    """One call; one for each where eBay refuses some of several, because its errors name no listing."""
    statuses: list[dict[str, Any]] = []
    for change in some:
        amount, currency = read_amount(change.after)
        sku = change.listing.skus[0] if "variation" in change.listing.reference else None
        statuses.append({"SKU": sku, "ItemID": item_id, "StartPrice": Money(amount, currency)})
    root = account.trading("ReviseInventoryStatus", {"InventoryStatus": statuses}, repeat=Repeat.STATE, partial=True)
    answer = trading.read_answer(root, StatusRevised, "ReviseInventoryStatus")
    if answer.Ack in ("Success", "Warning"):
        yield from (ContentOutcome(key=change.key, status="accepted", shown=change.after) for change in some)
        return
    errors = [error for error in answer.Errors if error.SeverityCode != "Warning"]
    if any(map(is_passing, errors)):
        raise TransientError("eBay failed while it revised a price; it will be tried again later.")
    if len(some) > 1:
        for change in some:
            yield from _revise_statuses(account, [change], item_id)
        return
    code = one_word(errors[0].ErrorCode) if errors else "unanswered"
    words = Words("; ".join(error.LongMessage or error.ShortMessage for error in errors))
    yield build_outcome(some[0], "refused", code, _explain(code), words=words)


def _explain(code: str) -> str:
    return f"eBay refuses the price: {MEANINGS.get(code) or f'code {code}'}."
