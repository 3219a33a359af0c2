"""Changes of content as effects of the outbox: wishes from a plan, and the door that sends them to a channel.

What belongs here: the bridge between plans, effects and a channel's changes. What does not: which text is right
(domain/content/), recording and repeating (flows/outbox/dispatch.py), the calls (channels/).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...channels.capabilities import Channel, offered
from ...core.words import Words
from ...domain.content.comparison import Action, FieldPlan, ListingPlan
from ...domain.content.listings import ContentOutcome, PictureSource, SentChange, effect_key
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
    """The content of one channel. due: what may be sent; any other effect is refused. said: the channel's own words.
    answers: of each change that was sent, in order. targets: what stock would show now, by SKU and stock's key."""

    batch = EFFECTS_AT_ONCE

    def __init__(self, channel: Channel, due: Due, pictures: PictureSource) -> None:
        self._content = offered(channel.content, channel, "content")
        self._due, self._pictures = due, pictures
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
        for answer in self._content.send(list(changes.values()), self._pictures) if changes else ():
            yield self._note(changes[answer.key], answer)

    def look(self, effects: Sequence[Effect]) -> Iterator[Outcome]:
        changes = {effect.key: change for effect in effects if (change := self._build_change(effect))}
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
        plan, field = self._due.get(effect.key, (None, None))
        body: dict[str, Any] = effect.body
        if plan is None or field is None or (body["before"], body["after"]) != (field.before, field.after):
            return None
        targets = {key: target for sku in plan.listing.skus for key, target in self.targets.get(sku, {}).items()}
        return SentChange(
            key=effect.key, token=effect.token, listing=plan.listing, field=field.field, before=field.before,
            after=field.after, slots=field.slots, reference=effect.reference,
            targets=targets,
        )  # fmt: skip
