"""Odoo's load(): records with external ids, in one transaction, so that the same call may be made again and again.

What belongs here: external ids, isolating bad records of a batch, repeating calls with an unknown outcome. What does
not: which fields a model has (partners/partners.py, sales/sale_orders.py …).

Why load() and not create(): load() writes the external id in the transaction that creates the record, and Odoo's
database keeps (module, name) unique. After a lost answer the same load finds its own records again. Of two simultaneous
writers, one gets "could not serialize access" and then finds the other's records.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from ...core.errors import ProtocolError, TransientError
from ...domain.sales.draft import MODULE
from .client import OdooClient
from .errors import Busy, OdooRefusal, is_busy, refusal_of_load

K = TypeVar("K", bound=Hashable)
Row = Sequence[str]

LOAD_ATTEMPTS = 8
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.4, 20.0
_NAMES_A_CALL, _BEGINNINGS_A_CALL = 1000, 200
FIRST_COMPANY_ID = 1  # in every Odoo database
ARCHIVABLE = frozenset(
    ("account.tax", "account.fiscal.position", "product.product", "product.pricelist", "res.partner")
)  # models whose records have our external ids


def read_ids(client: OdooClient, model: str, names: Iterable[str]) -> dict[str, int]:
    """Which of these external ids exist: name -> record id."""
    ids: dict[str, int] = {}
    wanted = sorted(set(names))
    for start in range(0, len(wanted), _NAMES_A_CALL):
        names_of_call = wanted[start : start + _NAMES_A_CALL]
        rows = client.call(
            "ir.model.data", "search_read", fields=["name", "res_id"], load=None,
            domain=[["module", "=", MODULE], ["model", "=", model], ["name", "in", names_of_call]],
        )  # fmt: skip
        ids.update((row["name"], row["res_id"]) for row in rows)
    return ids


def names_that_begin(client: OdooClient, model: str, beginnings: Iterable[str]) -> dict[int, str]:
    """Our external ids that begin with any of these texts: record id -> name. `_` stands for any character in LIKE:
    escaped, PostgreSQL finds the names by its index."""
    names: dict[int, str] = {}
    patterns = [re.sub(r"([\\%_])", r"\\\1", text) + "%" for text in sorted(set(beginnings))]
    for start in range(0, len(patterns), _BEGINNINGS_A_CALL):
        part = [["name", "=like", pattern] for pattern in patterns[start : start + _BEGINNINGS_A_CALL]]
        rows = client.call(
            "ir.model.data", "search_read", fields=["name", "res_id"], load=None,
            domain=[["module", "=", MODULE], ["model", "=", model], *["|"] * (len(part) - 1), *part],
        )  # fmt: skip
        names |= {row["res_id"]: row["name"] for row in rows}
    return names


def own(client: OdooClient, name: str) -> str:
    """The external id of a record that every company has for itself, such as a tax. For Odoo's first company it is the
    name itself."""
    company = client.who.company_id
    return name if company == FIRST_COMPANY_ID else f"c{company}_{name}"


class Records(msgspec.Struct, frozen=True):
    """Records that have our external ids: those in use by record id, archived ones by the name that Odoo shows.

    A person archives a record to retire it: the record keeps its external id and must not be used again.
    """

    ids: dict[str, int]
    archived: dict[str, str]


def records_of(client: OdooClient, names: Iterable[str]) -> Records:
    """Which records of any model the company has under these names, see `own`."""
    plain = {own(client, name): name for name in names}
    wanted = sorted(plain)
    if not wanted:
        return Records({}, {})
    rows = client.call(
        "ir.model.data", "search_read", fields=["name", "model", "res_id"], load=None,
        domain=[["module", "=", MODULE], ["name", "in", wanted]],
    )  # fmt: skip
    of_model: dict[str, set[int]] = defaultdict(set)
    for row in rows:
        of_model[row["model"]].add(row["res_id"])
    retired = {
        (model, record_id): label
        for model, ids in of_model.items()
        for record_id, label in archived(client, model, ids)
    }
    records = {plain[row["name"]]: (row["model"], row["res_id"]) for row in rows}
    return Records(
        {name: key[1] for name, key in records.items() if key not in retired},
        {name: retired[key] for name, key in records.items() if key in retired},
    )


def archived(client: OdooClient, model: str, ids: Iterable[int]) -> list[tuple[int, str]]:
    """Which of these records are archived: (record id, the name that Odoo shows)."""
    wanted = sorted(set(ids))
    if model not in ARCHIVABLE or not wanted:
        return []
    rows = client.call(
        model, "search_read", domain=[["id", "in", wanted], ["active", "=", False]], fields=["display_name"], load=None
    )
    return [(row["id"], row["display_name"]) for row in rows]


def names_of(client: OdooClient, model: str, ids: Iterable[int]) -> dict[int, str]:
    """Our external ids of these records: record id -> name."""
    wanted = sorted(set(ids))
    if not wanted:
        return {}
    rows = client.call(
        "ir.model.data", "search_read", fields=["name", "res_id"], load=None,
        domain=[["module", "=", MODULE], ["model", "=", model], ["res_id", "in", wanted]],
    )  # fmt: skip
    return {row["res_id"]: row["name"] for row in rows}


def any_names(client: OdooClient, wanted: Mapping[str, Iterable[int]]) -> dict[tuple[str, int], str]:
    """An external id of each of these records that has one, whoever gave it: (model, record id) -> `module.name`.

    wanted: record ids by model.
    """
    terms = [["&", ["model", "=", model], ["res_id", "in", sorted(ids)]] for model, ids in wanted.items() if ids]
    if not terms:
        return {}
    rows = client.call(
        "ir.model.data", "search_read", fields=["module", "name", "model", "res_id"], order="id desc", load=None,
        domain=["|"] * (len(terms) - 1) + [part for term in terms for part in term],
    )  # fmt: skip
    return {(row["model"], row["res_id"]): f"{row['module']}.{row['name']}" for row in rows if row["module"]}


def xid(name: str) -> str:
    """The external id in the form that load() takes."""
    return f"{MODULE}.{name}"


def load_own(
    client: OdooClient, model: str, name: str, values: Mapping[str, str], more: Sequence[Mapping[str, str]] = ()
) -> int:
    """`load_one` for a record that every company has for itself."""
    company = {"company_id/.id": str(client.who.company_id)}
    return load_one(client, model, own(client, name), {**company, **values}, more)


def load_one(
    client: OdooClient, model: str, name: str, values: Mapping[str, str], more: Sequence[Mapping[str, str]] = ()
) -> int:
    """Create one reference record under the external id `name`. more: continuation rows of its lines.

    The lines get external ids as well, because load() adds lines without one to the existing lines, and a repetition
    after a lost answer would double them. A record with lines that another writer has created meanwhile stays as it is.
    Raises OdooRefusal with Odoo's reason.
    """
    lines = [_add_line_ids(name, count, row) for count, row in enumerate((values, *more))]
    if lines != [values, *more] and (there := read_ids(client, model, [name])):
        return there[name]
    fields = ["id", *dict.fromkeys(key for row in lines for key in row)]
    rows = [[row.get(field, "") for field in fields] for row in ({"id": xid(name), **lines[0]}, *lines[1:])]
    ids, refused = load_records(client, model, fields, {name: rows})
    if name in refused:
        raise refused[name]
    return ids[name]


def _add_line_ids(name: str, count: int, row: Mapping[str, str]) -> dict[str, str]:
    """A row of load() whose lines (`account_ids/account_src_id/.id`) get external ids made from their record's."""
    parts = (column.split("/") for column in row)
    kinds = {first for first, *rest in parts if first.endswith("_ids") and rest and rest != [".id"]}
    return {**row, **{f"{kind}/id": xid(f"{name}_{kind}_{count}") for kind in sorted(kinds)}}


def wait(client: OdooClient, attempt: int) -> None:
    """Pause before attempt number `attempt` + 1: twice as long each time, up to the longest pause."""
    client.wait(min(FIRST_PAUSE_SECONDS * 2**attempt, LONGEST_PAUSE_SECONDS))


def smaller(size: int, attempt: int) -> int:
    """The batch size for the next attempt: unchanged after the first failure, which may be a lost answer, then halved
    each time."""
    return size if attempt < 2 else max(1, size // 2)


def load_records(
    client: OdooClient,
    model: str,
    fields: Sequence[str],
    records: Mapping[K, Sequence[Row]],
    context: Mapping[str, Any] | None = None,
) -> tuple[dict[K, int], dict[K, OdooRefusal]]:
    """Load records, each given as its rows (the first, then continuation rows of its lines); all values are strings.

    Returns the record ids by key and the refusals by key. A rejected batch is repeated without the record that Odoo
    names, or split until the bad record is alone; so is a batch on which Odoo itself fails. A batch with an unknown
    outcome is repeated in ever smaller parts, because a call may need longer than Odoo or a proxy allows; raises
    TransientError when the outcome stays unknown. Records that share an external id are loaded as one: the later one,
    with the earlier one's cells where it has none.
    """
    distinct, twice = _merge(records) if fields[0] == "id" else (records, {})
    ids, refused = _load_distinct(client, model, fields, distinct, context)
    for key, first in twice.items():
        if first in ids:
            ids[key] = ids[first]
        if first in refused:
            refused[key] = refused[first]
    return ids, refused


def _load_distinct(
    client: OdooClient,
    model: str,
    fields: Sequence[str],
    records: Mapping[K, Sequence[Row]],
    context: Mapping[str, Any] | None,
) -> tuple[dict[K, int], dict[K, OdooRefusal]]:
    ids: dict[K, int] = {}
    refused: dict[K, OdooRefusal] = {}
    batches: list[list[K]] = [list(records)] if records else []
    attempt, size = 0, len(records)
    while batches:
        keys = batches.pop()
        if len(keys) > size:
            batches += [keys[size:], keys[:size]]
            continue
        try:
            answer = client.call(
                model, "load", context=context, fields=list(fields),
                data=[list(row) for key in keys for row in records[key]],
            )  # fmt: skip
            if answer["ids"]:
                ids.update(zip(keys, answer["ids"], strict=True))
                attempt = 0
                continue
            messages = [message for message in answer["messages"] if message.get("type") == "error"]
            if any(is_busy(str(message.get("message"))) for message in messages):
                client.collisions.add()
                raise Busy(f"{model}.load")
            errors = [(message.get("record"), refusal_of_load(model, message)) for message in messages]
        except TransientError:
            attempt += 1
            if attempt >= LOAD_ATTEMPTS:
                raise
            wait(client, attempt)
            size = smaller(len(keys), attempt)
            batches.append(keys)
            continue
        except OdooRefusal as error:
            errors = [(None, error)]
        except ProtocolError as error:
            errors = [(None, OdooRefusal(f"{model}.load: Odoo itself fails over it", words=error.words))]
        batches += _split_rejected(keys, errors, refused)
    return ids, refused


def _merge(records: Mapping[K, Sequence[Row]]) -> tuple[dict[K, Sequence[Row]], dict[K, K]]:
    """Each external id once, and the keys whose record has the external id of another key."""
    first: dict[str, K] = {}
    merged: dict[K, Sequence[Row]] = {}
    twice: dict[K, K] = {}
    for key, rows in records.items():
        name = rows[0][0]
        if name not in first:
            first[name], merged[key] = key, rows
            continue
        twice[key] = first[name]
        before = merged[first[name]]
        alone = len(rows) == len(before) == 1
        merged[first[name]] = [[new or old for old, new in zip(before[0], rows[0], strict=True)]] if alone else rows
    return merged, twice


def _split_rejected(
    keys: list[K], errors: Sequence[tuple[Any, OdooRefusal]], refused: dict[K, OdooRefusal]
) -> list[list[K]]:
    """The parts of a rejected batch that are still to be loaded; the records that are known to be bad go to `refused`.
    errors: by the record's place in the batch, where Odoo tells it."""
    bad: dict[K, OdooRefusal] = {}
    for index, refusal in errors:
        if isinstance(index, int) and not isinstance(index, bool) and 0 <= index < len(keys):
            bad.setdefault(keys[index], refusal)
    if len(bad) > 1 and errors[0][0] == 0:
        # Odoo reports the error of the whole batch under its first record; the next try finds the bad record.
        del bad[keys[0]]
    if not bad and len(keys) == 1:
        bad[keys[0]] = errors[0][1] if errors else OdooRefusal("it without a reason")
    if bad:
        refused.update(bad)
        rest = [key for key in keys if key not in bad]
        return [rest] if rest else []
    middle = len(keys) // 2
    return [keys[middle:], keys[:middle]]
