"""What Odoo says of a product, and what a listing shall show of it by the settings.

What belongs here: the shape that Odoo is read into, rendering it for a channel. What does not: reading
(odoo/catalogue/), what the listing shows at present (listings.py), limits (fields.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import msgspec

from .entries import join_attributes, merge_specifics, normalise_list, read_list
from .fields import IMAGES, PRICE, SPECIFICS, TITLE, Limit, base_of, locale_of
from .listings import Picture
from .markup import clean, collapse, flatten, paragraphs
from .pricelists import Price, Tax
from .rules import ContentRules

ATTRIBUTES = "attributes"  # the source of specifics that is no field
OWN = ""  # the language of the user whom the pipelines log in as


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """One variant in Odoo. code: its internal reference. variants: how many active variants its template has.

    values: by field in Odoo, as text, '' for an empty one: weight in whole grams, country as ISO 3166-1 alpha-2. texts:
    the same of translated fields, by language; OWN is the user's. options: by language, the attribute values that make
    it this variant. attributes: by language, all attributes with one value for it, as (name, value); none where no
    channel asks for them. html: fields that hold HTML. picture: its own, or the template's where it has none;
    template_picture: that of the template. documents: further pictures, in Odoo's order. prices: by the pricelist's
    name, '' for the sales price; none where no channel asks for them. tax: its sales taxes.
    """

    product_id: int
    template_id: int
    code: str
    active: bool = True
    variants: int = 1
    values: dict[str, str] = {}
    texts: dict[str, dict[str, str]] = {}
    options: dict[str, tuple[str, ...]] = {}
    attributes: dict[str, tuple[tuple[str, str], ...]] = {}
    html: tuple[str, ...] = ()
    picture: Picture | None = None
    template_picture: Picture | None = None
    documents: tuple[Picture, ...] = ()
    prices: dict[str, Price] = {}
    tax: Tax = Tax()


class Rendered(msgspec.Struct, frozen=True, kw_only=True):
    """What a listing shall show. values: by field, '' where Odoo has nothing. pictures: the main one first."""

    values: dict[str, str]
    pictures: tuple[Picture, ...] = ()


_encoder = msgspec.json.Encoder(order="deterministic")


def digest(product: Product) -> str:
    """Changes with everything that a listing could show of the product; 32 hex digits."""
    return hashlib.sha256(_encoder.encode(product)).hexdigest()[:32]


def render(product: Product, rules: ContentRules, limits: Mapping[str, Limit], *, alone: bool) -> Rendered:
    """What a listing of a product shall show in each field that Odoo owns and the channel has a limit for.

    alone: the listing offers this variant only; where its template has several, the title names its attribute values in
    brackets, as Odoo does. Otherwise the listing shows what all variants of the template share.
    """
    values = {}
    for field in rules.fields():
        limit = limits.get(base_of(field))
        if limit is None or field in (IMAGES, PRICE):
            continue
        language = rules.translations[locale_of(field)] if locale_of(field) else rules.language
        find = _join_specifics if field == SPECIFICS else _find_text
        text = find(product, rules.sources_of(base_of(field)), language, limit)
        if base_of(field) == TITLE and alone and product.variants > 1 and text:
            options = product.options.get(language) or product.options.get(OWN, ())
            text = f"{text} ({', '.join(options)})" if options else text
        values[field] = text
    for field in [field for field in values if locale_of(field)]:
        if values[field] == values.get(base_of(field), ""):
            del values[field]  # Odoo shows the untranslated text where there is no translation
    pictures = _list_pictures(product, alone, rules.sources_of(IMAGES)) if IMAGES in rules.owned else ()
    most = limits[IMAGES].most if IMAGES in limits else 0
    return Rendered(values=values, pictures=pictures[:most] if most else pictures)


def _find_text(product: Product, sources: Sequence[str], language: str, limit: Limit) -> str:
    """The first source that is not empty, as the channel takes it."""
    own = product.texts.get(OWN, {})
    for source in sources:
        text = product.texts.get(language, {}).get(source) or own.get(source) or product.values.get(source, "")
        made = _convert(text, source in product.html, limit)
        if made:
            return made
    return ""


def _join_specifics(product: Product, sources: Sequence[str], language: str, limit: Limit) -> str:
    """Those of all sources; of a name that several have, the values of the first."""
    text = ""
    for source in reversed(sources):
        if source == ATTRIBUTES:
            own = product.attributes.get(OWN, ())
            text = merge_specifics(text, join_attributes(product.attributes.get(language) or own))
        else:
            text = merge_specifics(text, _find_text(product, (source,), language, limit))
    return text


def _convert(text: str, is_html: bool, limit: Limit) -> str:
    if limit.lines:
        return read_list(text, is_html=is_html)
    if limit.is_html:
        return clean(text if is_html else paragraphs(text), limit.tags)
    return flatten(text) if is_html else collapse(text)


def _list_pictures(product: Product, alone: bool, sources: Sequence[str]) -> tuple[Picture, ...]:
    main = product.picture if alone else product.template_picture
    pictures = [main] if main and "image_1920" in sources else []
    pictures += product.documents if "documents" in sources else ()
    return tuple({picture.checksum: picture for picture in pictures}.values())


def normalise(text: str, limit: Limit) -> str:
    """The form in which what a listing shows and what it shall show are compared."""
    if limit.lines:
        return normalise_list(text, named=bool(limit.most_name))
    return clean(text, limit.tags) if limit.is_html else collapse(text)
