"""Pictures of a product: uploaded, put at their places, and waited for.

What belongs here: the calls in their order, and what a status means. What does not: which picture goes where
(domain/content/comparison.py), texts (texts.py).

A picture that replaces another keeps its id and address (`fileUpdate`), which may be repeated. A picture that is added
gets an id of its own, and adding it twice would show it twice: so a lost answer is never repeated. The next reading
finds the picture by its file name, which is its checksum.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from urllib3.filepost import encode_multipart_formdata

from ....core.errors import ProtocolError, RecordError, UnknownOutcome
from ....core.words import NO_WORDS, Words
from ....domain.content.listings import ContentOutcome, PictureSource, SentChange, Slot, picture_name
from ...http.session import HttpSession, Repeat
from ..api.graphql import GraphQL
from .payloads import AddedAnswer, FilesAnswer, MediaAnswer, StagedAnswer, Target, UserError
from .queries import ADD_MEDIA, MEDIA, REPLACE_FILES, STAGE

PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)  # seconds between two looks at pictures that Shopify is at work on
READY, FAILED = "READY", "FAILED"
LARGEST = 20_000_000  # bytes of one picture, shopify.dev "Media"


class ProductPictures:
    """The pictures of one shop's products."""

    def __init__(self, graphql: GraphQL, session: HttpSession, sleep: Callable[[float], None]) -> None:
        self._graphql, self._session, self._sleep = graphql, session, sleep

    def place(
        self, change: SentChange, pictures: PictureSource, judge: Callable[[], ContentOutcome | None]
    ) -> ContentOutcome:
        """Upload what the listing does not show yet and put it there. judge: asked after the uploads, which take a
        while, for the outcome of a change that is not to be made any more."""
        due = [slot for slot in change.slots if not slot.kept]
        sources = {}
        for slot in due:
            if slot.picture.size > LARGEST:
                return _refuse(
                    change, "TOO_LARGE", f"A picture has {slot.picture.size} bytes, Shopify takes {LARGEST}."
                )
            try:
                sources[slot.place] = self._send_bytes(slot, pictures.open(slot.picture))
            except RecordError as error:
                return ContentOutcome(key=change.key, status="stale", code=error.code, message=error.message)
            except _Refused as refused:
                return _refuse(change, "UPLOAD", "Shopify refuses the upload of a picture.", refused.words)
        if outcome := judge():
            return outcome
        placed, errors = self._put(change, due, sources)
        if errors:
            return _refuse(
                change, errors[0].code or "USER_ERROR", "Shopify refuses a picture.", Words(errors[0].message)
            )
        return self.wait(change, placed)

    def _send_bytes(self, slot: Slot, content: bytes) -> str:
        """The address by which Shopify knows the uploaded bytes."""
        wanted = {
            "resource": "IMAGE", "filename": picture_name(slot.picture), "mimeType": slot.picture.mime,
            "httpMethod": "POST", "fileSize": str(len(content)),
        }  # fmt: skip
        staged = self._graphql.change(STAGE, {"input": [wanted]}, StagedAnswer, repeat=Repeat.STATE).stagedUploadsCreate
        if staged.userErrors or not staged.stagedTargets:
            raise _Refused(Words(staged.userErrors[0].message if staged.userErrors else ""))
        target: Target = staged.stagedTargets[0]
        fields: list[tuple[str, Any]] = [(parameter.name, parameter.value) for parameter in target.parameters]
        fields.append(("file", (picture_name(slot.picture), content, slot.picture.mime)))
        body, kind = encode_multipart_formdata(fields)
        # May be repeated: what was uploaded and is put nowhere goes by itself.
        self._session.send(
            "POST", target.url, operation="upload", repeat=Repeat.STATE, data=body, headers={"Content-Type": kind},
            deadline=120.0, ok=(200, 201, 204),
        )  # fmt: skip
        return target.resourceUrl

    def _put(
        self, change: SentChange, due: Sequence[Slot], sources: dict[int, str]
    ) -> tuple[dict[int, str], Sequence[UserError]]:  # fmt: skip
        """(the ids of the pictures by place, what Shopify has against them)."""
        placed: dict[int, str] = {}
        replaced = [slot for slot in due if slot.replaces]
        if replaced:
            files = [{"id": slot.replaces, "originalSource": sources[slot.place]} for slot in replaced]
            answer = self._graphql.change(REPLACE_FILES, {"files": files}, FilesAnswer, repeat=Repeat.STATE).fileUpdate
            if answer.userErrors:
                return placed, answer.userErrors
            placed |= {slot.place: slot.replaces for slot in replaced}
        added = [slot for slot in due if not slot.replaces]
        if added:
            media = [{"mediaContentType": "IMAGE", "originalSource": sources[slot.place]} for slot in added]
            product = {"id": change.listing.reference["product_id"]}
            variables = {"product": product, "media": media}
            update = self._graphql.change(ADD_MEDIA, variables, AddedAnswer, repeat=Repeat.NEVER).productUpdate
            if update.userErrors or update.product is None:
                return placed, update.userErrors or [UserError("")]
            before = {picture.id for picture in change.listing.pictures or ()}
            fresh = [node.id for node in update.product.media.nodes if node.id not in before]
            if len(fresh) != len(added):
                raise UnknownOutcome("Shopify shows other pictures than those that were added.")
            placed |= {slot.place: id_ for slot, id_ in zip(added, fresh, strict=True)}
        return placed, ()

    def wait(self, change: SentChange, placed: dict[int, str], pauses: Sequence[float] | None = None) -> ContentOutcome:
        """Wait until Shopify has processed the pictures; `pending` where that takes too long."""
        for pause in (0.0, *(PAUSES if pauses is None else pauses)):
            self._sleep(pause)
            nodes = self._graphql.ask(MEDIA, {"ids": list(placed.values())}, MediaAnswer).nodes
            states = {node.id: node.status for node in nodes if node is not None}
            if any(states.get(id_, FAILED) == FAILED for id_ in placed.values()):
                return _refuse(change, "MEDIA_FAILED", "Shopify could not process a picture: look at its format.")
            if all(states[id_] == READY for id_ in placed.values()):
                return ContentOutcome(key=change.key, status="accepted", pictures=placed)
        reference = ",".join(f"{place}={id_}" for place, id_ in placed.items())
        return ContentOutcome(key=change.key, status="pending", reference=reference[:200])

    def look(self, change: SentChange) -> ContentOutcome:
        try:
            pairs = [part.split("=", 1) for part in change.reference.split(",")]
            placed = {int(place): id_ for place, id_ in pairs}
        except ValueError:
            raise ProtocolError("The reference of a picture cannot be read.") from None
        return self.wait(change, placed, ())


class _Refused(Exception):
    """Shopify prepares no place for an upload. words: its own."""

    def __init__(self, words: Words) -> None:
        super().__init__()
        self.words = words


def _refuse(change: SentChange, code: str, message: str, words: Words = NO_WORDS) -> ContentOutcome:
    return ContentOutcome(key=change.key, status="refused", code=code, message=message, words=words)
