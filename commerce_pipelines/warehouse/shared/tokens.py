"""Access tokens shared by all processes, sealed with the master key, each renewed once for all processes.

What belongs here: keeping and handing out tokens. What does not: how a token is minted (each marketplace's folder).
"""

from __future__ import annotations

from typing import Protocol

from ...core.token_life import used_seconds
from ..landing.vault import CorruptError, Vault
from ..tables.database import Warehouse

_PURPOSE = "tokens"


class Mint(Protocol):
    """The channels' TokenSource: a token and the seconds it is valid."""

    def __call__(self) -> tuple[str, float]: ...


class DatabaseTokens:
    """The channels' TokenStore."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse, self._vault = warehouse, Vault(warehouse)

    def get(self, key: str, renew: Mint, rejected: str | None = None) -> str:
        """A valid token. rejected: the token that was just refused; if another process has renewed it meanwhile, the
        new one is returned.

        Whatever `renew` raises goes to the caller, and nothing is stored then.
        """
        if (token := self._read(key)) is not None and token != rejected:
            return token
        with self._warehouse.lock(f"token {key}", wait=True):
            if (token := self._read(key)) is not None and token != rejected:
                return token
            token, seconds = renew()
            self._write(key, token, used_seconds(seconds))
            return token

    def _read(self, key: str) -> str | None:
        with self._warehouse.transaction() as connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT sealed FROM commerce.tokens WHERE key = %s AND expires_at > clock_timestamp()", (key,)
            )
            row = cursor.fetchone()
        try:
            return None if row is None else self._vault.open_own(_PURPOSE, bytes(row[0]), key.encode()).decode()
        except CorruptError:
            return None  # sealed by another master key, or damaged: a new token is minted

    def _write(self, key: str, token: str, seconds: float) -> None:
        with self._warehouse.transaction() as connection, connection.cursor() as cursor:
            sealed = self._vault.seal_own(connection, _PURPOSE, token.encode(), key.encode())
            cursor.execute(
                """INSERT INTO commerce.tokens (key, sealed, expires_at)
                VALUES (%s, %s, clock_timestamp() + make_interval(secs => %s)) ON CONFLICT (key) DO UPDATE SET
                sealed = excluded.sealed, expires_at = excluded.expires_at""",
                (key, sealed, seconds),
            )
