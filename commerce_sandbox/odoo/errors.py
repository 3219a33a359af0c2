"""The exceptions that Odoo lets a client see, under the names and HTTP statuses it gives them.

What belongs here: the classes. What does not: how a transport writes them on the wire (transports.py).
"""

from __future__ import annotations


class OdooError(Exception):
    """`name` is the dotted class name in error bodies; `status` is JSON-2's HTTP status."""

    name = "builtins.Exception"
    status = 500


class UserError(OdooError):
    name = "odoo.exceptions.UserError"
    status = 422


class ValidationError(UserError):
    name = "odoo.exceptions.ValidationError"


class ConstraintError(ValidationError):
    """The database itself refuses: a required column, a unique key, a reference. load() says it without the prefix.

    field: the column, where Odoo knows it.
    """

    def __init__(self, plain: str, field: str = "") -> None:
        super().__init__(f"The operation cannot be completed: {plain}")
        self.plain, self.field = plain, field


class AccessError(UserError):
    name = "odoo.exceptions.AccessError"
    status = 403


class AccessDenied(UserError):
    name = "odoo.exceptions.AccessDenied"
    status = 403

    def __init__(self, message: str = "Access Denied") -> None:
        super().__init__(message)


class MissingError(UserError):
    name = "odoo.exceptions.MissingError"
    status = 404


class SerializationFailure(OdooError):
    """What a client gets when the server's own five tries have all collided with other transactions."""

    name = "psycopg2.errors.SerializationFailure"

    def __init__(self) -> None:
        super().__init__("could not serialize access due to concurrent update")


class UnknownMethod(OdooError):
    name = "builtins.AttributeError"


class NotFound(OdooError):
    name = "werkzeug.exceptions.NotFound"
    status = 404


class Unprocessable(OdooError):
    name = "werkzeug.exceptions.UnprocessableEntity"
    status = 422


def describe(error: Exception) -> tuple[str, int]:
    """(dotted class name, HTTP status) of any exception; Python's own are 500, as in Odoo."""
    if isinstance(error, OdooError):
        return error.name, error.status
    return f"builtins.{type(error).__name__}", 500
