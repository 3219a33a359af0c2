"""Translations of products' texts, each for the digest of the text that it translates.

What belongs here: digests, registering, what is outdated. What does not: products (contents.py).
"""

from __future__ import annotations

import hashlib

from .execution import Data

LOCALES = ("fr", "it")  # that the shop has switched on besides its own
_FIELDS = {"title": "title", "body_html": "descriptionHtml"}


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class Translations:
    """rows: (product's id, locale, key) -> (text, digest of the text that it translates)."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str, str], tuple[str, str]] = {}

    def show(self, product: Data, locale: str) -> list[Data]:
        return [
            {"locale": of, "key": key, "value": value, "outdated": source != digest(product[_FIELDS[key]])}
            for (gid, of, key), (value, source) in self.rows.items() if (gid, of) == (product["id"], locale)
        ]  # fmt: skip

    def resource(self, product: Data) -> Data:
        """translatableResource: a text that is empty has no digest."""
        content = [
            {"key": key, "locale": "de", "digest": digest(product[field]) if product[field] else None,
             "type": "HTML" if key == "body_html" else "SINGLE_LINE_TEXT_FIELD"}
            for key, field in _FIELDS.items()
        ]  # fmt: skip
        return {"resourceId": product["id"], "translatableContent": content}

    def register(self, product: Data, translations: list[Data]) -> Data:
        """translationsRegister: all of them, or none if one is refused."""
        for wanted in translations:
            code = "INVALID_LOCALE_FOR_SHOP" if wanted["locale"] not in LOCALES else ""
            if not code and wanted["translatableContentDigest"] != digest(product[_FIELDS[wanted["key"]]]):
                code = "INVALID_TRANSLATABLE_CONTENT"
            if code:
                error = {"code": code, "field": ["translations"], "message": code.replace("_", " ").capitalize()}
                return {"translations": None, "userErrors": [error]}
        for wanted in translations:
            where = product["id"], wanted["locale"], wanted["key"]
            self.rows[where] = wanted["value"], wanted["translatableContentDigest"]
        locales = {wanted["locale"] for wanted in translations}
        return {"translations": [part for locale in locales for part in self.show(product, locale)], "userErrors": []}
