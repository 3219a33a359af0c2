"""load(): a matrix of strings becomes records, with external ids, in one transaction or not at all.

Imitated because clients rely on it: continuation rows of one2many columns, upsert by external id, lines that are
appended when they carry no id, local times in the user's zone, and errors that come as messages with HTTP 200. Odoo
tries a batch that it refuses again record by record; the error of the whole batch then stands first among the messages,
under record 0, whichever record is to blame.

What belongs here: extraction, conversion, messages. What does not: create and write (records.py). Source:
`BaseModel.load` and `ir.fields.converter` of Odoo 19.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from .errors import ConstraintError, SerializationFailure, UserError, ValidationError
from .orm import Env, Row, method
from .records import assign_xmlid, create, label, write
from .schema import RELATIONAL, Field
from .searching import find

Path = list[str]
_REFERENCES = frozenset({"", "id", ".id"})  # '' is the display name


@method("*", "load", of_model=True)
def load(env: Env, model: str, fields: Sequence[str], data: Sequence[Sequence[Any]]) -> Row:
    """Odoo's answer to load(): {'ids': [...] or False, 'messages': [...], 'nextrow': 0}. Raises ValueError for a column
    that is no field."""
    module = env.context.get("module", "__import__")
    env = env.having(_import_current_module=module)
    mark = env.db.mark()
    ids: list[int] = []
    messages: list[Row] = []
    batch: list[tuple[str, Row, Row]] = []

    def flush(xmlid: str = "") -> None:
        if not batch or (xmlid and all(xmlid != xid for xid, _vals, _info in batch)):
            return
        _save(env, model, list(batch), ids, messages, mark)
        batch.clear()

    paths = [re.sub(r"([^/]):id", r"\1/id", re.sub(r"([^/])\.id", r"\1/.id", name)).split("/") for name in fields]
    for number, (record, rows) in enumerate(_extract(env, model, paths, [list(row) for row in data])):
        info = {"rows": rows, "record": number}
        convert = _Converter(env, module, flush)

        def note(name: str, text: str, info: Row = info) -> None:
            messages.append(_build_message(info, text, name))

        vals = convert.record(model, record, note)
        xmlid, row_id = str(record.get("id") or ""), record.get(".id")
        if row_id and not find(env, model, [["id", "=", int(row_id)]]):
            messages.append(_build_message(info, f"Unknown database identifier '{row_id}'", ".id"))
            row_id = None
        if xmlid:
            xmlid = xmlid if "." in xmlid else f"{module}.{xmlid}"
        elif row_id:
            vals["id"] = int(row_id)
        batch.append((xmlid, vals, info))
    flush()
    refused = any(message["type"] == "error" for message in messages)
    if refused:
        env.db.undo(mark)
    return {"ids": False if refused else ids, "messages": messages, "nextrow": 0}


def _build_message(info: Row, text: str, name: str = "") -> Row:
    return {**info, "type": "error", "message": text, **({"field": name} if name else {})}


def _save(
    env: Env, model: str, batch: list[tuple[str, Row, Row]], ids: list[int], messages: list[Row], mark: int
) -> None:
    """Save the whole batch at once. If that fails, save the records one by one, to name the one that is refused."""
    together = env.db.mark()
    first: Row | None = None
    try:
        ids += _upsert(env, model, batch)
        return
    except ConstraintError:  # of the database: Odoo reports it for the refused record alone, not for the batch
        pass
    except UserError as error:
        first = _build_message(batch[0][2], str(error))
    except Exception:  # noqa: S110 - Odoo, too, lets the record-by-record pass say it
        pass
    env.db.undo(together)
    errors = 0
    for number, record in enumerate(batch, 1):
        try:
            ids += _upsert(env, model, [record])
            continue
        except ConstraintError as error:
            messages.append(_build_message(record[2], error.plain, error.field))
        except (UserError, SerializationFailure) as error:
            messages.append(_build_message(record[2], str(error)))
        except Exception as error:
            text = f"Unknown error during import: {type(error)}: {error}"
            messages.append({**_build_message(record[2], text), "moreinfo": "Resolve other errors first"})
        env.db.undo(mark)
        errors += 1
        if errors >= 10 and errors >= number / 10:
            text = "Found more than 10 errors and more than one error per 10 records, interrupted."
            messages.append({"type": "warning", "message": text})
            break
    if errors and first and first not in messages:
        messages.insert(0, first)


def _upsert(env: Env, model: str, batch: list[tuple[str, Row, Row]]) -> list[int]:
    """Records whose external or database id exists are written first; then the new ones are created in one call. An
    external id that comes twice is one record: the later values are written to it."""
    saved: dict[int, int] = {}
    new: list[int] = []
    first: dict[str, int] = {}
    for position, (xmlid, vals, _info) in enumerate(batch):
        row_id = _find_named(env, model, xmlid) if xmlid else vals.get("id")
        if row_id is not None:
            saved[position] = row_id
        elif not xmlid or first.setdefault(xmlid, position) == position:
            new.append(position)
    for position, row_id in saved.items():
        write(env, model, [row_id], {name: value for name, value in batch[position][1].items() if name != "id"})
    created = create(env, model, [batch[position][1] for position in new]) if new else []
    for position, row_id in zip(new, created, strict=True):
        saved[position] = row_id
        if batch[position][0]:
            assign_xmlid(env, batch[position][0], model, row_id)
    for position, (xmlid, vals, _info) in enumerate(batch):
        if position not in saved:
            saved[position] = saved[first[xmlid]]
            write(env, model, [saved[position]], vals)
    return [saved[position] for position in range(len(batch))]


def _find_named(env: Env, model: str, xmlid: str) -> int | None:
    try:
        return env.xmlid(xmlid, model)
    except ValueError as error:
        module, _dot, name = xmlid.partition(".")
        data_id = env.db.by_key("ir.model.data", ("module", "name"), (module, name))
        other = env.db.rows["ir.model.data"][data_id]["model"] if data_id else ""
        raise ValidationError(
            f"For external id {xmlid} when trying to create/update a record of model {model} "
            f"found record of different model {other} ({data_id})"
        ) from error


def _find_kind(env: Env, model: str, name: str) -> str:
    field = env.field(model, name)
    return field.type if field else ""


def _extract(env: Env, model: str, paths: list[Path], data: list[list[Any]]) -> Iterator[tuple[Row, Row]]:
    """Pairs of (raw values of a record, its rows). A row that fills only columns of one2many lines continues the record
    of the row above."""
    for path in paths:
        if path[0] not in _REFERENCES and env.field(model, path[0]) is None:
            raise ValueError(f"Invalid field name {path[0]!r}")
    lines = [i for i, path in enumerate(paths) if _find_kind(env, model, path[0]) == "one2many"]
    others = [i for i in range(len(paths)) if i not in lines]
    index = 0
    while index < len(data):
        end = index + 1
        while end < len(data) and any(data[end][i] for i in lines) and not any(data[end][i] for i in others):
            end += 1
        record: Row = {}
        relations: dict[str, list[int]] = {}
        for i, path in enumerate(paths):
            if _find_kind(env, model, path[0]) in RELATIONAL:
                relations.setdefault(path[0], []).append(i)
            else:
                record[path[0]] = data[index][i]
        for name, columns in relations.items():
            field = env.field(model, name)
            cells = [[row[i] for i in columns] for row in data[index:end]]
            deeper = [paths[i][1:] or [""] for i in columns]
            filled = [row for row in cells if any(row)]
            record[name] = [part for part, _ in _extract(env, field.relation if field else "", deeper, filled)]
        yield record, {"from": index, "to": end - 1}
        index = end


class _Converter:
    """Strings as values for create and write. `flush`: saves the records read so far, so that a name among them can be
    found."""

    def __init__(self, env: Env, module: str, flush: Callable[[str], None]) -> None:
        self.env, self.module, self.flush = env, module, flush

    def record(self, model: str, record: Row, log: Callable[[str, str], None]) -> Row:
        """The values of one record, lines included. log: takes (field, message) of a value that cannot be converted."""
        vals: Row = {}
        for name, value in record.items():
            if name in _REFERENCES:
                continue
            field = self.env.field(model, name)
            try:
                vals[name] = self.value(label(self.env, model, name), field, value) if value and field else False
            except ValueError as error:
                log(name, str(error))
        return vals

    def value(self, name: str, field: Field, value: Any) -> Any:
        """One value. name: the field's label, as messages speak of it. Raises ValueError with Odoo's message."""
        match field.type:
            case "many2one":
                [reference] = value
                return self.reference(name, field, reference)
            case "many2many":
                [reference] = value
                (kind, texts), *_ = reference.items()
                return [[6, 0, [self.reference(name, field, {kind: text}) for text in str(texts).split(",")]]]
            case "one2many":
                return [command for record in value for command in self.line(name, field, record)]
            case "selection":
                for key in field.keys(self.env):
                    if key.lower() == str(value).lower():
                        return key
                raise ValueError(f"Value '{value}' not found in selection field '{name}'")
            case "datetime":
                return self.instant(name, str(value))
            case "boolean":
                return str(value).lower() not in ("0", "false", "no")
            case "integer" | "float" | "monetary":
                return self.figure(name, field, value)
            case "json":
                try:
                    return json.loads(value)
                except ValueError:
                    raise ValueError(f"'{value}' does not seem to be a valid JSON for field '{name}'") from None
        return value

    def figure(self, name: str, field: Field, value: Any) -> float:
        """An integer or a number. Raises ValueError with Odoo's message."""
        what, parse = ("an integer", int) if field.type == "integer" else ("a number", float)
        try:
            return parse(value)
        except ValueError:
            raise ValueError(f"'{value}' does not seem to be {what} for field '{name}'") from None

    def instant(self, name: str, value: str) -> str:
        """A local time, in the zone of the context or of the user, as UTC: Odoo reads imported times as a person types
        them."""
        zone = self.env.context.get("tz") or self.env.get("res.users", self.env.user, "tz") or "UTC"
        try:
            local = datetime.strptime(value, "%Y-%m-%d %H:%M:%S").replace(tzinfo=ZoneInfo(zone), fold=1)
        except ValueError:
            raise ValueError(f"'{value}' does not seem to be a valid datetime for field '{name}'") from None
        return local.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")

    def reference(self, name: str, field: Field, reference: Row) -> int | bool:
        """The id that a many2one names by external id (`/id`), database id (`/.id`) or name. Raises ValueError if it
        names none or is ambiguous."""
        if set(reference) - _REFERENCES:
            raise ValueError("Can not create Many-To-One records indirectly, import the field separately")
        if len(reference) > 1:
            raise ValueError(
                f"Ambiguous specification for field '{name}', only provide one of name, external id or database id"
            )
        (kind, value), *_ = reference.items()
        target, kept_as = self.lookup(field, kind, str(value))
        if target is None:
            raise ValueError(f"No matching record found for {kept_as} '{value}' in field '{name}'")
        return target

    def lookup(self, field: Field, kind: str, value: str) -> tuple[int | bool | None, str]:
        """(id or None, what kind of key it was, for messages) of a record. An empty database id is False."""
        if kind == ".id":
            if value.lower() in ("0", "false", "no"):
                return False, "database id"
            if not value.isdigit():
                raise ValueError(f"Invalid database id '{value}' for the field")
            return (int(value) if self.env.exists(field.relation, int(value)) else None), "database id"
        if kind == "id":
            xmlid = value if "." in value else f"{self.module}.{value}"
            self.flush(xmlid)
            return self.env.xmlid(xmlid, field.relation), "external id"
        self.flush("")
        names = self.env.model(field.relation).search_names or (self.env.model(field.relation).rec_name,)
        domain = ["|"] * (len(names) - 1) + [[name, "=", value] for name in names]
        return next(iter(find(self.env, field.relation, domain)), None), "name"

    def line(self, name: str, field: Field, record: Row) -> list[list[Any]]:
        """The x2many commands of one line: an update if its id is known, else a creation. Raises ValueError with the
        path of the field."""

        def refuse(inner: str, text: str) -> None:
            shown = label(self.env, field.relation, inner)
            raise ValueError(text.replace(f"'{shown}'", f"'{name}/{shown}'"))

        vals = self.record(field.relation, record, refuse)
        target: int | bool | None = None
        if record.get(".id") or record.get("id"):
            kind = ".id" if record.get(".id") else "id"
            target, kept_as = self.lookup(field, kind, str(record[kind]))
            if target is None and kind == ".id":
                raise ValueError(f"No matching record found for {kept_as} '{record[kind]}' in field '{name}'")
            if target is None:
                vals["id"] = record["id"]
        return [[4, target], [1, target, vals]] if target else [[0, 0, vals]]
