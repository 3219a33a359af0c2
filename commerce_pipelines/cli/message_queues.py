"""The queues of `commerce-pipelines receive`: a thread for each channel whose messages are fetched.

What belongs here: the loop, its pauses after failures, its end. What does not: one turn (flows/notices/inbox.py), the
server for messages that are sent to us (message_server.py), what `check` tries of a queue.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator

from ..channels.settings import ChannelSettings
from ..core.errors import CommerceError, TransientError
from ..flows.notices.inbox import take_turn
from ..flows.notices.listeners import list_inboxes
from ..resources.connections import Connections

SHORT_PAUSE_SECONDS, LONG_PAUSE_SECONDS = 5.0, 60.0  # after failures: passing ones, and those that a person mends

_log = logging.getLogger("commerce_pipelines.receiver")


class Queues:
    """Reads the queues until `stop`. Messages that nobody has put on record stay in them."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._ending = threading.Event()
        self._threads = [
            threading.Thread(target=self._work, args=(name,), name=f"queue of {name}", daemon=True)
            for name in list_inboxes(connections.settings)
        ]

    def start(self) -> None:
        for name in list_inboxes(self._connections.settings):  # what is opened at its first use is opened by one thread
            self._connections.channel(name)
            _ = self._connections.vault
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Begin no further turn. A long poll is not waited for, because it holds nothing."""
        self._ending.set()

    def wait(self) -> None:
        self._ending.wait()

    def _work(self, name: str) -> None:
        while not self._ending.is_set():
            self._ending.wait(self._take_turn(name))

    def _take_turn(self, name: str) -> float:
        """One turn; returns the seconds until the next."""
        try:
            take_turn(self._connections, name)
        except TransientError as error:
            _log.warning("%s: %s", name, error)
            return SHORT_PAUSE_SECONDS
        except CommerceError as error:
            _log.error("%s: messages wait: %s Polls find what changes.", name, error)
            return LONG_PAUSE_SECONDS
        except Exception as error:  # nobody foresaw it; its text may quote a message
            _log.error("%s: messages wait (%s). Polls find what changes.", name, type(error).__name__)
            return LONG_PAUSE_SECONDS
        return 0.0


def readable_queue(connections: Connections, channel: ChannelSettings) -> Iterator[tuple[str, str]]:
    """The queue of `notifications` can be read with its keys."""
    if not channel.inbox:
        return
    what = f"channels[{channel.name}].notifications.queue_url"
    inbox = connections.channel(channel.name).inbox
    try:
        if inbox is not None:
            inbox.probe()
    except CommerceError as error:
        yield what, str(error)
    else:
        yield what, ""
