"""The exceptions that Odoo lets a client see, under the names and HTTP statuses it gives them.

What belongs here: the classes. What does not: how a transport writes them on the wire (transports.py).
"""

from __future__ import annotations


class OdooError(Exception):
    """An error as a client sees it. `name`: the dotted class name in the body of an answer; `status`: the HTTP status
    of JSON-2. JSON-RPC answers with 200 always."""

    name = "builtins.Exception"
    status = 500


class UserError(OdooError):
    """A business rule refuses the call."""

    name = "odoo.exceptions.UserError"
    status = 422


class ValidationError(UserError):
    """A constraint in Python refuses the values."""

    name = "odoo.exceptions.ValidationError"


class ConstraintError(ValidationError):
    """The database itself refuses: a required column, a unique key, a reference. load() reports the message without the
    prefix of the exception.

    field: the column, where Odoo names it.
    """

    def __init__(self, plain: str, field: str = "") -> None:
        super().__init__(f"The operation cannot be completed: {plain}")
        self.plain, self.field = plain, field


class AccessError(UserError):
    """The user lacks a right on a model."""

    name = "odoo.exceptions.AccessError"
    status = 403


class AccessDenied(UserError):
    """The login is refused."""

    name = "odoo.exceptions.AccessDenied"
    status = 403

    def __init__(self, message: str = "Access Denied") -> None:
        super().__init__(message)


class MissingError(UserError):
    """A record does not exist any more."""

    name = "odoo.exceptions.MissingError"
    status = 404


class SerializationFailure(OdooError):
    """The call collided with other transactions in each of the server's own five tries."""

    name = "psycopg2.errors.SerializationFailure"

    def __init__(self) -> None:
        super().__init__("could not serialize access due to concurrent update")


class UnknownMethod(OdooError):
    """The model has no such public method."""

    name = "builtins.AttributeError"


class NotFound(OdooError):
    """JSON-2: no such model or method."""

    name = "werkzeug.exceptions.NotFound"
    status = 404


class Unprocessable(OdooError):
    """JSON-2: the arguments do not fit the method."""

    name = "werkzeug.exceptions.UnprocessableEntity"
    status = 422


def describe(error: Exception) -> tuple[str, int]:
    """(dotted class name, HTTP status) of any exception. Python's own exceptions have the status 500, as in Odoo."""
    if isinstance(error, OdooError):
        return error.name, error.status
    return f"builtins.{type(error).__name__}", 500
