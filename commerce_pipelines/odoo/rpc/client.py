"""One way to call Odoo, over either of its two APIs.

What belongs here: the interface, choosing the transport, repeating calls that only read. What does not: any model's
name or rule. Calls that write are never repeated here: their caller has to deal with an unknown outcome (load.py).
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from ...core.errors import CommerceError, ProtocolError, SettingsError, TransientError
from ...core.instruments import REAL, Instruments
from ...core.legible import one_word
from ...domain.keys import key
from .errors import Busy
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
    """The user that makes the calls, the user's language, and the one company that calls see.

    above: the companies that it is a branch of, whose records it may use too. companies: all that the user may enter,
    name by id.
    """

    uid: int
    lang: str
    company_id: int
    above: tuple[int, ...] = ()
    companies: Mapping[int, str] = {}

    @property
    def domain(self) -> list[list[Any]]:
        """A search for records of the company and for shared ones. Odoo's own record rules do the same, unless a person
        switches them off."""
        return [["company_id", "in", [False, self.company_id, *self.above]]]

    @property
    def everywhere(self) -> dict[str, list[int]]:
        """The context of a call that sees all companies which the user may enter."""
        return {"allowed_company_ids": list(dict.fromkeys((self.company_id, *self.companies)))}


class Collisions:
    """How often Odoo gave a call up because another transaction had the same records. Threads may share it."""

    def __init__(self) -> None:
        self.count = 0
        self._guard = threading.Lock()

    def add(self) -> None:
        with self._guard:
            self.count += 1


class OdooClient(Protocol):
    """Calls of public methods, with named arguments, one transaction each.

    ids: the records that a method works on, None for methods of the model. Raises the errors of errors.py.
    """

    settings: OdooSettings
    collisions: Collisions  # of this client, and of those of other companies that were made from it

    @property
    def who(self) -> Who:
        """Read once, then kept."""

    def call(
        self, model: str, method: str, ids: Sequence[int] | None = None, context: Values | None = None, **named: Any
    ) -> Any:
        """The method's result as JSON values."""

    def in_company(self, name: str, where: str) -> OdooClient:
        """A client of the same user whose calls see another company. where: the setting that names the company, for
        errors."""

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

    Every call sees one company: the channel's, else odoo.company, else the user's own. Otherwise Odoo would show a user
    of several companies all of them at once.
    """

    def __init__(
        self, settings: OdooSettings, transport: Transport, instruments: Instruments, where: str = "odoo.company",
        collisions: Collisions | None = None,
    ) -> None:  # fmt: skip
        self.settings, self._where = settings, where
        self._instruments = instruments
        self._transport = transport
        self._who: Who | None = None
        self.collisions = collisions or Collisions()

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

    def in_company(self, name: str, where: str) -> Client:
        settings = msgspec.structs.replace(self.settings, company=name)
        return Client(settings, self._transport, self._instruments, where, self.collisions)

    def version(self) -> str:
        version = self._transport.version()
        if not version.startswith(f"{VERSION}."):
            version = one_word(version) or "of no version that we know"
            raise ProtocolError(f"The server at odoo.url is Odoo {version}; this needs Odoo {VERSION}.")
        self.call("res.users", "search_count", domain=[["id", "=", 0]])
        return version

    def wait(self, seconds: float) -> None:
        self._instruments.sleep(seconds * (0.5 + self._instruments.jitter()))

    def _call_once(self, model: str, method: str, ids: Sequence[int] | None, named: dict[str, Any]) -> Any:
        for pause in (*RETRY_PAUSE_SECONDS, None):
            try:
                return self._transport.call(model, method, ids, dict(named))
            except TransientError as error:
                if isinstance(error, Busy):
                    self.collisions.add()
                if method not in READS or pause is None:
                    raise
                self.wait(pause)
        raise AssertionError("unreachable")

    def _ask_who(self) -> Who:
        user = self._call_once("res.users", "context_get", None, {"context": dict(CONTEXT)})
        lang = user["lang"] or CONTEXT["lang"]
        context = {**CONTEXT, "lang": lang}
        fields = {"fields": ["company_id", "company_ids"], "load": None, "context": context}
        [row] = self._call_once("res.users", "read", [user["uid"]], fields)
        inside = {**context, "allowed_company_ids": row["company_ids"]}
        arguments = {"domain": [], "fields": ["name", "parent_id"], "order": "id", "load": None, "context": inside}
        rows = self._call_once("res.company", "search_read", None, arguments)
        seen = {row["id"]: row["name"] for row in rows}
        companies = {company: name for company, name in seen.items() if company in row["company_ids"]}
        wanted = self.settings.company
        mine = self._choose(wanted, seen, companies) if wanted else row["company_id"]
        return Who(
            user["uid"], lang, mine, _list_parents(mine, {row["id"]: row["parent_id"] for row in rows}), companies
        )

    def _choose(self, name: str, seen: Mapping[int, str], companies: Mapping[int, str]) -> int:
        """The company of this name. seen: those that Odoo shows; companies: those that the user may enter."""
        fits = [company for company, title in companies.items() if key(title) == key(name)]
        if len(fits) == 1:
            return fits[0]
        user = self.settings.username
        if len(fits) > 1:
            fix = "give each of them a name of its own in Odoo"
            raise SettingsError(f"{self._where}: Odoo has {len(fits)} companies named {name!r}; {fix}.")
        if any(key(title) == key(name) for title in seen.values()):
            raise SettingsError(
                f"{self._where}: the user {user} has no access to the company {name!r}: add it to the user's allowed "
                "companies in Odoo (Settings > Users)."
            )
        raise SettingsError(
            f"{self._where}: the user {user} sees no company named {name!r}, only {', '.join(companies.values())}: "
            "write one of these, or create it and add it to the user's allowed companies in Odoo (Settings > Users)."
        )


def _list_parents(company: int, parents: Mapping[int, int]) -> tuple[int, ...]:
    chain: list[int] = []
    while company := parents.get(company, 0):
        chain.append(company)
    return tuple(chain)


def of_company(client: OdooClient) -> str:
    """` of COMPANY` for a message, where the user may enter several."""
    who = client.who
    return f" of {who.companies[who.company_id]}" if len(who.companies) > 1 else ""


def connect(settings: OdooSettings, password: str, instruments: Instruments = REAL) -> Client:
    """A client for `settings`. Nothing is sent before the first call. password: may also be an API key."""
    if settings.transport == "json2":
        from .json2 import Json2

        return Client(settings, Json2(settings, password), instruments)
    from .jsonrpc import JsonRpc

    return Client(settings, JsonRpc(settings, password), instruments)


__all__ = ["Client", "CommerceError", "OdooClient", "Transport", "Who", "connect", "of_company"]
