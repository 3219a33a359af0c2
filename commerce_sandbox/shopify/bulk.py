"""Bulk operations: a query that is run over everything; its answer is a file with one line per object.

What belongs here: the states of an operation, and its file. What does not: the data (shop.py, stock.py).
"""

from __future__ import annotations

from typing import Any

import msgspec

from .execution import Data, Execution, Refused

PATH = "/files/bulk"


class Bulk:
    """Bulk operations of one shop. looks: how many times an operation is shown as running before it is completed."""

    def __init__(self) -> None:
        self.looks = 1
        self.files: dict[str, bytes] = {}  # by id
        self._left: dict[str, int] = {}
        self._objects: dict[str, int] = {}

    def run(self, query: str, root: Data) -> Data:
        """Start an operation: Shopify's answer to bulkOperationRunQuery. Only one may be running."""
        if any(self._left.values()):
            return _build_started(None, "A bulk query operation for this app and shop is already in progress")
        try:
            data = Execution(query, {}, in_bulk=True).run(root)
        except Refused as refused:
            return _build_started(None, str(refused))
        lines = _list_lines(data, "")
        gid = f"gid://shopify/BulkOperation/{len(self.files) + 1}"
        self.files[gid] = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
        self._left[gid], self._objects[gid] = self.looks, len(lines)
        return _build_started({"id": gid, "status": "CREATED"}, "")

    def state(self, gid: str, base: str) -> Data | None:
        """The operation as a query shows it, None for an unknown id. base: the shop's URL, where the file lies."""
        if gid not in self.files:
            return None
        running = self._left[gid] > 0
        self._left[gid] -= running
        return {
            "id": gid,
            "status": "RUNNING" if running else "COMPLETED",
            "errorCode": None,
            "objectCount": str(self._objects[gid]),
            "url": None if running or not self.files[gid] else f"{base}{PATH}/{gid.rpartition('/')[2]}.jsonl",
        }

    def file(self, path: str) -> bytes | None:
        """The lines of a completed operation, None for another path."""
        name = path.rpartition("/")[2].removesuffix(".jsonl")
        return self.files.get(f"gid://shopify/BulkOperation/{name}")


def _build_started(operation: Data | None, problem: str) -> Data:
    return {"bulkOperation": operation, "userErrors": [_build_error(problem)] if problem else []}


def _build_error(problem: str) -> Data:
    code = "OPERATION_IN_PROGRESS" if "in progress" in problem else "INVALID_QUERY"
    return {"code": code, "field": None, "message": problem}


def _list_lines(value: Any, parent: str) -> list[Data]:
    """Every node of every connection as a line of its own, after its parent."""
    lines: list[Data] = []
    for field in value.values():
        if isinstance(field, dict) and "edges" in field:
            for edge in field["edges"]:
                node = edge["node"]
                lines.append(_drop_connections(node) | ({"__parentId": parent} if parent else {}))
                lines += _list_lines(node, node["id"])
        elif isinstance(field, dict):
            lines += _list_lines(field, parent)
    return lines


def _drop_connections(node: Data) -> Data:
    """The node without its connections."""
    kept = {name: field for name, field in node.items() if not (isinstance(field, dict) and "edges" in field)}
    return {name: _drop_connections(field) if isinstance(field, dict) else field for name, field in kept.items()}
