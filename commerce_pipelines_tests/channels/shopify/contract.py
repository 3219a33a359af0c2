"""Shopify's own schema as a judge of both sides: of the queries we send, and of the stand-in's answers.

What belongs here: checking documents and exchanges against the introspection under COMMERCE_SPECS. What does not: any
knowledge of what the calls are for.
"""

from __future__ import annotations

import gzip
import json
import os
import re
from functools import cache
from pathlib import Path
from typing import Any

from graphql import (
    GraphQLSchema,
    OperationDefinitionNode,
    build_client_schema,
    execute_sync,
    get_variable_values,
    parse,
    validate,
)

from commerce_sandbox.server import Call, Reply
from commerce_sandbox.shopify import ShopifyStandIn

ALIAS = re.compile(r"in\d")  # of the translations of a product
SPECS = os.environ.get("COMMERCE_SPECS", "")


@cache
def schema() -> GraphQLSchema:
    introspection = json.loads(gzip.decompress((Path(SPECS) / "shopify" / "admin_2026-10.json.gz").read_bytes()))
    return build_client_schema(introspection.get("data", introspection))


class Recorded(ShopifyStandIn):
    """The stand-in, keeping each exchange that went through it so that it can be judged afterwards."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.exchanges: list[tuple[Call, Reply]] = []

    def handle(self, call: Call) -> Reply:
        reply = super().handle(call)
        self.exchanges.append((call, reply))
        return reply


@cache
def complaints(query: str) -> list[str]:
    """What the schema says against a document."""
    return [error.message for error in validate(schema(), parse(query))]


def _check_variables(query: str, variables: dict[str, Any]) -> None:
    operation = parse(query).definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    values = get_variable_values(schema(), operation.variable_definitions or (), variables)
    assert not isinstance(values, list), values


def judge(exchanges: list[tuple[Call, Reply]]) -> None:
    """Every document and its variables must be valid, every `data` one that the schema allows for that document."""
    for call, reply in exchanges:
        if not call.path.endswith("/graphql.json") or reply.status != 200:
            continue
        asked, answer = call.json(), json.loads(reply.encoded()[0])
        assert complaints(asked["query"]) == []
        _check_variables(asked["query"], asked.get("variables") or {})
        if "data" in answer:
            judge_data(asked["query"], asked.get("variables"), answer["data"])


def judge_data(query: str, variables: dict[str, Any] | None, data: Any) -> None:
    """Executing the document over its own answer must give it back: same fields, no null where none may be."""
    result = execute_sync(schema(), parse(query), data, variable_values=variables, type_resolver=_find_type,
                          field_resolver=_find_field)  # fmt: skip
    assert result.errors is None, result.errors
    assert result.data == data


def _find_field(source: Any, info: Any, **_: Any) -> Any:
    """What the answer calls a field: its alias, where the document gives it one."""
    node = info.field_nodes[0]
    return source.get((node.alias or node.name).value) if isinstance(source, dict) else None


def _find_type(value: dict[str, Any], info: Any, abstract: Any) -> str:
    """The type in the value's id, else the first possible type that has all the fields of the answer."""
    possible = info.schema.get_possible_types(abstract)
    named = str(value.get("id", "")).removeprefix("gid://shopify/").partition("/")[0]
    names = {name for name in value if not ALIAS.fullmatch(name)}
    for candidate in sorted(possible, key=lambda candidate: candidate.name != named):
        if names <= set(candidate.fields):
            return str(candidate.name)
    raise TypeError(f"no type of {abstract} has the fields {sorted(value)}")
