"""`commerce-pipelines rotate-key`: another master key, while everything goes on.

What belongs here: arguments, the file of the new key, what a person does next. What does not: the rotation itself
(warehouse/landing/rotation.py).
"""

from __future__ import annotations

import os
from pathlib import Path

import click

from ..core.errors import SettingsError
from ..resources.connections import open_warehouse
from .terminal import say


@click.command("rotate-key")
@click.option(
    "--key-file", type=click.Path(path_type=Path, dir_okay=False),
    help="the new key; the file is written, readable by you alone, unless it is there",
)  # fmt: skip
@click.option("--finish", is_flag=True, help="the new key is set and everything is restarted: forget the old one")
def rotate_key(key_file: Path | None, finish: bool) -> None:
    """Change the master key without a pause.

    First with --key-file: every key of the database is wrapped anew, and running processes learn the new key by
    themselves. Then set it as COMMERCE_MASTER_KEY, restart everything, and run it again with --finish. A rotation that
    was interrupted goes on with the same file.
    """
    from ..warehouse.landing import rotation
    from ..warehouse.privacy.subjects import scrub

    if bool(key_file) == finish:
        raise click.UsageError("Give one of --key-file and --finish.")
    warehouse = open_warehouse(os.environ)
    if key_file is not None:
        new = _read_key(key_file)
        resumed = rotation.begin(warehouse, new)
        say("Going on with the rotation." if resumed else "New data is sealed by the new key from now on.")
        count = rotation.wrap_all(warehouse, warehouse.master_key, new, lambda done: say(f"{done} keys …", err=True))
        say(f"{count} keys wrapped anew. Set COMMERCE_MASTER_KEY to the content of {key_file}, restart everything, "
            "then run `commerce-pipelines rotate-key --finish`.")  # fmt: skip
        return
    rotation.finish(warehouse)
    renewed = scrub(warehouse)
    say("The old key opens nothing any more. Backups from before need it until they are deleted.")
    if not renewed:
        say("The log of the database may hold what it opened: docs/privacy.md says what an administrator runs once.")


def _read_key(path: Path) -> bytes:
    """The key of the file; a new random one, written there, where there is no file."""
    from ..warehouse.tables.key_source import KEY_BYTES, decode_key, encode_key

    if not path.exists():
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(encode_key(os.urandom(KEY_BYTES)) + "\n")
    key = decode_key(path.read_text(encoding="utf-8"))
    if not key:
        raise SettingsError(f"{path} holds no key: 32 bytes in URL-safe base64. Name a new file, and it is written.")
    return key
