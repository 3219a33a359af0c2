"""Prices of eBay's listings: by the API that made each, and never with a quantity.

What belongs here: the two calls, what an error means for a price. What does not: which price is right
(domain/content/), texts and pictures (revising.py).

ReviseInventoryStatus and bulkUpdatePriceQuantity leave the quantity as it is where they are told a price alone.
Four listings or variations go in one call.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ....core.errors import PermanentError, TransientError
from ....core.legible import one_word
from ....core.words import Words
from ....domain.content.listings import ContentOutcome, SentChange
from ....domain.content.pricelists import read_amount
from ...http.session import Repeat
from ...http.throttle import BucketStore, Priority
from ...product_content import STOPS, FreshListings, attempt, build_failed, build_outcome
from ..api import payloads
from ..api import trading_payloads as trading
from ..api.account import MEANINGS, Account, is_passing
from ..api.revisions import count_again, may_revise
from ..api.xml import Money
from . import managed as inventory
from .payloads import BulkAnswer, StatusRevised
from .revising import find_item, list_due, mark_ended

STATUSES_A_CALL = 4  # InventoryStatus containers in one call
BULK = "/sell/inventory/v1/bulk_update_price_quantity"


def revise_prices(
    account: Account, buckets: BucketStore, changes: Sequence[SentChange], fresh: FreshListings
) -> Iterator[ContentOutcome]:
    """Set the prices of listings, and of variations of them. What fails for one holds up no other; raises what stops
    all of them. changes: at most STATUSES_A_CALL. fresh: what the listings show now."""
    classic: list[SentChange] = []
    for change in changes:
        try:
            outcome = _revise_if_managed(account, buckets, change, fresh)
        except STOPS:
            raise
        except (TransientError, PermanentError) as error:
            outcome = build_failed(change, error)
        if outcome is None:
            classic.append(change)
        else:
            yield outcome
    some = yield from list_due(classic, fresh)
    if some:
        yield from attempt(some, _revise_statuses(account, buckets, some))


def _revise_if_managed(
    account: Account, buckets: BucketStore, change: SentChange, fresh: FreshListings
) -> ContentOutcome | None:
    """The outcome for a listing that the Inventory API made, or that may not be revised now, or that moved; None for
    any other."""
    item_id = find_item(change.listing)
    managed = inventory.find_managed(account, change.listing.skus[0], item_id)
    if outcome := fresh.judge(item_id, change):
        return outcome
    if not may_revise(buckets, account.settings.name, item_id, Priority.CONTENT):
        return _build_postponed(change)
    return _revise_offer(account, managed, change) if managed else None


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
    return build_outcome(change, "refused", mark_ended(code), _explain(code), words=words)


def _revise_statuses(account: Account, buckets: BucketStore, some: Sequence[SentChange]) -> Iterator[ContentOutcome]:
    """One call; one more for each that it did not revise, because eBay's errors name no listing: what eBay fails at
    may be one of them."""
    statuses: list[dict[str, Any]] = []
    for change in some:
        amount, currency = read_amount(change.after)
        sku = change.listing.skus[0] if "variation" in change.listing.reference else None
        statuses.append({"SKU": sku, "ItemID": find_item(change.listing), "StartPrice": Money(amount, currency)})
    root = account.trading("ReviseInventoryStatus", {"InventoryStatus": statuses}, repeat=Repeat.STATE, partial=True)
    answer = trading.read_answer(root, StatusRevised, "ReviseInventoryStatus")
    done = {(status.ItemID, status.SKU) for status in answer.InventoryStatus}
    left = []
    for change, status in zip(some, statuses, strict=True):
        names = {sku for item_id, sku in done if item_id == status["ItemID"]}
        if answer.Ack in ("Success", "Warning") or (names if status["SKU"] is None else status["SKU"] in names):
            yield ContentOutcome(key=change.key, status="accepted", shown=change.after)
        else:
            left.append(change)
    errors = [error for error in answer.Errors if error.SeverityCode != "Warning"]
    if left and len(some) > 1:
        for change in left:
            count_again(buckets, account.settings.name, find_item(change.listing))
            yield from attempt([change], _revise_statuses(account, buckets, [change]))
    elif left:
        if any(map(is_passing, errors)):
            raise TransientError("eBay failed while it revised a price; it will be tried again later.")
        code = one_word(errors[0].ErrorCode) if errors else "unanswered"
        words = Words("; ".join(error.LongMessage or error.ShortMessage for error in errors))
        yield build_outcome(left[0], "refused", mark_ended(code), _explain(code), words=words)


def _explain(code: str) -> str:
    return f"eBay refuses the price: {MEANINGS.get(code) or f'code {code}'}."
