"""What `check` looks at of product content: languages, sources and pricelists in Odoo, taxes of the channel's prices.

What belongs here: these looks, and which keys they are for. What does not: the commands (content_plan.py).
"""

from __future__ import annotations

from collections.abc import Iterator

from ..channels.settings import ChannelSettings
from ..core.errors import CommerceError
from ..domain.content.comparison import refuse_basis
from ..domain.content.fields import PRICE
from ..resources.connections import Connections
from .findings import Finding

CONTENT_KEYS = (  # that the file itself verifies
    "", ".owned", ".blank", ".too_long", ".approve", ".breaker", ".breaker.changed_percent", ".breaker.from_listings",
    ".breaker.price_percent", ".price",
    ".image_host", ".image_host.put", ".image_host.public", ".image_host.header", ".image_host.secret",
)  # fmt: skip
NEW_KEYS = (
    "",
    ".needs",
    ".most_a_day",
    ".shopify",
    ".shopify.status",
    ".amazon",
    ".amazon.by_barcode",
    ".amazon.condition",
    ".ebay",
    ".ebay.condition",
)  # of new_listings, that the file verifies
NEW_TRIED = (  # that `new_listings` looks at
    "enabled", "tag", "category", "field", "shopify.publish_to", "amazon.asin", "ebay.category_field", "ebay.location",
    "ebay.fulfillment_policy", "ebay.payment_policy", "ebay.return_policy",
)  # fmt: skip
SOURCE_KEYS = ("sources", "language", "translations", "price.pricelist")  # that `content_sources` looks at


def content_sources(connections: Connections, channel: ChannelSettings) -> Iterator[tuple[str, str]]:
    """Odoo's languages of `content` are active, its pricelist is there, and each field that Odoo owns has a source."""
    from ..odoo.catalogue.prices import find_pricelists
    from ..odoo.catalogue.products import check_languages, read_types

    rules, what = channel.content, f"channels[{channel.name}].content"
    if not rules.enabled:
        return
    owned = [field for field in rules.read_fields() if field in rules.owned or field in rules.new_listings.needs]
    sources = {field: rules.sources_of(field) for field in owned if field != PRICE}
    try:
        client = connections.odoo_of(channel.name)
        check_languages(client, rules.languages())
        if PRICE in rules.read_fields():
            find_pricelists(client, [rules.price.pricelist])
        there = read_types(client, {source for names in sources.values() for source in names}).names
    except CommerceError as error:
        yield what, str(error)
        return
    lacking = [field for field, names in sources.items() if not there & set(names)]
    for field in lacking:
        names = ", ".join(sources[field])
        yield f"{what}.sources", f"this Odoo has no {names} with text: name another field for {field}."
    if not lacking:
        yield f"{what}: sources and languages", ""


def price_basis(connections: Connections, channel: ChannelSettings) -> Iterator[Finding]:
    """`content.price.includes_tax` says what the channel's prices hold, where the channel tells that."""
    content = connections.channel(channel.name).content
    if not channel.content.enabled or PRICE not in channel.content.read_fields() or content is None:
        return
    what = f"channels[{channel.name}].content.price.includes_tax"
    try:
        holds = content.includes_tax()
    except CommerceError as error:
        yield what, str(error)
        return
    if holds is not None and holds != channel.content.price.includes_tax:
        reason = refuse_basis(holds)
        yield what, f"{reason.message} {reason.fix}"
    else:
        yield what, ""


def new_listings(connections: Connections, channel: ChannelSettings) -> Iterator[Finding]:
    """Odoo has the tag, category or field of `content.new_listings`, and the channel what else its settings name."""
    from ..odoo.catalogue.chosen import read_chosen
    from ..odoo.catalogue.products import read_types

    rules, what = channel.content.new_listings, f"channels[{channel.name}].content.new_listings"
    market = connections.channel(channel.name).new_listings
    if not channel.content.enabled or not rules.enabled or market is None:
        return
    try:
        read_chosen(connections.odoo_of(channel.name), rules)
        lacking = set(rules.odoo_fields()) - read_types(connections.odoo_of(channel.name), rules.odoo_fields()).names
        problems = [f"products in Odoo have no field {name}; add it, or correct the name." for name in sorted(lacking)]
        problems += market.verify()
    except CommerceError as error:
        yield what, str(error)
        return
    for problem in problems:
        yield what, problem
    if not problems:
        yield what, ""
