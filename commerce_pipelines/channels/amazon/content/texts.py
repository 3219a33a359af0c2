"""Texts and pictures of Amazon's listings: reading them, and changing single attributes.

What belongs here: searches, reading again before a change, previews, patches, what an issue means for a field. What
does not: which text is right (domain/content/), Amazon's shapes (payloads.py, shown.py), feeds of very many changes
(fed.py).

**One attribute, one marketplace.** A patch names top-level attributes, each as a list of objects with a marketplace
and, of texts, a language; `merge` leaves the other languages' entries and every other attribute as they are. Bullet
points of a marketplace are replaced together; those of other languages are sent along as they were read. A call takes
one marketplace, so the texts of a SKU in three marketplaces are three calls.

**Preview.** Each patch is sent as VALIDATION_PREVIEW first, which changes nothing and names what is wrong; Amazon takes
one a second. Its codes are not those of the submission, so issues are judged by severity and attribute.

**Accepted is not shown.** Amazon takes a text and decides by itself, some time later, whose text buyers see: who does
not own the brand decides nothing. What is read back shows it (domain/content/comparison.py).

**Pictures** are fetched by Amazon from a public address and cannot be sent (image_host.py). Where the settings name
none, they are the channel's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import msgspec

from ....core.errors import PermanentError, ProtocolError, RecordError, SettingsError, TransientError
from ....core.legible import decode_json, one_word
from ....core.words import Words
from ....domain.content.fields import BULLETS, IMAGES, PRICE, Limit, base_of
from ....domain.content.listings import (
    GONE,
    ContentOutcome,
    Note,
    PictureSource,
    SentChange,
    ShownListing,
)
from ...http.call import MOST_CODES
from ...http.session import Repeat, Response
from ...product_content import STOPS, Attempts, Content, Failed, FreshListings, build_outcome, forget
from ..api.api import MEANINGS, Api, decode, errors, items_path
from ..api.payloads import Issue, ItemSearchResults, Submission
from .definitions import ProductTypes
from .fed import FedContent, Message
from .image_host import ImageHost, Unreachable
from .payloads import Item
from .shown import (
    ATTRIBUTES,
    LOCATORS,
    PURCHASABLE_OFFER,
    assign,
    build_bullets_patch,
    build_listing,
    build_patch,
    build_picture_patch,
    build_price_patch,
    find_place,
    read_limits,
)

PAGE_SIZE, MOST_SEARCHED = 20, 1000
INCLUDED = "summaries,attributes"
FIRST_LISTING = datetime(2000, 1, 1, tzinfo=UTC)  # Amazon's marketplaces opened in November 2000
PREVIEW = "VALIDATION_PREVIEW"


class Ready(msgspec.Struct, frozen=True):
    """A change as patches. attribute: the one that it changes, '' of pictures. placed: the attributes of pictures, by
    place."""

    change: SentChange
    patches: list[dict[str, object]]
    attribute: str
    placed: dict[int, str] = {}

    @property
    def names(self) -> set[str]:
        return {self.attribute} if self.attribute else set(self.placed.values())


_ITEM = msgspec.json.Decoder(Item)


class AmazonContent(Content):
    """Texts of one account. marketplaces: returns where the account sells, the first one is that of the listings' own
    language; it is called when that is needed. image_host: where Amazon fetches pictures from, None for none."""

    settles_after = timedelta(hours=24)
    picture_hosts = ("media-amazon.com", "ssl-images-amazon.com")

    def __init__(
        self, api: Api, marketplaces: Callable[[], Sequence[str]], image_host: ImageHost | None = None
    ) -> None:
        self._api, self._marketplaces, self._image_host = api, marketplaces, image_host
        self._types, self._fed = ProductTypes(api), FedContent(api)

    def limits(self, listing: ShownListing) -> Mapping[str, Limit]:
        pictures = {IMAGES: Limit(most=len(LOCATORS))} if self._image_host else {}
        return read_limits(listing) | pictures

    def read(self) -> Iterator[tuple[ShownListing, ...]]:
        """Raises SettingsError without a seller id, and TransientError where Amazon showed fewer listings than it
        counts."""
        total = self._search({}).number_of_results
        seen, odd = set[str](), 0
        for page in self._read_span({}, FIRST_LISTING, self._api.now(), total):
            items = _read_items(page)
            odd += len(page.items) - len(items)
            new = [item for item in items if item.sku not in seen]
            seen.update(item.sku for item in new)
            yield self._build_listings(new)
        if len(seen) + odd < total:
            raise TransientError(f"Amazon counts {total} listings and showed {len(seen)}; they are read again later.")

    def reread(self, listings: Sequence[ShownListing]) -> Iterator[ShownListing]:
        """Those that cannot be read are left out, as those that are gone are."""
        return self._read_now(listings, {})

    def _read_now(self, listings: Sequence[ShownListing], failed: Failed) -> Iterator[ShownListing]:
        """failed: takes the error of each that Amazon does not show so that it can be read, and holds up no other.

        What a search does not show, or not so that it can be read, is read by itself: only then a listing is known to
        be gone. A SKU with a comma cannot be named in a search, because commas divide it."""
        skus = [listing.key for listing in listings if "," not in listing.key]
        alone = [listing.key for listing in listings if "," in listing.key]
        for start in range(0, len(skus), PAGE_SIZE):
            wanted = skus[start : start + PAGE_SIZE]
            answer = self._search({"identifiersType": "SKU", "identifiers": ",".join(wanted)})
            items = [item for item in _read_items(answer) if item.sku in wanted]
            yield from self._build_listings(items)
            alone += sorted(set(wanted) - {item.sku for item in items})
        for sku in alone:
            try:
                yield from self._build_listings(self._read_alone(sku))
            except STOPS:
                raise
            except PermanentError as error:
                failed[sku] = error

    def _read_alone(self, sku: str) -> list[Item]:
        """Nothing where Amazon says that it has no such listing. Raises ProtocolError for what cannot be read."""
        query = {"marketplaceIds": ",".join(self._marketplaces()), "includedData": INCLUDED}
        path = f"{items_path(self._api)}/{quote(sku, safe='')}"
        answer = self._api.call("getListingsItem", path, query, ok=(200, 404))
        if answer.status == 404:
            check_gone(answer)
            return []
        return [decode(answer, Item)]

    def send(
        self, changes: Sequence[SentChange], pictures: PictureSource, note: Note = forget
    ) -> Iterator[ContentOutcome]:
        """By a preview and a patch for each listing, and where more than `content_feed_above` listings of a marketplace
        change, by a feed for all of them."""
        by_sku: dict[str, list[SentChange]] = defaultdict(list)
        for change in changes:
            by_sku[change.listing.key].append(change)
        fed = self._choose_fed(changes)
        groups = {sku: [own[0].listing] for sku, own in by_sku.items()}
        fresh = FreshListings("Amazon", self._read_now, self._api.clock, groups, PAGE_SIZE, self._ask)
        attempts = Attempts(self._ask)
        for sku, own in by_sku.items():
            yield from attempts.make(sku, own, self._change_listing(sku, own, fresh, pictures, fed))
        for place, messages in fed.items():
            yield from self._fed.tell(place, messages, note)

    def _ask(self) -> object:
        return self._search({})

    def _choose_fed(self, changes: Sequence[SentChange]) -> dict[str, list[Message]]:
        """The marketplaces whose changes go by a feed, with no message yet; none where Amazon keeps breaking it off."""
        listings: dict[str, set[str]] = defaultdict(set)
        for change in changes:
            if at := change.listing.reference.get(f"at/{change.field}"):
                listings[at.partition(" ")[0]].add(change.listing.key)
        most = self._api.settings.content_feed_above
        return {place: [] for place, keys in listings.items() if len(keys) > most and not self._fed.is_broken(place)}

    def look(self, changes: Sequence[SentChange]) -> Iterator[ContentOutcome]:
        return self._fed.look(changes)

    def _change_listing(
        self, sku: str, changes: Sequence[SentChange], fresh: FreshListings, pictures: PictureSource,
        fed: Mapping[str, list[Message]],
    ) -> Iterator[ContentOutcome]:  # fmt: skip
        """The changes of one SKU: a preview and a patch for each marketplace that any of them is about. fed: takes the
        messages of marketplaces that are told by a feed."""
        due: dict[tuple[str, str, str], list[Ready]] = defaultdict(list)
        for change in changes:
            ready: Ready | ContentOutcome | None = fresh.judge(sku, change, field_there=f"at/{change.field}")
            shown = fresh.find(sku)
            if shown is not None and ready is None:
                ready = self._make_ready(change, shown, pictures)
            if isinstance(ready, ContentOutcome):
                yield ready
            elif shown is not None and ready is not None:
                due[find_place(shown, change.field)].append(ready)
        for where, some in due.items():
            if where[0] not in fed:
                yield from self._send_valid(sku, where, some, fresh)
        for (place, _, product_type), some in due.items():
            if place in fed:
                patches = [patch for ready in some for patch in ready.patches]
                placed = {ready.change.key: ready.placed for ready in some}
                own = [ready.change for ready in some]
                fed[place].append(Message(sku, product_type, patches, own, placed))

    def _make_ready(self, change: SentChange, now: ShownListing, source: PictureSource) -> Ready | ContentOutcome:
        """The patches of a change, its pictures put where Amazon can fetch them; its outcome where that fails."""
        if change.field == PRICE:
            patch = build_price_patch(change.after, find_place(now, PRICE)[0])
            return Ready(change, [patch], PURCHASABLE_OFFER)
        if change.field != IMAGES:
            return Ready(change, [_build_text_patch(change, now)], ATTRIBUTES[base_of(change.field)])
        if self._image_host is None:
            return build_outcome(change, "refused", "image_host", "No image host is named in the settings any more.")
        place, patches = find_place(now, IMAGES)[0], []
        placed = assign(change.slots, now.pictures or ())
        try:
            for slot in change.slots:
                if slot.place in placed:
                    address = self._image_host.publish(slot.picture, source)
                    patches.append(build_picture_patch(placed[slot.place], address, place))
        except RecordError as error:
            return ContentOutcome(key=change.key, status="stale", code=error.code, message=error.message)
        except (Unreachable, SettingsError):
            sentence = "The image host took no picture; it is tried again. Look at `content.image_host` and its secret."
            return build_outcome(change, "unknown", "image_host", sentence)
        except PermanentError as error:
            return build_outcome(change, "refused", "UPLOAD", str(error), words=error.words)
        return Ready(change, patches, "", placed)

    def _send_valid(
        self, sku: str, where: tuple[str, str, str], changes: list[Ready], fresh: FreshListings
    ) -> Iterator[ContentOutcome]:
        """The changes that a preview finds valid are sent. What its issues name is refused, and the rest is previewed
        without it; issues that name none of them refuse all. where: as of `find_place`. A preview may wait for its
        turn, so the listing is looked at again after it."""
        place, _, product_type = where
        while changes:
            body = _build_body(product_type, changes)
            issues = _list_issues(self._patch(sku, place, body, preview=True), "VALID")
            if issues is None:
                moved = {
                    ready.change.key: outcome
                    for ready in changes
                    if (outcome := fresh.judge(sku, ready.change, field_there=f"at/{ready.change.field}"))
                }
                yield from moved.values()
                changes = [_update(ready, fresh.find(sku)) for ready in changes if ready.change.key not in moved]
                if not changes:
                    return
                body = _build_body(product_type, changes)
                issues = _list_issues(self._patch(sku, place, body, preview=False), "ACCEPTED")
                if issues is None:  # whether buyers see it is seen when it is read again
                    for ready in changes:
                        yield ContentOutcome(key=ready.change.key, status="accepted", pictures=ready.placed)
                    return
            blamed = _list_blamed(changes, issues)
            yield from (_refuse(ready, issues) for ready in blamed)
            changes = [ready for ready in changes if ready not in blamed]

    def _patch(self, sku: str, place: str, body: Any, *, preview: bool) -> Response:
        params = {"marketplaceIds": place, "includedData": "issues", "issueLocale": "en_US"}
        return self._api.send(
            "PATCH", "previewListingsItem" if preview else "patchListingsItem",
            f"{items_path(self._api)}/{quote(sku, safe='')}", body, repeat=Repeat.STATE,
            params=params | ({"mode": PREVIEW} if preview else {}), ok=(200, 400, 404),
        )  # fmt: skip

    def _read_span(
        self, query: Mapping[str, str], after: datetime, before: datetime, total: int
    ) -> Iterator[ItemSearchResults]:
        """The listings of a span of their creation; one with more than a search can show is halved."""
        if total < MOST_SEARCHED:
            yield from self._read_pages(query)
            return
        if before - after < timedelta(seconds=2):  # as short as a span in whole seconds can be
            raise TransientError(f"{total} listings were made within a second; they are read again later.")
        middle = (after + (before - after) / 2).replace(microsecond=0)
        for begin, end in ((after, middle), (middle, before)):
            part = {"createdAfter": _write_instant(begin), "createdBefore": _write_instant(end)}
            yield from self._read_span(part, begin, end, self._search(part).number_of_results)

    def _read_pages(self, query: Mapping[str, str]) -> Iterator[ItemSearchResults]:
        """Sorted by SKU, so that a change during the reading moves no listing to another page."""
        token, seen = "", {""}
        while True:
            page = self._search({**query, **({"pageToken": token} if token else {})})
            yield page
            token = (page.pagination and page.pagination.next_token) or ""
            if not token:
                return
            if token in seen:
                raise ProtocolError(f"{self._api.name}: Amazon repeats a page token of the listings.")
            seen.add(token)

    def _search(self, query: Mapping[str, str]) -> ItemSearchResults:
        query = {
            "marketplaceIds": ",".join(self._marketplaces()), "includedData": INCLUDED, "pageSize": str(PAGE_SIZE),
            "sortBy": "sku", "sortOrder": "ASC", **query,
        }  # fmt: skip
        return decode(self._api.call("searchListingsItems", items_path(self._api), query), ItemSearchResults)

    def _build_listings(self, items: Sequence[Item]) -> tuple[ShownListing, ...]:
        places = self._marketplaces()
        summaries = [item.summaries[0] for item in items if item.summaries]
        limits = {
            summary.product_type: self._types.read(summary.product_type, summary.marketplace_id)
            for summary in summaries if summary.product_type
        }  # fmt: skip
        listings = (build_listing(item, places, limits) for item in items)
        return tuple(listing for listing in listings if listing is not None)


def _read_items(answer: ItemSearchResults) -> list[Item]:
    """Those that can be read; what an unreadable one shows stays."""
    items = []
    for raw in answer.items:
        try:
            items.append(decode_json(_ITEM, raw))
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
    return items


def check_gone(answer: Response) -> None:
    """Raises ProtocolError for an answer 404 by which Amazon does not say that there is no such listing: anything
    between may answer so."""
    if not any(error.code.replace("_", "").upper() == "NOTFOUND" for error in errors(answer)):
        raise ProtocolError(f"{answer.operation} was answered 404, and not by Amazon's own words.")


def _build_text_patch(change: SentChange, now: ShownListing) -> dict[str, object]:
    place, tag, _ = find_place(now, change.field)
    if base_of(change.field) == BULLETS:
        return build_bullets_patch(change.after, place, tag, now.reference.get(f"others/{change.field}", ""))
    return build_patch(change.field, change.after, place, tag)


def _update(ready: Ready, now: ShownListing | None) -> Ready:
    """With the bullet points of other languages, which are sent along, as the newest reading found them."""
    if now is None or base_of(ready.change.field) != BULLETS:
        return ready
    return msgspec.structs.replace(ready, patches=[_build_text_patch(ready.change, now)])


def _build_body(product_type: str, changes: Sequence[Ready]) -> dict[str, object]:
    return {"productType": product_type, "patches": [patch for ready in changes for patch in ready.patches]}


def _list_issues(answer: Response, well: str) -> list[Issue] | None:
    """Why Amazon does not take a patch; None where it does. A warning is no reason."""
    if answer.status == 404:
        check_gone(answer)
        return [Issue(code=GONE)]
    if answer.status != 200:
        return [Issue(code=error.code, message=error.message) for error in errors(answer)] or [Issue(code="INVALID")]
    submission = decode(answer, Submission)
    faults = [issue for issue in submission.issues if issue.severity == "ERROR"]
    return None if submission.status == well and not faults else faults or [Issue(code=submission.status)]


def _list_blamed(changes: Sequence[Ready], issues: Sequence[Issue]) -> list[Ready]:
    """The changes whose attributes the issues name; all of them where they name none."""
    named = {name for issue in issues for name in issue.attribute_names}
    return [ready for ready in changes if ready.names & named] or list(changes)


def _refuse(ready: Ready, issues: Sequence[Issue]) -> ContentOutcome:
    own = [issue for issue in issues if ready.names & set(issue.attribute_names)] or list(issues)
    code = one_word(own[0].code) or "INVALID"
    others = sorted({one_word(name) for issue in own for name in issue.attribute_names} - ready.names - {""})
    meaning = "the listing is not there any more" if code == GONE else MEANINGS.get(code, f"code {code}")
    sentence = f"Amazon refuses the {ready.change.field}: {meaning}"
    sentence += f" (attributes {', '.join(others[:MOST_CODES])})." if others else "."
    words = Words("; ".join(issue.message for issue in own))
    return build_outcome(ready.change, "refused", code, sentence, words=words)


def _write_instant(instant: datetime) -> str:
    return instant.isoformat(timespec="seconds").replace("+00:00", "Z")
