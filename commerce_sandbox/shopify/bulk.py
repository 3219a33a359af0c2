"""Bulk operations: a query that is run over everything; its answer is a file with one line per object.

What belongs here: the states of an operation, and its file. What does not: the data (shop.py, stock.py).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec

from .execution import Data, Execution, Refused

PATH = "/files/bulk"


class Bulk:
    """Bulk operations of one shop. looks: how many times an operation is shown as running before it is completed. most:
    how many may run at once. rows_a_second: how fast it works, by the stand-in's clock; None for at once."""

    def __init__(self) -> None:
        self.looks, self.most = 1, 5
        self.rows_a_second: float | None = None
        self._ends: dict[str, datetime] = {}
        self._roots: dict[str, int] = {}
        self.files: dict[str, bytes] = {}  # by id
        self._left: dict[str, int] = {}
        self._objects: dict[str, int] = {}

    def run(self, query: str, root: Data, now: datetime) -> Data:
        """Start an operation: Shopify's answer to bulkOperationRunQuery."""
        if sum(self._left[gid] > 0 or self._ends.get(gid, now) > now for gid in self._left) >= self.most:
            return _build_started(None, "A bulk query operation for this app and shop is already in progress")
        try:
            data = Execution(query, {}, in_bulk=True).run(root)
        except Refused as refused:
            return _build_started(None, str(refused))
        lines = _list_lines(data, "")
        gid = f"gid://shopify/BulkOperation/{len(self.files) + 1}"
        self.files[gid] = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
        self._left[gid], self._objects[gid] = self.looks, len(lines)
        self._roots[gid] = sum("__parentId" not in line for line in lines)
        self._ends[gid] = now + timedelta(seconds=len(lines) / self.rows_a_second if self.rows_a_second else 0)
        return _build_started({"id": gid, "status": "CREATED"}, "")

    def state(self, gid: str, base: str, now: datetime) -> Data | None:
        """The operation as a query shows it, None for an unknown id. base: the shop's URL, where the file lies."""
        if gid not in self.files:
            return None
        self._left[gid] -= (looking := self._left[gid] > 0)
        running = looking or self._ends[gid] > now
        return {
            "id": gid,
            "status": "RUNNING" if running else "COMPLETED",
            "errorCode": None,
            "objectCount": str(self._objects[gid]),
            "rootObjectCount": str(self._roots[gid]),
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
