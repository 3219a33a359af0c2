"""Which verifier tries which setting: the table behind `check`, so that every key that can stop work is tried.

What belongs here: verifiers of settings that nothing else tries, and for every key either its verifier or the reason
why it needs none. What does not: the order in which `check` lists them (check.py), whether names exist in Odoo
(odoo/readiness.py), what a single key may hold (its section's own checks, when the file is read).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..channels.settings import ChannelSettings
from ..core.errors import CommerceError
from ..core.groups import LOCATION, location_of
from ..resources.connections import Connections
from .content_verifiers import (
    CONTENT_KEYS,
    NEW_KEYS,
    NEW_TRIED,
    SOURCE_KEYS,
    content_sources,
    new_listings,
    price_basis,
)
from .findings import Advice, Finding, list_findings
from .inbound_plans import INBOUND_KEYS, PLANS_TRIED, plan_marketplace, removal_places
from .message_queues import readable_queue
from .message_server import listening_place, verification_token
from .odoo_verifiers import (
    aliases,
    delivery_messages,
    holding,
    payment_journals,
    return_names,
    stock_places,
)


def alert_targets(connections: Connections) -> Iterator[Finding]:
    """Every target is a URL that Apprise knows; nothing is sent."""
    from ..resources.alerts import unknown

    for secret in connections.settings.alerts.targets:
        yield f"alerts.targets ({secret.env})", unknown(secret)


def automation(connections: Connections) -> Iterator[Finding]:
    """None of our sensors is switched off in Dagster, least of all those that tell people of the others."""
    from ..flows.alerts import WATCHERS
    from ..flows.pollers import list_pollers
    from ..resources.switched_off import list_switched_off

    what = "Dagster: sensors"
    try:
        places = dict.fromkeys(WATCHERS, LOCATION)
        places |= {name: location_of(made.group) for name, made in list_pollers(connections.settings).items()}
        anywhere = not connections.settings.groups
        off = sorted({
            name for place, name in list_switched_off(connections.warehouse.url)
            if name in places and (anywhere or places[name] == place)
        })  # fmt: skip
    except CommerceError:  # the finding of the database says it
        return
    if off:
        is_, again = ("is", "it") if len(off) == 1 else ("are", "them")
        text = f"{', '.join(off)} {is_} switched off: switch {again} on again under Automation in Dagster's UI."
        yield what, text
    else:
        yield what, ""


def first_day(connections: Connections, channel: ChannelSettings) -> Iterator[Finding]:
    """`start_date` is not in the future, because no order of an earlier day is loaded."""
    today = connections.instruments.now().astimezone(channel.zone).date()
    late = channel.start_date > today
    problem = f"{channel.start_date} is not there yet, so no order is loaded; write the first day to load."
    yield f"channels[{channel.name}].start_date", problem if late else ""


def granted(connections: Connections, channel: ChannelSettings) -> Iterator[Finding]:
    """The account may do what the settings need: scopes and roles, those for stock if stock is published."""
    what = f"{channel.name}: scopes and roles"
    yield from list_findings(what, lambda: connections.account(channel.name).lacks())


def returns_offered(connections: Connections, channel: ChannelSettings) -> Iterator[Finding]:
    """The marketplace can be asked for returns or refunds, where the settings want them: `returns.enabled`."""
    if not channel.returns.enabled:
        return
    opened = connections.channel(channel.name)
    lacks = opened.returns is None and opened.refunds is None
    problem = f"a channel of the kind {opened.kind} offers neither returns nor refunds; write false." if lacks else ""
    yield f"channels[{channel.name}].returns.enabled", problem


def carriers_known(connections: Connections, channel: ChannelSettings) -> Iterator[Finding]:
    """The codes of `fulfilment.carriers` are carriers of the marketplace, where it has a list of them."""
    shipments = connections.channel(channel.name).shipments
    if not channel.fulfilment.enabled or shipments is None:
        return
    what = f"channels[{channel.name}].fulfilment.carriers"
    codes = sorted({carrier for carrier in channel.fulfilment.carriers.values() if isinstance(carrier, str)})
    try:
        listed = shipments.list_carriers() if codes else ()
    except CommerceError as error:
        yield f"{what}: the marketplace's list", Advice(str(error))
        return
    if unknown := [code for code in codes if listed and code not in listed]:
        yield (
            what,
            Advice(
                f"{', '.join(unknown)} is none of the carriers that the marketplace lists, so it may refuse parcels. "
                f"It lists {', '.join(sorted(listed))}. Write one of these, or {{other: NAME}}."
            ),
        )
    elif listed:
        yield what, ""


def emptied(connections: Connections, channel: ChannelSettings) -> Iterator[Finding]:
    """The database still knows what it loaded; an empty database beside an Odoo with our orders has lost its
    records."""
    from ..odoo.sales.booked import holds_orders_of

    what = f"{channel.name}: what the database remembers"
    try:
        with connections.warehouse.transaction() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT EXISTS (SELECT FROM commerce.sale_orders WHERE channel = %s)", (channel.name,))
            remembers = cursor.fetchone() == (True,)
        if remembers or not holds_orders_of(connections.odoo_of(channel.name), channel.name):
            return
    except CommerceError as error:
        yield what, str(error)
        return
    yield (
        what,
        "nothing, but Odoo holds sale orders of this channel: restore the database's backup, or load their days again "
        f"by `commerce-pipelines backfill {channel.name} --from {channel.start_date}`: it finds them by their external "
        "ids.",
    )


def private_secrets(connections: Connections) -> Iterator[Finding]:
    """`.env` holds secrets, so nobody else on this machine may read it."""
    file = Path(".env")
    if file.exists() and file.stat().st_mode & 0o077:
        yield ".env", "can be read by others on this machine; run `chmod 600 .env`."


OF_ALL = (alert_targets, listening_place, private_secrets, automation)
OF_DATABASE = (emptied,)  # these need the database and Odoo
OF_ODOO = (stock_places, aliases, holding, delivery_messages, return_names, payment_journals, content_sources,
           removal_places)  # fmt: skip
OF_CHANNEL = (first_day, returns_offered, verification_token)  # these need no service
OF_ACCOUNT = (granted, carriers_known, readable_queue, plan_marketplace, price_basis, new_listings)

BY_NAMES = "odoo/readiness.py verify_names: exists in Odoo"
BY_ENTRY = "check: entering Odoo"
BY_PROBE = "check: which account it opens, with a newly minted token"
BY_DATES = "check: dates that run out"
BY_FILE = "the file: a wrong value is refused when it is read"

TRIED: dict[str, Any] = {
    **dict.fromkeys(("odoo", "channels", "vat", "privacy", "alerts", "listen", "metrics"), BY_FILE),
    **dict.fromkeys(("odoo.url", "odoo.database", "odoo.username", "odoo.password", "odoo.transport"), BY_ENTRY),
    **dict.fromkeys(("odoo.company", "company"), BY_ENTRY),
    "odoo.timeout_seconds": BY_FILE,
    "odoo.batch": BY_FILE,
    "odoo.writers": BY_FILE,
    **dict.fromkeys(("odoo.chatter", "odoo.flags"), "none: both values work"),
    "odoo.page_links": "odoo/readiness.py verify_rights: the right that it needs",
    "odoo.create_missing": "odoo/readiness.py verify_rights: the rights that it needs",
    "vat.seller_country": "odoo/readiness.py verify_company: the country of the company in Odoo",
    **dict.fromkeys(("vat.registrations", "vat.rates"), BY_FILE),
    **dict.fromkeys(("vat.rates.standard", "vat.rates.reduced", "vat.rates.from_home"), BY_FILE),
    "vat.oss": "odoo/readiness.py verify_oss: Odoo's OSS report finds the taxes that are created",
    "privacy.invoice_years": "none: the law of the company's country",
    "privacy.forget_after_days": "none: how long a merchant keeps its customers is the merchant's decision",
    "privacy.history_days": BY_FILE,
    "privacy.tombstones": "resources/connections.py: read at every start, which fails without it",
    "privacy.keep_days": BY_FILE,
    **{f"privacy.keep_days.{kind}": BY_FILE for kind in ("amazon", "ebay", "shopify")},
    **{f"privacy.keep_days.{kind}.{topic}": "none: how long a merchant may keep what is the merchant's decision"
       for kind in ("amazon", "ebay", "shopify") for topic in ("orders", "returns", "refunds")},
    **dict.fromkeys(("privacy.residency", "privacy.places"), "cli/whereabouts.py: where each kind of data goes"),
    "vat.ioss": "none: a fact about the company that nobody else knows",
    "alerts.targets": alert_targets,
    **dict.fromkeys(("alerts.waiting_hours", "alerts.failed_ticks", "alerts.digest_hour"), BY_FILE),
    **dict.fromkeys(("listen.secret", "listen.host", "listen.port"), listening_place),
    **dict.fromkeys(("notifications", "notifications.enabled", "notifications.alert_email"), BY_FILE),
    "listen.public_url": BY_FILE,
    **dict.fromkeys(("notifications.secret", "notifications.previous_secret"),
                    "none: another secret shows as messages that are refused"),
    "notifications.verification_token": verification_token,
    **dict.fromkeys(("notifications.queue_url", "notifications.access_key_id", "notifications.secret_access_key"),
                    readable_queue),
    **dict.fromkeys(("metrics.host", "metrics.port"), BY_FILE),
    **dict.fromkeys(("owner", "docs_url", "rehearsal_required", "stock_history_days"), BY_FILE),
    **dict.fromkeys(
        ("sales_team", "analytic", "tags", "pricelists", "warehouse", "channel_warehouse", "carriers",
         "carrier_fallback", "taxes", "taxes.tax", "taxes.included", "fiscal_positions", "routes", "routes.warehouse"),
        BY_NAMES,
    ),
    **dict.fromkeys(
        ("taxes.country", "taxes.rate", "routes.countries", "routes.departure_country", "departure_country",
         "channel_departure_country", "channel_departure_countries", "rounding_tolerance", "name", "group", "time_zone",
         "poll_seconds", "overlap_minutes"),
        BY_FILE,
    ),
    **dict.fromkeys(("on_payment_lost", "risky"), holding),
    **dict.fromkeys(
        ("routes.services", "routes.skus", "routes.marketplaces"),
        "none: a condition that never holds leaves the order to the next route or the default warehouse",
    ),
    "guest": "none: without such a partner one is created, or the order waits with `unknown_guest`",
    **dict.fromkeys(("skus", "skus.product", "skus.unit", "sku_file"), aliases),
    **dict.fromkeys(("titles", "titles.product", "titles.unit"), aliases),
    **dict.fromkeys(("skus.quantity", "titles.quantity", "sku_fold_case"), BY_FILE),
    "history_before": "none: any day works",
    **dict.fromkeys(("endpoint", "token_endpoint", "credentials"), BY_PROBE),
    **dict.fromkeys((f"credentials.{key}" for key in ("client_id", "client_secret", "refresh_token", "access_token")),
                    BY_PROBE),
    "start_date": first_day,
    "prices_include_tax": "none: for orders that do not state it; a wrong one shows as differing totals",
    **dict.fromkeys(
        ("inventory", "inventory.share", "inventory.reserve", "inventory.cap", "inventory.end_below"), BY_FILE
    ),
    "fulfilment": BY_FILE,
    "fulfilment.enabled": granted,
    "fulfilment.carriers": carriers_known,  # and by odoo/readiness.py verify_names: the methods exist in Odoo
    "fulfilment.carriers.other": BY_FILE,
    **dict.fromkeys(
        (f"fulfilment.{key}" for key in ("missing_tracking", "deadline_hours", "hold_above", "poll_seconds")), BY_FILE
    ),
    **dict.fromkeys(("fulfilment.notify", "refunding.notify", "content.price.includes_tax"), "none: both values work"),
    **dict.fromkeys(("fulfilment.take_over", "inbound.receive"), "odoo/readiness.py verify_rights: its rights"),
    **dict.fromkeys(("fulfilment.dry_run", "refunding.dry_run"), "none: each run says that nobody is told anything"),
    **dict.fromkeys((f"content{key}" for key in CONTENT_KEYS), BY_FILE),
    "content.dry_run": "none: each run says that nothing is changed",
    **dict.fromkeys((f"content.{key}" for key in SOURCE_KEYS), content_sources),
    "content.price.includes_tax": price_basis,
    **dict.fromkeys((f"content.new_listings{key}" for key in NEW_KEYS), BY_FILE),
    **dict.fromkeys((f"content.new_listings.{key}" for key in NEW_TRIED), new_listings),
    "content.new_listings.ebay.category": "none: eBay tells when the first listing is published",
    **dict.fromkeys(("returns", "refunding"), BY_FILE),
    "returns.enabled": returns_offered,
    **dict.fromkeys(("returns.poll_seconds", "returns.credit_notes", "returns.receipts"), BY_FILE),
    "returns.scrap": BY_FILE,
    **dict.fromkeys(("returns.refund_journal", "returns.quarantine", "returns.rma_operation"), return_names),
    **dict.fromkeys((f"{section}.overdue_days" for section in ("invoicing", "refunding")), BY_FILE),
    **dict.fromkeys(("invoicing", "invoicing.trigger", "invoicing.since", "invoicing.invoices"), BY_FILE),
    "invoicing.journals": payment_journals,
    "refunding.enabled": granted,
    **dict.fromkeys((f"refunding.{key}" for key in ("since", "hold_above", "hold_amount", "wait_hours")), BY_FILE),
    "inbound": BY_FILE,
    **dict.fromkeys(("content.enabled", "inbound.enabled"), granted),
    **dict.fromkeys((f"inbound.{key}" for key in INBOUND_KEYS), BY_FILE) | PLANS_TRIED,
    "inventory.enabled": granted,
    "inventory.locations": stock_places,
    **dict.fromkeys(
        (f"inventory.overrides{key}" for key in ("", ".share", ".reserve", ".cap", ".end_below")), BY_FILE
    ),
    **dict.fromkeys(
        ("inventory.overrides.skus", "inventory.overrides.categories"),
        "none: one that fits no product leaves the channel's own figures",
    ),
    **dict.fromkeys(
        (f"inventory.breaker{key}" for key in ("", ".zeroed_percent", ".changed_percent", ".read_percent",
                                               ".from_listings")),
        BY_FILE,
    ),
    **dict.fromkeys(("inventory.poll_seconds", "inventory.deadline_minutes"), BY_FILE),
    "inventory.dry_run": "none: while it is true nothing is published, and each run says so",
    # Amazon
    "region": BY_PROBE,
    "marketplaces": BY_PROBE,
    "seller_id": granted,
    "fba_returns": "none: both values work, and an account without FBA is told of it where returns are read",
    "content_feed_above": BY_FILE,
    "secret_rotated_on": BY_DATES,
    # eBay
    "marketplace": BY_FILE,
    **dict.fromkeys(("orders_api", "scopes", "signature", "signature.private_key", "signature.jwe"), granted),
    "refresh_token_issued_on": BY_DATES,
    **dict.fromkeys(("trading_calls_per_day", "inventory_skus_per_call", "specifics_a_night"), BY_FILE),
    # Shopify
    "shop": BY_PROBE,
    "api_version": BY_DATES,
    "currency_basis": BY_FILE,
}  # fmt: skip
