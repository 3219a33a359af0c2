"""Nobody quotes an error that is not ours: a rule of style that keeps others' words out of messages, logs and chains.

An error of ours says a sentence that may be shown. The text of any other may hold a row, a URL with its signature or a
person, so that in the product no handler of one turns it into text, and none is the cause of what is raised.

What belongs here: reading the source. What does not: what errors say (faults/test_others_words.py).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from commerce_pipelines.core import errors

PACKAGE = Path(__file__).parents[1] / "commerce_pipelines"
OURS = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)} | {
    "OdooRefusal", "TooExpensive", "Stopped", "Failed", "_Failure", "ProgramError",
}  # fmt: skip
# The user's own settings file is quoted to the user.
ALLOWED = ("settings/file.py", "settings/mistakes.py")


def foreign(path: Path) -> Iterator[str]:
    """Where a handler of an error that is not ours makes text of it, or makes it a cause."""
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text if "except" in text else "")
    for handler in (node for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler)):
        if handler.name is None or _list_names(handler.type) <= OURS:
            continue
        for node in ast.walk(handler):
            if isinstance(node, ast.Raise) and isinstance(node.cause, ast.Name) and node.cause.id == handler.name:
                yield f"{node.lineno}: a foreign error is the cause of what is raised; write `from None`"
            if _is_quoted(node, handler.name):
                line = getattr(node, "lineno", handler.lineno)
                yield f"{line}: the text of a foreign error is used; name its class, or read it by says()"


def _list_names(kind: ast.expr | None) -> set[str]:
    """The last names of the classes that a handler catches."""
    parts = kind.elts if isinstance(kind, ast.Tuple) else [] if kind is None else [kind]
    return {part.attr if isinstance(part, ast.Attribute) else getattr(part, "id", "") for part in parts} or {""}


def _is_quoted(node: ast.AST, name: str) -> bool:
    def is_error(part: ast.AST) -> bool:
        return isinstance(part, ast.Name) and part.id == name

    match node:
        case ast.FormattedValue(value=value):
            return is_error(value)
        case ast.Call(func=ast.Name(id="str" | "repr" | "format"), args=[first, *_]):
            return is_error(first)
        case ast.Attribute(attr="args", value=value):
            return is_error(value)
        case ast.BinOp(op=ast.Mod(), right=right):
            return any(is_error(part) for part in ast.walk(right))
        case ast.Call(func=ast.Attribute(attr="exception")):
            return True  # a logger's, which prints the traceback with the text
        case ast.Call(
            func=ast.Attribute(attr="format" | "debug" | "info" | "warning" | "error" | "critical"), args=args
        ):
            return any(is_error(part) for part in args)
    return False


def test_no_foreign_error_becomes_text_or_a_cause() -> None:
    paths = [
        f"{path.relative_to(PACKAGE)}:{what}"
        for path in sorted(PACKAGE.rglob("*.py"))
        if str(path.relative_to(PACKAGE)) not in ALLOWED
        for what in foreign(path)
    ]
    assert paths == []


@pytest.mark.parametrize(
    "line",
    [
        "raise ProtocolError('no') from error", "raise ProtocolError(str(error)) from None", "log.info('%s', error)",
        "raise ProtocolError(f'{error}') from None", "print(error.args)", "log.exception('no')", "x = 'a %s' % error",
    ],
)  # fmt: skip
def test_what_is_forbidden_is_found(line: str, tmp_path: Path) -> None:
    for kinds, count in (("(KeyError, CommerceError)", 1), ("requests.RequestException", 1), ("CommerceError", 0)):
        path = tmp_path / "module.py"
        path.write_text(f"try:\n    work()\nexcept {kinds} as error:\n    {line}\n")
        assert len(list(foreign(path))) == count, kinds


def test_every_function_that_dagster_calls_is_wrapped() -> None:
    """`@in_our_words` stands directly on it, below Dagster's own decorator."""
    wanted = {"asset", "multi_asset", "sensor", "schedule", "run_failure_sensor", "op", "asset_check"}
    bare, wrapped = [], 0
    for path in [*PACKAGE.glob("assets/*.py"), *PACKAGE.glob("sensors/*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.decorator_list:
                names = [
                    ast.unparse(decorator.func if isinstance(decorator, ast.Call) else decorator)
                    for decorator in node.decorator_list
                ]
                if wanted & {name.removeprefix("dg.") for name in names if name.startswith("dg.")}:
                    wrapped += names[-1] == "in_our_words"
                    bare += [f"{path.name}:{node.lineno} {node.name}"] if names[-1] != "in_our_words" else []
    assert bare == []
    assert wrapped > 8
