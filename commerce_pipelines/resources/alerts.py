"""The ways out to people: one URL of Apprise for each target, so that a new messenger needs no code of ours.

What belongs here: sending one message to every target. What does not: when to speak and what to say (flows/alerts.py).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from ..core.errors import SettingsError
from ..core.section import Secret

PAGE = "https://github.com/caronc/apprise/wiki"


def alert(targets: Sequence[Secret], subject: str, text: str) -> list[str]:
    """Send to every target; returns what went wrong with each, so that one does not silence the other.

    The sentences name the environment variable: a target's URL is a secret, and what the other side says is not ours.
    """
    if not targets:
        return []
    import apprise

    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # it would log the URL, and what the other side answers
    problems = []
    for secret in targets:
        try:
            sender = apprise.Apprise()
            known = sender.add(secret.value())
        except SettingsError as error:
            problems.append(str(error))
            continue
        if not known:
            problems.append(f"{secret.env} holds no URL that Apprise knows, such as mailto://…; {PAGE} lists them.")
        elif not sender.notify(title=subject, body=text, body_format=apprise.NotifyFormat.TEXT):
            problems.append(
                f"{secret.env}: the target did not take the message; check its URL, and that it is reached."
            )
    return problems
