"""What Odoo's errors mean for us: one table from exception class to the project's error tree, one of sentences.

What belongs here: reading an error that Odoo answered, saying it in our own words. What does not: sockets (jsonrpc.py,
json2.py), which record a refusal belongs to (load.py).

Texts of Odoo's business rules quote persons: the buyer, and whoever else has the same e-mail address or VAT number. So
they travel as Words, beside our sentence with model, method, class and field. Its tracebacks are not read at all.
"""

from __future__ import annotations

import re
from typing import Any

from ...core.errors import CommerceError, CredentialError, PermanentError, ProtocolError, SettingsError, TransientError
from ...core.legible import one_word
from ...core.obstacles import find_obstacle
from ...core.words import NO_WORDS, Words


class OdooRefusal(PermanentError):
    """A business rule of Odoo refuses these values: the record or a setting in Odoo has to change.

    what: call, class, field and our explanation, for a sentence that begins otherwise.
    """

    def __init__(self, what: str, *, words: Words = NO_WORDS) -> None:
        super().__init__(f"Odoo refuses {what}.", words=words)
        self.what = what


class Busy(TransientError):
    """Another transaction had the same records, and Odoo's own five repetitions did not help."""

    def __init__(self, where: str) -> None:
        super().__init__(f"Odoo was busy with the same records in {where}.")


_REFUSALS = ("UserError", "ValidationError", "MissingError", "RedirectWarning")
_IN_DATABASE = ("UniqueViolation", "NotNullViolation", "ForeignKeyViolation", "CheckViolation", "IntegrityError")
_BUSY = "could not serialize access"
_READ = 2000  # characters of a text that are looked at

NUMBER_MISSING = "a number is missing in the journal, which Odoo seals in order"
# How Odoo's own texts begin or what is in them, and what we say instead: that these stand there is no secret.
_EXPLAINED = tuple(
    (re.compile(pattern, re.IGNORECASE), sentence)
    for pattern, sentence in (
        (r"must be unique|already exists|duplicate key|unique constraint", "a value that must be unique is taken"),
        (r"missing required|not-null constraint|required field", "a required field is empty"),
        (r"violates foreign key|another model requires|is still referenced", "another record still refers to it"),
        (r"no matching record found", "it names a record that Odoo does not have"),
        (r"does not seem to be|not found in selection field|unknown value", "a value does not fit its field"),
        (r"cannot cancel a locked order", "the order is locked: unlock it in Odoo"),
        (r"not in a state requiring confirmation", "the order is in no state that can be confirmed"),
        (r"order lines are missing a product", "a line has no product"),
        (r"delete a sent quotation or a confirmed", "a confirmed order is not deleted"),
        (r"pricelist of a confirmed order", "a confirmed order keeps its pricelist"),
        (r"restricted audit trail", "the audit trail of the accounting protects it"),
        (r"inalterability|gap has been detected", NUMBER_MISSING),
        (r"add/modify entries prior to", "a lock date of the accounting closes the day"),
        (r"nothing left to pay", "it is paid already"),
        (r"belongs to (?:the )?company|products from company|incompatible companies", "records of two companies meet"),
        (r"does not exist or has been deleted", "the record is gone"),
        (r"unable to find wkhtmltopdf", "Odoo's machine has no wkhtmltopdf, with which it prints"),
    )
)
_MEANS = {
    "UniqueViolation": "a value that must be unique is taken",
    "NotNullViolation": "a required field is empty",
    "ForeignKeyViolation": "another record still refers to it, or it refers to none",
    "CheckViolation": "a value is outside of what the database allows",
    "MissingError": "the record is gone",
    "RedirectWarning": "a setting of Odoo's has to be made first",
}
_OTHERWISE = "a rule of Odoo or of one of its modules says no"
# Names of fields, models and constraints as Odoo and PostgreSQL write them into their texts.
_FIELD = re.compile(
    r"Invalid field '([a-z][a-z0-9_.]{0,60})'|for the field '[^'\n]{1,80}' \(([a-z][a-z0-9_]{0,60})\)"
    r"|column \"([a-z][a-z0-9_]{0,60})\""
)
_NAME = re.compile(r"[a-z][a-z0-9_.]{0,60}(?:/[a-z0-9_.]{1,60})*")
_DENIED = re.compile(r"not allowed to (access|modify|create|delete) '[^'\n]{1,80}' \(([a-z][a-z0-9_.]{0,60})\) records")


def is_busy(message: str) -> bool:
    """Whether a message says that another transaction was in the way; load() reports that in the same way as a bad
    record."""
    return _BUSY in message or "deadlock detected" in message or "could not obtain lock" in message


def refusal(where: str, kind: str, message: str, field: object = "") -> OdooRefusal:
    """A refusal in our own words. kind: the exception's class, where it is told; field: as load() names it."""
    name = field if isinstance(field, str) and _NAME.fullmatch(field) else _find_field(message)
    part = ", ".join(filter(None, (one_word(kind), f"field {name}" if name else "")))
    why = next((says for pattern, says in _EXPLAINED if pattern.search(message[:_READ])), "") or _MEANS.get(kind, "")
    return OdooRefusal(f"{where}{f' ({part})' if part else ''}: {why or _OTHERWISE}", words=Words(message))


def refusal_of_load(model: str, message: dict[str, Any]) -> OdooRefusal:
    """The refusal that one of load()'s messages is."""
    return refusal(f"{model}.load", "", str(message.get("message") or ""), message.get("field"))


def from_answer(name: str, message: str, *, where: str, user: str, database: str) -> CommerceError:
    """The error for an exception that Odoo answered.

    name: the Python class that Odoo reports (`odoo.exceptions.UserError`). where: `model.method`, for the sentence.
    """
    kind = one_word(name.rpartition(".")[2])
    words = Words(message)
    if kind == "AccessDenied":
        return wrong_login(user)
    if kind == "AccessError":
        denied = _DENIED.search(message[:_READ])
        what = f"to {denied[1]} records of {denied[2]} (in {where})" if denied else f"the call {where}"
        return CredentialError(
            f"Odoo refuses {user} {what}. Give the user the groups that docs/run-for-real.md lists.", words=words
        )
    if is_busy(message):
        return Busy(where)
    if kind in _REFUSALS or kind in _IN_DATABASE:
        return refusal(where, kind, message)
    if "does not exist" in message and "database" in message:
        return unknown_database(database)
    if name.startswith("psycopg2"):
        return TransientError(f"Odoo's database failed in {where} ({kind or 'an error'}).", words=words)
    field = _find_field(message)
    about = f" over the field {field}" if field else ""
    return ProtocolError(
        f"Odoo failed in {where}{about} ({kind or 'an error'}). Is this an Odoo 19 with the modules of "
        "docs/run-for-real.md? Its own log has the rest.",
        words=words,
    )


def _find_field(message: str) -> str:
    """A field that Odoo names in one of its own texts, '' for none."""
    hit = _FIELD.search(message[:_READ])
    return next(filter(None, hit.groups()), "") if hit else ""


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


def too_large(where: str) -> ProtocolError:
    return ProtocolError(f"Odoo's answer to {where} is larger than any that is read; check odoo.url.")


def unreachable(url: str, error: BaseException) -> TransientError:
    """The error for a call that got no answer of Odoo's."""
    if obstacle := find_obstacle(error):
        return TransientError(f"Odoo at {url} did not answer: {obstacle.says}; {obstacle.fix.format(key='odoo.url')}.")
    return TransientError(f"What answered at {url} is no Odoo ({type(error).__name__}): correct odoo.url.")
