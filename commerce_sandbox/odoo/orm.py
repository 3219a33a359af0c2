"""The database of the stand-in: rows in memory, an undo journal, and the environment of one call.

One call is one transaction. Every change leaves its inverse in the journal; an error plays the journal back. Ids and
sequence numbers are not given back, so failed calls leave gaps, as with PostgreSQL's sequences.

What belongs here: storing and finding rows by id, by foreign key, by unique key. What does not: what create and write
mean (records.py), domains (domains.py), business rules (each in the module of its subject).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from .errors import AccessError, ConstraintError, SerializationFailure, UnknownMethod, UserError
from .schema import Field, Model

Row = dict[str, Any]
METHODS: dict[tuple[str, str], Method] = {}
HOOKS: dict[tuple[str, str], list[Callable[..., None]]] = defaultdict(list)
GENERIC = "*"


class Method:
    """A public method, called as `run(env, model, ids, **named)`; without ids where it is one of the model (Odoo's
    `api.model`)."""

    def __init__(self, run: Callable[..., Any], of_model: bool) -> None:
        self.run, self.of_model = run, of_model


def method(model: str, name: str, *, of_model: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Publish a function under model and name; the model `*` means every model."""

    def register(run: Callable[..., Any]) -> Callable[..., Any]:
        METHODS[model, name] = Method(run, of_model)
        return run

    return register


def hook(model: str, event: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Run a function at `defaults` (env, vals), `created` (env, ids), `writing` (env, ids, vals), `written` (same) or
    `deleting` (env, ids) of a model. `defaults` runs before the declared defaults are filled in."""

    def register(run: Callable[..., None]) -> Callable[..., None]:
        HOOKS[model, event].append(run)
        return run

    return register


class Database:
    """All rows of one database. Not thread-safe: the server makes the calls serial."""

    def __init__(self, name: str, models: Iterable[Model], now: Callable[[], datetime]) -> None:
        self.name = name
        self.now = now
        self.models = {model.name: model for model in models}
        self.rows: dict[str, dict[int, Row]] = {name: {} for name in self.models}
        self.sequences: dict[str, int] = defaultdict(int)
        self.conflicts = 0  # how many of the next writing calls shall collide with another transaction
        self.collided = False  # whether the present call has collided
        self._indexed = {
            model.name: tuple(
                name for name, field in model.fields.items()
                if (field.type == "many2one" or field.index) and not field.compute
            )
            for model in self.models.values()
        }  # fmt: skip
        self.committed: Callable[[set[str]], None] = lambda models: (
            None
        )  # is called with the models that a transaction changed
        self._changed: set[str] = set()
        self._journal: list[Callable[[], Any]] = []
        self._keys: dict[tuple[str, tuple[str, ...]], dict[tuple[Any, ...], int]] = defaultdict(dict)
        # (model, many2one or indexed field) -> value -> ids of the rows that hold it, in order of appearance
        self._referring: dict[tuple[str, str], dict[Any, dict[int, None]]] = defaultdict(lambda: defaultdict(dict))

    def following(self, sequence: str) -> int:
        """The next number of a sequence; an error does not give it back."""
        self.sequences[sequence] += 1
        return self.sequences[sequence]

    def mark(self) -> int:
        """The journal's length, to which `undo` can return."""
        return len(self._journal)

    def undo(self, mark: int = 0) -> None:
        """Take back all changes since `mark`."""
        while len(self._journal) > mark:
            self._journal.pop()()
        if not self._journal:
            self._changed.clear()

    def commit(self) -> None:
        """Keep the changes, and tell `committed` which models they were of."""
        self._journal.clear()
        changed, self._changed = self._changed, set()
        if changed:
            self.committed(changed)

    def insert(self, model: str, row: Row) -> int:
        """Store a new row; its id. Raises ConstraintError where a unique key exists already."""
        self._changed.add(model)
        row_id = self.following(f"id:{model}")
        stored = {name: row.get(name, False) for name in ("create_date", "write_date", "create_uid", "write_uid")}
        self.rows[model][row_id] = stored
        self._journal.append(partial(self._forget, model, row_id))
        stored.update(row)
        for name in self._indexed[model]:
            self._index(model, row_id, name, False, row.get(name, False))
        self._journal.append(partial(self._unindex, model, row_id))
        self._claim(model, row_id, self.models[model].fields)
        return row_id

    def put(self, model: str, row_id: int, values: Row) -> None:
        """Change values of a row. Raises KeyError for a row that is not there, ConstraintError where a unique key
        exists already."""
        row = self.rows[model][row_id]
        before = {name: row.get(name, False) for name in values}
        changed = [name for name, value in values.items() if before[name] != value or name not in row]
        if not changed:
            return
        self._changed.add(model)
        self._release(model, row_id, changed)
        self._assign(model, row_id, {name: values[name] for name in changed})
        self._journal.append(partial(self._restore, model, row_id, {name: before[name] for name in changed}))
        self._claim(model, row_id, changed)

    def delete(self, model: str, row_id: int) -> None:
        """Remove a row and its index entries; references to it are the caller's business (records.py)."""
        row = self.rows[model][row_id]
        self._unindex(model, row_id)
        del self.rows[model][row_id]
        self._journal.append(partial(self._revive, model, row_id, row))

    def referring(self, model: str, field: str, target: Any) -> list[int]:
        """Ids of the rows whose many2one or indexed field holds `target`, in order of appearance."""
        return list(self._referring[model, field].get(target, ()))

    def by_key(self, model: str, fields: tuple[str, ...], key: tuple[Any, ...]) -> int | None:
        """The id of the row with this unique key, None if there is none."""
        return self._keys[model, fields].get(key)

    def _assign(self, model: str, row_id: int, values: Row) -> None:
        row = self.rows[model][row_id]
        for name, value in values.items():
            if name in self._indexed[model]:
                self._index(model, row_id, name, row.get(name, False), value)
            row[name] = value

    def _restore(self, model: str, row_id: int, values: Row) -> None:
        self._release(model, row_id, values)
        self._assign(model, row_id, values)
        self._claim(model, row_id, values)

    def _revive(self, model: str, row_id: int, row: Row) -> None:
        self.rows[model][row_id] = row
        for name in self._indexed[model]:
            self._index(model, row_id, name, False, row.get(name, False))
        self._claim(model, row_id, self.models[model].fields)

    def _forget(self, model: str, row_id: int) -> None:
        del self.rows[model][row_id]

    def _unindex(self, model: str, row_id: int) -> None:
        row = self.rows[model][row_id]
        self._release(model, row_id, self.models[model].fields)
        for name in self._indexed[model]:
            self._index(model, row_id, name, row.get(name, False), False)

    def _index(self, model: str, row_id: int, name: str, old: Any, new: Any) -> None:
        if old:
            self._referring[model, name][old].pop(row_id, None)
        if new:
            self._referring[model, name][new][row_id] = None

    def _build_key(self, model: str, row_id: int, fields: tuple[str, ...]) -> tuple[Any, ...] | None:
        row = self.rows[model][row_id]
        key = tuple(row.get(name, False) for name in fields)
        return None if False in key or "" in key else key

    def _claim(self, model: str, row_id: int, names: Iterable[str]) -> None:
        for fields, message in self.models[model].unique:
            if set(fields).isdisjoint(names):
                continue
            key = self._build_key(model, row_id, fields)
            if key is not None and self._keys[model, fields].setdefault(key, row_id) != row_id:
                raise ConstraintError(message.format(*key))

    def _release(self, model: str, row_id: int, names: Iterable[str]) -> None:
        for fields, _message in self.models[model].unique:
            if set(fields).isdisjoint(names):
                continue
            key = self._build_key(model, row_id, fields)
            if key is not None and self._keys[model, fields].get(key) == row_id:
                del self._keys[model, fields][key]


class Env:
    """Who calls, with which context, and when. `stamp`: the start of the transaction, which becomes write_date, as in
    Odoo."""

    def __init__(self, db: Database, user: int, context: dict[str, Any] | None = None, *, sudo: bool = False) -> None:
        self.db, self.user, self.context, self.sudo = db, user, dict(context or {}), sudo
        self.stamp = db.now().astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
        self.colliding = False

    def having(self, *, sudo: bool | None = None, **context: Any) -> Env:
        """The same call with more context, or with the rights of the system."""
        env = Env.__new__(Env)
        env.__dict__.update(self.__dict__)
        env.context = {**self.context, **context}
        env.sudo = self.sudo if sudo is None else sudo
        return env

    def model(self, name: str) -> Model:
        """The declaration of a model. Raises KeyError."""
        if name not in self.db.models:
            raise KeyError(name)
        return self.db.models[name]

    def field(self, model: str, name: str) -> Field | None:
        """A field of the model or of the model it inherits from by delegation."""
        declared = self.db.models[model]
        field = declared.fields.get(name)
        if field is None and declared.inherits:
            field = self.db.models[declared.inherits[1]].fields.get(name)
        return field

    def exists(self, model: str, row_id: Any) -> bool:
        """Whether a record exists; archived ones do."""
        return row_id in self.db.rows[model]

    def get(self, model: str, row_id: int, name: str) -> Any:
        """The value of a field: stored, computed, or the parent's. Raises KeyError for a row that is not there."""
        declared = self.db.models[model]
        row = self.db.rows[model][row_id]
        field = declared.fields.get(name)
        if field is None:
            if name == "id":
                return row_id
            if name in row:
                return row[name]
            link, parent = declared.inherits or ("", "")
            return self.get(parent, row[link], name)
        if field.compute is not None:
            return field.compute(self, row_id)
        if field.type == "one2many":
            return self.children(field, row_id)
        if field.translate and f"{name}@{self.language}" in row:
            return row[f"{name}@{self.language}"]
        return row.get(name, False)

    @property
    def language(self) -> str:
        """The language of the call; '' for the one that everything is written in."""
        language = self.context.get("lang") or ""
        return "" if language == "en_US" else str(language)

    def children(self, field: Field, row_id: int) -> tuple[int, ...]:
        """Ids of the lines of a one2many, in their sequence; archived ones only with the context key active_test =
        False."""
        ids = self.db.referring(field.relation, field.inverse, row_id)
        rows = self.db.rows[field.relation]
        if field.where:
            ids = [i for i in ids if all(rows[i].get(name) == value for name, value in field.where.items())]
        if "active" in self.db.models[field.relation].fields and self.context.get("active_test", True):
            ids = [i for i in ids if rows[i].get("active", True)]
        if "sequence" in self.db.models[field.relation].fields:
            ids.sort(key=lambda i: (rows[i].get("sequence") or 0, i))
        return tuple(ids)

    def xmlid(self, full_name: str, model: str = "") -> int | None:
        """The id behind `module.name`, None when there is none or its record is gone."""
        module, _, name = full_name.partition(".")
        data_id = self.db.by_key("ir.model.data", ("module", "name"), (module, name))
        if data_id is None:
            return None
        data = self.db.rows["ir.model.data"][data_id]
        if model and data["model"] != model:
            raise ValueError(f"Invalid external ID {full_name}: expected model {model!r}, found {data['model']!r}")
        return data["res_id"] if data["model"] in self.db.rows and self.exists(data["model"], data["res_id"]) else None

    def touch(self) -> None:
        """Called before every change. Here a simulated collision raises SerializationFailure."""
        if self.colliding:
            self.db.collided = True
            raise SerializationFailure

    def allowed(self, model: str, operation: str) -> bool:
        """Whether the user may read, write, create or unlink records of the model."""
        if self.sudo:
            return True
        rights = self.db.rows["res.users"][self.user].get("rights")
        return not rights or operation in rights.get(model, rights.get(GENERIC, ()))

    def check(self, model: str, operation: str) -> None:
        """Raises AccessError, in Odoo's words, if the user may not do that with the model."""
        if not self.allowed(model, operation):
            verb = {"unlink": "delete", "read": "access", "write": "modify", "create": "create"}[operation]
            title = self.db.models[model].title or model
            raise AccessError(f"You are not allowed to {verb} '{title}' ({model}) records.")


def find_method(db: Database, model: str, name: str) -> Method:
    """Raises AccessError for a private name, UnknownMethod for one that nobody declared."""
    if name.startswith("_"):
        raise AccessError(f"Private methods (such as '{model}.{name}') cannot be called remotely.")
    method = METHODS.get((model, name)) or METHODS.get((GENERIC, name))
    if method is None:
        raise UnknownMethod(f"The method '{model}.{name}' does not exist")
    return method


def known_model(db: Database, model: str) -> None:
    """Raises UserError for a model that this Odoo does not have."""
    if model not in db.models:
        raise UserError(f"Object {model} doesn't exist")
