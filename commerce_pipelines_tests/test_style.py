"""What no linter counts: how long functions and files are, and how private functions and variables are called.

What belongs here: rules of style that ruff has no rule for. What does not: those it has (pyproject.toml), import rules.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PLACES = ("commerce_pipelines", "commerce_sandbox", "commerce_pipelines_tests", "bench")
FUNCTION_LINES, FILE_LINES = 50, 400
# The first words of private functions; whoever needs another verb adds it.
VERBS = """
abandon activate add adjust admit aggregate allocate allow answer apply ask assign attempt build call cancel cascade
change check choose claim clean compare compile complete compute confirm connect construct convert copy count create
cut decide decode deny describe divide draft draw drop duplicate edit encode end ensure escape exchange exclude
execute expect explain extract fetch fill filter find flag forget format get group grow hand hash heal hold identify
index inflate insert issue join judge keep learn let limit link list listen load locate lock log look make map match
measure merge migrate mint mirror move name negate note nudge open pack parse patch poll probe prove push put quote
raise reach read receive reconcile record redate refresh refuse release remind remove reopen repartition replace
report request reserve resize resolve restore return revise revive round route run save search select sell send serve
set settle share ship show silence sort spend split spread start stock store strip submit subtract sum supersede take
tell terminate test touch translate try unescape unindex unmark update upgrade upsert validate verify wait wake warn
watch work write bill normalise mark offset pay plan post scrap clear delete resume
carry gather lead pick withdraw advance follow begin catch unpack place act go expire break
"""
QUESTIONS = ("is", "has", "can", "may", "must")  # predicates
# Names that say nothing of what they hold: `order`, `row`, `outcome` do.
EMPTY_NAMES = {"each", "one", "found", "given", "said", "told", "known", "whence"}
# Modules whose names differ by an ending alone, and may: commands are called as a person types them (`channels`,
# `report`), and a module of one check as the check is (`credited`).
ALIKE = {
    "commerce_pipelines: channel, channels",
    "commerce_pipelines: report, reports",
    "commerce_pipelines: credit, credited",
    "commerce_pipelines: content, contents",  # a flow is called as it is
}
WRITTEN_OUT = ("make_order",)  # the stand-ins' makers: one payload of the vendor, every field of it


def test_every_function_can_be_read_in_one_sitting() -> None:
    """A function's lines are those from `def` to its end, the functions inside it included."""
    long = [
        f"{name.where} {name.text}: {name.lines} lines"
        for name in _list_names()
        if name.lines > FUNCTION_LINES and name.text not in WRITTEN_OUT
    ]
    assert long == []


def test_every_file_can_be_read_in_one_sitting() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in _list_files(*PLACES)}
    assert {str(path.relative_to(ROOT)): length for path, length in lengths.items() if length > FILE_LINES} == {}


def test_private_functions_begin_with_a_verb() -> None:
    """Properties are named after what they are, as attributes are, and the sandbox's hooks after their event."""
    nouns = [
        f"{name.where} {name.text}"
        for name in _list_names()
        if name.is_action
        and name.text.startswith("_")
        and not name.text.startswith("__")
        and name.text.lstrip("_").partition("_")[0] not in (*VERBS.split(), *QUESTIONS)
    ]
    assert nouns == []


def test_names_say_what_they_hold() -> None:
    empty = [f"{name.where} {name.text}" for name in _list_names() if name.text.lstrip("_") in EMPTY_NAMES]
    assert empty == []


def test_no_two_modules_differ_by_an_ending() -> None:
    """`loader` and `loading`, `verdict` and `verdicts`: who looks for one opens the other."""
    alike = []
    for place in ("commerce_pipelines", "commerce_sandbox", "bench"):
        stems: dict[str, set[str]] = {}
        for path in _list_files(place):
            if not path.stem.startswith("_") and "versions" not in path.parts:
                stems.setdefault(_strip_ending(path.stem), set()).add(path.stem)
        alike += [f"{place}: {', '.join(sorted(names))}" for names in stems.values() if len(names) > 1]
    assert [pair for pair in alike if pair not in ALIKE] == []


def _strip_ending(name: str) -> str:
    ending = re.search(r"(ations?|ings?|ers?|ed|es|e|s)$", name)
    return name[: ending.start()] if ending and ending.start() >= 4 else name


class Name(NamedTuple):
    """A name that a module binds, of a variable, a parameter, a field or a function. lines: of a function. is_action:
    whether it is a function that is no property and no hook."""

    where: str
    text: str
    lines: int = 0
    is_action: bool = False


@cache
def _list_names() -> tuple[Name, ...]:
    """Of all files; each is parsed once for all tests."""
    return tuple(name for path in _list_files(*PLACES) for name in _read_names(path))


def _read_names(path: Path) -> Iterator[Name]:
    short = path.relative_to(ROOT)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield Name(f"{short}:{node.lineno}", node.id)
        elif isinstance(node, ast.arg):
            yield Name(f"{short}:{node.lineno}", node.arg)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or 0) - node.lineno + 1
            is_noun = any(re.search(r"property|hook\(", ast.unparse(text)) for text in node.decorator_list)
            yield Name(f"{short}:{node.lineno}", node.name, lines, not is_noun)


def _list_files(*places: str) -> Iterator[Path]:
    for place in places:
        yield from sorted((ROOT / place).rglob("*.py"))
