"""The part of commerce.yaml that every channel shares; each marketplace's folder extends it with its own keys.

What belongs here: keys that mean the same for every marketplace, their defaults and their checks. What does not:
reading the file and cross-checks between channels (settings/file.py), names that must exist in Odoo
(odoo/reference/names.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo

from ..core import urls
from ..core.errors import SettingsError
from ..core.lanes import EVERY, ODOO, PRIVACY
from ..core.section import Secret, Section
from ..domain.content.rules import ContentRules
from ..domain.fulfilment.rules import FulfilmentRules
from ..domain.inbound.rules import InboundRules
from ..domain.inventory.listings import InventoryRules
from ..domain.invoicing.rules import InvoicingRules
from ..domain.privacy.residency import Destination
from ..domain.refunding.rules import RefundingRules
from ..domain.returns.rules import ReturnRules
from ..domain.sales.rules import SaleRules
from ..domain.vat.decision import VatPolicy

__all__ = ["ChannelSettings", "Secret", "Section"]

NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
EARLIEST = date(2000, 1, 1)
WARNING_DAYS = 90  # before credentials or an API's version end


class ChannelSettings(SaleRules, tag_field="kind", kw_only=True, frozen=True):
    """Keys of every channel: how it is reached and polled, and, inherited, how its orders become sales in Odoo."""

    name: str
    group: str = ""  # of channels that share a code location of their own (docs/scale.md)
    time_zone: str = "Europe/Berlin"
    endpoint: str = ""  # overrides the vendor's base URL
    token_endpoint: str = ""  # overrides the vendor's token URL
    poll_seconds: int = 60  # seconds between two polls; a marketplace with tight limits sets a longer default
    overlap_minutes: int = 10  # how far before its cursor each poll begins
    start_date: date = date(2026, 1, 1)  # the first business day that a backfill may read
    prices_include_tax: bool | None = None  # for marketplaces that do not state it themselves
    inventory: InventoryRules = InventoryRules()
    fulfilment: FulfilmentRules = FulfilmentRules()
    returns: ReturnRules = ReturnRules()
    refunding: RefundingRules = RefundingRules()
    invoicing: InvoicingRules = InvoicingRules()
    inbound: InboundRules = InboundRules()
    content: ContentRules = ContentRules()
    # For a channel whose company has another tax position than the section `vat` describes.
    vat: VatPolicy | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        mistakes = [
            f"channels[{self.name}].{key} {problem}" for key, problem in (*self._check_own_keys(), *self.problems())
        ]
        mistakes += [f"channels[{self.name}].inventory.{key} {problem}" for key, problem in self.inventory.problems()]
        mistakes += [f"channels[{self.name}].fulfilment.{key} {problem}" for key, problem in self.fulfilment.problems()]
        mistakes += [f"channels[{self.name}].content.{key} {problem}" for key, problem in self.content.problems()]
        mistakes += [f"channels[{self.name}].returns.{key} {problem}" for key, problem in self.returns.problems()]
        invoicing = self.invoicing.problems(self.history_before)
        mistakes += [f"channels[{self.name}].invoicing.{key} {problem}" for key, problem in invoicing]
        refunding = self.refunding.problems(self.returns.enabled)
        mistakes += [f"channels[{self.name}].refunding.{key} {problem}" for key, problem in refunding]
        inbound = self.inbound.problems(self.channel_warehouse)
        mistakes += [f"channels[{self.name}].inbound.{key} {problem}" for key, problem in inbound]
        if mistakes:
            raise SettingsError("\n".join(mistakes))

    def _check_own_keys(self) -> Iterator[tuple[str, str]]:
        """(key, problem and fix) for the keys of this class."""
        if not NAME.match(self.name):
            yield "name", "must match [a-z][a-z0-9_]*, because it becomes part of asset keys and external ids."
        if self.group and not NAME.match(self.group):
            yield "group", "must match [a-z][a-z0-9_]*, because it becomes part of asset keys and of sensors' names."
        if self.name in (ODOO, PRIVACY):
            yield "name", "is the name of a group of assets that all channels share; choose another."
        if self.name.startswith(f"{ODOO}__"):
            yield "name", f"must not begin with {ODOO}__, as the steps that read Odoo for a group do; choose another."
        if self.name == EVERY:
            yield "name", "is what runs of several channels are called by; choose another."
        try:
            ZoneInfo(self.time_zone)
        except (KeyError, ValueError, OSError):
            yield "time_zone", f"{self.time_zone!r} is no IANA time zone; write one such as Europe/Berlin."
        for key in ("endpoint", "token_endpoint"):
            address = getattr(self, key)
            if address and (problem := urls.problem(address, path=True)):
                yield key, problem
        if self.content.image_host and not self.fetches_pictures:
            yield "content.image_host", "is for marketplaces that fetch pictures from an address; this one takes files."
        if self.content.new_listings.enabled and not self.makes_listings:
            yield "content.new_listings", f"is not possible on a channel of the kind {self.kind_name}; leave it out."
        for key in ("shopify", "amazon", "ebay"):
            if getattr(self.content.new_listings, key) and key != self.kind_name:
                yield f"content.new_listings.{key}", f"is for a channel of that kind; this one is {self.kind_name}."
        for key, least, most in (("poll_seconds", 10, 86_400), ("overlap_minutes", 1, 10_080)):
            if not least <= getattr(self, key) <= most:
                yield key, f"must be between {least} and {most}."
        if self.start_date < EARLIEST:
            yield "start_date", f"must not lie before {EARLIEST}."

    def warnings(self, today: date) -> list[str]:
        """What will stop this channel within WARNING_DAYS, one sentence each."""
        return []

    def order_page(self, order_id: str, marketplace: str) -> str:
        """The address of an order on the marketplace's own pages for sellers, '' where there is none, and while
        `endpoint` leads to this machine: what is there belongs to nobody on the internet. marketplace: of the
        order."""
        if urlsplit(self.endpoint).hostname in urls.LOOPBACK:
            return ""
        return self._link_order(quote(order_id, safe=""), marketplace)

    def _link_order(self, order_id: str, marketplace: str) -> str:
        """order_id: as a part of an address. A marketplace with such pages gives its own."""
        return ""

    @property
    def version(self) -> str:
        """The version of the interface that its answers come from, as the marketplace calls it."""
        return ""

    @property
    def receives(self) -> bool:
        """Whether messages of the marketplace are taken in by `commerce-pipelines receive`."""
        return False

    @property
    def kind_name(self) -> str:
        """Its kind, as the file calls it."""
        return str(self.__struct_config__.tag)

    @property
    def makes_listings(self) -> bool:
        """Whether listings can be made on the marketplace."""
        return False

    @property
    def fetches_pictures(self) -> bool:
        """Whether the marketplace takes addresses of pictures, and no files."""
        return False

    @property
    def inbox(self) -> str:
        """The queue that its messages are fetched from; '' where they are sent to us, or where there are none."""
        return ""

    @property
    def named_hosts(self) -> tuple[str, ...]:
        """The addresses that the file names in place of the marketplace's own."""
        return tuple(filter(None, (self.endpoint, self.token_endpoint)))

    def destinations(self) -> tuple[Destination, ...]:
        """Every host that this channel talks to: the HTTP core refuses any other."""
        raise NotImplementedError

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)
