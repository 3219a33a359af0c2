"""A merchant for the tests of the flow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.doubles.contents import open_merchant


@pytest.fixture
def open_shop(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A function that opens a merchant with these keys of `content`."""
    with ExitStack() as stack:
        yield lambda content="approve: false", more="": stack.enter_context(
            open_merchant(warehouse, monkeypatch, content, more)
        )
