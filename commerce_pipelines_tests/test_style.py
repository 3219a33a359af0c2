"""What no linter counts: how long functions and files are, and how private functions and variables are called.

What belongs here: rules of style that ruff has no rule for. What does not: those it has (pyproject.toml), import rules.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PLACES = ("commerce_pipelines", "commerce_sandbox", "commerce_pipelines_tests", "bench")
FUNCTION_LINES, FILE_LINES = 50, 400
# The first words of private functions; whoever needs another verb adds it.
VERBS = """
abandon activate add allocate allow apply ask assign attempt build call cancel check choose clean compare complete
compute confirm connect construct convert copy count create cut decide decode describe divide draft draw drop edit end
ensure escape exchange exclude expect explain fetch fill find flag format get group hand hash heal hold identify inflate
insert join judge keep learn let limit link list listen load locate lock look make map match merge mint move name note
nudge open pack parse patch poll probe push put quote raise read reconcile record refresh refuse remind remove reopen
repartition replace report request resolve return revise run search select send serve settle share silence sort split
spread start strip submit sum supersede take tell translate try unescape unmark update upgrade verify wait wake warn
watch write
"""
QUESTIONS = ("is", "has", "can", "may", "must")  # predicates
# Names that say nothing of what they hold: `order`, `row`, `outcome` do.
EMPTY_NAMES = {"each", "one", "found", "given", "said", "told", "known", "whence"}
WRITTEN_OUT = ("make_order",)  # the stand-ins' makers: one payload of the vendor, every field of it


def test_every_function_can_be_read_in_one_sitting() -> None:
    assert [text for path in _list_files(*PLACES) for text in _list_long_functions(path)] == []


def test_every_file_can_be_read_in_one_sitting() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in _list_files(*PLACES)}
    assert {str(path.relative_to(ROOT)): length for path, length in lengths.items() if length > FILE_LINES} == {}


def test_private_functions_begin_with_a_verb() -> None:
    """Properties are called after what they are, as attributes are."""
    nouns = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in _list_files("commerce_pipelines")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("_")
        and not node.name.startswith("__")
        and not any("property" in ast.unparse(decorator) for decorator in node.decorator_list)
        and node.name.lstrip("_").partition("_")[0] not in (*VERBS.split(), *QUESTIONS)
    ]
    assert nouns == []


def test_names_say_what_they_hold() -> None:
    empty = [
        f"{path.relative_to(ROOT)}:{line} {name}"
        for path in _list_files("commerce_pipelines")
        for name, line in _list_names(ast.parse(path.read_text(encoding="utf-8")))
        if name in EMPTY_NAMES
    ]
    assert empty == []


def _list_names(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Every name that a module binds, of a variable, a parameter or a field, with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno


def _list_files(*places: str) -> Iterator[Path]:
    for place in places:
        yield from sorted((ROOT / place).rglob("*.py"))


def _list_long_functions(path: Path) -> Iterator[str]:
    """A function's lines are those from `def` to its end. Lines of a function inside it count there alone: an asset's
    factory is as long as its assets."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            inner = [
                child
                for child in ast.walk(node)
                if child is not node and isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
            ]
            within = {line for child in inner for line in range(_find_first_line(child), (child.end_lineno or 0) + 1)}
            length = len(set(range(node.lineno, (node.end_lineno or 0) + 1)) - within)
            if length > FUNCTION_LINES and node.name not in WRITTEN_OUT:
                yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}: {length} lines"


def _find_first_line(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
