"""How a model is declared: fields as data.

What belongs here: the shape of a declaration and the short constructors that the models are written with. What does
not: what a model does (methods live in the module of their subject).
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
    ignored. where: values that the lines of a one2many have in common. index: rows are found by the value without looking at all of them, which changes nothing but speed. inverse
    of a many2many: the field of the other model that shows the same links.
    """

    type: str
    relation: str = ""
    inverse: str = ""
    required: bool = False
    readonly: bool = False
    default: Any = None
    selection: tuple[str, ...] = ()
    compute: Callable[..., Any] | None = None
    search: bool = True
    copy: bool = True
    index: bool = False
    where: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Model:
    """order: as Odoo's _order. unique: groups of fields that the database keeps unique, with the message of each."""

    name: str
    fields: dict[str, Field]
    order: str = "id"
    rec_name: str = "name"
    search_names: tuple[str, ...] = ()
    unique: tuple[tuple[tuple[str, ...], str], ...] = ()
    inherits: tuple[str, str] | None = None  # (field, parent model), e.g. product.product -> product.template
    title: str = ""
    inverses: dict[str, Field] = field(default_factory=dict)


def char(**options: Any) -> Field:
    return Field("char", **options)


def text(**options: Any) -> Field:
    return Field("text", **options)


def integer(default: Any = 0, **options: Any) -> Field:
    return Field("integer", default=default, **options)


def number(default: Any = 0.0, **options: Any) -> Field:
    return Field("float", default=default, **options)


def monetary(**options: Any) -> Field:
    return Field("monetary", **options)


def boolean(default: Any = False, **options: Any) -> Field:
    return Field("boolean", default=default, **options)


def moment(**options: Any) -> Field:
    return Field("datetime", **options)


def day(**options: Any) -> Field:
    return Field("date", **options)


def json(**options: Any) -> Field:
    return Field("json", **options)


def choice(*selection: str, **options: Any) -> Field:
    return Field("selection", selection=selection, **options)


def one(relation: str, **options: Any) -> Field:
    return Field("many2one", relation, **options)


def many(relation: str, inverse: str = "", **options: Any) -> Field:
    return Field("many2many", relation, inverse, **options)


def lines(relation: str, inverse: str, **options: Any) -> Field:
    return Field("one2many", relation, inverse, **options)
