"""What import-linter's contracts (pyproject.toml) cannot say by themselves: that they leave no module out, and which
topics may know one another, in whatever room they lie."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grimp
import pytest

from commerce_pipelines.channels.registry import KINDS
from commerce_pipelines.core.topics import Topic

ROOT = "commerce_pipelines"
# Folders that bear another name than the flow they belong to.
PARTS_OF = {"sales": Topic.ORDERS, "vat": Topic.ORDERS, "catalogue": Topic.CONTENT}
# Units that are not in Odoo yet; what was sold; what was ordered and is shipped.
MAY_KNOW = {
    (topic, Topic.ORDERS)
    for topic in (*(Topic.INVENTORY, Topic.RETURNS, Topic.REFUNDING, Topic.FULFILMENT, Topic.INVOICING, Topic.PRIVACY),)
} | {
    (Topic.REFUNDING, Topic.RETURNS),  # what the channel reports as paid back, and an order's books
    (Topic.INBOUND, Topic.ORDERS),  # which product a SKU means
    (Topic.CONTENT, Topic.ORDERS),  # likewise
    (Topic.CONTENT, Topic.INVENTORY),  # its lock, and what a new listing may offer, as both write a quantity
    (Topic.INBOUND, Topic.INVENTORY),  # what a kit is made of
}


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(ROOT, cache_dir=None)


@pytest.fixture(scope="module")
def contracts() -> list[dict[str, Any]]:
    settings = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())
    listed: list[dict[str, Any]] = settings["tool"]["importlinter"]["contracts"]
    return listed


def topic_of(module: str) -> Topic | None:
    """The topic of a module's address; None for what all topics share."""
    for name in module.split("."):
        if name in PARTS_OF:
            return PARTS_OF[name]
        if name in set(Topic):
            return Topic(name)
    return None


def between_topics(graph: grimp.ImportGraph) -> Iterator[tuple[Topic, Topic, str]]:
    for importer in graph.modules:
        for imported in graph.find_modules_directly_imported_by(importer):
            ours, theirs = topic_of(importer), topic_of(imported)
            if ours is not None and theirs is not None and ours is not theirs:
                yield ours, theirs, f"{importer} -> {imported}"


def test_every_module_has_its_place_in_a_contract(graph: grimp.ImportGraph, contracts: list[dict[str, Any]]) -> None:
    placed = {name for contract in contracts if contract.get("exhaustive") for name in contract["containers"]}
    rooms = {room for room in graph.find_children(ROOT) if graph.find_children(room)}
    kinds = {f"{ROOT}.channels.{kind}" for kind in KINDS}
    assert {ROOT, *rooms, *kinds} - placed == set()


def test_topics_know_one_another_only_where_the_architecture_says_so(graph: grimp.ImportGraph) -> None:
    strange = [text for ours, theirs, text in between_topics(graph) if (ours, theirs) not in MAY_KNOW]
    assert strange == []


def test_the_rule_sees_what_it_allows(graph: grimp.ImportGraph) -> None:
    assert {(ours, theirs) for ours, theirs, _ in between_topics(graph)} >= {(Topic.INVENTORY, Topic.ORDERS)}
