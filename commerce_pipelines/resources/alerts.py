"""Sending alerts to people: one URL of Apprise for each target, so that a new messenger needs no code of ours.

What belongs here: sending one message to every target. What does not: when to send and what to say (flows/alerts.py).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..core.errors import SettingsError
from ..core.obstacles import connect_once
from ..core.section import Secret

if TYPE_CHECKING:
    import apprise

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


def find_host(secret: Secret) -> str:
    """The host that a target's messages go to, or the service's own name where its host is not known; '' for a target
    that Apprise does not know."""
    import apprise

    _silence_apprise()
    target = apprise.Apprise()
    try:
        if not target.add(secret.value()):
            return ""
    except SettingsError:
        return ""
    (plugin,) = target
    return _read_host(plugin) or str(plugin.service_name).lower()


def _read_host(plugin: apprise.NotifyBase) -> str:
    """The host of a target's service; '' where it is not known.

    Apprise reads into `host` whatever stands first in the URL, which is a token with the messengers that have one host
    for everybody: only where the URL has a place for a host does it hold one.
    """
    if smtp := getattr(plugin, "smtp_host", None):
        return str(smtp).lower()
    templates: tuple[str, ...] = plugin.templates
    takes_host = any("{host}" in template for template in templates)
    if takes_host and getattr(plugin, "mode", "") != "cloud":
        return str(plugin.host).lower()
    for name in ("cloud_notify_url", "notify_url", "webhook_url", "service_url"):
        address = getattr(plugin, name, None)
        if isinstance(address, str) and (host := urlsplit(address).hostname) and "{" not in host:
            return host
    return ""


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
            problems.append(f"{secret.env} (alerts.targets): the message was not taken. {_explain(sender, secret)}")
    return problems


def _explain(sender: apprise.Apprise, secret: Secret) -> str:
    """Why a target did not take a message, as far as one more connection tells, because Apprise does not say it."""
    (plugin,) = sender
    host = _read_host(plugin)
    encrypted = bool(getattr(plugin, "secure", False)) and getattr(plugin, "secure_mode", "ssl") == "ssl"
    port = getattr(plugin, "port", None) or (443 if encrypted else 80)
    obstacle = connect_once(host, port, encrypted=encrypted) if host else None
    if obstacle is None:
        return "Its server gave no answer, or a refusal: check path, token and receivers of its URL."
    return f"Of its server: {obstacle.says}; {obstacle.fix.format(key=f'the URL in {secret.env}')}."
