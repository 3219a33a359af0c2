"""Stock of one shop: what each variant offers at each location, and setting it.

What belongs here: listing variants with their levels, sending quantities, what each error means for one push. What does
not: which quantity is right (domain/inventory/listings.py), sending one query (api/graphql.py), the queries
(api/queries.py).

**Reading** pages through the active variants if the points allow that in time; for most shops that takes one call.
Where the pages would take longer than `PAGING_SECONDS` (on the Standard plan from some thousand variants on), a bulk
operation gives the same for a handful of points. A quantity that changed after it was read does no harm, because
setting compares first.

**Setting** is all or nothing per call: one bad item fails its whole batch and nothing is written. So the items that the
errors name get their outcome, and the rest is sent again without them. Each call compares first (`changeFromQuantity`)
and carries an idempotency key made of its pushes' tokens, so that a call whose answer was lost is repeated safely.
Where the next batch is put together differently, only the comparison protects: its outcome is `stale`. A batch that
gets no answer is halved, too: what Shopify always fails at is that listing's alone (reach.py).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from ....core.errors import (
    CommerceError,
    CredentialError,
    PermanentError,
    ProtocolError,
    RateLimited,
    RecordError,
    SettingsError,
    TransientError,
)
from ....core.legible import decode_json, one_word, where
from ....core.words import Words
from ....domain.inventory.listings import Listing, Push, PushOutcome, unreadable
from ....domain.orders.order import FulfilledBy
from ...capabilities import Listings, Quantities
from ...http.session import HttpSession, Repeat
from ...reach import Reach
from ..api.bulk import run_bulk
from ..api.graphql import GraphQL
from ..api.pages import LISTED_AT_ONCE, PageSizes
from ..api.payloads import number
from ..api.queries import (
    BULK_LISTINGS,
    FIRST_VARIANTS,
    LEVELS,
    LISTINGS,
    LOCATIONS,
    MOST_AT_ONCE,
    PROBE,
    SET_QUANTITIES,
)
from .payloads import (
    AnyAnswer,
    BulkLine,
    Item,
    Level,
    LevelsAnswer,
    LocationsAnswer,
    SetAnswer,
    UserError,
    Variant,
    VariantsAnswer,
)

PAGING_SECONDS = 120.0  # a bulk operation is not worth it for less: it has to be started, watched and fetched
LISTINGS_A_PAGE = 1_000  # listings of a bulk file that are handed out together
KEY_ATTEMPTS = 4  # of one batch whose idempotency key is already used
REASON = "correction"
UNTRACKED = {"tracked": "no"}  # part of the reference of an item whose stock Shopify does not count
# What Shopify's codes mean, in our words.
MEANINGS = {
    "CHANGE_FROM_QUANTITY_STALE": "the quantity was another than when it was read",
    "COMPARE_QUANTITY_STALE": "the quantity was another than when it was read",
    "INVALID_INVENTORY_ITEM": "there is no such item any more",
    "INVALID_LOCATION": "there is no such location any more",
    "ITEM_NOT_STOCKED_AT_LOCATION": "the item is not stocked at this location: stock it there in Shopify",
    "NON_MUTABLE_INVENTORY_ITEM": "the item's stock cannot be changed by an app",
    "INVALID_QUANTITY_NEGATIVE": "the quantity is below 0",
    "INVALID_QUANTITY_TOO_HIGH": "the quantity is larger than Shopify takes",
    "INVALID_QUANTITY_TOO_LOW": "the quantity is smaller than Shopify takes",
}
STOPS = (CredentialError, SettingsError, RateLimited)  # about every push
STALE = frozenset(("CHANGE_FROM_QUANTITY_STALE", "COMPARE_QUANTITY_STALE"))
# Errors of the call as a whole: sending fewer of its items would change nothing.
OF_THE_CALL = frozenset(("INVALID_NAME", "INVALID_REASON", "INVALID_REFERENCE_DOCUMENT", "COMPARE_QUANTITY_REQUIRED"))
TAKEN, FAILED_BEFORE, MISMATCH = (
    "IDEMPOTENCY_CONCURRENT_REQUEST",
    "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED",
    "IDEMPOTENCY_KEY_PARAMETER_MISMATCH",
)


_bulk_lines = msgspec.json.Decoder(BulkLine)
_variants = msgspec.json.Decoder(Variant)


class ShopifyInventory(Listings, Quantities):
    """Listings and pushes of one shop."""

    def __init__(self, graphql: GraphQL, session: HttpSession, sleep: Callable[[float], None]) -> None:
        self._graphql, self._session, self._sleep = graphql, session, sleep
        self._sizes = PageSizes(graphql, FIRST_VARIANTS)

    def read(self) -> Iterator[tuple[Listing, ...]]:
        """Active variants, one Listing per inventory item and location; `location` is the location's number.

        quantity is None where Shopify does not track the item. A fulfilment service counts the items at its own
        locations: FulfilledBy.CHANNEL. Raises ProtocolError for a list that repeats itself.
        """
        since, after, count = "", None, 0
        seen: set[str] = set()
        while True:
            query = "product_status:ACTIVE" + (f" AND id:>{since}" if since else "")
            answer = self._sizes.ask(LISTINGS, {"after": after, "query": query}, VariantsAnswer)
            page = answer.productVariants
            if not seen and self._is_paging_too_slow(answer):
                yield from self._read_in_bulk()
                return
            listings: list[Listing] = []
            last = ""
            for raw in page.nodes:
                try:
                    variant = decode_json(_variants, raw)
                    last = number(variant.id)
                    item = variant.inventoryItem
                    if item.id not in seen:  # several variants may share an item
                        listings += self._build_listings(variant)
                        seen.add(item.id)
                except (msgspec.DecodeError, UnicodeDecodeError, RecordError) as error:
                    listings.append(_build_unreadable(raw, error))
            yield tuple(listings)
            if not page.pageInfo.hasNextPage:
                return
            count += len(page.nodes)
            if count >= LISTED_AT_ONCE and last:  # Shopify ends any list at 25,000 objects, so a new list begins
                since, after, count = last, None, 0
            elif page.pageInfo.endCursor in (None, after):
                raise ProtocolError("Shopify repeats a page of variants; the list is read again later.")
            else:
                after = page.pageInfo.endCursor

    def read_places(self) -> dict[str, str]:
        """The shop's active locations, without those of fulfilment services, by their numbers."""
        nodes = self._graphql.ask(LOCATIONS, {}, LocationsAnswer).locations.nodes
        return {number(node.id): node.name for node in nodes if not node.isFulfillmentService}

    def _build_listings(self, variant: Variant) -> list[Listing]:
        item = variant.inventoryItem
        return [
            _build_listing(item.id, item.sku, item.tracked, variant.displayName, level)
            for level in self._read_all_levels(item)
        ]

    def _is_paging_too_slow(self, answer: VariantsAnswer) -> bool:
        got = len(answer.productVariants.nodes)
        if not got or not answer.productVariants.pageInfo.hasNextPage or answer.productVariantsCount is None:
            return False
        points = (self._graphql.cost(LISTINGS).actualQueryCost or 0.0) / got * answer.productVariantsCount.count
        return self._graphql.seconds(points) > PAGING_SECONDS

    def _read_in_bulk(self) -> Iterator[tuple[Listing, ...]]:
        """The listings of a bulk operation. Its lines may come in any order, and a level may name the variant or the
        item as its parent."""
        variants: dict[str, BulkLine] = {}
        levels: list[BulkLine] = []
        bad: dict[str, Listing] = {}
        for raw in run_bulk(self._graphql, self._session, BULK_LISTINGS, self._sleep):
            try:
                line = decode_json(_bulk_lines, raw)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                bad |= {(listing := _build_unreadable(raw, error)).key: listing}
                continue
            if line.inventoryItem is None:
                levels.append(line)
            else:
                variants[line.id] = variants[line.inventoryItem.id] = line
        listings: dict[str, Listing] = dict(bad)
        for line in levels:
            variant = variants.get(line.parent)
            if variant is None or variant.inventoryItem is None or line.location is None:
                if bad:
                    continue  # a level of a variant that cannot be read; the variant itself is reported
                raise ProtocolError("Shopify's bulk file holds a stock level that belongs to no variant of it.")
            item = variant.inventoryItem
            level = Level(line.location, line.quantities)
            try:
                listing = _build_listing(item.id, item.sku, item.tracked, variant.displayName, level)
            except RecordError as error:
                listing = _build_unreadable(msgspec.json.encode(line), error)
            listings[listing.key] = listing
        every = list(listings.values())
        for start in range(0, len(every), LISTINGS_A_PAGE):
            yield tuple(every[start : start + LISTINGS_A_PAGE])

    def _read_all_levels(self, item: Item) -> Iterator[Level]:
        levels, after = item.inventoryLevels, None
        yield from levels.nodes
        while levels.pageInfo.hasNextPage and levels.pageInfo.endCursor != after:
            after = levels.pageInfo.endCursor
            more = self._graphql.ask(LEVELS, {"id": item.id, "after": after}, LevelsAnswer).inventoryItem
            if more is None:
                return  # the item was deleted since
            levels = more.inventoryLevels
            yield from levels.nodes

    def push(self, pushes: Sequence[Push]) -> Iterator[PushOutcome]:
        """One outcome per push. Raises what stops every push; pushes without an outcome may then be sent again with the
        same tokens."""
        ready = []
        for push in pushes:
            if refusal := _refuse(push.listing):
                yield PushOutcome(key=push.listing.key, status="refused", code=refusal[0], message=refusal[1])
            else:
                ready.append(push)
        reach = Reach(lambda: self._graphql.ask(PROBE, {}, AnyAnswer))
        for start in range(0, len(ready), MOST_AT_ONCE):
            yield from self._push_batch(ready[start : start + MOST_AT_ONCE], reach)

    def _push_batch(self, batch: list[Push], reach: Reach) -> Iterator[PushOutcome]:
        attempt = tries = 0
        while batch:
            try:
                errors = self._send(batch, attempt)
            except STOPS:
                raise
            except (TransientError, PermanentError) as error:
                if reach.is_lost():
                    raise
                yield from self._push_halves(batch, reach, error)
                return
            reach.note_answer()
            tries += 1
            if not errors:
                yield from [PushOutcome(key=push.listing.key, status="accepted") for push in batch]
                return
            named = {place: error for error in errors if (place := _find_blamed_item(error, len(batch))) is not None}
            if named:
                yield from [_build_outcome(batch[place], error) for place, error in named.items()]
                batch = [push for place, push in enumerate(batch) if place not in named]
                attempt = tries = 0
                continue
            code = errors[0].code or ""
            if code == TAKEN and tries < KEY_ATTEMPTS:
                self._sleep(float(2 ** (tries - 1)))
            elif code == FAILED_BEFORE and tries < KEY_ATTEMPTS:
                attempt += 1  # Shopify: "Retry with a new idempotency key"
            elif len(batch) == 1 or code in OF_THE_CALL or code in (TAKEN, FAILED_BEFORE, MISMATCH):
                yield from [_build_outcome(push, errors[0]) for push in batch]
                return
            else:  # no item is named: halve the batch until the bad item is alone
                yield from self._push_halves(batch, reach)
                return

    def _push_halves(
        self, batch: list[Push], reach: Reach, error: CommerceError | None = None
    ) -> Iterator[PushOutcome]:
        """error: what the call failed at; of a single push it is the outcome."""
        middle = len(batch) // 2
        if error and not middle:
            [push] = batch
            code = "unreachable" if isinstance(error, TransientError) else "unreadable"
            yield PushOutcome(
                key=push.listing.key, status="failed", code=code, message=str(error)[:300], words=error.words
            )
            return
        yield from self._push_batch(batch[:middle], reach)
        yield from self._push_batch(batch[middle:], reach)

    def _send(self, batch: list[Push], attempt: int) -> list[UserError]:
        key = idempotency_key([push.token for push in batch], attempt)
        variables: dict[str, Any] = {
            "name": "available",
            "reason": REASON,
            "referenceDocumentUri": f"gid://commerce-pipelines/StockSync/{key}",
            "quantities": [
                {
                    "inventoryItemId": push.listing.reference["inventory_item_id"],
                    "locationId": push.listing.reference["location_id"],
                    "quantity": push.quantity,
                    "changeFromQuantity": push.listing.quantity,
                }
                for push in batch
            ],
        }
        answer = self._graphql.change(SET_QUANTITIES, {"input": variables, "key": key}, SetAnswer, repeat=Repeat.TOKEN)
        return answer.inventorySetQuantities.userErrors


def idempotency_key(tokens: Sequence[str], attempt: int = 0) -> str:
    """A UUID that is the same for the same pushes in the same order. attempt: increased when Shopify holds the key of
    the last attempt as used."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, "\n".join([*tokens, str(attempt)])))


def _build_listing(item_id: str, sku: str | None, tracked: bool, title: str, level: Level) -> Listing:
    location = level.location
    reference = {"inventory_item_id": item_id, "location_id": location.id, "location_name": location.name}
    return Listing(
        key=f"{number(item_id)}:{number(location.id)}",
        sku=sku or "",
        quantity=level.quantities[0].quantity if tracked and level.quantities else None,
        fulfilled_by=FulfilledBy.CHANNEL if location.isFulfillmentService else FulfilledBy.MERCHANT,
        location=number(location.id),
        title=title,
        reference=reference if tracked else reference | UNTRACKED,
    )


def _build_unreadable(raw: bytes | msgspec.Raw, error: Exception) -> Listing:
    path = error.subject if isinstance(error, RecordError) else where(error, "broken JSON")
    return unreadable(bytes(raw), path or "broken JSON", "id")


def _refuse(listing: Listing) -> tuple[str, str] | None:
    """Why this listing's quantity is never set: code and sentence; None if it may be set.

    An unknown quantity is no reason: such a listing is set without comparing.
    """
    if listing.fulfilled_by is FulfilledBy.CHANNEL:
        return "FULFILMENT_SERVICE", "A fulfilment service counts the stock at this location."
    if UNTRACKED.items() <= listing.reference.items():
        return "NOT_TRACKED", "Shopify does not track this item; switch tracking on in its inventory settings."
    return None


def _find_blamed_item(error: UserError, size: int) -> int | None:
    """The item that the error names: ["input", "quantities", "3", "quantity"] -> 3."""
    path = error.field or []
    for part in path[path.index("quantities") + 1 :][:1] if "quantities" in path else ():
        if part.isdigit() and int(part) < size:
            return int(part)
    return None


def _build_outcome(push: Push, error: UserError) -> PushOutcome:
    code = one_word(error.code)
    status: Any = "stale" if code in STALE else "failed" if code.startswith("IDEMPOTENCY_") else "refused"
    sentence = f"Shopify refuses it: {MEANINGS.get(code) or code or 'without a code'}."
    return PushOutcome(key=push.listing.key, status=status, code=code, message=sentence, words=Words(error.message))
