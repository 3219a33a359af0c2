"""Where Odoo itself sends personal data: mail servers, SMS, letters, look-ups at outside services, webhooks, carriers.

The pipelines' own user may not read all of it. What it may not read is said, and where a person finds it; that a module
is installed everybody learns who may read external ids.

What belongs here: reading, as destinations. What does not: whether these are in the EU (domain/privacy/residency.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from ...core.errors import PermanentError
from ...domain.privacy.residency import Data, Destination
from ..rpc.client import OdooClient


class Service(NamedTuple):
    """An outside service that a module of Odoo calls. host: the default of the module; a system parameter may name
    another, which only administrators read."""

    host: str
    what: str


# Odoo 19.0, by module. Those that send nothing about buyers are left out.
SERVICES = {
    "sms": Service("sms.api.odoo.com", "text messages (SMS), where somebody sends them"),
    "sms_twilio": Service("api.twilio.com", "text messages (SMS), where somebody sends them"),
    "snailmail": Service("iap-snailmail.odoo.com", "letters, where somebody sends invoices by post"),
    "partner_autocomplete": Service("partner-autocomplete.odoo.com", "names and VAT numbers of companies, looked up"),
    "crm_iap_enrich": Service("iap-services.odoo.com", "e-mail addresses of leads, looked up"),
    "base_geolocalize": Service("nominatim.openstreetmap.org", "addresses, looked up on the map"),
    "google_address_autocomplete": Service("maps.googleapis.com", "addresses, while somebody types them"),
    "account_peppol": Service("peppol.api.odoo.com", "invoices to companies, where Peppol is switched on"),
    "cloud_storage_google": Service("storage.googleapis.com", "attachments, where the cloud storage is switched on"),
    "cloud_storage_azure": Service("blob.core.windows.net", "attachments, where the cloud storage is switched on"),
}
OWN_METHODS = ("fixed", "base_on_rule")  # delivery methods that call nobody

MAIL = "mail servers (Settings > Technical > Outgoing Mail Servers)"
WEBHOOKS = "webhooks of automation rules (Settings > Technical > Server Actions of the type webhook)"
CARRIERS = "carriers that delivery methods call (Inventory > Configuration > Delivery Methods)"
MODULES = "the installed modules (Apps)"


class Outlets(NamedTuple):
    """unread: what could not be read, and where a person looks."""

    destinations: list[Destination]
    unread: list[str]


def read_outlets(client: OdooClient) -> Outlets:
    """Everything that can be read with this user's rights."""
    readers: dict[str, Callable[[OdooClient], Iterator[Destination]]] = {
        MODULES: _read_services, MAIL: _read_mail_servers, WEBHOOKS: _read_webhooks, CARRIERS: _read_carriers,
    }  # fmt: skip
    outlets = Outlets([], [])
    for what, read in readers.items():
        try:
            outlets.destinations.extend(read(client))
        except PermanentError:
            outlets.unread.append(what)
    return outlets


def _read_services(client: OdooClient) -> Iterator[Destination]:
    rows = client.call(
        "ir.model.data", "formatted_read_group",
        domain=[["module", "in", sorted(SERVICES)]], groupby=["module"], aggregates=["__count"],
    )  # fmt: skip
    for module in sorted(row["module"] for row in rows):
        yield Destination(
            SERVICES[module].host, Data.PERSONS, f"Odoo's module {module}", note=SERVICES[module].what
        )  # fmt: skip


def _read_mail_servers(client: OdooClient) -> Iterator[Destination]:
    rows = client.call("ir.mail_server", "search_read", domain=[], fields=["smtp_host"], load=None)
    hosts = sorted({str(row["smtp_host"] or "localhost") for row in rows} or {"localhost"})
    note = "mails of Odoo" if rows else "mails of Odoo, by the mail server that odoo.conf names"
    for host in hosts:
        yield Destination(host, Data.PERSONS, "Odoo's outgoing mail servers", note=note)


def _read_webhooks(client: OdooClient) -> Iterator[Destination]:
    rows = client.call(
        "ir.actions.server", "search_read", domain=[["state", "=", "webhook"]], fields=["webhook_url"], load=None
    )
    hosts = sorted({_read_host(row["webhook_url"]) for row in rows} - {""})
    for host in hosts:
        yield Destination(host, Data.PERSONS, "a webhook of Odoo's", note="the fields that its server action names")


def _read_carriers(client: OdooClient) -> Iterator[Destination]:
    rows: list[dict[str, Any]] = client.call(
        "delivery.carrier", "search_read", domain=[["delivery_type", "not in", OWN_METHODS]],
        fields=["delivery_type"], load=None,
    )  # fmt: skip
    for kind in sorted({str(row["delivery_type"]) for row in rows}):
        yield Destination(kind, Data.PERSONS, "a delivery method of Odoo's", note="the carrier, by its own service")


def _read_host(url: object) -> str:
    try:
        return urlsplit(str(url or "")).hostname or ""
    except ValueError:
        return ""
