"""Stops the embedded PostgreSQL once nobody uses it, however its users ended.

Every user holds a shared lock on `postgres.users`, which the kernel releases even after SIGKILL. This file runs as a
small process of its own, by path and without site-packages, so it imports only the standard library.

What belongs here: finding and stopping the server, waiting for its last user. What does not: starting it (server.py).
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

POLL_SECONDS = 0.25


def postmaster(data: Path) -> int | None:
    """The server's process id, None if it does not run. A stale file with another process's id does not count."""
    try:
        pid = int((data / "postmaster.pid").read_text().splitlines()[0])
        os.kill(pid, 0)
    except PermissionError:
        return None
    except (OSError, ValueError, IndexError):
        return None
    return pid if "postgres" in _read_command(pid) else None


def stop(data: Path, patience: float = 30.0) -> None:
    """Fast shutdown: sessions are ended, everything committed is on disk. The server is killed if it takes longer than
    `patience` seconds."""
    for sign, seconds in ((signal.SIGINT, patience), (signal.SIGQUIT, 5.0)):
        pid = postmaster(data)
        if pid is None:
            return
        try:
            os.kill(pid, sign)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + seconds
        while postmaster(data) == pid and time.monotonic() < deadline:
            time.sleep(0.02)


def keep(folder: Path, grace: float, keeping: int) -> None:
    """Return when the server ended by itself, or stop it after `grace` seconds without any user.

    keeping: the descriptor that holds the lock on `postgres.keeper`; it is inherited locked, so that there is never a
    second keeper.
    """
    with open(folder / "postgres.users", "a") as users:
        idle = 0.0
        while postmaster(folder / "postgres") is not None:
            if not lock(users.fileno()):
                idle = 0.0
            elif idle >= grace:
                stop(folder / "postgres")
                # Before the lock on `users`: whoever waits for that one must see that no keeper is left.
                fcntl.flock(keeping, fcntl.LOCK_UN)
                return
            else:
                fcntl.flock(users, fcntl.LOCK_UN)
                idle += POLL_SECONDS
            time.sleep(POLL_SECONDS)


def lock(descriptor: int) -> bool:
    """Take the file's exclusive lock if no other process holds it; returns whether it was taken."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read_command(pid: int) -> str:
    """The name of a process; '' for a zombie, because it serves nobody."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
        name, _, rest = status.rpartition(")")
        return "" if rest.split()[0] == "Z" else name.partition("(")[2]
    except OSError:
        pass
    try:
        return subprocess.run(["ps", "-p", str(pid), "-o", "comm="], capture_output=True, text=True).stdout  # noqa: S603, S607
    except OSError:
        return "postgres"  # neither /proc nor ps exists: trust the file


if __name__ == "__main__":
    keep(Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))
