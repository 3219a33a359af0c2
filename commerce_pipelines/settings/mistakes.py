"""All mistakes of one section of commerce.yaml at once: a sentence each, with the key's path and the fix.

What belongs here: turning what msgspec refuses into sentences, and reading on behind a mistake. What does not: YAML and
the sections (file.py), what only a section itself can check (its `__post_init__`).
"""

from __future__ import annotations

import re
from collections.abc import Collection
from copy import deepcopy
from difflib import get_close_matches
from typing import Any

import msgspec

from ..channels.registry import list_kinds
from ..core.errors import SettingsError

MOST_MISTAKES = 50  # mistakes of one section that are listed
SEE = "see commerce.example.yaml"
KEY_IN = "key` in `"
Steps = list[Any]  # keys and indexes, from the section downwards

_SECRET = re.compile(r"(.*_)?(password|secret|token|webhook)|client_id")
_STEP = re.compile(r"\.?([^.\[\]]+)|\[(\d+|\.\.\.)\]")
_WANTED = {
    "object": "a mapping of keys and values", "array": "a list such as [a, b]", "str": "text", "int": "a whole number",
    "float": "a number", "decimal": "a number", "bool": "true or false", "date": "a date such as 2026-01-31",
}  # fmt: skip


def read(raw: Any, shape: Any, where: str, keys: Collection[str]) -> tuple[Any, list[str]]:
    """(the section, []) or (None, its mistakes).

    where: the section's path in the file. keys: all valid keys, to guess what an unknown one was meant to be. Checks
    that compare several keys run only when each key is right by itself, so that no mistake is listed twice.
    """
    raw, problems, left_out = deepcopy(raw), list[str](), list[Steps]()
    while len(problems) < MOST_MISTAKES:
        try:
            section = msgspec.convert(raw, shape, strict=True)
        except SettingsError as error:
            return None, problems or [_complete_sentence(line, where) for line in str(error).splitlines()]
        except msgspec.ValidationError as error:
            problem, steps = _locate(raw, shape, str(error))
            if steps in left_out:
                return None, problems
            if (sentence := _write_sentence(problem, where, steps, keys)) not in problems:
                problems.append(sentence)
            if not (gone := _remove_wrong(raw, steps)):
                return None, problems
            left_out.append(gone)
        else:
            return (None, problems) if problems else (section, [])
    return None, problems


def _complete_sentence(line: str, where: str) -> str:
    """A sentence about a section inside a channel, completed by the channel's path, which the section does not know."""
    inside = where.startswith("channels[") and not line.startswith("channels[")
    return f"{where}.{line}" if inside else line


def _locate(raw: Any, shape: Any, error: str) -> tuple[str, Steps]:
    """(the problem, its place) from msgspec's `… - at `$.skus[...]`; the key behind `[...]` is found by trying."""
    problem, _, path = error.partition(" - at ")
    path = path.strip("`")
    of_key = path.startswith(KEY_IN)
    steps: Steps = []
    here = raw
    for name, index in _STEP.findall(path.removeprefix(KEY_IN).removeprefix("$")):
        step = name or (int(index) if index.isdigit() else _find_guilty_key(here, raw, shape, error))
        here = here[step]
        steps.append(step)
    if of_key:
        return f"key: {problem}", [*steps, _find_guilty_key(here, raw, shape, error)]
    if field := re.search(r"(?:unknown|missing required) field `(.+?)`", problem):
        steps.append(field[1])
    return problem, steps


def _find_guilty_key(mapping: dict[Any, Any], raw: Any, shape: Any, error: str) -> Any:
    """The key that alone causes the same error; the last key if none does."""
    whole = dict(mapping)
    key = None
    try:
        for key, value in whole.items():
            mapping.clear()
            mapping[key] = value
            try:
                msgspec.convert(raw, shape, strict=True)
            except SettingsError:
                continue
            except msgspec.ValidationError as found:
                if str(found) == error:
                    break
    finally:
        mapping.clear()
        mapping.update(whole)
    return key


def _remove_wrong(raw: Any, steps: Steps) -> Steps:
    """Removes what is wrong from `raw`: the key, or the whole list if one of its items is wrong. Returns the path of
    what it removed."""
    for length in range(len(steps), 0, -1):
        here = raw
        for step in steps[: length - 1]:
            here = here[step]
        if isinstance(here, dict):
            return steps[:length] if here.pop(steps[length - 1], here) is not here else []
    return []


def _write_sentence(problem: str, where: str, steps: Steps, keys: Collection[str]) -> str:
    """Never quotes a value, nor a key below a key that names a secret, because that may be the secret itself."""
    for depth, step in enumerate(steps, 1):
        if _SECRET.fullmatch(str(step)) and not (depth == len(steps) and " field" in problem):
            secret = _write_path(where, steps[:depth])
            return (
                f"{secret} must name an environment variable, as in {{env: NAME}}; secrets are not written in the file."
            )
    here = _write_path(where, steps)
    if problem.startswith("key: "):
        section = _write_path(where, steps[:-1]) or "commerce.yaml"
        return f"{section}: the key {steps[-1]!r} must be text: put it in quotes."
    if "unknown field" in problem:
        near = get_close_matches(str(steps[-1]), keys, n=1)
        return f"{here} is no known key; {f'did you mean {near[0]}?' if near else f'{SEE} for every key.'}"
    if "missing required field" in problem:
        return f"{here} is missing; {SEE} for what it means."
    if steps[-1:] == ["kind"]:
        return f"{here} must be one of {', '.join(list_kinds())}."
    if "RFC3339" in problem:
        return f"{here} must be a date such as 2026-01-31."
    if wanted := re.match(r"(?:Expected `([a-z]+)[^`]*`(.*?)|Invalid (decimal) string)(?:, got `(\w+)`)?$", problem):
        words = _WANTED.get(wanted[1] or wanted[3], "something else") + (wanted[2] or "")
        quotes = wanted[1] == "str" and wanted[4] in ("int", "float", "bool")
        return f"{here} must be {words}{': put it in quotes' if quotes else f'; {SEE}'}."
    return f"{here}: {problem[0].lower() + problem[1:]}; {SEE}."


def _write_path(where: str, steps: Steps) -> str:
    for step in steps:
        where += f"[{step}]" if isinstance(step, int) else f".{step}" if where else str(step)
    return where
