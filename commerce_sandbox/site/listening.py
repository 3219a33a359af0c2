"""Serving the pages beside the demo, in a thread.

What belongs here: the port, starting and stopping. What does not: the pages (pages.py).
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette

HOST = "127.0.0.1"


@contextmanager
def reserved(port: int) -> Iterator[socket.socket]:
    """A socket that listens on this port, or on a free one where it is taken."""
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((HOST, port))
        except (OSError, OverflowError):  # taken, or beyond the last port there is
            listening.bind((HOST, 0))
        listening.listen(64)
        yield listening


@contextmanager
def served(app: Starlette, listening: socket.socket) -> Iterator[str]:
    """The address under which the application answers while the context is open."""
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", access_log=False, lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="pages", daemon=True)
    thread.start()
    try:
        yield f"http://{HOST}:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=10)
