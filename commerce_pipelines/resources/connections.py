"""The doors that assets and sensors go through: the warehouse, the channels, Odoo. Each is opened at its first use,
once in a process.

What belongs here: handing opened things around, and how they are opened by default. What does not: what is done with
them (assets/, sensors/).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.instruments import REAL, Instruments
from ..settings.file import Settings

if TYPE_CHECKING:
    from ..channels.capabilities import Account, Channel
    from ..channels.http.throttle import BucketStore, TokenStore
    from ..channels.settings import ChannelSettings
    from ..odoo.rpc.client import OdooClient
    from ..warehouse.landing.landing import Landing
    from ..warehouse.landing.vault import Vault
    from ..warehouse.shared.buckets import DatabaseBuckets
    from ..warehouse.shared.tokens import DatabaseTokens
    from ..warehouse.tables.database import Warehouse

    OpenChannel = Callable[[ChannelSettings, BucketStore, TokenStore, Instruments], Channel]


class Connections:
    """All doors of one settings file. A plain object, so that Dagster, the command line and tests use the same.

    warehouse, odoo, channels: functions that open each door, called at its first use. `open_connections` has the real
    ones; tests hand in doubles.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        warehouse: Callable[[], Warehouse],
        odoo: Callable[[], OdooClient],
        channels: OpenChannel,
        instruments: Instruments,
    ) -> None:
        self.settings = settings
        self.instruments = instruments
        self._open_warehouse, self._open_odoo, self._open_channel = warehouse, odoo, channels
        self._channels: dict[str, Channel] = {}
        self._labels: dict[str, str] = {}
        self._companies: dict[str, OdooClient] = {}

    def with_settings(self, settings: Settings) -> Connections:
        """The same doors for other settings: the same database, Odoo by the login in use, channels by their own
        sections."""
        return Connections(
            settings,
            warehouse=lambda: self.warehouse,
            odoo=lambda: self.odoo,
            channels=self._open_channel,
            instruments=self.instruments,
        )

    @cached_property
    def warehouse(self) -> Warehouse:
        return self._open_warehouse()

    @cached_property
    def odoo(self) -> OdooClient:
        return self._open_odoo()

    def odoo_of(self, name: str) -> OdooClient:
        """Odoo as the company of one channel sees it; '' for the company of channels that name none."""
        company = self.settings.channel(name).company if name else ""
        if company in ("", self.settings.odoo.company):
            return self.odoo
        if company not in self._companies:
            self._companies[company] = self.odoo.in_company(company, f"channels[{name}].company")
        return self._companies[company]

    def company_of(self, name: str) -> int:
        """The id of the company whose stock a channel sells, 0 if no channel names a company, so that all have the
        same. name: '' stands for channels that name no company."""
        several = any(channel.company for channel in self.settings.channels)
        return self.odoo_of(name).who.company_id if several else 0

    @cached_property
    def vault(self) -> Vault:
        """The keys of the data subjects, without those of persons that the tombstones call erased. Raises SettingsError
        if another master key wrote this database, or the tombstones cannot be read."""
        from ..warehouse.landing.vault import Vault

        vault = Vault(self.warehouse)
        with self.warehouse.transaction() as connection:
            vault.check(connection)
        if place := self.settings.privacy.tombstones:
            from ..warehouse.privacy.tombstones import synchronise

            synchronise(self.warehouse, vault, Path(place), self.instruments.now())
        return vault

    @cached_property
    def buckets(self) -> DatabaseBuckets:
        """The channels' rate limits, shared with every other process through the database."""
        from ..warehouse.shared.buckets import DatabaseBuckets

        return DatabaseBuckets(self.warehouse)

    @cached_property
    def tokens(self) -> DatabaseTokens:
        """The channels' access tokens, shared as their rate limits are."""
        from ..warehouse.shared.tokens import DatabaseTokens

        return DatabaseTokens(self.warehouse)

    def label(self, name: str) -> str:
        """The name under which a channel's answers are sealed and its orders are known in Odoo: the channel's first
        name."""
        if name not in self._labels:
            from ..warehouse.shared.known_accounts import label_of

            with self.warehouse.transaction() as connection:
                label = label_of(connection, name)
            if label is None:
                return name  # the label is stored with the channel's first answer or order
            self._labels[name] = label
        return self._labels[name]

    def landing(self, name: str, topic: str) -> Landing:
        """What one channel landed on one topic."""
        from ..warehouse.landing.landing import Landing

        zone, label = self.settings.channel(name).zone, self.label(name)
        return Landing(self.warehouse, self.vault, name, topic, zone, sealed_as=label)

    def channel(self, name: str) -> Channel:
        """One channel. It shares its rate limits and access tokens with every other process through the database."""
        if name not in self._channels:
            settings = self.settings.channel(name)
            self._channels[name] = self._open_channel(settings, self.buckets, self.tokens, self.instruments)
        return self._channels[name]

    def account(self, name: str) -> Account:
        """The account that a channel's credentials open. Its token is always minted anew, so that wrong credentials
        fail at once."""
        from ..channels.http.memory import MemoryTokens

        settings = self.settings.channel(name)
        return self._open_channel(settings, self.buckets, MemoryTokens(), self.instruments).account


def open_connections(
    settings: Settings,
    environ: Mapping[str, str] | None = None,
    *,
    warehouse: Callable[[], Warehouse] | None = None,
    odoo: Callable[[], OdooClient] | None = None,
    channels: OpenChannel | None = None,
    instruments: Instruments = REAL,
) -> Connections:
    """The doors of these settings; nothing is opened yet.

    environ: where COMMERCE_DATABASE_URL and COMMERCE_MASTER_KEY are read, default: the process's own. A door that is
    handed in replaces the real one.
    """
    return Connections(
        settings,
        warehouse=warehouse or (lambda: open_warehouse(os.environ if environ is None else environ)),
        odoo=odoo or (lambda: open_odoo(settings, instruments)),
        channels=channels or open_channel,
        instruments=instruments,
    )


def open_warehouse(environ: Mapping[str, str]) -> Warehouse:
    """The database, migrated to the newest schema. Raises SettingsError without a master key."""
    from ..warehouse.server.server import database_url
    from ..warehouse.tables.database import Warehouse, master_key

    warehouse = Warehouse(database_url(environ), master_key(environ))
    warehouse.migrate()
    return warehouse


def open_odoo(settings: Settings, instruments: Instruments) -> OdooClient:
    """A client of Odoo; it logs in with its first call."""
    from ..odoo.rpc.client import connect

    return connect(settings.odoo, settings.odoo.password.value(), instruments)


def open_channel(
    settings: ChannelSettings, buckets: BucketStore, tokens: TokenStore, instruments: Instruments
) -> Channel:
    from ..channels.registry import open_channel

    return open_channel(settings, buckets, tokens, instruments)
