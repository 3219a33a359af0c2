"""`commerce-pipelines metrics`: figures for Prometheus, and the health for probes, over HTTP until Ctrl-C.

`dev` runs this module as one of its parts where commerce.yaml has `metrics`. It shows no personal data, but how much is
sold: it listens to this machine alone unless the settings say otherwise.

What belongs here: names of the metrics, the server. What does not: the figures (flows/health.py).
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import click
import msgspec

from ..core.errors import CommerceError, SettingsError
from ..flows.health import Finding, Health
from ..settings import file as settings_file
from ..settings.file import Metrics
from .health import build_report, open_unchanged, tell_health
from .part import wait_for_code

AFTER_CODE_SECONDS = 20.0  # orders matter more than figures after a start
_TEXT = [("content-type", "text/plain; charset=utf-8")]


class Collector:
    """Reads the health anew for each scrape. A scrape that cannot read it says `commerce_up 0` and nothing else."""

    def __init__(self, tell: Callable[[], Health | Finding]) -> None:
        self._tell = tell

    def collect(self) -> Iterator[Any]:
        from prometheus_client.core import GaugeMetricFamily

        seen = self._tell()
        up = GaugeMetricFamily("commerce_up", "1 where the database could be read")
        up.add_metric([], 0.0 if isinstance(seen, Finding) else 1.0)
        yield up
        if not isinstance(seen, Finding):
            yield from _build_families(seen)


def _build_families(seen: Health) -> Iterator[Any]:
    from prometheus_client.core import GaugeMetricFamily

    def family(name: str, says: str, labels: Sequence[str], rows: Iterable[tuple[Sequence[str], float]]) -> Any:
        result = GaugeMetricFamily(f"commerce_{name}", says, labels=labels)
        for values, figure in rows:
            result.add_metric(values, figure)
        return result

    def age(moment: Any) -> float:
        return max(0.0, (seen.at - moment).total_seconds())

    lags = [((look.name,), age(look.succeeded_at)) for look in seen.looks if look.succeeded_at]
    yield family("landing_lag_seconds", "since the last look that succeeded", ("poller",), lags)
    pending = [((row.channel, row.topic), float(row.days)) for row in seen.pending]
    yield family("pending_days", "business days that wait for a run", ("channel", "topic"), pending)
    reasons = ("channel", "topic", "reason", "kind")
    waiting = {(row.channel, row.topic, row.code, "note" if row.is_note else "waits"): row for row in seen.exceptions}
    counts = ((key, row.count) for key, row in waiting.items())
    yield family("exceptions", "records in the exceptions", reasons, counts)
    ages = ((key, age(row.since)) for key, row in waiting.items())
    yield family("exceptions_oldest_seconds", "age of the oldest of them", reasons, ages)
    statuses = ("target", "kind", "status")
    effects = {(row.target, row.kind, row.status): row for row in seen.effects}
    open_counts = ((key, row.count) for key, row in effects.items())
    yield family("effects", "effects that are not settled", statuses, open_counts)
    open_ages = ((key, age(row.since)) for key, row in effects.items())
    yield family("effects_oldest_seconds", "age of the oldest of them", statuses, open_ages)
    for name, says in (("left", "left now"), ("used", "used today"), ("closed", "seconds in which none may be made")):
        budgets = (((limit.channel, limit.operation), getattr(limit, name)) for limit in seen.limits)
        yield family(f"budget_{name}", f"calls, for Shopify points: {says}", ("channel", "operation"), budgets)
    made = [((channel,), days * 86_400.0) for channel, days in seen.credentials]
    yield family("credentials_age_seconds", "since the credential was made, as the settings say", ("channel",), made)
    yield family("database_bytes", "size of the database", (), [((), seen.database_bytes)])
    yield family("findings", "what is wrong", ("level",), [
        ((level,), sum(finding.level == level for finding in seen.findings)) for level in ("late", "stopped")
    ])  # fmt: skip


class App:
    """The WSGI application: `/metrics` for Prometheus, `/health` for probes (503 where it has stopped)."""

    def __init__(self, tell: Callable[[], Health | Finding]) -> None:
        from prometheus_client import CollectorRegistry, make_wsgi_app

        registry = CollectorRegistry()
        registry.register(Collector(tell))
        self._tell, self._metrics = tell, make_wsgi_app(registry, disable_compression=True)

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        path, method = environ.get("PATH_INFO", ""), environ.get("REQUEST_METHOD", "")
        if method not in ("GET", "HEAD") or path not in ("/metrics", "/health"):
            start("404 Not Found", _TEXT)
            return [b""]
        if path == "/metrics":
            answer: Iterable[bytes] = self._metrics(environ, start)
            return answer
        code, report = build_report(self._tell())
        start("503 Service Unavailable" if code == 2 else "200 OK", [("content-type", "application/json")])
        return [msgspec.json.encode(report)]


def serve(section: Metrics, tell: Callable[[], Health | Finding], ready: Callable[[str], None]) -> None:
    """Answer until interrupted. Raises SettingsError for an address that is in use."""
    from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

    class Quiet(WSGIRequestHandler):
        timeout = 10  # seconds for a request; one that hangs keeps no other waiting for longer

        def log_message(self, format: str, *args: Any) -> None:
            """Scrapes are no news."""

    try:
        server = make_server(section.host, section.port, App(tell), WSGIServer, Quiet)
    except OSError as error:
        raise SettingsError(
            f"metrics: {section.host}:{section.port} cannot be listened on ({error.strerror}): stop what runs there, "
            "or choose another host or port."
        ) from None
    with server:
        ready(f"{section.host}:{section.port}")
        server.serve_forever()


@click.command()
def metrics() -> None:
    """Serve figures for Prometheus (/metrics) and the health for probes (/health) until Ctrl-C.

    For installations that run Dagster's parts as services of their own; `dev` does it as well. Settings: `metrics`.
    """
    from .dev import ending_cleanly

    section = settings_file.load().metrics
    if section is None:
        raise SettingsError("metrics is missing in commerce.yaml: it names the address, see commerce.example.yaml.")
    try:
        with ending_cleanly():
            serve(section, _Told(), lambda address: click.echo(f"Metrics on {address}; Ctrl-C ends it."))
    except KeyboardInterrupt:
        return


class _Told:
    """The health through doors that stay open; they are opened again after a failure."""

    def __init__(self) -> None:
        self._doors: Any = None

    def __call__(self) -> Health | Finding:
        seen = tell_health(self._open)
        if isinstance(seen, Finding):
            self._doors = None
        return seen

    def _open(self) -> Any:
        if self._doors is None:
            doors = open_unchanged()
            _ = doors.warehouse
            self._doors = doors
        return self._doors


if __name__ == "__main__":
    wait_for_code(os.environ, for_seconds=AFTER_CODE_SECONDS)
    from .terminal import log_to_terminal

    try:
        with log_to_terminal(logging.WARNING):
            metrics()
    except CommerceError as error:
        sys.exit(f"commerce-pipelines: {error}")
