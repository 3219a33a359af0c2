"""Ports of this machine for services that a test starts and that take their port themselves, some seconds later.

What belongs here: choosing a port that nobody else is given meanwhile. What does not: servers, which are bound at once
and take any port (0).
"""

from __future__ import annotations

import os
import socket
from itertools import count

# Below those that Linux (from 32768) and macOS (from 49152) hand out to whoever asks for any: the stand-ins of the
# tests beside this one ask for hundreds, and one of them would have the port by the time the service starts.
LOWEST, HIGHEST = 20_000, 32_000
_APART = 41  # where the next process begins, whose number is mostly the next one
_candidates = count(os.getpid() * _APART)


def find_port() -> int:
    """One that is free now, and that this process names once."""
    for candidate in _candidates:
        port = LOWEST + candidate % (HIGHEST - LOWEST)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise AssertionError("unreachable")
