"""`python -m commerce_pipelines.cli`, and the installed command: the commands, with Ctrl-C at any moment.

What belongs here: what happens before the commands are imported and after they are done. What does not: the commands
(main.py). It imports nothing slow, so that Ctrl-C during the imports finds it ready.
"""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

from . import INTERRUPTED


def run() -> None:
    """Runs the command of this process's arguments and exits with its code; 130 after Ctrl-C, without a traceback.

    While modules are imported and when the work is done, Ctrl-C ends the process at once, because nothing is open then.
    During the work the first Ctrl-C lets the command clean up, and the next one does not wait for that.
    """
    signal.signal(signal.SIGINT, _end_at_once)
    from .main import main

    code: str | int | None = INTERRUPTED
    try:
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


def _raise_interrupt(*_: object) -> None:
    signal.signal(signal.SIGINT, _end_at_once)
    raise KeyboardInterrupt


def _end_at_once(sign: int = signal.SIGINT, frame: FrameType | None = None) -> None:
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    run()
