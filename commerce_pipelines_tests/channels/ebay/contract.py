"""eBay's own contracts, as a judge of what is sent and answered.

What belongs here: OpenAPI and XSD validation for tests. Needs COMMERCE_SPECS.
"""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from lxml import etree

from commerce_sandbox.ebay import EbayStandIn
from commerce_sandbox.server import Call, Reply

SPECS = os.environ.get("COMMERCE_SPECS", "")
with_specs = pytest.mark.skipif(not SPECS, reason="COMMERCE_SPECS is not set: eBay's contracts are not at hand")
APIS = {
    "/sell/fulfillment/v1": "sell_fulfillment_v1_oas3.json",
    "/sell/account/v1": "sell_account_v1_oas3.json",
    "/sell/inventory/v1": "sell_inventory_v1_oas3.json",
    "/commerce/notification/v1": "commerce_notification_v1_oas3.json",
    "/developer/analytics/v1_beta": "developer_analytics_v1_beta_oas3.json",
}


@cache
def openapi(name: str) -> Any:
    document = json.loads((Path(SPECS) / "ebay" / name).read_bytes())
    product = document["components"]["schemas"].get("Product", {}).get("properties", {})
    if "aspects" in product:
        # Declared as a string, while its own description writes `"aspects": {"Brand": ["GoPro"]}`: so they are.
        product["aspects"] = {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}}
    return document


@cache
def schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(str(Path(SPECS) / "ebay" / "eBaySvc_v1379.xsd")))


class Judged(EbayStandIn):
    """A stand-in that keeps every exchange, for judgement where eBay's contracts are at hand."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.exchanges: list[tuple[Call, Reply]] = []

    def handle(self, call: Call) -> Reply:
        reply = super().handle(call)
        self.exchanges.append((call, reply))
        return reply

    def judge(self) -> int:
        """How many exchanges were looked at."""
        for call, reply in self.exchanges if SPECS else ():
            judge(call, reply)
        return len(self.exchanges)


def judge(call: Call, reply: Reply) -> None:
    """Fails where a call to one of the described APIs, or its answer, breaks the contract."""
    if call.path == "/ws/api.dll":
        for content in (call.body, reply.body):
            schema().assertValid(etree.fromstring(content))
        name = call.headers["x-ebay-api-call-name"]
        assert etree.fromstring(call.body).tag.endswith(f"}}{name}Request")
        return
    for base, name in APIS.items():
        if call.path.startswith(base):
            _judge_rest(openapi(name), base, call, reply)


def _judge_rest(document: Any, base: str, call: Call, reply: Reply) -> None:
    operation = document["paths"][_find_template(document, call.path.removeprefix(base))][call.method.lower()]
    parameters = {parameter["name"]: parameter for parameter in operation.get("parameters", ())}
    assert set(call.query) <= set(parameters), "a query parameter that the operation does not have"
    for name, parameter in parameters.items():
        if parameter.get("required") and parameter["in"] == "query":
            assert name in call.query
        if parameter.get("required") and parameter["in"] == "header":
            assert name.lower() in call.headers
    if call.body:
        _validate(document, operation["requestBody"]["content"]["application/json"]["schema"], json.loads(call.body))
    status = "200" if reply.status == 207 else str(reply.status)  # the document gives 207 no shape of its own
    answer = operation["responses"].get(status)
    if answer and "application/json" in answer.get("content", {}):
        _validate(document, answer["content"]["application/json"]["schema"], json.loads(reply.encoded()[0]))


def _find_template(document: Any, path: str) -> str:
    parts = path.split("/")
    fitting = [
        template
        for template in document["paths"]
        if len(template.split("/")) == len(parts)
        and all(part == value or part.startswith("{") for part, value in zip(template.split("/"), parts, strict=True))
    ]
    assert fitting, f"{path} is no path of the API"
    return min(fitting, key=lambda template: template.count("{"))


def _validate(document: Any, shape: Any, value: Any) -> None:
    jsonschema.Draft4Validator({**shape, "components": document["components"]}).validate(value)
    _refuse_strangers(document, shape, value, "$")


def _refuse_strangers(document: Any, shape: Any, value: Any, path: str) -> None:
    """A field that the schema does not declare is a mistake of ours, although JSON Schema would let it pass."""
    if "$ref" in shape:
        shape = document["components"]["schemas"][shape["$ref"].rpartition("/")[2]]
    if isinstance(value, dict) and "properties" in shape:
        for name, part in value.items():
            assert name in shape["properties"], f"{path}.{name} is not declared"
            _refuse_strangers(document, shape["properties"][name], part, f"{path}.{name}")
    if isinstance(value, list):
        for part in value:
            _refuse_strangers(document, shape.get("items", {}), part, f"{path}[]")
