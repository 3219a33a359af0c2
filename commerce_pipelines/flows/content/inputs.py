"""Everything that a channel's difference is computed from, and what each reading costs.

    take_products    reads what changed in Odoo, one call where nothing did; once a night everything, seconds
    read_shown       reads every listing of the channel, hundreds of calls on a large shop

What belongs here: reading and storing both sides. What does not: matching and comparing them (matching.py), sending
(publish.py).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from ...channels.capabilities import offered
from ...core.errors import CommerceError, ProtocolError
from ...domain.content.fields import IMAGES, PRICE, SPECIFICS
from ...domain.content.products import ATTRIBUTES
from ...domain.content.rules import DEFAULT_SOURCES
from ...resources.connections import Connections
from .details import add_details

if TYPE_CHECKING:
    from ...channels.settings import ChannelSettings
    from ...odoo.catalogue.products import Wanted

WHOLE_AFTER = timedelta(hours=20)  # what moves no write_date is seen by a reading of everything, once a night


class Taken(msgspec.Struct, kw_only=True):
    """A reading of Odoo. read: variants that were read. changed: those that differ from before. missing: fields of the
    settings that Odoo does not have."""

    read: int
    changed: int
    whole: bool
    missing: tuple[str, ...] = ()


def take_products(connections: Connections, name: str, *, whole: bool = False) -> Taken:
    """Read the products of a channel's company: those that were written to since the last reading, or all of them.

    All are read where `whole` says so, where the last reading of everything is old, and where the settings ask for
    other fields or languages than then. Raises ProtocolError for an empty reading; what was read before stays.
    """
    from ...odoo.catalogue.products import has_new_prices, read_catalogue
    from ...warehouse.content import products as rows
    from ...warehouse.tables import database

    company, wanted = connections.company_of(name), want(connections, name)
    label = msgspec.json.encode((
        wanted.fields, sorted(wanted.languages), wanted.pictures, wanted.documents, sorted(wanted.pricelists),
        wanted.attributes,
    )).decode()  # fmt: skip
    client = connections.odoo_of(name)
    with connections.warehouse.lock(f"content products {company}", wait=True):
        with connections.warehouse.transaction() as connection:
            now, before = database.clock(connection), rows.read_reading(connection, company)
        since: datetime | None = None
        if not whole and before and before.wanted == label and now - before.whole_at < WHOLE_AFTER:
            since = before.read_at
        if since and wanted.pricelists and has_new_prices(client, since, now):
            since = None
        catalogue = read_catalogue(client, wanted, since, now)
        with connections.warehouse.transaction() as connection:
            changed = rows.store_products(connection, company, catalogue.products, label, now, whole=catalogue.whole)
    return Taken(read=len(catalogue.products), changed=changed, whole=catalogue.whole, missing=catalogue.missing)


def take_all(connections: Connections, *, whole: bool = False) -> tuple[list[Taken], list[str]]:
    """`take_products` for every company that channels of this flow belong to, and the errors of those that failed.
    Raises the error if all fail."""
    done: dict[int, Taken] = {}
    errors: list[CommerceError] = []
    for channel in connections.settings.channels:
        if not channel.content.enabled:
            continue
        try:
            if connections.company_of(channel.name) not in done:
                done[connections.company_of(channel.name)] = take_products(connections, channel.name, whole=whole)
        except CommerceError as error:
            if str(error) not in map(str, errors):
                errors.append(error)
    if not done and errors:
        raise errors[0]
    return list(done.values()), [str(error) for error in errors]


def want(connections: Connections, name: str) -> Wanted:
    """What has to be read of Odoo for all channels of a company."""
    from ...odoo.catalogue.products import NO_FIELDS, Wanted

    company = connections.company_of(name)
    channels = [channel for channel in connections.settings.channels if channel.content.enabled]
    sharing = [channel.content for channel in channels if _is_of_company(connections, channel, company)]
    sources = {source for rules in sharing for field in rules.read_fields() for source in rules.sources_of(field)}
    sources |= {field for rules in sharing for field in rules.new_listings.odoo_fields()}
    sources |= {source for field in ("title",) for source in DEFAULT_SOURCES[field]}
    images = [rules.sources_of(IMAGES) for rules in sharing if IMAGES in rules.read_fields()]
    return Wanted(
        fields=tuple(sorted(sources - NO_FIELDS)),
        languages=frozenset(language for rules in sharing for language in rules.languages()),
        pictures=any("image_1920" in names for names in images),
        documents=any("documents" in names for names in images),
        attributes=any(
            ATTRIBUTES in rules.sources_of(SPECIFICS) or rules.new_listings.enabled
            for rules in sharing
            if SPECIFICS in rules.read_fields()
        ),
        pricelists=frozenset(rules.price.pricelist for rules in sharing if PRICE in rules.read_fields()),
    )


def _is_of_company(connections: Connections, channel: ChannelSettings, company: int) -> bool:
    try:
        return connections.company_of(channel.name) == company
    except CommerceError:
        return False


def read_shown(connections: Connections, name: str) -> int:
    """Every listing as the channel shows it now, stored; how many there are.

    Raises ProtocolError where a channel that had listings shows none: a fault, not a closed shop.
    """
    from ...warehouse.content import shown
    from ...warehouse.tables import database

    channel = connections.channel(name)
    content = offered(channel.content, channel, "content")
    with connections.warehouse.transaction() as connection:
        read_at, before = database.clock(connection), shown.count_listings(connection, name)
    listings = add_details(connections, name, content, [listing for page in content.read() for listing in page])
    if before and not listings:
        raise ProtocolError(f"{name} shows no listing at all, last time {before}; what was read before is kept.")
    with connections.warehouse.transaction() as connection:
        shown.store_listings(
            connection, name, listings, read_at, whole=True, settled_before=read_at - content.settles_after
        )
    return len(listings)
