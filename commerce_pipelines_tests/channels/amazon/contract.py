"""Amazon's stand-in with its own API descriptions as a judge of both sides: of our requests and of its answers.

What belongs here: a connected channel and its clock, and checking each exchange against the Swagger models and the JSON
schemas under COMMERCE_SPECS. What does not: any knowledge of what the calls are for.
"""

from __future__ import annotations

import gzip
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from commerce_pipelines.channels.amazon.channel import AmazonChannel
from commerce_pipelines.channels.amazon.settings import Credentials, Settings
from commerce_pipelines.channels.http.memory import MemoryBuckets, MemoryTokens
from commerce_pipelines.channels.http.throttle import BucketStore
from commerce_pipelines.core.instruments import Instruments
from commerce_pipelines.core.section import Secret
from commerce_sandbox.amazon import AmazonStandIn
from commerce_sandbox.server import Call, Reply

SPECS = os.environ.get("COMMERCE_SPECS", "")
MODELS = (
    "orders_2026-01-01", "ordersV0", "sellers", "listingsItems_2021-08-01", "reports_2021-06-30", "feeds_2021-06-30",
    "finances_2024-06-19", "notifications", "fbaInventory", "fulfillmentInboundV0",
    "fulfillmentInbound_2024-03-20",
    "definitionsProductTypes_2020-09-01", "catalogItems_2022-04-01",
)  # fmt: skip
SCHEMAS = {"PUT": "listings-feed-schema-v2", "GET": "listings-feed-processing-report-schema-v2"}
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
VERBS = {"get", "post", "put", "patch", "delete"}

FORMATS = jsonschema.FormatChecker(formats=())


@FORMATS.checks("date-time", raises=ValueError)
def _is_date_time(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


class Recorded(AmazonStandIn):
    """The stand-in, keeping each exchange that went through it so that it can be judged afterwards."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.exchanges: list[tuple[Call, Reply]] = []

    def handle(self, call: Call) -> Reply:
        reply = super().handle(call)
        self.exchanges.append((call, reply))
        return reply


class Clock:
    """One clock for both sides; only sleeping and tests move it."""

    def __init__(self) -> None:
        self.passed, self.slept = 0.0, [0.0]

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.passed)

    def seconds(self) -> float:
        return self.passed

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.passed += seconds


@contextmanager
def judged(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorded]:
    """A running stand-in; at the end the vendor's descriptions are asked about everything that was said."""
    for name in ("AMZ_ID", "AMZ_SECRET", "AMZ_REFRESH"):
        monkeypatch.setenv(name, f"value-of-{name}")
    with Recorded(now=clock.now) as stand_in:
        yield stand_in
        if SPECS:
            judge(stand_in.exchanges)


def connect(amazon: Recorded, clock: Clock, buckets: BucketStore | None = None, **settings: Any) -> AmazonChannel:
    names = {"client_id": "AMZ_ID", "client_secret": "AMZ_SECRET", "refresh_token": "AMZ_REFRESH"}
    chosen = Settings(
        name="amazon_eu",
        endpoint=amazon.url,
        token_endpoint=f"{amazon.url}/auth/o2/token",
        credentials=Credentials(**{key: Secret(env=name) for key, name in names.items()}),
        **settings,
    )
    return AmazonChannel(
        chosen, buckets or MemoryBuckets(clock.seconds), MemoryTokens(clock.seconds),
        Instruments(now=clock.now, clock=clock.seconds, sleep=clock.sleep, jitter=lambda: 1.0),
    )  # fmt: skip


def judge(exchanges: list[tuple[Call, Reply]]) -> None:
    """Every answer must be one that the description allows; so must every request that was not refused."""
    for call, reply in exchanges:
        if call.path.startswith("/documents/"):
            _check_document(call.method, call.body if call.method == "PUT" else reply.encoded()[0])
        if (match := _find_operation(call)) is None:
            continue
        model, operation, in_path = match
        answers = operation["responses"]
        assert str(reply.status) in answers, f"{operation['operationId']} never answers {reply.status}"
        if schema := answers[str(reply.status)].get("schema"):  # a 204 has none
            _check(json.loads(reply.encoded()[0]), schema, model)
        if reply.status < 400:
            _request_fits(call, operation, in_path, model)


def _check_document(method: str, body: bytes) -> None:
    """What is uploaded is a listings feed, what is downloaded as JSON its processing report."""
    body = gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
    if body[:1] == b"{":
        path = Path(SPECS) / "amazon" / "schemas" / "feeds" / f"{SCHEMAS[method]}.json"
        document = json.loads(body)
        if len(document.get("messages", ())) > 1000:  # all alike, and the validator is slow
            document["messages"] = document["messages"][:100]
        jsonschema.Draft7Validator(json.loads(path.read_bytes())).validate(document)


def _request_fits(call: Call, operation: dict[str, Any], in_path: dict[str, str], model: dict[str, Any]) -> None:
    parameters = {(parameter["in"], parameter["name"]): parameter for parameter in operation["parameters"]}
    unknown = [name for name in call.query if ("query", name) not in parameters]
    assert not unknown, f"{operation['operationId']} has no parameter {unknown}"
    sent: dict[str, dict[str, Any]] = {
        "query": dict(call.query),
        "path": {name: [value] for name, value in in_path.items()},
        "header": {name: [value] for name, value in call.headers.items()},
    }
    for (place, name), parameter in parameters.items():
        if place == "body":
            _check(call.json(), parameter["schema"], model)
            continue
        values = sent[place].get(name)
        assert values or not parameter.get("required"), f"{operation['operationId']} lacks {name}"
        if values and parameter.get("collectionFormat") == "multi":
            _check(values, {k: v for k, v in parameter.items() if k != "required"}, model)
        elif values:
            assert len(values) == 1, f"{name} is repeated"
            _check(_convert(values[0], parameter), {k: v for k, v in parameter.items() if k != "required"}, model)


def _convert(text: str, parameter: dict[str, Any]) -> Any:
    kind = parameter["type"]
    if kind == "array":
        assert parameter.get("collectionFormat", "csv") == "csv"
        return [_convert(part, parameter["items"]) for part in text.split(",")]
    return int(text) if kind == "integer" else text == "true" if kind == "boolean" else text


def _check(value: Any, schema: dict[str, Any], model: dict[str, Any]) -> None:
    whole = {**schema, "definitions": model["definitions"]}
    jsonschema.Draft4Validator(whole, format_checker=FORMATS).validate(value)


def _find_operation(call: Call) -> tuple[dict[str, Any], dict[str, Any], dict[str, str]] | None:
    """(model, operation, values of its path); None for what is not part of an API (tokens, documents)."""
    for name in MODELS:
        model = _read_model(name)
        for path, verbs in model["paths"].items():
            pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(path))
            if (hit := re.fullmatch(pattern, call.path)) and call.method.lower() in verbs.keys() & VERBS:
                operation = verbs[call.method.lower()]
                shared = [*verbs.get("parameters", ()), *operation.get("parameters", ())]
                return model, {**operation, "parameters": shared}, hit.groupdict()
    return None


@cache
def _read_model(name: str) -> dict[str, Any]:
    model: dict[str, Any] = json.loads((Path(SPECS) / "amazon" / f"{name}.json").read_bytes())
    return model
