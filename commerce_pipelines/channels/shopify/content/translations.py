"""Translations of a product's texts.

What belongs here: the digests that Shopify wants, registering, what an error means. What does not: which texts there
are (domain/content/).

A translation is registered for the digest of the text that it translates. When that text changes, Shopify calls its
translations outdated and shows none of them: so they are registered again after each such change.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from ....core.words import Words
from ....domain.content.fields import DESCRIPTION, TITLE, base_of, locale_of
from ....domain.content.listings import ContentOutcome, SentChange
from ...http.session import Repeat
from ..api.graphql import GraphQL
from .payloads import RegisterAnswer, ResourceAnswer
from .queries import REGISTER, RESOURCE

KEYS = {TITLE: "title", DESCRIPTION: "body_html"}


def register(graphql: GraphQL, gid: str, changes: Sequence[SentChange]) -> Iterator[ContentOutcome]:
    """Register these translations of one product."""
    resource = graphql.ask(RESOURCE, {"id": gid}, ResourceAnswer).translatableResource
    digests = {part.key: part.digest for part in resource.translatableContent} if resource else {}
    by_locale: dict[str, list[SentChange]] = defaultdict(list)
    for change in changes:
        if digests.get(KEYS[base_of(change.field)]):
            by_locale[locale_of(change.field)].append(change)
        else:
            message = "Shopify has no text that this would translate."
            yield ContentOutcome(key=change.key, status="refused", code="NO_SOURCE", message=message)
    for locale, some in by_locale.items():
        wanted = [
            {"locale": locale, "key": KEYS[base_of(change.field)], "value": change.after,
             "translatableContentDigest": digests[KEYS[base_of(change.field)]]}
            for change in some
        ]  # fmt: skip
        variables = {"id": gid, "translations": wanted}
        answer = graphql.change(REGISTER, variables, RegisterAnswer, repeat=Repeat.STATE).translationsRegister
        shown = {part.key: part.value or "" for part in answer.translations or ()}
        for change in some:
            if answer.userErrors:
                error = answer.userErrors[0]
                code = error.code or "USER_ERROR"
                message = f"Shopify refuses the translation to {locale} ({code}): is the language enabled in the shop?"
                yield ContentOutcome(
                    key=change.key, status="refused", code=code, message=message, words=Words(error.message)
                )
            else:
                value = shown.get(KEYS[base_of(change.field)])
                yield ContentOutcome(key=change.key, status="accepted", shown=value)
