"""GraphQL on plain data: the text of a query, its variables and a tree of dicts give the answer and its cost.

What belongs here: selecting fields, fragments, arguments, connections, cost. What does not: any field of Shopify's
(shop.py, stock.py). There is no schema: a field that the data does not hold is an error, so a stand-in never answers
more than was put into it. The tests hold queries and answers against the vendor's schema.

In the tree a callable is a field with arguments (dict -> value). A list is a connection wherever a query asks for its
`nodes`, `edges` or `pageInfo`. `__typename` selects among fragments.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from graphql import Undefined, parse
from graphql.error import GraphQLSyntaxError
from graphql.language import ast
from graphql.utilities import value_from_ast_untyped

Data = dict[str, Any]
MUTATION_POINTS = 10


_parsed = lru_cache(maxsize=64)(parse)


class Refused(Exception):
    """The query is refused; the message stands under `errors` in the answer."""

    def __init__(self, message: str, code: str = "", path: Sequence[str] = (), **extensions: Any) -> None:
        super().__init__(message)
        self.error: Data = {"message": message, "extensions": {"code": code, **extensions}}
        if path:
            self.error["path"] = list(path)


class Rows(list[Data]):
    """A connection whose cursors name a row by its `key` and not by its place, because rows before it may be added or
    removed between two pages."""

    def __init__(self, rows: Sequence[Data], key: Callable[[Data], Any]) -> None:
        super().__init__(rows)
        self.key = key


class Execution:
    """One operation of a query. in_bulk: connections need no `first` and give all rows."""

    def __init__(self, text: str, variables: Data, *, in_bulk: bool = False) -> None:
        self.in_bulk = in_bulk
        try:
            document = _parsed(text)
        except GraphQLSyntaxError as error:
            raise Refused(error.message, "parseError") from None
        operations = [node for node in document.definitions if isinstance(node, ast.OperationDefinitionNode)]
        if len(operations) != 1:
            raise Refused("An operation name is required", "missingOperation")
        self.operation = operations[0]
        self.fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, ast.FragmentDefinitionNode)
        }
        self.is_mutation = self.operation.operation is ast.OperationType.MUTATION
        defaults = {
            node.variable.name.value: value_from_ast_untyped(node.default_value)
            for node in self.operation.variable_definitions
            if node.default_value
        }
        self.variables = {**defaults, **variables}
        for node in self.operation.variable_definitions:
            name = node.variable.name.value
            if isinstance(node.type, ast.NonNullTypeNode) and self.variables.get(name) is None:
                raise Refused(f"Variable ${name} of type was provided invalid value", "INVALID_VARIABLE")

    def run(self, root: Data) -> Data:
        """The value of the selected root fields. Raises Refused."""
        return self._resolve_object(self.operation.selection_set, root, ())

    def roots(self) -> list[str]:
        """The names of the root fields."""
        return [field.name.value for field in self._list_fields(self.operation.selection_set, {})]

    def idempotency_key(self) -> str | None:
        """The key of the directive @idempotent, None without one."""
        for field in self._list_fields(self.operation.selection_set, {}):
            for directive in field.directives:
                if directive.name.value == "idempotent":
                    return str(self._read_arguments(directive)["key"])
        return None

    def _list_fields(self, selection: ast.SelectionSetNode, source: Data) -> list[ast.FieldNode]:
        fields: list[ast.FieldNode] = []
        for node in selection.selections:
            if isinstance(node, ast.FieldNode):
                fields.append(node)
                continue
            fragment: Any = self.fragments[node.name.value] if isinstance(node, ast.FragmentSpreadNode) else node
            condition = fragment.type_condition
            if condition is None or source.get("__typename", condition.name.value) == condition.name.value:
                fields += self._list_fields(fragment.selection_set, source)
        return fields

    def _read_arguments(self, node: ast.FieldNode | ast.DirectiveNode) -> Data:
        values = {
            argument.name.value: value_from_ast_untyped(argument.value, self.variables) for argument in node.arguments
        }
        return {
            name: value for name, value in values.items() if value is not Undefined
        }  # an optional variable without a value

    def _resolve_object(self, selection: ast.SelectionSetNode, source: Data, path: tuple[str, ...]) -> Data:
        result: Data = {}
        for field in self._list_fields(selection, source):
            name = field.name.value
            here = (*path, name)
            if name not in source:
                raise Refused(f"Field '{name}' doesn't exist on type", "undefinedField", here)
            value, arguments = source[name], self._read_arguments(field)
            if callable(value):
                value = value(arguments)
            result[field.alias.value if field.alias else name] = self._resolve_value(field, value, arguments, here)
        return result

    def _resolve_value(self, field: ast.FieldNode, value: Any, arguments: Data, path: tuple[str, ...]) -> Any:
        if value is None or field.selection_set is None:
            return value
        if isinstance(value, dict):
            return self._resolve_object(field.selection_set, value, path)
        if {element.name.value for element in self._list_fields(field.selection_set, {})} & {
            "nodes",
            "edges",
            "pageInfo",
        }:
            if self.in_bulk:
                return {
                    "edges": self._resolve_value(field, {"edges": [{"node": row} for row in value]}, {}, path)["edges"]
                }
            return self._resolve_object(field.selection_set, _build_connection(value, arguments, path), path)
        kept = value[: arguments["first"]] if arguments.get("first") else value
        return [
            None if element is None else self._resolve_object(field.selection_set, element, path) for element in kept
        ]

    def requested_cost(self) -> int:
        """Points as Shopify documents them: scalars 0, objects 1, connections by their `first`, mutations 10. It does
        not document how the size of a connection counts; its real answers are near the square root of the size."""
        base = MUTATION_POINTS if self.is_mutation else 0
        return base + math.ceil(self._count_cost(self.operation.selection_set))

    def _count_cost(self, selection: ast.SelectionSetNode) -> float:
        total = 0.0
        for field in self._list_fields(selection, {}):
            if field.selection_set is None:
                continue
            inner, arguments = self._count_cost(field.selection_set), self._read_arguments(field)
            first = arguments.get("first")
            if "ids" in arguments:
                total += len(arguments["ids"]) * (1 + inner)
            else:
                total += 2 + math.sqrt(first) * inner if first else 1 + inner
        return total


def actual_cost(value: Any) -> int:
    """Points for what the answer holds: one for each object."""
    if isinstance(value, dict):
        return 1 + sum(actual_cost(part) for part in value.values())
    return sum(actual_cost(part) for part in value) if isinstance(value, list) else 0


def _build_connection(rows: Sequence[Data], arguments: Data, path: tuple[str, ...]) -> Data:
    first, after = arguments.get("first"), arguments.get("after")
    if not first or not 0 < first <= 250:
        raise Refused("you must provide one of first or last, at most 250", "BAD_REQUEST", path)
    keyed = [(rows.key(row) if isinstance(rows, Rows) else [place], row) for place, row in enumerate(rows)]
    if after is not None:
        try:
            mark = json.loads(base64.b64decode(after))
        except ValueError:
            raise Refused(f"Invalid cursor for current pagination sort: {after}", "BAD_REQUEST", path) from None
        keyed = [pair for pair in keyed if pair[0] > mark]
    page, more = keyed[:first], len(keyed) > first
    cursors = [base64.b64encode(json.dumps(key).encode()).decode() for key, _ in page]
    return {
        "nodes": [row for _, row in page],
        "edges": [{"cursor": cursor, "node": row} for cursor, (_, row) in zip(cursors, page, strict=True)],
        "pageInfo": {"hasNextPage": more, "endCursor": cursors[-1] if cursors else None},
    }
