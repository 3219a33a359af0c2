"""The real Odoo 19 of the benchmarks, as the environment names it.

What belongs here: ODOO_URL, ODOO_DATABASE, ODOO_USERNAME, ODOO_PASSWORD and the connection that they make. What does
not: what is put into it (odoo_orders.py), what is measured.
"""

from __future__ import annotations

import os

from commerce_pipelines.core.section import Secret
from commerce_pipelines.odoo.rpc.client import Client, connect
from commerce_pipelines.odoo.rpc.settings import OdooSettings

from .figures import Skipped

NAMES = ("ODOO_URL", "ODOO_DATABASE", "ODOO_USERNAME", "ODOO_PASSWORD")


def connected() -> tuple[Client, OdooSettings, str]:
    """A client, its settings and the password. Raises Skipped where no Odoo is named."""
    if missing := [name for name in NAMES if not os.environ.get(name)]:
        raise Skipped(f"it needs a real Odoo 19: set {', '.join(missing)}")
    url, database, username, password = (os.environ[name] for name in NAMES)
    settings = OdooSettings(url=url, database=database, username=username, password=Secret(env="ODOO_PASSWORD"))
    return connect(settings, password), settings, password
