"""Payments registered in Odoo for posted credit notes.

What belongs here: journals by name, Odoo's payment wizard. What does not: which document is to be paid
(credit_notes.py).

A repeat pays nothing twice: what has no residual is left out, and Odoo refuses to pay it. A part of a document is paid
only while no payment belongs to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from ...core.errors import RecordError
from ..reference.names import Kind, find_names
from ..rpc.client import OdooClient
from ..rpc.errors import OdooRefusal
from ..rpc.halving import on_groups
from ..sales.quotation_to_order import tracking

_JOURNAL = Kind("account.journal", "unknown_journal", "journal", "returns", ("name", "code"))

PAYING = ("bank", "cash", "credit")  # types of journals in which Odoo registers payments


class Payer:
    """Registers payments in one journal, which is looked up once."""

    def __init__(self, client: OdooClient, journal: str) -> None:
        self._client, self._name = client, journal

    def register(self, days: Mapping[int, date]) -> dict[int, RecordError]:
        """Pay what is open of these documents. days: the payment's day by document. Refusals by document."""
        if not days:
            return {}
        journal = self._find_journal()
        if journal is None:
            return dict.fromkeys(days, self._build_error())
        refused: dict[int, OdooRefusal] = {}
        for day in sorted(set(days.values())):
            ids = [move for move, of in days.items() if of == day]
            refused |= on_groups(
                self._client, lambda group, day=day: self._pay(group, journal, day),  # type: ignore[misc]
                "account.payment.register", ids, self._list_open,
            )  # fmt: skip
        return {move: _refuse_payment(refusal) for move, refusal in refused.items()}

    def register_parts(self, parts: Mapping[int, tuple[date, str]]) -> dict[int, RecordError]:
        """Pay back a part of each document, whose rest is set off. parts: (the payment's day, the amount) by document.
        Refusals by document."""
        if not parts:
            return {}
        journal = self._find_journal()
        if journal is None:
            return dict.fromkeys(parts, self._build_error())
        refused: dict[int, OdooRefusal] = {}
        for move, (day, amount) in parts.items():
            refused |= on_groups(
                self._client,
                lambda group, day=day, amount=amount: self._pay(group, journal, day, amount),  # type: ignore[misc]
                "account.payment.register", self._list_unpaid([move]), self._list_unpaid,
            )  # fmt: skip
        return {move: _refuse_payment(refusal) for move, refusal in refused.items()}

    def find_problem(self) -> str:
        """What is wrong with the journal, and the fix; '' where payments can be registered in it."""
        journal = self._find_journal()
        if journal is None:
            error = self._build_error()
            return f"{error} {error.fix}"
        [row] = self._client.call("account.journal", "read", ids=[journal], fields=["type"], load=None)
        if row["type"] in PAYING:
            return ""
        return f"The journal {self._name} registers no payments: name one of the type Bank, Cash or Credit Card."

    def _build_error(self) -> RecordError:
        return RecordError(
            "unknown_journal", f"Odoo has no journal named {self._name}.",
            fix="Correct the name in the channel's `returns`, or create the journal in Odoo.", subject=self._name,
        )  # fmt: skip

    def _pay(self, moves: Sequence[int], journal: int, day: date, amount: str = "") -> None:
        context = {**tracking(self._client), "active_model": "account.move", "active_ids": list(moves)}
        values: dict[str, Any] = {"journal_id": journal, "group_payment": False, "payment_date": day.isoformat()}
        if amount:
            values |= {"amount": float(amount), "payment_difference_handling": "open"}
        wizard = self._client.call("account.payment.register", "create", context=context, vals_list=[values])
        self._client.call("account.payment.register", "action_create_payments", ids=wizard, context=context)

    def _list_open(self, moves: Sequence[int]) -> list[int]:
        rows = self._client.call(
            "account.move", "read", ids=list(moves), fields=["amount_residual", "payment_state"], load=None
        )
        return [row["id"] for row in rows if row["amount_residual"] and row["payment_state"] != "in_payment"]

    def _list_unpaid(self, moves: Sequence[int]) -> list[int]:
        """Those of these documents that no payment belongs to."""
        rows = self._client.call("account.move", "read", ids=list(moves), fields=["matched_payment_ids"], load=None)
        return [row["id"] for row in rows if not row["matched_payment_ids"]]

    def _find_journal(self) -> int | None:
        return find_names(self._client, _JOURNAL, [self._name], self._client.who.lang).get(self._name)


def _refuse_payment(refusal: OdooRefusal) -> RecordError:
    return RecordError(
        "refused_by_odoo", f"Odoo refuses the payment, in {refusal.what}.",
        fix="Fix in Odoo what its own words name, then replay the record.", words=refusal.words,
    )  # fmt: skip
