"""Why an order is as it is: what each answer of the marketplace changed, what was decided and why, what came of it.

Without leave to show personal data, a field about a person shows only that it changed, and of texts only how long they
are; numbers, times and single words of a marketplace's lists are shown.

What belongs here: gathering it for one page. What does not: how the page looks (cli/order_page.py), the story of
decisions and documents (lineage.py).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from ..channels.registry import KINDS, personal_fields
from ..core.errors import PermanentError
from ..core.legible import one_word, printable
from ..core.local_time import local_time
from ..core.topics import Topic
from ..domain.drift.documents import read_document
from ..domain.drift.profile import Kind, is_name, kind_of
from ..resources.connections import Connections
from ..warehouse.landing.samples import read_record
from .lineage import trace
from .orders.trace import Event
from .returns.trace import order_of

LONGEST = 200  # characters of a value
MOST_FIELDS = 1_000  # of one answer
DEEPEST = 60
_FREE = re.compile(r"(?i)(?:note|comment|message)s?\Z")  # fields of what somebody wrote, which may be one word
PERSONAL, GONE = "personal", "–"
_PLAIN = (Kind.NUMBER, Kind.TRUTH, Kind.DECIMAL, Kind.DIGITS, Kind.TIME, Kind.WORD, Kind.NULL, Kind.EMPTY)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """One answer of the marketplace. at: when it first came. changed_at: the time of change that it states. changes:
    (field, before, after) against the answer before; of the first all fields, with before ''. unread: why it cannot be
    shown, '' where it is."""

    at: datetime
    changed_at: datetime
    how: str
    digest: str
    changes: tuple[tuple[str, str, str], ...] = ()
    unread: str = ""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Everything of one order. events: as in lineage.py, oldest first."""

    channel: str
    order_id: str
    answers: tuple[Answer, ...]
    events: tuple[Event, ...]


def explain(
    connections: Connections, name: str, order_id: str, *, personal: bool = False, as_of: datetime | None = None
) -> Page:
    """The page of an order, also by the id of a return or refund of it; or of goods that go to or come from a
    marketplace's own warehouses, which have events alone. personal: with the buyer's data, which the audit then notes.
    as_of: only what had happened and come here by then, without how things stand now. Raises PermanentError for what
    was never seen, or not by then; SettingsError for an unknown channel."""
    connections.settings.channel(name)
    order_id = order_of(connections, name, order_id) or order_id
    events = trace(connections, name, order_id, personal=personal)
    if as_of is not None:
        events = [event for event in events if event.at is not None and event.at <= as_of]
    landing = connections.landing(name, Topic.ORDERS)
    revisions = {revision.digest: revision for revision in landing.history(order_id)}
    hidden = () if personal else list_personal(connections, name)
    before: dict[str, Any] = {}
    answers = []
    for snapshot in read_record(connections.warehouse, landing, (name, Topic.ORDERS), order_id):
        revision = revisions.get(snapshot.digest)
        if revision is None or (as_of is not None and revision.first_seen > as_of):
            continue  # it came between the two readings, or later
        document = read_document(snapshot.raw) if snapshot.raw else None
        fields = dict(list_leaves(document)) if document is not None else {}
        answers.append(
            Answer(
                at=revision.first_seen, changed_at=revision.updated_at, how=revision.how, digest=revision.digest[:12],
                changes=tuple(list_changes(before, fields, hidden, open_all=personal)) if fields else (),
                unread="" if fields else "erased, destroyed at its age limit, or damaged",
            )
        )  # fmt: skip
        before = fields or before
    if not answers and not events and as_of is not None:
        raise PermanentError(f"Nothing of {name} {order_id} was known at {local_time(as_of)}.")
    return Page(channel=name, order_id=order_id, answers=tuple(answers), events=tuple(events))


def list_personal(connections: Connections, name: str) -> tuple[str, ...]:
    """Paths of fields about persons, in any answer of the channel's kind."""
    kind = str(connections.settings.channel(name).__struct_config__.tag)
    fields = personal_fields([] if kind in KINDS else [kind])
    return tuple({path for answer in fields for path in (*answer.kept, *answer.cut)})


def list_leaves(value: Any, path: str = "", depth: int = DEEPEST) -> Iterator[tuple[str, Any]]:
    """(path, value) of every plain value of a tree; what lies deeper than `depth` is one text. Items of lists are
    numbered from 0, or called by their `id` or `lineItemId`, so that an item that was added does not move the others. A
    name that is data, such as an address, is numbered as well."""
    if not depth:
        yield path, "(more inside)"
    elif isinstance(value, Mapping) and value:
        for number, (name, member) in enumerate(value.items()):
            written = name if is_name(name) else f"*{number}"
            yield from list_leaves(member, f"{path}.{written}" if path else written, depth - 1)
    elif isinstance(value, list) and value:
        for number, item in enumerate(value):
            key = next((item[name] for name in ("id", "lineItemId", "orderItemId") if isinstance(item, dict)
                        and isinstance(item.get(name), str)), str(number))  # fmt: skip
            yield from list_leaves(item, f"{path}[{one_word(key.rpartition('/')[2]) or number}]", depth - 1)
    else:
        yield path, value


def list_changes(
    before: Mapping[str, Any], after: Mapping[str, Any], hidden: Collection[str], *, open_all: bool = False
) -> Iterator[tuple[str, str, str]]:
    """(field, before, after) of fields that differ, in the order of the answer, those that are gone last. hidden: paths
    about persons, without numbers of items."""
    paths = [*after, *(path for path in before if path not in after)]
    for path in [path for path in paths if before.get(path, paths) != after.get(path, paths)][:MOST_FIELDS]:
        secret = _is_hidden(path, hidden)
        sides = [
            GONE if path not in side else PERSONAL if secret else write_value(side[path], open_all=open_all)
            for side in (before, after)
        ]
        yield path, sides[0] if before else "", sides[1]


def _is_hidden(path: str, hidden: Collection[str]) -> bool:
    plain = "".join(part.partition("]")[2] if number else part for number, part in enumerate(path.split("[")))
    free = bool(hidden) and _FREE.search(plain) is not None
    return free or any(plain == field or plain.startswith(f"{field}.") for field in hidden)


def write_value(value: Any, *, open_all: bool = False) -> str:
    """A value as it may be shown: texts only where `open_all`, because they may be about somebody."""
    text = "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    if open_all or kind_of(value) in _PLAIN or one_word(text):
        return printable(text)[:LONGEST]
    return f"text of {len(text)} characters"
