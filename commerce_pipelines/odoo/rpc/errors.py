"""What Odoo's errors mean for us: one table from exception class to the project's error tree.

What belongs here: reading an error that Odoo answered, removing personal data from it. What does not: sockets
(jsonrpc.py, json2.py), which record a refusal belongs to (load.py).

Messages of Odoo's business rules are kept, because a person needs them. Tracebacks are dropped, because they hold the
values of the call, personal data among them.
"""

from __future__ import annotations

import re

from ...core.errors import CommerceError, CredentialError, PermanentError, ProtocolError, SettingsError, TransientError
from ...domain.sales.draft import SaleDraft


class OdooRefusal(PermanentError):
    """A business rule of Odoo refuses these values: the record or a setting in Odoo has to change."""


_REFUSALS = ("UserError", "ValidationError", "MissingError", "RedirectWarning")
_IN_DATABASE = ("UniqueViolation", "NotNullViolation", "ForeignKeyViolation", "CheckViolation", "IntegrityError")
_BUSY = "could not serialize access"
_EMAIL = re.compile(r"[^\s@<>\"']+@[^\s@<>\"']+\.\w+")


def is_busy(message: str) -> bool:
    """Whether a message says that another transaction was in the way; load() reports that in the same way as a bad
    record."""
    return _BUSY in message or "deadlock detected" in message or "could not obtain lock" in message


def from_answer(name: str, message: str, *, where: str, user: str, database: str) -> CommerceError:
    """The error for an exception that Odoo answered.

    name: the Python class that Odoo reports (`odoo.exceptions.UserError`). where: `model.method`, for the sentence.
    """
    kind = name.rpartition(".")[2]
    first = _EMAIL.sub("***", message.strip().splitlines()[0][:300]) if message.strip() else kind
    if kind == "AccessDenied":
        return wrong_login(user)
    if kind == "AccessError":
        return CredentialError(
            f"Odoo refuses {user} the call {where}: {first} Give the user the groups that docs/run-for-real.md lists."
        )
    if is_busy(message):
        return TransientError(f"Odoo was busy with the same records in {where}.")
    if kind in _REFUSALS or kind in _IN_DATABASE:
        return OdooRefusal(first)
    if "does not exist" in message and "database" in message:
        return unknown_database(database)
    if name.startswith("psycopg2"):
        return TransientError(f"Odoo's database failed in {where} ({kind}).")
    return ProtocolError(
        f"Odoo failed in {where}: {kind}: {first} Is this an Odoo 19 with the modules of docs/run-for-real.md?"
    )


def from_status(status: int, *, where: str, user: str, database: str) -> CommerceError:
    """The error for an HTTP status whose body is not an answer of Odoo."""
    if status == 401:
        return wrong_login(user)
    if status == 404:
        return unknown_database(database)
    if status in (408, 425, 429) or status >= 500:
        return TransientError(f"Odoo answered HTTP {status} to {where}; it may be restarting.")
    return ProtocolError(f"Odoo answered HTTP {status} to {where}; check odoo.url.")


def wrong_login(user: str) -> CredentialError:
    return CredentialError(
        f"Odoo refuses the login of {user!r}; check odoo.username and the password or API key behind odoo.password "
        "(transport json2 takes an API key only)."
    )


def unknown_database(database: str) -> SettingsError:
    return SettingsError(
        f"There is no Odoo database {database!r} at odoo.url; check odoo.database, and that odoo.url is Odoo's own."
    )


def unreachable(url: str, error: BaseException) -> TransientError:
    return TransientError(f"Odoo at {url} did not answer ({type(error).__name__}); check odoo.url and that Odoo runs.")


def without_person(text: str, draft: SaleDraft) -> str:
    """Odoo's message about an order without quoted data of its buyer, because messages are stored and shown
    unencrypted."""
    buyer = draft.buyer
    values = {buyer.ref, buyer.name, buyer.email, buyer.phone, buyer.company, buyer.vat_number}
    for place in (draft.billing, draft.shipping):
        if place is not None:
            values |= {place.name, place.company, place.street, place.street2, place.phone}
    for value in sorted((value for value in values if len(value) > 2), key=len, reverse=True):
        text = text.replace(value, "***")
    return _EMAIL.sub("***", text)
