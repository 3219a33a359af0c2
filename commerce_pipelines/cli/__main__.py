"""`python -m commerce_pipelines.cli`, and the installed command: the commands, with Ctrl-C at any moment.

What belongs here: what happens before the commands are imported and after they are done. What does not: the commands
(main.py). It imports nothing slow, so that Ctrl-C during the imports finds it ready.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from types import FrameType

from . import INTERRUPTED

KNOCK_SECONDS = 0.2
KNOCKS = 50  # and no more, because a part of the work may have a handler of its own, which does not tell
_noticed = threading.Event()  # the main thread has begun to treat a Ctrl-C


def run() -> None:
    """Runs the command of this process's arguments and exits with its code; 130 after Ctrl-C, without a traceback.

    While modules are imported and when the work is done, Ctrl-C ends the process at once, because nothing is open then.
    During the work the first Ctrl-C lets the command clean up, and the next one does not wait for that.
    """
    signal.signal(signal.SIGINT, _end_at_once)
    from .main import main

    code: str | int | None = INTERRUPTED
    try:
        _watch_for_interrupts()
        signal.signal(signal.SIGINT, _raise_interrupt)
        main()
    except SystemExit as exit_:
        code = exit_.code
    except KeyboardInterrupt:
        code = INTERRUPTED
    signal.signal(signal.SIGINT, _end_at_once)
    if code == INTERRUPTED:
        sys.stdout.flush()
        sys.stderr.flush()
        _end_at_once()  # threads that wait for a server would hold the process up
    sys.exit(code)


def _watch_for_interrupts() -> None:
    """Let a thread see that the main thread notices a Ctrl-C.

    Python treats a signal between two steps of the main thread. One that comes in the instant before that thread begins
    to wait for a server, or that the system hands to another thread, would be treated when the wait is over: after
    minutes. Python writes its number to a pipe at once (`signal.set_wakeup_fd`), and another signal, which does
    nothing, breaks up the wait.
    """
    signals, written = os.pipe()
    os.set_blocking(written, False)
    signal.signal(signal.SIGURG, lambda *_: None)
    signal.set_wakeup_fd(written, warn_on_full_buffer=False)
    threading.Thread(target=_remind_main_thread, args=(signals,), name="interrupts", daemon=True).start()


def _remind_main_thread(signals: int) -> None:
    while signal.SIGINT not in os.read(signals, 64):
        pass
    for _ in range(KNOCKS):
        if _noticed.wait(KNOCK_SECONDS):
            return
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGURG)


def _raise_interrupt(*_: object) -> None:
    _noticed.set()
    signal.signal(signal.SIGINT, _end_at_once)
    raise KeyboardInterrupt


def _end_at_once(sign: int = signal.SIGINT, frame: FrameType | None = None) -> None:
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    run()
