"""Sending alerts to people: one URL of Apprise for each target, so that a new messenger needs no code of ours.

What belongs here: sending one message to every target. What does not: when to send and what to say (flows/alerts.py).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from ..core.errors import SettingsError
from ..core.section import Secret

TARGETS_PAGE = "https://github.com/caronc/apprise/wiki"


def unknown(secret: Secret) -> str:
    """What is wrong with a target, without sending anything; '' if Apprise knows it."""
    import apprise

    _silence_apprise()
    try:
        is_known = apprise.Apprise().add(secret.value())
    except SettingsError as error:
        return str(error)
    return (
        ""
        if is_known
        else f"{secret.env} holds no URL that Apprise knows, such as mailto://…; {TARGETS_PAGE} lists them."
    )


def _silence_apprise() -> None:
    # Otherwise it would log the URL, and the other side's answer.
    logging.getLogger("apprise").setLevel(logging.CRITICAL)


def alert(targets: Sequence[Secret], subject: str, text: str) -> list[str]:
    """Send to every target; returns the problems, one sentence each. A target that fails does not stop the others.

    The sentences name the environment variable, because a target's URL is a secret, and do not quote the other side's
    answer.
    """
    if not targets:
        return []
    import apprise

    problems = []
    for secret in targets:
        if problem := unknown(secret):
            problems.append(problem)
            continue
        sender = apprise.Apprise()
        sender.add(secret.value())
        if not sender.notify(title=subject, body=text, body_format=apprise.NotifyFormat.TEXT):
            problems.append(
                f"{secret.env}: the target did not take the message; check its URL, and that it can be reached."
            )
    return problems
