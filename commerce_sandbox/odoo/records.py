"""create, write, unlink and copy: what they mean for every model.

What belongs here: conversion of written values, defaults, x2many commands, required and unknown fields. What does not:
rules of one model (hooks in the module of their subject), reading (searching.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from .errors import ConstraintError, MissingError
from .orm import HOOKS, Env, Row, method
from .schema import Field, Model

MAGIC = frozenset({"id", "create_uid", "write_uid", "write_date", "create_date", "display_name"})


@method("*", "create", of_model=True)
def create(env: Env, model: str, vals_list: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> Any:
    """Create records; the list of their ids, also for a single mapping (JSON-RPC alone makes a bare id of that)."""
    env.check(model, "create")
    several = [vals_list] if isinstance(vals_list, Mapping) else list(vals_list)
    for vals in several:
        if not isinstance(vals, Mapping):
            raise TypeError(f"create() takes dictionaries of values, not {type(vals).__name__}")
    ids = [_create(env, model, dict(vals)) for vals in several]
    for run in HOOKS[model, "created"]:
        run(env, ids)
    return ids


@method("*", "default_get", of_model=True)
def default_get(env: Env, model: str, fields: Sequence[str]) -> Row:
    """Declared defaults of the stored fields among these names; names that the model does not have are passed over."""
    env.check(model, "read")
    defaults = {name: field for name in fields if (field := env.model(model).fields.get(name)) and not field.compute}
    return {name: field.initial(env) for name, field in defaults.items() if field.default is not None}


@method("*", "write")
def write(env: Env, model: str, ids: Sequence[int], vals: Mapping[str, Any]) -> bool:
    """Write the same values to all records. Raises AccessError, MissingError, ValueError for an unknown field, and what
    a hook refuses."""
    env.check(model, "write")
    _check_fields(env, model, vals)
    _check_existing(env, model, ids)
    changes = dict(vals)
    for run in HOOKS[model, "writing"]:
        run(env, ids, changes)
    for row_id in ids:
        _store(env, model, row_id, changes)
    for run in HOOKS[model, "written"]:
        run(env, ids, changes)
    return True


@method("*", "web_save_multi")
def web_save_multi(
    env: Env, model: str, ids: Sequence[int], vals_list: Sequence[Mapping[str, Any]], specification: Mapping[str, Any]
) -> list[Row]:
    """Write other values to each of the records. Only the empty specification is supported, which answers with ids."""
    if len(ids) != len(vals_list):
        raise ValueError("Each record must have a corresponding vals entry.")
    if specification:
        raise ValueError("This stand-in reads no fields back: leave the specification empty.")
    for row_id, vals in zip(ids, vals_list, strict=True):
        write(env, model, [row_id], vals)
    return [{"id": row_id} for row_id in ids]


@method("*", "unlink")
def unlink(env: Env, model: str, ids: Sequence[int]) -> bool:
    """Delete records and what belongs to them. Raises UserError where another record requires one of them."""
    env.check(model, "unlink")
    _check_existing(env, model, ids)
    for run in HOOKS[model, "deleting"]:
        run(env, ids)
    for row_id in ids:
        _cascade(env, model, row_id)
    return True


@method("*", "copy")
def copy(env: Env, model: str, ids: Sequence[int], default: Mapping[str, Any] | None = None) -> list[int]:
    """Copies of records, without the fields that are declared `copy=False`; their ids."""
    env.check(model, "read")
    _check_existing(env, model, ids)
    return [create(env, model, _duplicate(env, model, row_id, default or {}))[0] for row_id in ids]


def _duplicate(env: Env, model: str, row_id: int, default: Mapping[str, Any]) -> Row:
    declared = env.model(model)
    row = env.db.rows[model][row_id]
    vals: Row = {}
    for name, field in declared.fields.items():
        if not field.copy or field.compute or field.type == "one2many" or name not in row:
            continue
        vals[name] = [[6, 0, list(row[name] or ())]] if field.type == "many2many" else row[name]
    if declared.rec_name in vals and isinstance(vals[declared.rec_name], str):
        vals[declared.rec_name] = f"{vals[declared.rec_name]} (copy)"
    vals.update(default)
    return vals


def _create(env: Env, model: str, vals: Row) -> int:
    env.touch()
    _check_fields(env, model, vals)
    declared = env.model(model)
    for key, value in env.context.items():
        name = key.removeprefix("default_")
        if name != key and env.field(model, name) and name not in vals:
            vals[name] = value
    for run in HOOKS[model, "defaults"]:
        run(env, vals)
    if declared.inherits:
        _create_parent(env, model, declared.inherits, vals)
    row: Row = {"create_date": env.stamp, "write_date": env.stamp, "create_uid": env.user, "write_uid": env.user}
    later: Row = {}
    for name, field in declared.fields.items():
        if field.compute:
            continue
        value = vals[name] if name in vals else field.initial(env)
        if field.type in ("one2many", "many2many"):
            if value:
                later[name] = value
            if field.type == "many2many":
                row[name] = ()
        else:
            row[name] = _convert(env, model, name, field, value)
            if field.required and (row[name] is False or row[name] == ""):
                raise ConstraintError(_write_missing(env, model, name), name)
    row_id = env.db.insert(model, row)
    for name, value in later.items():
        _apply_command(env, model, row_id, name, declared.fields[name], value)
    if isinstance(vals.get("id"), str) and "_import_current_module" in env.context:
        _name_line(env, vals["id"], model, row_id)
    return row_id


def _name_line(env: Env, xmlid: str, model: str, row_id: int) -> None:
    """The external id that load() gives to a line which it creates together with its parent."""
    full = xmlid if "." in xmlid else f"{env.context['_import_current_module']}.{xmlid}"
    assign_xmlid(env, full, model, row_id)


def assign_xmlid(env: Env, xmlid: str, model: str, row_id: int) -> None:
    """Point an external id at a record: a new row of ir.model.data, or the existing one changed."""
    module, _, name = xmlid.partition(".")
    names = env.db.by_key("ir.model.data", ("module", "name"), (module, name))
    vals = {"model": model, "res_id": row_id}
    if names:
        write(env.having(sudo=True), "ir.model.data", [names], vals)
    else:
        create(env.having(sudo=True), "ir.model.data", {"module": module, "name": name, **vals})


def _create_parent(env: Env, model: str, link: tuple[str, str], vals: Row) -> None:
    field, parent = link
    if vals.get(field):
        own = {name: vals.pop(name) for name in list(vals) if name not in env.model(model).fields}
        if own:
            write(env, parent, [vals[field]], own)
        return
    inherited = {name: vals.pop(name) for name in list(vals) if name not in env.model(model).fields}
    vals[field] = create(env.having(create_variant=False), parent, inherited)[0]


def _store(env: Env, model: str, row_id: int, vals: Mapping[str, Any]) -> None:
    env.touch()
    declared = env.model(model)
    row: Row = {"write_date": env.stamp, "write_uid": env.user}
    later: Row = {}
    parents: Row = {}
    for name, value in vals.items():
        field = declared.fields.get(name)
        if field is None:
            if name not in MAGIC:
                parents[name] = value
        elif field.compute:
            continue
        elif field.type in ("one2many", "many2many"):
            later[name] = value
        else:
            kept = f"{name}@{env.language}" if field.translate and env.language else name
            row[kept] = _convert(env, model, name, field, value)
            if field.required and row[kept] in (False, ""):
                raise ConstraintError(_write_missing(env, model, name), name)
    env.db.put(model, row_id, row)
    for name, value in later.items():
        _apply_command(env, model, row_id, name, declared.fields[name], value)
    if parents and declared.inherits:
        link, parent = declared.inherits
        write(env, parent, [env.db.rows[model][row_id][link]], parents)


def _check_fields(env: Env, model: str, vals: Mapping[str, Any]) -> None:
    for name in vals:
        if env.field(model, name) is None and name not in MAGIC:
            raise ValueError(f"Invalid field {name!r} in {model!r}")


def _check_existing(env: Env, model: str, ids: Sequence[int]) -> None:
    lost = [row_id for row_id in ids if not env.exists(model, row_id)]
    if lost:
        raise MissingError(gone(env, model, lost))


def gone(env: Env, model: str, ids: Sequence[int]) -> str:
    """Odoo's sentence for records that do not exist any more."""
    several = ", ".join(map(str, ids))
    return f"Record does not exist or has been deleted.\n(Record: {model}({several},), User: {env.user})"


def label(env: Env, model: str, name: str) -> str:
    """The label of a field on the screen; error messages name the field by it."""
    words = name.removesuffix("_ids").removesuffix("_id").replace("_", " ")
    field = env.field(model, name)
    return (field.label if field else "") or words.title()


def _write_missing(env: Env, model: str, name: str) -> str:
    return (
        f"Missing required value for the field '{label(env, model, name)}' ({name}).\n"
        f"Model: '{env.model(model).title or model}' ({model})\n"
        "- create/update: a mandatory field is not set\n"
        "- delete: another model requires the record being deleted, you can archive it instead\n"
    )


def _convert(env: Env, model: str, name: str, field: Field, value: Any) -> Any:
    """A written value as it is stored; False is Odoo's NULL. Raises ValueError for a value that the field refuses."""
    if field.type == "boolean":
        return bool(value)
    if field.type in ("float", "monetary"):
        return float(value or 0.0)
    if field.type == "integer":
        return int(value or 0)
    if value is None or value is False or value == "":
        return False
    if field.type == "selection":
        if str(value) not in field.keys(env):
            raise ValueError(f"Wrong value for {model}.{name}: {value!r}")
        return str(value)
    if field.type == "many2one":
        return _check_reference(env, model, name, field, value)
    if field.type == "datetime":
        return value if value == env.stamp else _read_moment(str(value))
    if field.type == "date":
        return date.fromisoformat(str(value)[:10]).isoformat()
    return str(value) if field.type in ("char", "text") else value


def _read_moment(value: str) -> str:
    """`2026-11-20 10:11:12` or a bare day; ISO's T is refused, as Odoo refuses it."""
    if value[10:11] not in ("", " "):
        raise ValueError(f"time data {value!r} does not match format '%Y-%m-%d %H:%M:%S'")
    return datetime.fromisoformat(value[:19]).isoformat(" ")


def _check_reference(env: Env, model: str, name: str, field: Field, value: Any) -> int:
    if isinstance(value, list | tuple):
        value = value[0] if value else 0
    try:
        target = int(value)
    except (TypeError, ValueError):
        raise ValueError(f"Wrong value for {model}.{name}: {value!r}") from None
    if not env.exists(field.relation, target):
        raise ConstraintError(_write_broken(env, model, name))
    return target


def _apply_command(env: Env, model: str, row_id: int, name: str, field: Field, value: Any) -> None:
    """Apply x2many commands: 0 create, 1 update, 2 delete, 3 unlink, 4 link, 5 clear, 6 set; a list of ids is a set."""
    commands: list[Any] = [[5]] if not value else list(value)
    if commands and not isinstance(commands[0], list | tuple):
        commands = [[6, 0, commands]]
    if field.type == "one2many":
        for command in commands:
            _apply_one2many(env, row_id, field, command)
        return
    ids = list(env.db.rows[model][row_id].get(name) or ())
    for code, *rest in commands:
        if code == 6:
            ids = list(dict.fromkeys(rest[1] or ()))
        elif code == 5:
            ids = []
        elif code == 4 and rest[0] not in ids:
            ids.append(rest[0])
        elif code in (2, 3) and rest[0] in ids:
            ids.remove(rest[0])
        elif code == 0:
            ids.append(create(env, field.relation, rest[1])[0])
        elif code == 1:
            write(env, field.relation, [rest[0]], rest[1])
    for target in ids:
        if not env.exists(field.relation, target):
            raise ConstraintError(_write_broken(env, model, name))
    if field.inverse:
        _mirror(env, field, row_id, set(env.db.rows[model][row_id].get(name) or ()), set(ids))
    env.db.put(model, row_id, {name: tuple(ids)})


def _mirror(env: Env, field: Field, row_id: int, before: set[int], after: set[int]) -> None:
    """Keep the many2many of the other model in step, which shows the same links from its side."""
    rows = env.db.rows[field.relation]
    for target in before - after:
        links = tuple(i for i in rows[target].get(field.inverse) or () if i != row_id)
        env.db.put(field.relation, target, {field.inverse: links})
    for target in after - before:
        env.db.put(field.relation, target, {field.inverse: (*(rows[target].get(field.inverse) or ()), row_id)})


def _apply_one2many(env: Env, row_id: int, field: Field, command: Sequence[Any]) -> None:
    code, target = command[0], command[1] if len(command) > 1 else 0
    if code == 0:
        for name in command[2]:
            if env.field(field.relation, name) is None and name not in MAGIC:
                raise ValueError(f"Invalid field {name!r} on model {field.relation!r}")
        create(env, field.relation, {**field.where, **command[2], field.inverse: row_id})
    elif code == 1:
        write(env, field.relation, [target], command[2])
    elif code == 2:
        unlink(env, field.relation, [target])
    elif code == 4:
        if env.get(field.relation, target, field.inverse) != row_id:
            write(env, field.relation, [target], {field.inverse: row_id})
    elif code in (3, 5, 6):
        keep = set(command[2]) if code == 6 else set()
        gone = [target] if code == 3 else [i for i in env.children(field, row_id) if i not in keep]
        required = env.model(field.relation).fields[field.inverse].required
        if required:
            unlink(env, field.relation, gone)
        else:
            write(env, field.relation, gone, {field.inverse: False})


def _cascade(env: Env, model: str, row_id: int) -> None:
    """Delete a row: its owned lines go with it, optional references to it are cleared, required ones forbid it."""
    env.touch()
    owned = {
        (field.relation, field.inverse)
        for field in env.model(model).fields.values()
        if field.type == "one2many" and not field.compute
    }
    for other in env.db.models.values():
        for name, field in other.fields.items():
            if field.relation != model or field.compute:
                continue
            if field.type == "many2one":
                _let_go(env, other, name, row_id, owned=(other.name, name) in owned)
            elif field.type == "many2many":
                for other_id, row in env.db.rows[other.name].items():
                    if row_id in (row.get(name) or ()):
                        env.db.put(other.name, other_id, {name: tuple(i for i in row[name] if i != row_id)})
    for data_id in env.db.referring("ir.model.data", "res_id", row_id):
        if env.db.rows["ir.model.data"][data_id]["model"] == model:
            env.db.delete("ir.model.data", data_id)
    env.db.delete(model, row_id)


def _let_go(env: Env, other: Model, name: str, row_id: int, *, owned: bool) -> None:
    """What happens to the rows that refer to a deleted one: cleared, deleted, or the deletion is refused."""
    for referring in env.db.referring(other.name, name, row_id):
        if not other.fields[name].required:
            env.db.put(other.name, referring, {name: False})
        elif owned:
            _cascade(env, other.name, referring)
        else:
            raise ConstraintError(_write_broken(env, other.name, name))


def _write_broken(env: Env, model: str, name: str) -> str:
    """Odoo's sentence for a reference to a record that does not exist, written or left over by a deletion."""
    return (
        "Another model is using the record you are trying to delete.\n\n"
        f"The troublemaker is: '{env.model(model).title or model}' ({model})\n"
        f"Thanks to the following constraint: '{label(env, model, name)}' ({name})\n"
        "How about archiving the record instead?"
    )
