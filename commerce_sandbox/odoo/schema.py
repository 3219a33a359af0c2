"""How a model is declared: fields as data.

What belongs here: the shape of a declaration, and short constructors that are called as Odoo calls the types of fields.
What does not: what a model does (methods live in the module of their subject). Options of the constructors are the
attributes of Field.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

RELATIONAL = frozenset({"many2one", "one2many", "many2many"})


@dataclass(frozen=True)
class Field:
    """default: a value, or a function of the Env. compute: a function (env, id) -> value, evaluated at each read.

    A computed field without `search` cannot be used in a domain, as in Odoo. A value written to a computed field is
    ignored. where: values that the lines of a one2many have in common. inverse of a many2many: the field of the other
    model that shows the same links. translate: it has a text in every language. index: rows are found by the value
    without looking at all of them, which changes nothing but speed. label: the field's name on the screen, where an
    error message speaks of it.
    """

    type: str
    relation: str = ""
    inverse: str = ""
    required: bool = False
    readonly: bool = False
    default: Any = None
    selection: tuple[str | Callable[..., tuple[str, ...]], ...] = ()
    compute: Callable[..., Any] | None = None
    search: bool = True
    copy: bool = True
    index: bool = False
    translate: bool = False
    label: str = ""
    where: Mapping[str, Any] = field(default_factory=dict)

    def initial(self, env: Any) -> Any:
        """The value of a new record for which none is written."""
        return self.default(env) if callable(self.default) else self.default

    def keys(self, env: Any) -> tuple[str, ...]:
        """The keys of a selection."""
        return tuple(key for option in self.selection for key in (option(env) if callable(option) else (option,)))


@dataclass(frozen=True)
class Model:
    """order: as Odoo's _order. unique: groups of fields that the database keeps unique, each with its message
    (`{}` for the values)."""

    name: str
    fields: dict[str, Field]
    order: str = "id"
    rec_name: str = "name"
    search_names: tuple[str, ...] = ()
    unique: tuple[tuple[tuple[str, ...], str], ...] = ()
    inherits: tuple[str, str] | None = None  # (field, parent model), e.g. product.product -> product.template
    title: str = ""


def char(**options: Any) -> Field:
    return Field("char", **options)


def text(**options: Any) -> Field:
    return Field("text", **options)


def html(**options: Any) -> Field:
    return Field("html", **options)


def integer(default: Any = 0, **options: Any) -> Field:
    return Field("integer", default=default, **options)


def number(default: Any = 0.0, **options: Any) -> Field:
    """A float."""
    return Field("float", default=default, **options)


def monetary(**options: Any) -> Field:
    return Field("monetary", **options)


def boolean(default: Any = False, **options: Any) -> Field:
    return Field("boolean", default=default, **options)


def moment(**options: Any) -> Field:
    """A datetime, in UTC: `2026-11-20 10:11:12`."""
    return Field("datetime", **options)


def day(**options: Any) -> Field:
    """A date: `2026-11-20`."""
    return Field("date", **options)


def json(**options: Any) -> Field:
    return Field("json", **options)


def choice(*selection: str | Callable[..., tuple[str, ...]], **options: Any) -> Field:
    """A selection of keys, or of those that a function of the Env gives."""
    return Field("selection", selection=selection, **options)


def many2one(relation: str, **options: Any) -> Field:
    return Field("many2one", relation, **options)


def many2many(relation: str, inverse: str = "", **options: Any) -> Field:
    return Field("many2many", relation, inverse, **options)


def one2many(relation: str, inverse: str, **options: Any) -> Field:
    return Field("one2many", relation, inverse, **options)
