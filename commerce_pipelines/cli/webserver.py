"""Dagster's web server with the guard in front: `python -m commerce_pipelines.cli.webserver -w FILE -h HOST -p PORT`.

What belongs here: putting the two together. What does not: what the guard lets through (guard.py). Environment:
COMMERCE_UI_HOSTS, further `name:port` under which a proxy reaches the UI, separated by commas; COMMERCE_UI_TOKEN, what
a browser has to know.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from .guard import Guard
from .part import wait_for_code

LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "[::1]")


def hosts(host: str, port: str) -> list[str]:
    """Every Host header with which the UI on `host` and `port` may be called."""
    named = f"[{host}]" if ":" in host and not host.startswith("[") else host
    more = [name.strip() for name in os.environ.get("COMMERCE_UI_HOSTS", "").split(",") if name.strip()]
    return [f"{name}:{port}" for name in (*LOOPBACK_HOSTS, named)] + more


_CREATE = "create_app_from_workspace_process_context"  # a name that Dagster's module uses and does not export


def main(arguments: list[str]) -> None:
    """The same command line as Dagster's own."""
    import dagster_webserver.cli as web_server_cli

    wait_for_code(os.environ)
    host, port = (arguments[arguments.index(flag) + 1] for flag in ("-h", "-p"))
    create = getattr(web_server_cli, _CREATE)

    def create_guarded(*values: Any, **names: Any) -> Guard:
        return Guard(create(*values, **names), hosts(host, port), os.environ.get("COMMERCE_UI_TOKEN") or None)

    setattr(web_server_cli, _CREATE, create_guarded)
    web_server_cli.dagster_webserver(arguments, auto_envvar_prefix="DAGSTER_WEBSERVER")


if __name__ == "__main__":
    main(sys.argv[1:])
