"""Processes that are kept running: each is started again if it ended by itself, and that is reported.

What belongs here: starting, watching, restarting after growing pauses, looking after things at intervals, ending
everything. What does not: which processes and which things (dev.py).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

import msgspec

from ..core.foreign import tellable

TICK_SECONDS = 0.5
END_SECONDS = 20.0  # how long processes may take to end when they are asked to
STEADY_SECONDS = 60.0  # a process that ran for so long is started again at once when it ends
LONGEST_DELAY_SECONDS = 60.0
_PROC = Path("/proc/self/stat")
LOG_BYTES = 10_000_000  # a log file of this size is emptied; one older piece is kept


class Part(msgspec.Struct, frozen=True):
    """A process to keep running. All start at once; one that needs another waits for it by itself."""

    name: str
    command: tuple[str, ...]


class Look(msgspec.Struct, frozen=True):
    """Something to look after every `seconds`. If `work` raises, that is reported once, until it works again."""

    name: str
    seconds: float
    work: Callable[[], None]


class _State:
    """One part's process, when it was started, how often in a row it ended early, and when it may be started again."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self.started_at = 0.0
        self.failures = 0
        self.start_at = 0.0


class Supervisor:
    """Keeps parts running until it is asked to end.

    tell: is called with a subject and a text when a part ended or came back, or when a look failed; it must not raise.
    log: a file for the parts' output; without it they write where this process writes. clock: monotonic seconds.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        looks: Sequence[Look] = (),
        *,
        folder: Path,
        environ: Mapping[str, str],
        tell: Callable[[str, str], None],
        log: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._parts, self._looks = list(parts), list(looks)
        self._folder, self._environ, self._tell, self._clock = folder, dict(environ), tell, clock
        self._states = {part.name: _State() for part in parts}
        self._due = dict.fromkeys((look.name for look in looks), 0.0)
        self._failing: set[str] = set()
        # Groups of every process ever started, because a dead part may have left processes running.
        self._groups: set[int] = set()
        self._log_path = log
        self._log: IO[bytes] | None = None
        self.ending = threading.Event()

    def run(self) -> None:
        """Keep everything running until `ending` is set; then end it."""
        try:
            if self._log_path is not None:
                descriptor = os.open(self._log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
                self._log = os.fdopen(descriptor, "ab")
            while not self.ending.is_set():
                self.tick()
                self.ending.wait(TICK_SECONDS)
        finally:
            self.stop()

    def tick(self) -> None:
        """One pass over parts and looks."""
        now = self._clock()
        for part in self._parts:
            self._keep(part, now)
        for look in self._looks:
            if now >= self._due[look.name]:
                self._due[look.name] = now + look.seconds
                self._try(look)
        if self._log_path is not None:
            cut_log(self._log_path)

    def pid(self, name: str) -> int | None:
        """The id of a part's process, None while it has none."""
        process = self._states[name].process
        return None if process is None else process.pid

    def age(self, name: str) -> float:
        """Seconds since a part's process was started."""
        return self._clock() - self._states[name].started_at

    def restart(self, name: str) -> None:
        """End a part; it is started again as if it had ended by itself."""
        state = self._states[name]
        if state.process is not None:
            _end_group(state.process, {state.process.pid})
            state.process, state.failures, state.start_at = None, 0, 0.0

    def rearrange(self, parts: Sequence[Part], environ: Mapping[str, str]) -> None:
        """End all parts; from now on these are kept running, in this environment."""
        for part in reversed(self._parts):
            self.restart(part.name)
        self._parts, self._environ = list(parts), dict(environ)
        self._states = {part.name: _State() for part in parts}

    def _keep(self, part: Part, now: float) -> None:
        """Start the part if it does not run and is not to wait."""
        state = self._states[part.name]
        if state.process is not None and (code := state.process.poll()) is not None:
            steady = now - state.started_at >= STEADY_SECONDS
            state.failures = 0 if steady else state.failures + 1
            delay = min(2.0 ** (state.failures - 1), LONGEST_DELAY_SECONDS) if state.failures else 0.0
            state.process, state.start_at = None, now + delay
            self._tell(
                f"{part.name} ended", f"It ended with {_describe(code)} and is started again in {delay:.0f} seconds."
            )
        if state.process is None and now >= state.start_at:
            state.process = subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
                part.command, cwd=self._folder, env=self._environ, start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log,
            )  # fmt: skip
            state.started_at = now
            self._groups.add(state.process.pid)

    def _try(self, look: Look) -> None:
        try:
            look.work()
        except Exception as error:
            if look.name not in self._failing:
                self._failing.add(look.name)
                self._tell(f"{look.name} failed", str(tellable(error)))
        else:
            if look.name in self._failing:
                self._failing.discard(look.name)
                self._tell(f"{look.name} works again", "No action is needed.")

    def stop(self) -> None:
        """End all parts, last first, and all processes that dead parts left running."""
        for part in reversed(self._parts):
            state = self._states[part.name]
            if state.process is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(state.process.pid, signal.SIGINT)
        for part in reversed(self._parts):
            state = self._states[part.name]
            if state.process is not None:
                _end_group(state.process, self._groups)
                state.process = None
        for group in self._groups:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, signal.SIGKILL)
        if self._log is not None:
            self._log.close()
            self._log = None


def _end_group(process: subprocess.Popen[bytes], groups: set[int]) -> None:
    """Send the process's group SIGINT, then SIGTERM, then SIGKILL. Waits for the process, and for the processes of its
    group."""
    for sign, seconds in ((signal.SIGINT, END_SECONDS), (signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            process.poll()
            if not _is_alive(process.pid):
                groups.discard(process.pid)
                return
            time.sleep(0.05)


def _is_alive(group: int) -> bool:
    """Whether the group has a process that is no zombie; without a process that reaps them, zombies stay for ever."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    stats = [path / "stat" for path in Path("/proc").iterdir() if path.name.isdecimal()] if _PROC.exists() else []
    for stat in stats:
        with contextlib.suppress(OSError):
            state, _, process_group = stat.read_text().rpartition(")")[2].split()[:3]
            if int(process_group) == group and state != "Z":
                return True
    return not stats


def cut_log(path: Path) -> None:
    """Empty a file that has grown beyond LOG_BYTES, and keep its newest part beside it. Its writers append."""
    if not path.exists() or path.stat().st_size <= LOG_BYTES:
        return
    older = path.with_suffix(path.suffix + ".1")
    older.unlink(missing_ok=True)
    with open(os.open(older, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as copy, open(path, "rb") as log:
        log.seek(-LOG_BYTES, os.SEEK_END)
        shutil.copyfileobj(log, copy)
    os.truncate(path, 0)


def _describe(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"code {code}"
