"""Where each kind of data goes and whether that is in the EU or EEA: the part of `check` about `privacy.residency`.

What belongs here: collecting destinations from settings, environment and Odoo. What does not: the verdict
(domain/privacy/residency.py), refusing a call to any other host (channels/http/session.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import parse_qs, urlsplit

from ..core.errors import CommerceError
from ..domain.privacy.residency import Data, Destination, describe, find_violation
from ..resources.connections import Connections
from .findings import Advice, Finding


def whereabouts(connections: Connections) -> Iterator[Finding]:
    """A line for each host that the pipelines themselves send to."""
    for destination in (*connections.settings.destinations(), *_list_of_environment(connections)):
        yield _build_finding(connections, destination)


def outlets(connections: Connections) -> Iterator[Finding]:
    """A line for each place that Odoo sends personal data to, and for each that could not be read."""
    from ..odoo.privacy.outlets import read_outlets

    try:
        found_here = read_outlets(connections.odoo)
    except CommerceError as error:
        yield "data that Odoo sends", str(error)
        return
    for destination in found_here.destinations:
        yield _build_finding(connections, destination)
    for what in found_here.unread:
        yield (
            "data that Odoo sends",
            Advice(f"{what} could not be read with this user's rights: look there, and write what you see into your "
                   "record of processing."),
        )  # fmt: skip


def _build_finding(connections: Connections, destination: Destination) -> Finding:
    policy = connections.settings.privacy
    problem = find_violation(destination, policy.places) if policy.residency else ""
    return f"data: {describe(destination, policy.places)}", problem


def _list_of_environment(connections: Connections) -> Iterator[Destination]:
    """The database and the targets of alerts; one that cannot be had is a finding of another verifier."""
    from ..resources.alerts import find_host

    with suppress(CommerceError):
        host = _find_database(connections.warehouse.url)
        yield Destination(host, Data.PERSONS, "COMMERCE_DATABASE_URL", note="encrypted, the key is not there")
    for secret in connections.settings.alerts.targets:
        if host := find_host(secret):
            yield Destination(host, Data.NUMBERS, f"alerts.targets ({secret.env})")


def _find_database(url: str) -> str:
    """The host of the database; localhost for a socket."""
    parts = urlsplit(url)
    host = parts.hostname or parse_qs(parts.query).get("host", [""])[0]
    return host if host and not host.startswith("/") else "localhost"
