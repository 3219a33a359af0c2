"""The `alerts:` section of commerce.yaml: who is alerted, and how soon.

What belongs here: its keys and their checks. What does not: which alerts there are (flows/alerts.py), how they are sent
(resources/alerts.py).
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from ..core.section import Secret, Section


class Alerts(Section, kw_only=True, frozen=True):
    """targets: each an environment variable that holds a URL of Apprise (Teams, Slack, mail, ntfy and a hundred more).

    waiting_hours: how long an order may wait for a person before an alert. failed_ticks: how many polls of a channel in
    a row may fail. digest_hour: when the daily summary is sent, in the time zone of the first channel; null: never.
    """

    targets: tuple[Secret, ...] = ()
    waiting_hours: Annotated[int, msgspec.Meta(ge=1, le=720)] = 24
    failed_ticks: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 5
    digest_hour: Annotated[int, msgspec.Meta(ge=0, le=23)] | None = 7
