"""Sending quantities to eBay: ReviseInventoryStatus for classic listings, bulkUpdatePriceQuantity for Inventory API
items.

What belongs here: batches, what the answers say of each listing. What does not: which quantity is right (domain), which
API a listing needs (listings.py).

Both calls state the quantity that is to be available, so a repeated call does no harm. eBay cannot compare before it
sets. With quantity 0 a listing stays active and hidden ("out-of-stock control"); if the seller has not switched that
preference on, the Trading API refuses 0. A listing may be revised 250 times a day ("the seller will be blocked from
revising the item until the next calendar day"); we stop before that limit, so that eBay does not block the listing.

Only getOffers, with one SKU a call, tells the id of an Inventory API offer. The id is read at a listing's first push
and kept with the listing, until eBay refuses a push.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, groupby
from typing import Any

from msgspec.structs import replace

from ....core.errors import (
    CommerceError,
    CredentialError,
    PermanentError,
    RateLimited,
    SettingsError,
    TransientError,
)
from ....core.legible import one_word
from ....core.words import NO_WORDS, Words
from ....domain.inventory.listings import Push, PushOutcome
from ....domain.orders.order import FulfilledBy
from ...capabilities import Quantities
from ...http.session import Repeat
from ...http.throttle import BucketStore, Priority
from ...reach import Reach
from ..api import payloads
from ..api import trading_payloads as trading
from ..api.account import MEANINGS, Account, is_passing
from ..api.revisions import may_revise
from .payloads import BulkResponse, Offer, Offers

OFFERS_PATH = "/sell/inventory/v1/offer"
BULK_PATH = "/sell/inventory/v1/bulk_update_price_quantity"
STATUSES_A_CALL = 4  # InventoryStatus containers in one call
OFFERS_A_CALL = 25  # offers in one bulkUpdatePriceQuantity
NO_ZERO = "515"  # "The quantity must be a valid number greater than 0"
NO_ANSWER = ("unanswered", "eBay's answer does not mention this listing.")

Batch = list[Push]
Send = Callable[[Batch], Iterator[PushOutcome]]


class EbayQuantities(Quantities):
    """Quantities of one account, sent by ReviseInventoryStatus (four listings a call) or bulkUpdatePriceQuantity,
    whichever the listing needs. buckets: where revisions are counted, shared by all processes."""

    def __init__(self, account: Account, buckets: BucketStore) -> None:
        self._account, self._buckets = account, buckets

    def push(self, pushes: Sequence[Push]) -> Iterator[PushOutcome]:
        """One outcome for every push. Pushes of one listing go in one call where possible, because that is one
        revision."""
        allowed: dict[str, list[Push]] = {"trading": [], "inventory": []}
        for wanted in pushes:
            if refused := _refuse(wanted):
                yield refused
            else:
                allowed[wanted.listing.reference["api"]].append(wanted)
        managed = _group_by_sku(allowed["inventory"])
        yield from self._send_batches(
            _pack_calls(managed, self._account.settings.inventory_skus_per_call), self._push_managed
        )
        classic = sorted(allowed["trading"], key=_get_item_id)
        yield from self._send_batches(
            [classic[at : at + STATUSES_A_CALL] for at in range(0, len(classic), STATUSES_A_CALL)], self._revise_batch
        )

    def _send_batches(self, batches: Iterable[Batch], send: Send) -> Iterator[PushOutcome]:
        """What a call fails at is sent once more, each push alone: what one push is to blame for is that one's alone.
        Too many calls in a row that get no answer mean that eBay cannot be reached, which is raised."""
        reach = Reach(lambda: self._account.trading("GetUser", {}, repeat=Repeat.STATE))
        left = deque(batches)
        while left:
            batch, stopped = self._count_revisions(left.popleft())  # a lost call may have been a revision too
            yield from stopped
            if not batch:
                continue
            open_ = {wanted.listing.key: wanted for wanted in batch}
            try:
                for outcome in send(batch):
                    open_.pop(outcome.key, None)
                    yield outcome
                reach.note_answer()
            except (CredentialError, SettingsError, RateLimited):
                raise
            except (TransientError, PermanentError) as error:
                is_lost = isinstance(error, TransientError)
                if not is_lost:
                    reach.note_answer()
                elif reach.is_lost():
                    raise
                if len(batch) > 1:
                    left.extendleft([wanted] for wanted in reversed(open_.values()))
                    continue
                code = "unreachable" if is_lost else "unreadable"
                yield from (_build_outcome(wanted, "failed", code, error) for wanted in open_.values())

    def _count_revisions(self, batch: Batch) -> tuple[Batch, list[PushOutcome]]:
        """The pushes whose listings may still be revised today, and the outcomes of the others."""
        full = set()
        for item_id in sorted({_get_item_id(wanted) for wanted in batch}):
            if not may_revise(self._buckets, self._account.settings.name, item_id, Priority.ORDERS):
                full.add(item_id)
        stopped = [
            _build_outcome(
                wanted, "refused", "revision_limit", "The listing was revised as often as eBay allows in a day."
            )
            for wanted in batch
            if _get_item_id(wanted) in full
        ]
        return [wanted for wanted in batch if _get_item_id(wanted) not in full], stopped

    def _revise_batch(self, batch: Batch) -> Iterator[PushOutcome]:
        """eBay lists what it revised. Its errors do not name the listing, so each listing that is not on that list is
        sent again alone."""
        root = self._account.trading(
            "ReviseInventoryStatus",
            {"InventoryStatus": [_build_status(wanted) for wanted in batch]},
            repeat=Repeat.STATE,
            partial=True,
        )
        answer = trading.read_answer(root, trading.ReviseAnswer, "ReviseInventoryStatus")
        done = {(wanted.ItemID, wanted.SKU) for wanted in answer.InventoryStatus}
        items = {item_id for item_id, _ in done}
        unsaid = []
        for wanted in batch:
            if (_get_item_id(wanted), wanted.listing.sku) in done or (
                _is_single(wanted) and _get_item_id(wanted) in items
            ):
                yield _build_outcome(wanted, "accepted")
            else:
                unsaid.append(wanted)
        errors = [error for error in answer.Errors if error.SeverityCode != "Warning"]
        if len(batch) == 1:
            yield from (_refuse_for_trading_errors(wanted, errors) for wanted in unsaid)
            return
        for wanted in unsaid:
            yield from self._revise_batch([wanted])

    def _push_managed(self, batch: Batch) -> Iterator[PushOutcome]:
        """Pushes of Inventory API items. A push that fails in a call with several SKUs, or because eBay no longer knows
        the offer, is tried once more: each SKU alone, its offer looked up again."""
        pushes = {wanted.listing.key: wanted for wanted in batch}
        kept_ids = {key: wanted.listing.reference.get("offer_id") for key, wanted in pushes.items()}
        remembered = {key: offer_id for key, offer_id in kept_ids.items() if offer_id is not None}
        offer_ids, shared, again = dict(remembered), len(_group_by_sku(batch)) > 1, Batch()
        for outcome in self._update_offers(batch, offer_ids):
            refused = outcome.status == "refused" or outcome.code == NO_ANSWER[0]
            if refused and (shared or outcome.key in remembered):
                again.append(pushes[outcome.key])
            else:
                yield outcome
        for group in _group_by_sku(again):
            yield from self._update_offers(group, {key: offer_ids[key] for key in offer_ids.keys() - remembered.keys()})

    def _update_offers(self, batch: Batch, offer_ids: dict[str, str]) -> Iterator[PushOutcome]:
        """Update the pushes' offers. An offer that is missing in offer_ids is looked up and added there. The SKU of an
        item may also be listed by a classic listing, which has no offer ('')."""
        for group in _group_by_sku([wanted for wanted in batch if wanted.listing.key not in offer_ids]):
            offers = {o.listing.listing_id: o.offer_id for o in self._get_offers(group[0].listing.sku) if o.listing}
            offer_ids |= {wanted.listing.key: offers.get(_get_item_id(wanted), "") for wanted in group}
        outcomes = [self._update_batch([wanted for wanted in batch if offer_ids[wanted.listing.key]], offer_ids)]
        classic = [wanted for wanted in batch if not offer_ids[wanted.listing.key]]
        outcomes += [
            self._revise_batch(classic[at : at + STATUSES_A_CALL]) for at in range(0, len(classic), STATUSES_A_CALL)
        ]
        remembered = {wanted.listing.key: wanted.listing.reference.get("offer_id") for wanted in batch}
        for outcome in chain.from_iterable(outcomes):
            offer_id = offer_ids[outcome.key]
            yield outcome if remembered[outcome.key] == offer_id else replace(outcome, reference={"offer_id": offer_id})

    def _update_batch(self, batch: Batch, offer_ids: dict[str, str]) -> Iterator[PushOutcome]:
        """HTTP 207, and also 200, hold one status for each offer, and one for the item itself without an offer's id."""
        if not batch:
            return
        requests = [_build_request(group, offer_ids) for group in _group_by_sku(batch)]
        response = self._account.post(
            "bulkUpdatePriceQuantity", BULK_PATH, {"requests": requests}, repeat=Repeat.STATE, ok=(200, 207, 400)
        )
        if response.status == 400:
            errors = self._account.decode(response, payloads.Errors).errors
            if len(requests) == 1:
                yield from (_refuse_for_errors(wanted, errors) for wanted in batch)
                return
            for group in _group_by_sku(batch):
                yield from self._update_batch(group, offer_ids)
            return
        answers = self._account.decode(response, BulkResponse).responses
        of_offers = {wanted.offer_id: wanted for wanted in answers if wanted.offer_id}
        of_items = {wanted.sku: wanted for wanted in answers if not wanted.offer_id}
        for wanted in batch:
            statuses = [of_offers.get(offer_ids[wanted.listing.key]), of_items.get(wanted.listing.sku)]
            failed = next((answer for answer in statuses if answer and answer.status_code not in range(200, 300)), None)
            if failed:
                status = "failed" if failed.status_code >= 500 else "refused"
                yield _refuse_for_errors(wanted, failed.errors, status, failed.status_code)
            else:
                yield (
                    _build_outcome(wanted, "accepted") if statuses[0] else _build_outcome(wanted, "failed", *NO_ANSWER)
                )

    def _get_offers(self, sku: str) -> list[Offer]:
        """The SKU's published offers; an item that was never offered has none (404, error 25713)."""
        response = self._account.rest("getOffers", OFFERS_PATH, {"sku": sku, "format": "FIXED_PRICE"}, ok=(200, 404))
        if response.status == 404:
            return []
        offers = self._account.decode(response, Offers).offers
        return [offer for offer in offers if offer.status == "PUBLISHED"]


def _refuse(push: Push) -> PushOutcome | None:
    """The refusal of a push that must never be sent, None for all others."""
    if push.listing.fulfilled_by is FulfilledBy.CHANNEL:
        return _build_outcome(push, "refused", "fulfilled_by_channel", "eBay keeps the stock of this listing itself.")
    if push.quantity < 0:
        return _build_outcome(push, "refused", "bad_quantity", "A quantity below zero cannot be offered.")
    if push.listing.reference.get("api") not in ("trading", "inventory") or not _get_item_id(push):
        return _build_outcome(push, "refused", "unknown_listing", "The listing's reference is not one of listings().")
    if not push.listing.sku and not _is_single(push):
        return _build_outcome(
            push, "refused", "no_sku", "A variation without a SKU cannot be named to eBay: give it one."
        )
    return None


def _build_status(push: Push) -> dict[str, Any]:
    """One InventoryStatus: a variation is named by item id and SKU, a listing by its item id alone."""
    sku = None if _is_single(push) else push.listing.sku
    return {"SKU": sku, "ItemID": _get_item_id(push), "Quantity": push.quantity}


def _build_request(pushes: Batch, offer_ids: dict[str, str]) -> dict[str, Any]:
    """All offers of one SKU. "The quantity specified on a listing will be the minimum value between" the item's
    total and the offer's own, so both are set. Where stock is divided among locations, the total is their sum and is
    not set."""
    offers = [{"offerId": offer_ids[push.listing.key], "availableQuantity": push.quantity} for push in pushes]
    if any(push.listing.reference.get("divided") for push in pushes):
        return {"offers": offers}
    total = max(push.quantity for push in pushes)
    return {"sku": pushes[0].listing.sku, "shipToLocationAvailability": {"quantity": total}, "offers": offers}


def _group_by_sku(pushes: Batch) -> list[Batch]:
    return [list(group) for _, group in groupby(sorted(pushes, key=_get_sku), key=_get_sku)]


def _pack_calls(skus: Iterable[Batch], most: int) -> Iterator[Batch]:
    """Calls with at most `most` SKUs and at most 25 offers each; one push is one offer."""
    call, count = Batch(), 0
    for pushes in skus:
        if call and (count == most or len(call) + len(pushes) > OFFERS_A_CALL):
            yield call
            call, count = Batch(), 0
        call, count = call + pushes, count + 1
    if call:
        yield call


def _get_sku(push: Push) -> str:
    return push.listing.sku


def _get_item_id(push: Push) -> str:
    return push.listing.reference.get("item_id", "")


def _is_single(push: Push) -> bool:
    return push.listing.reference.get("single") == "true"


def _refuse_for_trading_errors(push: Push, errors: list[trading.Error]) -> PushOutcome:
    if not errors:
        return _build_outcome(push, "failed", *NO_ANSWER)
    first = errors[0]
    status = "failed" if is_passing(first) else "refused"
    message = _explain_code(first.ErrorCode)
    if push.quantity == 0 and first.ErrorCode == NO_ZERO:
        message += " Switch on the out-of-stock option in the account's selling preferences."
    words = Words("; ".join(error.LongMessage or error.ShortMessage for error in errors))
    return replace(_build_outcome(push, status, one_word(first.ErrorCode), message), words=words)


def _refuse_for_errors(
    push: Push, errors: list[payloads.Error], status: str = "refused", code: int = 400
) -> PushOutcome:
    first = errors[0] if errors else payloads.Error(error_id=code)
    words = Words("; ".join(error.long_message or error.message for error in errors))
    return replace(_build_outcome(push, status, str(first.error_id), _explain_code(str(first.error_id))), words=words)


def _explain_code(code: str) -> str:
    named = one_word(code)
    return f"eBay refuses it: {MEANINGS.get(named) or (f'code {named}' if named else 'without a code')}."


def _build_outcome(push: Push, status: Any, code: str = "", message: str | CommerceError = "") -> PushOutcome:
    words = message.words if isinstance(message, CommerceError) else NO_WORDS
    return PushOutcome(key=push.listing.key, status=status, code=code, message=str(message)[:300], words=words)
