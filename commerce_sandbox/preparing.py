"""The demo's folder: its settings, its secrets, and the world that they lead to.

What belongs here: what has to be there before the demo begins. What does not: its course (demo.py), what the world is
(world.py).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from commerce_pipelines.warehouse.server.server import stop_database

from .site.listening import HOST, reserved, served
from .site.pages import Site
from .world import World, running


@contextmanager
def prepared(root: Path, pages: int | None = None) -> Iterator[World]:
    """The demo's folder, emptied, as the working directory, and its world running. pages: the port of Dagster's UI,
    where the world is to have its pages for people, beside it. Stops the database at the end."""
    stop_database(root)
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    with ExitStack() as stack:
        world = stack.enter_context(running())
        if pages is not None:
            stack.enter_context(shown(world, pages + 1, f"http://{HOST}:{pages}"))
        environment = world.environment(root)
        os.environ.update(environment)
        write_env(root / ".env", environment)
        write_settings(world, root)
        os.chdir(root)
        try:
            yield world
        finally:
            stop_database(root)


@contextmanager
def shown(
    world: World, port: int, dagster: str = "", now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> Iterator[None]:
    """The world's pages on this port, or on any that is free. dagster: the address of its UI. now: the pages' clock."""
    with reserved(port) as listening:
        site = Site(world.channels, world.counters, world.odoo, world.after_sale, world.hands, dagster, now)
        with served(site.app, listening) as url:
            world.odoo.pages, world.pages = url, url
            world.alerts_url = f"json://{url.removeprefix('http://')}/alerts"
            yield


def write_env(path: Path, environment: dict[str, str]) -> None:
    """Lets every command work on the demo, from its folder. It holds the master key: nobody else may read it."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.writelines(f"{name}='{value}'\n" for name, value in environment.items())


def write_settings(world: World, root: Path, *, guarded: bool = False) -> None:
    """commerce.yaml. guarded: the breaker is on guard, which the first push of stock would not pass."""
    text = world.settings(invoicing=True, webhooks=True, guarded=guarded)
    (root / "commerce.yaml").write_text(text, encoding="utf-8")
