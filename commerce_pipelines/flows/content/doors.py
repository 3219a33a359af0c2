"""Changes of content as effects of the outbox: wishes from a plan, and the door that sends them to a channel.

What belongs here: the bridge between plans, effects and a channel's changes. What does not: which text is right
(domain/content/), recording and repeating (flows/outbox/dispatch.py), the calls (channels/).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ...channels.capabilities import Channel, offered
from ...core.words import Words
from ...domain.content.comparison import Action, FieldPlan, ListingPlan
from ...domain.content.listings import ContentOutcome, PictureSource, SentChange, ShownListing, effect_key
from ...domain.outbox.effects import Effect, Outcome, Wanted

EFFECTS_AT_ONCE = 10_000  # fields of one listing have to reach the channel together
Due = Mapping[str, tuple[ListingPlan, FieldPlan]]  # what a plan would change, by the key of its effect


def list_due(plans: Sequence[ListingPlan]) -> dict[str, tuple[ListingPlan, FieldPlan]]:
    """What the plans would change."""
    return {
        effect_key(plan.listing.key, field.field): (plan, field)
        for plan in plans for field in plan.fields if field.action is Action.CHANGE
    }  # fmt: skip


def build_wishes(due: Due) -> list[Wanted]:
    """One wish for each field. The body says from what to what, so a release is for exactly this change."""
    return [
        Wanted(
            key=key,
            body={"listing": plan.listing.key, "field": field.field, "before": field.before, "after": field.after},
            basis={
                "skus": list(plan.listing.skus[:20]), "title": plan.listing.title[:200],
                "product": plan.product.code if plan.product else "",
            },
        )
        for key, (plan, field) in sorted(due.items())
    ]  # fmt: skip


class ContentDoor:
    """The content of one channel. due: what may be sent; any other effect is refused. refer: puts references of effects
    on record, by their sequence. said: the channel's own words. answers: of each change that was sent, in order.
    targets: what stock would show now, by SKU and stock's key. What was looked at once is not looked at again."""

    batch = EFFECTS_AT_ONCE

    def __init__(
        self, channel: Channel, due: Due, pictures: PictureSource, refer: Callable[[Mapping[int, str]], None]
    ) -> None:
        self._content = offered(channel.content, channel, "content")
        self.due, self._pictures, self._refer = due, pictures, refer
        self._looked_at: set[str] = set()
        self.said: dict[str, Words] = {}
        self.answers: list[tuple[SentChange, ContentOutcome]] = []
        self.targets: Mapping[str, Mapping[str, int | None]] = {}

    def send(self, effects: Sequence[Effect]) -> Iterator[Outcome]:
        changes: dict[str, SentChange] = {}
        for effect in effects:
            if change := self._build_change(effect):
                changes[effect.key] = change
            else:
                yield Outcome(key=effect.key, status="stale", code="not_wanted", message="It is not wanted any more.")
        sequences = {effect.key: effect.sequence for effect in effects}

        def note(references: Mapping[str, str]) -> None:
            self._refer({sequences[key]: reference for key, reference in references.items()})

        for answer in self._content.send(list(changes.values()), self._pictures, note) if changes else ():
            yield self._note(changes[answer.key], answer)

    def look(self, effects: Sequence[Effect]) -> Iterator[Outcome]:
        """At effects that nobody wants any more, too: what became of them says what their listings show."""
        changes = {
            effect.key: self._build_change(effect) or _restore_change(effect)
            for effect in effects if effect.key not in self._looked_at
        }  # fmt: skip
        self._looked_at |= changes.keys()
        for answer in self._content.look(list(changes.values())) if changes else ():
            yield self._note(changes[answer.key], answer)

    def _note(self, change: SentChange, answer: ContentOutcome) -> Outcome:
        self.answers.append((change, answer))
        self.said[change.listing.key] = answer.words
        return Outcome(
            key=answer.key, status=answer.status, code=answer.code, message=answer.message, reference=answer.reference
        )

    def _build_change(self, effect: Effect) -> SentChange | None:
        """The change of an effect, if it still is the one that the plan wants."""
        plan, field = self.due.get(effect.key, (None, None))
        body: dict[str, Any] = effect.body
        if plan is None or field is None or (body["before"], body["after"]) != (field.before, field.after):
            return None
        targets = {key: target for sku in plan.listing.skus for key, target in self.targets.get(sku, {}).items()}
        return SentChange(
            key=effect.key, token=effect.token, listing=plan.listing, field=field.field, before=field.before,
            after=field.after, slots=field.slots, reference=effect.reference,
            targets=targets,
        )  # fmt: skip


def _restore_change(effect: Effect) -> SentChange:
    """As much of a change as its effect tells."""
    body: dict[str, Any] = effect.body
    return SentChange(
        key=effect.key, token=effect.token, listing=ShownListing(key=body["listing"], skus=(), values={}),
        field=body["field"], before=body["before"], after=body["after"], reference=effect.reference,
    )  # fmt: skip
