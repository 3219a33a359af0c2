"""What the section `returns` of a channel names in Odoo, looked up before the first return needs it.

What belongs here: read-only checks for `commerce-pipelines check`. What does not: the same names at work (places.py,
payments.py), rights (readiness.py).
"""

from __future__ import annotations

from collections.abc import Iterator

from ...core.errors import RecordError
from ...core.reasons import Reason
from ...domain.returns.rules import ReturnRules
from ..rpc.client import OdooClient
from .claims import find_operation, has_module
from .payments import Payer
from .places import Places


def find_name_problems(client: OdooClient, rules: ReturnRules) -> Iterator[tuple[str, str]]:
    """(key of the section, what is wrong with it and the fix), '' for a name that Odoo has."""
    if rules.quarantine:
        try:
            Places(client, rules.quarantine).quarantine()
        except RecordError as error:
            yield "quarantine", f"{error} {error.fix}"
        else:
            yield "quarantine", ""
    if rules.refund_journal:
        yield "refund_journal", Payer(client, rules.refund_journal).find_problem()
    if rules.rma_operation and has_module(client):
        operation = find_operation(client, rules.rma_operation)
        yield "rma_operation", f"{operation.message} {operation.fix}" if isinstance(operation, Reason) else ""
