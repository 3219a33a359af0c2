"""A method of Odoo on many records in one call; a refused call is halved until the bad record is found.

What belongs here: repeating and splitting such a call. What does not: load() (load.py), what a method means.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from ...core.errors import ProtocolError, TransientError
from .client import OdooClient
from .errors import OdooRefusal
from .load import LOAD_ATTEMPTS, smaller, wait


def on_all(
    client: OdooClient,
    model: str,
    method: str,
    ids: Collection[int],
    context: Mapping[str, Any],
    rest: Callable[[Sequence[int]], list[int]],
    vals_list: Mapping[int, Any] | None = None,
    **named: Any,
) -> dict[int, OdooRefusal]:
    """Call `method` on `ids`. Returns the refusals by id; it worked for all other ids.

    rest: returns which of some ids still need the call. It is called before every repetition, because an answer may
    have been lost, or another writer may have been faster. vals_list: the values of each record, for a method that
    takes a list of them beside the ids. Raises TransientError when the outcome stays unknown.
    """

    def send(group: list[int]) -> None:
        values = {} if vals_list is None else {"vals_list": [vals_list[position] for position in group]}
        client.call(model, method, ids=group, context=context, **values, **named)

    return on_groups(client, send, f"{model}.{method}", ids, rest)


def on_groups(
    client: OdooClient,
    send: Callable[[list[int]], None],
    where: str,
    ids: Collection[int],
    rest: Callable[[Sequence[int]], list[int]],
) -> dict[int, OdooRefusal]:
    """The same for anything that is done to many records at once. where: what it is called in a refusal."""
    refused: dict[int, OdooRefusal] = {}
    groups = [sorted(ids)] if ids else []
    attempt, size = 0, len(ids)
    while groups:
        group = groups.pop()
        if len(group) > size:
            groups += [group[size:], group[:size]]
            continue
        try:
            send(group)
            attempt = 0
            continue
        except TransientError:
            attempt += 1
            if attempt >= LOAD_ATTEMPTS:
                raise
            wait(client, attempt)
            size = smaller(len(group), attempt)
            halves = [rest(group)]
        except (OdooRefusal, ProtocolError) as error:
            left = rest(group)
            if len(left) == 1 and len(group) == 1:
                failed = OdooRefusal(f"{where}: Odoo itself fails over it", words=error.words)
                refused[left[0]] = error if isinstance(error, OdooRefusal) else failed
                continue
            middle = len(left) // 2 if len(left) == len(group) else 0
            halves = [left[middle:], left[:middle]]
        groups += [half for half in halves if half]
    return refused
