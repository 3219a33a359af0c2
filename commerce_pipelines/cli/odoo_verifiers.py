"""Verifiers of settings that name something in Odoo, beyond what odoo/readiness.py looks for.

What belongs here: one look of `check` each. What does not: which key each is for (verifiers.py).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from ..channels.capabilities import offered
from ..channels.settings import ChannelSettings
from ..core.errors import CommerceError, RecordError
from ..resources.connections import Connections
from .findings import Advice, Finding, list_findings


def delivery_messages(connections: Connections, channel: ChannelSettings) -> Iterator[Finding]:
    """Odoo writes to no buyer whom the marketplace tells of the parcel."""
    from ..odoo.fulfilment.company_mails import find_messages

    what = f"channels[{channel.name}].fulfilment"
    for name in find_messages(connections.odoo_of(channel.name)) if channel.fulfilment.enabled else ():
        text = f"{name} is on in Odoo's settings of Inventory: buyers hear of a parcel from Odoo, too."
        yield what, Advice(text)


def return_names(connections: Connections, channel: ChannelSettings) -> Iterator[Finding]:
    """Odoo has the journal, the quarantine and the operation of claims that `returns` names, and they serve their
    purpose."""
    from ..odoo.returns.named_places import find_name_problems

    if not channel.returns.enabled:
        return
    section = f"channels[{channel.name}].returns"
    try:
        client = connections.odoo_of(channel.name)
        for name, problem in find_name_problems(client, channel.returns):
            yield f"{section}.{name}", problem
    except CommerceError as error:
        yield section, str(error)


def stock_places(connections: Connections, channel: ChannelSettings) -> Iterator[Finding]:
    """The warehouses that feed the channel exist and are unambiguous: `inventory.locations`. Before the channel's
    listings were read the channel is asked for its places, because a run would find them."""
    from ..domain.inventory.availability import Place, feeds
    from ..warehouse.inventory import listings

    if not channel.inventory.enabled:
        return
    what, names = f"channels[{channel.name}].inventory.locations", dict[str, str]()
    try:
        odoo = connections.odoo_of(channel.name)
        rows = odoo.call(
            "stock.warehouse", "search_read", domain=[["company_id", "=", odoo.who.company_id]],
            fields=["code", "name"], order="sequence, id", load=None,
        )  # fmt: skip
        places = [Place(row["code"], row["name"]) for row in rows]
        with connections.warehouse.transaction() as connection:
            location_ids: Collection[str] = listings.locations(connection, channel.name)
        if not location_ids:
            opened = connections.channel(channel.name)
            location_ids = names = dict(offered(opened.listings, opened, "listings").read_places())
        feeds(channel.name, channel.inventory, channel, places, location_ids)
    except CommerceError as error:
        there = ", ".join(f"{place!r} is {name}" for place, name in names.items() if name)
        yield what, str(error) + _name_owners(connections, channel) + (f" There {there}." if there else "")
    else:
        yield what, ""


def _name_owners(connections: Connections, channel: ChannelSettings) -> str:
    """Which of the warehouses that `inventory.locations` names belong to another company."""
    from ..odoo.readiness import find_elsewhere
    from ..odoo.reference.names import KINDS

    named = {place for places in channel.inventory.locations.values() for place in places}
    try:
        others = find_elsewhere(connections.odoo_of(channel.name), KINDS["warehouse"], named) if named else {}
    except CommerceError:
        return ""
    return "".join(f" {place} belongs to {company}." for place, company in sorted(others.items()))


def aliases(connections: Connections, channel: ChannelSettings) -> Iterator[Finding]:
    """What `skus`, `titles` and `sku_file` map to are internal references that Odoo has, and units that it can count
    them in."""
    from ..domain.keys import key
    from ..domain.sales.mapping import measured, sold_unit
    from ..odoo.reference.products import find_products

    mapped = (*channel.skus.values(), *channel.titles.values())
    wanted = sorted({alias if isinstance(alias, str) else alias.product for alias in mapped})
    if not wanted:
        return
    what = f"channels[{channel.name}].skus and titles"
    try:
        products = find_products(connections.odoo_of(channel.name), wanted, channel.sku_fold_case)
    except CommerceError as error:
        yield what, str(error)
        return
    absent = sorted(set(wanted) - set(products))
    more = f" and {len(absent) - 20} more" if len(absent) > 20 else ""
    problem = f"Odoo has no product with internal reference {', '.join(absent[:20])}{more}: create it or correct it."
    yield what, problem if absent else ""
    by_code = {key(code): named for code, named in products.items()}
    for goods in sorted(measured(channel)):
        try:
            for product in by_code.get(goods.code, ()):
                sold_unit(goods, product.units)
        except RecordError as error:
            yield f"{what}: {goods.measure} of {goods.code}", f"{error} {error.fix}"


def holding(connections: Connections, channel: ChannelSettings) -> Iterator[Finding]:
    """Deliveries can be held where the settings need it: `on_payment_lost: block`, `risky: hold_delivery | wait`."""
    from ..odoo.sales.held_deliveries import find_hold_problems

    if channel.on_payment_lost != "block" and channel.risky == "confirm":
        return
    what = f"{channel.name}: holding deliveries (on_payment_lost, risky)"
    yield from list_findings(what, lambda: find_hold_problems(connections.odoo_of(channel.name)))


def payment_journals(connections: Connections, channel: ChannelSettings) -> Iterator[Finding]:
    """The journals that payments are registered in exist and take money: `invoicing.journals`."""
    from ..odoo.invoicing.payments import find_journals, refuse_journal

    names = set(channel.invoicing.journals.values())
    if not names:
        return
    what = f"channels[{channel.name}].invoicing.journals"
    try:
        journals = find_journals(connections.odoo_of(channel.name), names)
    except CommerceError as error:
        yield what, str(error)
        return
    bad = sorted(name for name in names if name not in journals.ids or name in journals.wrong)
    for name in bad:
        refusal = refuse_journal(name)
        yield what, f"{refusal} {refusal.fix}"
    if not bad:
        yield what, ""
