"""Whether a lane is at work, so that no further run is requested for it until it is free.

What belongs here: the question to Dagster. What does not: what a lane is (core/lanes.py).
"""

import dagster as dg

from ..core.lanes import lane_name, works_for
from ..resources.run_coordinator import list_selected

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
