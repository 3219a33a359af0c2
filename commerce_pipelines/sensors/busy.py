"""Whether a lane is at work, so that no further run is requested for it until it is free, and whether a run left its
days behind.

What belongs here: the questions to Dagster. What does not: what a lane is (core/lanes.py), which days are due
(flows/intake/changes.py).
"""

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

import dagster as dg

from ..core.lanes import lane_name, works_for
from ..resources.run_coordinator import list_selected

if TYPE_CHECKING:
    from ..flows.intake.changes import Cursor

ACTIVE = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]


def busy(instance: dg.DagsterInstance, channel: str, flow: str) -> bool:
    """Whether a run of this lane waits or works, whoever started it; a run started in the UI has no tags."""
    lane = lane_name(channel, flow)
    for run in instance.get_runs(dg.RunsFilter(statuses=ACTIVE)):
        if works_for(run.tags, list_selected(run), lane):
            return True
    return False


def is_left_behind(
    instance: dg.DagsterInstance, channel: str, flow: str, cursors: "Iterable[Cursor]", now: datetime
) -> bool:
    """Whether the run has ended whose days these cursors remember, and they may be requested again if it left them
    behind: between two turns nothing else tells that it was killed."""
    from ..flows.intake.changes import may_ask_again

    return any(may_ask_again(cursor, now) for cursor in cursors) and not busy(instance, channel, flow)
