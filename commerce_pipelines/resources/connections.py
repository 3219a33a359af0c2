"""The doors that assets and sensors go through: the warehouse, the channels, Odoo. Opened on first use, once a process.

What belongs here: turning settings into opened things. What does not: what is done with them (assets/, sensors/).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from ..settings.file import Settings

if TYPE_CHECKING:
    from ..channels.capabilities import Channel
    from ..odoo.rpc.client import OdooClient
    from ..warehouse.landing.landing import Landing
    from ..warehouse.landing.vault import Vault
    from ..warehouse.tables.database import Warehouse


class Connections:
    """All doors of one settings file. A plain object, so that tests and the command line use the very same.

    environ: where COMMERCE_DATABASE_URL and COMMERCE_MASTER_KEY are read; default: the process's own.
    """

    def __init__(self, settings: Settings, environ: Mapping[str, str] | None = None) -> None:
        self.settings = settings
        self._environ = environ
        self._channels: dict[str, Channel] = {}

    @cached_property
    def warehouse(self) -> Warehouse:
        """The database, migrated to the newest schema. Raises SettingsError without a master key."""
        import os

        from ..warehouse.server.server import database_url
        from ..warehouse.tables.database import Warehouse, master_key

        environ = os.environ if self._environ is None else self._environ
        warehouse = Warehouse(database_url(environ), master_key(environ))
        warehouse.migrate()
        return warehouse

    @cached_property
    def vault(self) -> Vault:
        """The keys of the data subjects. Raises SettingsError if another master key wrote this database."""
        from ..warehouse.landing.vault import Vault

        vault = Vault(self.warehouse)
        with self.warehouse.transaction() as connection:
            vault.check(connection)
        return vault

    def landing(self, name: str) -> Landing:
        from ..warehouse.landing.landing import Landing

        return Landing(self.warehouse, self.vault, name, self.settings.channel(name).zone)

    def channel(self, name: str) -> Channel:
        """One channel, its rate limits and access tokens shared with every other process through the database."""
        if name not in self._channels:
            from ..channels.registry import open_channel
            from ..warehouse.shared.buckets import DatabaseBuckets
            from ..warehouse.shared.tokens import DatabaseTokens

            self._channels[name] = open_channel(
                self.settings.channel(name), DatabaseBuckets(self.warehouse), DatabaseTokens(self.warehouse)
            )
        return self._channels[name]

    def probe(self, name: str) -> str:
        """Whose account a channel's credentials open: with a token minted anew, so that wrong ones show at once."""
        from ..channels.http.memory import MemoryTokens
        from ..channels.registry import open_channel
        from ..warehouse.shared.buckets import DatabaseBuckets

        return open_channel(self.settings.channel(name), DatabaseBuckets(self.warehouse), MemoryTokens()).probe()

    @cached_property
    def odoo(self) -> OdooClient:
        from ..odoo.rpc.client import connect

        return connect(self.settings.odoo, self.settings.odoo.password.value())
