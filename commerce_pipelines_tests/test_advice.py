"""What the product tells people to do exists: every command, asset, job and sensor that a sentence names.

Sentences are collected from the source by its syntax tree, and from the documents. Where one names a command, the
command line parses it; an asset to materialise is one of the graph.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any
from unittest.mock import patch

import click
import dagster as dg
import pytest

from commerce_pipelines.cli.main import main
from commerce_pipelines.definitions import build_defs
from commerce_pipelines.settings.file import parse

ROOT = Path(__file__).parents[1]
CHANNEL = "amazon_eu"
# What a placeholder of a sentence, or a word in capitals of a document, stands for.
VALUES = {
    "N": "1",
    "TIME": "2026-02-01",
    **dict.fromkeys(
        ("name", "channel", "channel.name", "order.channel", "record.channel", "CHANNEL", "<channel>"), CHANNEL
    ),
    **dict.fromkeys(("first", "last", "order.first", "order.last", "red[0]", "red[-1]", "start", "DAY"), "2026-02-01"),
    "channel.start_date": "2026-02-01",
    **dict.fromkeys(("ORDER_ID", "CODE", "…"), "4711"),
}
COMMAND = re.compile(r"`(?:[\w./]*/)?commerce-pipelines ([^`]*)`")
ASSET = re.compile(r"materiali[sz]e `?([\w<>]+/\w+)`?(?: with `?(\w+): )?", re.IGNORECASE)
SENSOR = re.compile(r"\bsensor (\w+_new_orders)")


def _read_sentence(node: ast.AST) -> str:
    """The text of a string or f-string, its placeholders filled."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    assert isinstance(node, ast.JoinedStr)
    return "".join(
        _read_sentence(part) if isinstance(part, ast.Constant) else VALUES.get(ast.unparse(part.value), "1")  # type: ignore[attr-defined]
        for part in node.values
    )


@cache
def _list_printed() -> tuple[tuple[str, str], ...]:
    """(where, sentence) of every string of the product but docstrings, which only click prints."""
    return tuple(_find_sentences())


def _find_sentences() -> Iterator[tuple[str, str]]:
    for path in sorted((ROOT / "commerce_pipelines").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)}
        docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            whole = isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))
            if whole and id(node) not in docstrings and (isinstance(node, ast.JoinedStr) or id(node) not in inner):
                yield f"{path.name}:{node.lineno}", _read_sentence(node)  # type: ignore[attr-defined]


def _list_written() -> Iterator[tuple[str, str]]:
    """(where, text) of the documents, and of what the commands' own help says."""
    for path in sorted([ROOT / "README.md", *ROOT.glob("docs/*.md"), ROOT / "commerce.example.yaml"]):
        text = path.read_text(encoding="utf-8")
        blocks = re.findall(r"^(?: {4})?(?:\.venv/bin/)?(commerce-pipelines .*)$", text, re.MULTILINE)
        yield path.name, "\n".join([re.sub(r"\s*\n\s*", " ", text), *(f"`{line}`" for line in blocks)])
    yield "help", " ".join(_list_helps(main))


def _list_helps(command: click.Command) -> Iterator[str]:
    yield re.sub(r"\s+", " ", command.help or "")
    for inner in getattr(command, "commands", {}).values():
        yield from _list_helps(inner)


def commands(text: str) -> Iterator[list[str]]:
    """The words of each command that a text names: of every alternative of `a | b`, without optional `[…]`."""
    for match in COMMAND.findall(text):
        plain = re.sub(r"\s*\|\s*", "|", re.sub(r"\[[^\]]*\]", "", match).split("#")[0])
        for words in product(*(word.split("|") for word in plain.split())):
            yield [VALUES.get(word, word) for word in words]


def problem(words: list[str], *, whole: bool) -> str:
    """Why the command line refuses these words; '' if it does not. whole: nothing that it needs may be left out."""
    context, rest, path = click.Context(main), list(words), 0
    command: click.Command = main
    try:
        while isinstance(command, click.Group) and rest:
            name, inner, rest = command.resolve_command(context, rest)
            assert inner is not None
            context, command, path = click.Context(inner, parent=context, info_name=name), inner, path + 1
        if not isinstance(command, click.Group):
            with patch.object(click.Option, "prompt_for_value", lambda self, ctx: "asked for"):
                command.make_context(words[path - 1], rest)
    except click.MissingParameter as error:
        return "" if not whole and len(words) == path else error.format_message()
    except click.UsageError as error:
        return error.format_message()
    return ""


@pytest.fixture(scope="module")
def defs() -> dg.Definitions:
    return build_defs(parse((ROOT / "commerce.example.yaml").read_text(encoding="utf-8")))


def test_every_command_that_is_named_exists() -> None:
    printed = [(where, words) for where, text in _list_printed() for words in commands(text)]
    assert len(printed) > 8
    wrong = [(where, words, why) for where, words in printed if (why := problem(words, whole=True))]
    written = [(where, words) for where, text in _list_written() for words in commands(text)]
    assert len(written) > 15
    wrong += [(where, words, why) for where, words in written if (why := problem(words, whole=False))]
    assert wrong == []


def test_every_asset_and_sensor_that_is_named_exists(defs: dg.Definitions) -> None:
    texts = [*_list_printed(), *_list_written()]
    nodes = {spec.key.to_user_string() for spec in defs.resolve_all_asset_specs()}
    named = [(where, key.replace("<channel>", CHANNEL), field) for where, t in texts for key, field in ASSET.findall(t)]
    assert len(named) > 4
    assert [(where, key) for where, key, _ in named if key not in nodes] == []
    for where, key, field in named:
        node = defs.resolve_asset_graph().assets_def_for_key(dg.AssetKey.from_user_string(key)).node_def
        schema: Any = node.config_schema
        assert not field or field in str(schema.as_field().config_type.fields), (where, key, field)
    sensors = {sensor.name for sensor in defs.get_repository_def().sensor_defs}
    assert [(where, name) for where, t in texts for name in SENSOR.findall(t) if name not in sensors] == []


def test_a_job_of_old_days_stands_for_each_channel(defs: dg.Definitions) -> None:
    job = defs.resolve_job_def(f"{CHANNEL}_backfill")
    keys = {key.path[-1] for key in job.asset_layer.executable_asset_keys}
    assert keys == {"raw_orders", "orders", "order_lines", "sale_orders"}
    assert job.partitions_def is not None


@pytest.mark.parametrize(
    "words", ["sale-orders fetch", "backfill amazon_eu", "report --since 2026-01-01", "exceptions show amazon_eu"]
)
def test_what_does_not_exist_is_found(words: str) -> None:
    assert problem(words.split(), whole=True)
