"""search, read and their kin.

What belongs here: ordering, paging, the shape of values in answers. What does not: domains (domains.py).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from .domains import candidates, display_name, matcher, mentions
from .errors import AccessError
from .orm import Env, Row, method

_MAGIC = {
    "id": "integer",
    "display_name": "char",
    "create_date": "datetime",
    "write_date": "datetime",
    "create_uid": "many2one",
    "write_uid": "many2one",
}


def find(env: Env, model: str, domain: Sequence[Any] | None = None, order: str = "") -> list[int]:
    """Ids of the matching records, in order. Archived ones only if the domain or the context asks for them."""
    terms = list(domain or ())
    if "active" in env.model(model).fields and env.context.get("active_test", True) and not mentions(terms, "active"):
        terms = [*terms, ["active", "=", True]]
    test, mine = matcher(env, model, terms), of_companies(env, model)
    narrowed = candidates(env, model, terms)
    rows = env.db.rows[model]
    ids = sorted(rows if narrowed is None else narrowed & rows.keys())
    return sort(env, model, [row_id for row_id in ids if test(row_id) and mine(row_id)], order)


def of_companies(env: Env, model: str) -> Callable[[int], bool]:
    """A function that tells whether a record belongs to a company that the call may see, or to none. Source: Odoo's
    record rules of models with a company."""
    allowed, declared = env.context.get("allowed_company_ids"), env.model(model)
    if env.sudo or not allowed or env.field(model, "company_id") is None or model == "res.users":
        return lambda row_id: True
    stored = declared.fields.get("company_id")
    if stored is not None and not stored.compute:
        rows = env.db.rows[model]
        return lambda row_id: rows[row_id].get("company_id", False) in (False, *allowed)
    return lambda row_id: env.get(model, row_id, "company_id") in (False, *allowed)


def sort(env: Env, model: str, ids: list[int], order: str = "") -> list[int]:
    """The ids in the given order, `name desc, id`, else in the model's own. Raises ValueError for an unknown field."""
    for part in reversed((order or env.model(model).order).split(",")):
        name, *direction = part.split()
        if name == "id":
            ids.sort(reverse=bool(direction) and direction[0].lower() == "desc")
            continue
        if env.field(model, name) is None and name not in _MAGIC:
            raise ValueError(f"Invalid field {name!r} on model {model!r}")
        values = {row_id: _build_sort_key(env, model, name, row_id) for row_id in ids}
        ids.sort(key=values.__getitem__, reverse=bool(direction) and direction[0].lower() == "desc")
    return ids


def _build_sort_key(env: Env, model: str, name: str, row_id: int) -> tuple[int, Any]:
    """A key by which NULLs come last in ascending order, as in PostgreSQL."""
    value = env.get(model, row_id, name) if name != "display_name" else display_name(env, model, row_id)
    if isinstance(value, tuple):
        value = value[0] if value else False
    return (1, 0) if value is False else (0, value)


@method("*", "search", of_model=True)
def search(
    env: Env, model: str, domain: Sequence[Any], offset: int = 0, limit: int | None = None, order: str | None = None
) -> list[int]:
    """Ids of the matching records, one page of them."""
    env.check(model, "read")
    return find(env, model, domain, order or "")[offset : offset + limit if limit else None]


@method("*", "search_count", of_model=True)
def search_count(env: Env, model: str, domain: Sequence[Any], limit: int | None = None) -> int:
    """How many records match; with a limit, at most so many."""
    count = len(search(env, model, domain))
    return min(count, limit) if limit else count


@method("*", "read")
def read(
    env: Env, model: str, ids: Sequence[int], fields: Sequence[str] | None = None, load: str | None = "_classic_read"
) -> list[Row]:
    """One dictionary for each record that exists; ids of deleted records are passed over in silence. load=None gives
    ids of relations instead of [id, name]."""
    env.check(model, "read")
    names = list(fields) if fields else [*_MAGIC, *_list_fields(env, model)]
    types, mine = {name: _find_type(env, model, name) for name in names}, of_companies(env, model)
    rows = []
    for row_id in ids:
        if not env.exists(model, row_id):
            continue
        if not mine(row_id):
            raise AccessError(f"'{env.model(model).title or model}' ({model}) is of a company that you do not work in.")
        row: Row = {"id": row_id}
        for name, (kind, relation) in types.items():
            row[name] = _show(env, model, row_id, name, kind, relation, load)
        rows.append(row)
    return rows


@method("*", "search_read", of_model=True)
def search_read(
    env: Env,
    model: str,
    domain: Sequence[Any] | None = None,
    fields: Sequence[str] | None = None,
    offset: int = 0,
    limit: int | None = None,
    order: str | None = None,
    load: str | None = "_classic_read",
) -> list[Row]:
    """search and read in one call."""
    return read(env, model, search(env, model, domain or (), offset, limit, order), fields, load)


@method("*", "name_search", of_model=True)
def name_search(
    env: Env,
    model: str,
    name: str = "",
    domain: Sequence[Any] | None = None,
    operator: str = "ilike",
    limit: int = 100,
) -> list[list[Any]]:
    """[id, display name] of the records whose name matches."""
    env.check(model, "read")
    declared = env.model(model)
    names = declared.search_names or (declared.rec_name,)
    terms: list[Any] = list(domain or ())
    if name:
        terms += ["|"] * (len(names) - 1) + [[field, operator, name] for field in names]
    return [[row_id, display_name(env, model, row_id)] for row_id in find(env, model, terms)[: limit or None]]


@method("*", "fields_get", of_model=True)
def fields_get(
    env: Env, model: str, allfields: Collection[str] | None = None, attributes: Collection[str] | None = None
) -> dict[str, Row]:
    """Declarations of fields by name; only these names and attributes, if any are given."""
    answer: dict[str, Row] = {}
    for name in [*_MAGIC, *_list_fields(env, model)]:
        if allfields and name not in allfields:
            continue
        field = env.field(model, name)
        kind, relation = _find_type(env, model, name)
        shown: Row = {"type": kind, "string": name.replace("_", " ").capitalize(), "name": name}
        shown |= {"required": bool(field and field.required), "readonly": bool(not field or field.readonly)}
        shown["translate"] = bool(field and field.translate)
        shown["store"] = field is None or not field.compute
        shown |= {"relation": relation} if relation else {}
        if field and field.selection:
            shown["selection"] = [[key, key.capitalize()] for key in field.keys(env)]
        answer[name] = {key: value for key, value in shown.items() if not attributes or key in attributes}
    return answer


@method("*", "formatted_read_group", of_model=True)
def formatted_read_group(
    env: Env,
    model: str,
    domain: Sequence[Any],
    groupby: Sequence[str] = (),
    aggregates: Sequence[str] = (),
    offset: int = 0,
    limit: int | None = None,
    order: str | None = None,
) -> list[Row]:
    """Sums and counts by field values. Dates are not grouped by month or the like here. Keys of relations are [id,
    name]."""
    env.check(model, "read")
    groups: dict[tuple[Any, ...], list[int]] = {}
    for row_id in find(env, model, domain, "id"):
        groups.setdefault(tuple(env.get(model, row_id, name) for name in groupby), []).append(row_id)
    if not groupby:
        groups.setdefault((), [])
    answer = []
    for key, ids in groups.items():
        row: Row = {}
        extra: list[Any] = []
        for name, value in zip(groupby, key, strict=True):
            kind, relation = _find_type(env, model, name)
            row[name] = [value, display_name(env, relation, value)] if kind == "many2one" and value else value
            extra.append([name, "=", value])
        for spec in aggregates:
            row[spec] = _aggregate(env, model, ids, spec)
        answer.append({**row, "__extra_domain": extra})
    return answer[offset : offset + limit if limit else None]


def _aggregate(env: Env, model: str, ids: Sequence[int], spec: str) -> Any:
    name, _, function = spec.partition(":")
    if name == "__count":
        return len(ids)
    if env.field(model, name) is None and name not in _MAGIC:
        raise ValueError(f"Invalid field {name!r} on model {model!r} for {spec!r}.")
    values = [env.get(model, row_id, name) for row_id in ids]
    if function == "array_agg":  # in the order of the ids; NULLs are kept
        absent = _find_type(env, model, name)[0] != "boolean"
        return [None if value is False and absent else value for value in values]
    present = [value for value in values if value is not False]
    table: dict[str, Callable[[list[Any]], Any]] = {
        "sum": sum,
        "min": min,
        "max": max,
        "count": len,
        "count_distinct": lambda v: len(set(v)),
    }
    return table[function](present) if present or function in ("sum", "count") else False


@method("*", "has_access")
def has_access(env: Env, model: str, ids: Sequence[int], operation: str) -> bool:
    """Whether the user may do that with records of the model."""
    return env.allowed(model, operation)


@method("*", "check_access_rights", of_model=True)
def check_access_rights(env: Env, model: str, operation: str, raise_exception: bool = True) -> bool:
    """The same; raises AccessError instead of answering False if asked to."""
    if raise_exception:
        env.check(model, operation)
    return env.allowed(model, operation)


def _list_fields(env: Env, model: str) -> Mapping[str, Any]:
    declared = env.model(model)
    inherited = env.model(declared.inherits[1]).fields if declared.inherits else {}
    return {**inherited, **declared.fields}


def _find_type(env: Env, model: str, name: str) -> tuple[str, str]:
    field = env.field(model, name)
    if field is not None:
        return field.type, field.relation
    if name not in _MAGIC:
        raise ValueError(f"Invalid field {name!r} on {model!r}")
    return _MAGIC[name], "res.users" if name.endswith("_uid") else ""


def _show(env: Env, model: str, row_id: int, name: str, kind: str, relation: str, load: str | None) -> Any:
    if name == "display_name":
        return display_name(env, model, row_id)
    value = env.get(model, row_id, name)
    if kind == "many2one" and value:
        return [value, display_name(env, relation, value)] if load == "_classic_read" else value
    if kind in ("one2many", "many2many"):
        return sort(env, relation, list(value)) if value and len(value) > 1 else list(value or ())
    return value
