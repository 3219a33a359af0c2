"""One way to call Odoo, over either of its two APIs.

What belongs here: the interface, choosing the transport, repeating calls that only read. What does not: any model's
name or rule. Calls that write are never repeated here: their caller has to deal with an unknown outcome (load.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from ...core.errors import CommerceError, ProtocolError, SettingsError, TransientError
from ...core.instruments import REAL, Instruments
from .settings import OdooSettings

READS = frozenset(
    (
        *("search", "read", "search_read", "search_count", "fields_get", "default_get", "formatted_read_group"),
        *("has_access", "context_get"),
    )
)
RETRY_PAUSE_SECONDS = (0.5, 2.0, 6.0)
VERSION = "19"
# load() reads date-times in the context's time zone. A fixed language keeps names in Odoo independent of the user's.
CONTEXT = {"tz": "UTC", "lang": "en_US"}

Values = Mapping[str, Any]


class Who(msgspec.Struct, frozen=True):
    """The user that makes the calls, the user's language, and the one company that calls see."""

    uid: int
    lang: str
    company_id: int


class OdooClient(Protocol):
    """Calls of public methods, with named arguments, one transaction each.

    ids: the records that a method works on, None for methods of the model. Raises the errors of errors.py.
    """

    settings: OdooSettings

    @property
    def who(self) -> Who:
        """Read once, then kept."""

    def call(
        self, model: str, method: str, ids: Sequence[int] | None = None, context: Values | None = None, **named: Any
    ) -> Any:
        """The method's result as JSON values."""

    def version(self) -> str:
        """The server's version such as 19.0, once the login works. Raises ProtocolError for any version but 19."""

    def wait(self, seconds: float) -> None:
        """Pause for half to one and a half times as long, so that two writers that collided do not collide again."""


class Transport(Protocol):
    """One API: a call and a version, with errors already translated."""

    def call(self, model: str, method: str, ids: Sequence[int] | None, named: dict[str, Any]) -> Any: ...

    def version(self) -> str: ...


class Client:
    """The client over one transport. Threads may share it. Odoo's context is UTC and en_US.

    Every call sees one company: odoo.company, else the user's own. Otherwise Odoo would show a user of several
    companies all of them at once.
    """

    def __init__(self, settings: OdooSettings, transport: Transport, instruments: Instruments) -> None:
        self.settings = settings
        self._instruments = instruments
        self._transport = transport
        self._who: Who | None = None

    @property
    def who(self) -> Who:
        if self._who is None:
            self._who = self._ask_who()
        return self._who

    def call(
        self, model: str, method: str, ids: Sequence[int] | None = None, context: Values | None = None, **named: Any
    ) -> Any:
        named["context"] = {**CONTEXT, "allowed_company_ids": [self.who.company_id], **(context or {})}
        return self._call_once(model, method, ids, named)

    def version(self) -> str:
        version = self._transport.version()
        if not version.startswith(f"{VERSION}."):
            raise ProtocolError(f"The server at odoo.url is Odoo {version}; this needs Odoo {VERSION}.")
        self.call("res.users", "search_count", domain=[["id", "=", 0]])
        return version

    def wait(self, seconds: float) -> None:
        self._instruments.sleep(seconds * (0.5 + self._instruments.jitter()))

    def _call_once(self, model: str, method: str, ids: Sequence[int] | None, named: dict[str, Any]) -> Any:
        for pause in (*RETRY_PAUSE_SECONDS, None):
            try:
                return self._transport.call(model, method, ids, dict(named))
            except TransientError:
                if method not in READS or pause is None:
                    raise
                self.wait(pause)
        raise AssertionError("unreachable")

    def _ask_who(self) -> Who:
        user = self._call_once("res.users", "context_get", None, {"context": dict(CONTEXT)})
        lang = user["lang"] or CONTEXT["lang"]
        if self.settings.company:
            return Who(user["uid"], lang, self._find_company(self.settings.company, lang))
        fields = {"fields": ["company_id"], "load": None, "context": dict(CONTEXT)}
        [row] = self._call_once("res.users", "read", [user["uid"]], fields)
        return Who(user["uid"], lang, row["company_id"])

    def _find_company(self, name: str, lang: str) -> int:
        arguments = {"domain": [["name", "=", name]], "fields": ["name"], "context": {**CONTEXT, "lang": lang}}
        companies = self._call_once("res.company", "search_read", None, arguments)
        if len(companies) != 1:
            raise SettingsError(f"odoo.company: Odoo has {len(companies)} companies named {name!r}; write one it has.")
        return int(companies[0]["id"])


def connect(settings: OdooSettings, password: str, instruments: Instruments = REAL) -> Client:
    """A client for `settings`. Nothing is sent before the first call. password: may also be an API key."""
    if settings.transport == "json2":
        from .json2 import Json2

        return Client(settings, Json2(settings, password), instruments)
    from .jsonrpc import JsonRpc

    return Client(settings, JsonRpc(settings, password), instruments)


__all__ = ["Client", "CommerceError", "OdooClient", "Transport", "Who", "connect"]
