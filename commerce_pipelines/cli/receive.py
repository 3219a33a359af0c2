"""`commerce-pipelines receive`: the messages of marketplaces and Odoo, until Ctrl-C.

`dev` runs this module as one of its parts. It imports nothing before the others have begun to work, because orders
matter more; whoever sends a message meanwhile sends it again, and what a hint would have told is polled.

What belongs here: the command. What does not: the server (message_server.py), the queues (message_queues.py).
"""

from __future__ import annotations

import logging
import os
import sys

import click

from .part import wait_for_code

AFTER_CODE_SECONDS = 12.0  # by then the first orders after a start are on their way


@click.command()
def receive() -> None:
    """Receive the messages of marketplaces, and Odoo's hints at changed stock, until Ctrl-C.

    For installations that run Dagster's parts as services of their own; `dev` does it as well. Settings: `listen`, and
    `notifications` of each channel (docs/webhooks.md). Amazon's messages are fetched from a queue, without
    `listen`.
    """
    from ..flows.notices.listeners import list_inboxes
    from ..resources.connections import open_connections
    from ..settings import file as settings_file
    from .dev import ending_cleanly
    from .message_queues import Queues
    from .message_server import serve

    connections = open_connections(settings_file.load())
    names, queues = list_inboxes(connections.settings), Queues(connections)
    try:
        with ending_cleanly():
            if names:
                click.echo(f"Fetching the messages of {', '.join(names)}; Ctrl-C ends it.")
                queues.start()
            if names and connections.settings.listen is None:
                queues.wait()
                return
            serve(connections, lambda address: click.echo(f"Receiving messages on {address}; Ctrl-C ends it."))
    except KeyboardInterrupt:
        return
    finally:
        queues.stop()


if __name__ == "__main__":
    wait_for_code(os.environ, for_seconds=AFTER_CODE_SECONDS)
    from ..core.errors import CommerceError
    from .terminal import log_to_terminal

    try:
        with log_to_terminal(logging.WARNING):
            receive()
    except CommerceError as error:
        sys.exit(f"commerce-pipelines: {error}")
