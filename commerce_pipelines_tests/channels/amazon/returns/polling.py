"""Looking at Amazon's returns as the sensor does.

What belongs here: test data's ids, a poller, what was requested. What does not: assertions.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from commerce_pipelines.channels.amazon.channel import AmazonChannel
from commerce_pipelines.channels.capabilities import Page, Window
from commerce_pipelines.core.errors import RateLimited, TransientError
from commerce_pipelines.domain.returns.records import Return, check_return

from ..contract import NOON, Clock, Recorded, connect

ORDER, OTHER = "302-0000001-0000001", "302-0000002-0000002"
WEEK_AGO = NOON - timedelta(days=7)


class Poller:
    """Looks at the returns as the sensor does: what it keeps between two looks is a cursor."""

    def __init__(self, amazon: Recorded, clock: Clock, **settings: Any) -> None:
        self.clock, self.channel = clock, connect(amazon, clock, marketplaces=("DE",), **settings)
        self.watermark = clock.now() - timedelta(days=1)
        self.resume: str | None = None

    def look(self) -> list[Return]:
        """One look. Raises what the sensor would be told."""
        start = self.watermark - timedelta(minutes=self.channel.returns._api.settings.overlap_minutes)
        before, resume, returns = self.resume, self.resume, []
        try:
            for page in self.channel.returns.changed(Window(start, self.clock.now()), before):
                returns += read(self.channel, page)
                resume, watermark = page.resume, page.watermark
                if resume is None:
                    self.watermark = max(self.watermark, watermark)
        except TransientError:
            if resume in (None, before):
                raise
        self.resume = resume
        return returns

    def look_until_done(self) -> list[Return]:
        returns = []
        for _ in range(20):
            try:
                returns += self.look()
                if self.resume is None:
                    return returns
            except RateLimited:
                pass
            self.clock.passed += 60
        raise AssertionError("the reports were never ready")


def read(channel: AmazonChannel, page: Page) -> list[Return]:
    returns = []
    for raw in page.records:
        record = channel.returns.translate(raw)
        check_return(record)
        assert channel.returns.head(raw).record_id == record.return_id
        returns.append(record)
    return returns


def asked(amazon: Recorded) -> list[str]:
    """The kinds of the reports that were requested, in their order."""
    return [
        call.json()["reportType"]
        for call, _ in amazon.exchanges
        if call.method == "POST" and call.path.endswith("/reports")
    ]
