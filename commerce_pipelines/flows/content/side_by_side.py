"""Pictures of a plan, before and after, for a person who looks at it.

What belongs here: which picture stands where before and after, which addresses a browser may be shown. What does not:
which picture goes where (domain/content/comparison.py), how it is drawn (assets/content.py).

Nobody fetches an address here. A browser that shows a plan does: so it is given those of the marketplace's own picture
servers and of the merchant's image host, and links to Odoo that open when they are clicked.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

import msgspec

from ...domain.content.comparison import Action, ListingPlan
from ...domain.content.fields import IMAGES
from ...domain.content.listings import Slot

# Nothing that would end an address in Markdown or HTML.
_PLAIN = re.compile(r"https://[A-Za-z0-9.:-]+/[A-Za-z0-9._~/%?&=+,$-]*")


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A picture. address: one that a browser may show, '' for none. link: its page in Odoo, '' for one that the listing
    shows."""

    address: str = ""
    link: str = ""


class Pictures(msgspec.Struct, frozen=True, kw_only=True):
    """The pictures of a listing, in their order. before: those that it shows. after: those that it would show."""

    key: str
    title: str
    before: tuple[Seen, ...]
    after: tuple[Seen, ...]


def compare_pictures(plans: Sequence[ListingPlan], hosts: Sequence[str], odoo_url: str) -> list[Pictures]:
    """The listings whose pictures would change. hosts: domains of which, and of whose subdomains, a browser may show
    pictures."""
    return [
        _compare(plan, field.slots, hosts, odoo_url.rstrip("/"))
        for plan in plans for field in plan.fields if field.field == IMAGES and field.action is Action.CHANGE
    ]  # fmt: skip


def _compare(plan: ListingPlan, slots: Sequence[Slot], hosts: Sequence[str], odoo_url: str) -> Pictures:
    shown = plan.listing.pictures or ()
    after = {picture.id: Seen(address=choose_address(picture.address, hosts)) for picture in shown}
    before = tuple(after.values())
    for slot in slots:
        if not slot.kept:
            after[slot.replaces or f"new {slot.place}"] = Seen(link=f"{odoo_url}/web/image/{slot.picture.attachment}")
    return Pictures(key=plan.listing.key, title=plan.listing.title, before=before, after=tuple(after.values()))


def choose_address(address: str, hosts: Sequence[str]) -> str:
    """The address, where it is a plain one of these domains; '' otherwise."""
    if not _PLAIN.fullmatch(address):
        return ""
    try:
        host = urlsplit(address).hostname or ""
    except ValueError:
        return ""
    return address if any(host == domain or host.endswith(f".{domain}") for domain in hosts) else ""


def list_hosts(own: Sequence[str], public: str) -> list[str]:
    """The domains of a channel's pictures. public: the image host's folder, '' without one."""
    host = urlsplit(public).hostname if public else ""
    return [*own, *([host] if host else [])]
