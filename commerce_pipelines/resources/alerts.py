"""Telling people about a failed run: a chat webhook and mail.

What belongs here: the two ways out. What does not: when to speak (sensors/failures.py).
"""

from __future__ import annotations

import smtplib
from email.message import EmailMessage
from urllib.parse import urlsplit

from ..core.errors import TransientError
from ..settings.file import Alerts, Mail


def alert(alerts: Alerts, subject: str, text: str) -> list[str]:
    """Send to every configured way out; returns what went wrong with each, so that one does not silence the other."""
    problems = []
    for configured, send in ((alerts.webhook, _post), (alerts.mail, _mail)):
        if configured is not None:
            try:
                send(configured, subject, text)
            except (TransientError, OSError, smtplib.SMTPException) as error:
                problems.append(f"{send.__name__.strip('_')}: {type(error).__name__}")
    return problems


def _post(webhook: object, subject: str, text: str) -> None:
    """JSON with `text`, as Slack, Mattermost and Teams incoming webhooks take it."""
    import requests

    url = webhook.value()  # type: ignore[attr-defined]
    answer = requests.post(url, json={"text": f"{subject}\n{text}"}, timeout=10, allow_redirects=False)
    if answer.status_code >= 300:
        raise TransientError(f"The alert webhook at {urlsplit(url).hostname} answered {answer.status_code}.")


def _mail(mail: object, subject: str, text: str) -> None:
    assert isinstance(mail, Mail)  # noqa: S101 - narrows the type
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = subject, mail.sender, ", ".join(mail.to)
    message.set_content(text)
    with smtplib.SMTP(mail.host, mail.port, timeout=10) as server:
        if mail.starttls:
            server.starttls()
        if mail.password is not None:
            server.login(mail.username, mail.password.value())
        server.send_message(message)
