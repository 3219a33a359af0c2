"""Search domains in prefix notation: parse, check, evaluate.

What belongs here: operators, and how they treat empty values, relations and dotted paths. What does not: the order of
the matches and reading them (searching.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from .orm import Env
from .schema import RELATIONAL, Field

Test = Callable[[int], bool]
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
}
_LIKE = frozenset({"like", "ilike", "=like", "=ilike", "not like", "not ilike"})
OPERATORS = frozenset(
    {"=", "!=", "<>", "==", "in", "not in", "child_of", "parent_of", "any", "not any", *_COMPARE, *_LIKE}
)


def matcher(env: Env, model: str, domain: Sequence[Any] | None) -> Test:
    """A function that tells whether the record of an id matches. Raises ValueError for an unknown field or operator and
    for a malformed domain."""
    stack: list[Test] = []
    for term in reversed(list(domain or ())):
        if term in ("&", "|"):
            left, right = stack.pop(), stack.pop()
            stack.append(_join_and(left, right) if term == "&" else _join_or(left, right))
        elif term == "!":
            stack.append(_negate(stack.pop()))
        elif isinstance(term, list | tuple) and len(term) == 3:
            stack.append(_build_leaf(env, model, *term))
        else:
            raise ValueError(f"Domain() invalid item in domain: {term!r}")

    def test(row_id: int) -> bool:
        return all(part(row_id) for part in reversed(stack))

    return test


def candidates(env: Env, model: str, domain: Sequence[Any]) -> set[int] | None:
    """Ids among which all matches are, looked up in an index. None if no term that every match must fulfil has an
    index: then all records have to be tested."""
    if "|" in domain or "!" in domain:
        return None
    sets: list[set[int]] = []
    for term in domain:
        if not isinstance(term, list | tuple) or len(term) != 3 or not term[2]:
            continue
        name, operator, value = term
        field = env.model(model).fields.get(name)
        indexed = field is not None and not field.compute and (field.index or field.type == "many2one")
        if operator == "child_of" and field is not None and indexed:
            values: Collection[Any] = descendants(env, field.relation, _list_ids(value))
        elif operator in ("=", "in") and (name == "id" or indexed):
            values = value if isinstance(value, list | tuple) else [value]
        else:
            continue
        if any(wanted is None or wanted is False or wanted == "" for wanted in values):
            continue
        if name == "id":
            sets.append({wanted for wanted in values if isinstance(wanted, int)})
        elif (field is not None and field.type != "many2one") or all(isinstance(wanted, int) for wanted in values):
            sets.append({row for wanted in values for row in env.db.referring(model, name, wanted)})
    return min(sets, key=len) if sets else None


def mentions(domain: Sequence[Any] | None, name: str) -> bool:
    """Whether a term of the domain is about this field."""
    return any(isinstance(term, list | tuple) and term and term[0] == name for term in domain or ())


def _join_and(a: Test, b: Test) -> Test:
    return lambda row_id: a(row_id) and b(row_id)


def _join_or(a: Test, b: Test) -> Test:
    return lambda row_id: a(row_id) or b(row_id)


def _negate(a: Test) -> Test:
    return lambda row_id: not a(row_id)


def _build_leaf(env: Env, model: str, path: Any, operator: str, value: Any) -> Test:
    if isinstance(path, int):  # (1, '=', 1) and (0, '=', 1)
        return lambda _row_id: path == value
    operator = {"<>": "!=", "==": "="}.get(str(operator).lower(), str(operator).lower())
    if operator not in OPERATORS:
        raise ValueError(f"Invalid operator in condition ({path!r}, {operator!r}, {value!r})")
    name, _, rest = str(path).partition(".")
    field = _find_field(env, model, name, (path, operator, value))
    if rest:
        negative = operator in ("!=", "not in", "not like", "not ilike", "not any")
        through = _look_through(
            env, model, name, _build_leaf(env, field.relation, rest, _make_positive(operator), value)
        )
        return _negate(through) if negative else through
    if operator in ("any", "not any"):
        through = _look_through(env, model, name, matcher(env, field.relation, value))
        return through if operator == "any" else _negate(through)
    if operator == "child_of":
        family = descendants(env, field.relation or model, _list_ids(value))
        return lambda row_id: bool(family & _read_ids(row_id if name == "id" else env.get(model, row_id, name)))
    return _compare(env, model, name, field, operator, value)


def _make_positive(operator: str) -> str:
    return "=" if operator == "!=" else operator.removeprefix("not ")


def _find_field(env: Env, model: str, name: str, term: tuple[Any, ...]) -> Field:
    if name == "id":
        return Field("integer")
    if name in ("create_date", "write_date"):
        return Field("datetime")
    if name in ("create_uid", "write_uid"):
        return Field("many2one", "res.users")
    if name == "display_name":
        return Field("char")
    field = env.field(model, name)
    if field is None:
        raise ValueError(f"Invalid field {model}.{name} in condition {term!r}")
    if not field.search:
        raise ValueError(f"Cannot convert {model}.{name} to SQL because it is not stored")
    return field


def _look_through(env: Env, model: str, name: str, test: Test) -> Test:
    return lambda row_id: any(test(target) for target in _read_ids(env.get(model, row_id, name)))


def _read_ids(value: Any) -> set[int]:
    if not value:
        return set()
    return set(value) if isinstance(value, list | tuple) else {value}


def _list_ids(value: Any) -> list[int]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _compare(env: Env, model: str, name: str, field: Field, operator: str, value: Any) -> Test:
    """A term on a field of the record itself. A many2many or one2many matches when any of its records does."""

    def read(row_id: int) -> Any:
        if name == "display_name":
            return display_name(env, model, row_id)
        return env.get(model, row_id, name)

    if operator in ("in", "not in"):
        if not isinstance(value, list | tuple | set):
            value = [value]
        wanted: Collection[Any] = (
            _find_names(env, field, value) if field.type in RELATIONAL else {_make_plain(v) for v in value}
        )
        test = _test_membership(read, wanted)
    elif operator in ("=", "!="):
        wanted = _find_names(env, field, [value]) if field.type in RELATIONAL else {_make_plain(value)}
        test = _test_membership(read, wanted)
    elif operator in _COMPARE:
        compare = _COMPARE[operator]
        value = _read_day(env, value) if field.type == "datetime" else value

        def test(row_id: int) -> bool:
            value_there = read(row_id)
            if value_there is False and field.type not in ("integer", "float", "monetary"):
                return False
            return compare(value_there, value)

    else:
        pattern = _compile_pattern(operator.removeprefix("not "), str(value))

        def test(row_id: int) -> bool:
            value_there = read(row_id)
            if field.type in RELATIONAL:
                return any(pattern.search(display_name(env, field.relation, i)) for i in _read_ids(value_there))
            return bool(pattern.search(value_there if isinstance(value_there, str) else ""))

    return _negate(test) if operator in ("!=", "not in", "not like", "not ilike") else test


def _read_day(env: Env, value: Any) -> Any:
    """Odoo's relative days, such as `today` and `today +1d`; they begin at midnight."""
    match = re.fullmatch(r"today(?: ([+-]\d+)d)?", str(value))
    if not match:
        return value
    day = datetime.fromisoformat(env.stamp[:10]) + timedelta(days=int(match[1] or 0))
    return day.isoformat(" ")


def _make_plain(value: Any) -> Any:
    """A value of an `in` list as it is stored: None and the empty string are NULL in a column."""
    return False if value is None or value == "" else tuple(value) if isinstance(value, list) else value


def _test_membership(read: Callable[[int], Any], wanted: Collection[Any]) -> Test:
    def test(row_id: int) -> bool:
        value_there = read(row_id)
        if isinstance(value_there, tuple | list):
            return not wanted.isdisjoint(value_there) if value_there else False in wanted  # type: ignore[attr-defined]
        return (False if value_there == "" else value_there) in wanted

    return test


def _find_names(env: Env, field: Field, values: Collection[Any]) -> set[Any]:
    """Ids that a term on a relation asks for. A text in it means the records with that display name."""
    wanted: set[Any] = set()
    for value in values:
        if isinstance(value, str):
            rows = env.db.rows[field.relation]
            wanted |= {i for i in rows if display_name(env, field.relation, i) == value}
        else:
            wanted.add(_make_plain(value))
    return wanted


@lru_cache(maxsize=1024)
def _compile_pattern(operator: str, value: str) -> re.Pattern[str]:
    """SQL's LIKE as a regular expression: % is any text, _ is any character, also inside the value of (i)like. A
    character after a backslash stands for itself."""
    wild = {"%": ".*", "_": "."}
    body = "".join(wild.get(part, re.escape(part[-1])) for part in re.findall(r"\\.|.", value, re.DOTALL))
    anchored = operator.startswith("=")
    flags = re.DOTALL | (re.IGNORECASE if "ilike" in operator else 0)
    return re.compile(f"^{body}$" if anchored else body, flags)


def descendants(env: Env, model: str, roots: Collection[int]) -> set[int]:
    """The roots and all records below them, by `location_id` of stock.location, else by `parent_id`."""
    link = "location_id" if model == "stock.location" else "parent_id"
    below: set[int] = set()
    todo = [root for root in roots if root]
    while todo:
        root = todo.pop()
        if root not in below:
            below.add(root)
            todo += env.db.referring(model, link, root)
    return below


def display_name(env: Env, model: str, row_id: int) -> str:
    """What Odoo shows for a record: its declared `display_name`, else its name field."""
    if not env.exists(model, row_id):
        return ""
    if "display_name" in env.model(model).fields:
        return str(env.get(model, row_id, "display_name") or "")
    shown = env.field(model, env.model(model).rec_name)
    name = env.get(model, row_id, env.model(model).rec_name)
    if shown is not None and shown.type == "many2one":
        return display_name(env, shown.relation, name) if name else ""
    return str(name or f"{model},{row_id}")
