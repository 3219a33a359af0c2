"""Every queued run gets the tags of its lane, also a run that a person started in Dagster's UI.

What belongs here: the classes that dagster.yaml names. What does not: what the tags are (core/lanes.py), the queue
(Dagster's own, with the limits of dagster.yaml).
"""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from ..core.lanes import DAGSTERS_BACKFILL_TAG, tags_of
from ..warehouse.server.server import database_url
from .dagster_internals import RunQueueConfig
from .slots import count_slots


def list_selected(run: dg.DagsterRun) -> list[Sequence[str]] | None:
    """The paths of the assets that a run works on: that it materialises, or whose checks it evaluates. None: the run
    has no selection, so it may work on anything."""
    assets, checks = run.asset_selection, run.asset_check_selection
    if assets is None and checks is None:
        return None
    keys = {*(assets or ()), *(check.asset_key for check in checks or ())}
    return [key.path for key in keys]


def missing_tags(run: dg.DagsterRun) -> dict[str, str]:
    """The tags of channel, flow and lane that the run does not have yet."""
    derived = tags_of(list_selected(run), DAGSTERS_BACKFILL_TAG in run.tags)
    return {tag: value for tag, value in derived.items() if tag not in run.tags}


class LaneCoordinator(dg.QueuedRunCoordinator):
    """Dagster's queue. Its limits on `commerce/lane` hold for all runs, because all of them have that tag."""

    def submit_run(self, context: dg.SubmitRunContext) -> dg.DagsterRun:
        run = context.dagster_run
        if missing := missing_tags(run):
            self._instance.add_run_tags(run.run_id, missing)
        return super().submit_run(context)


class WorkerCoordinator(LaneCoordinator):
    """The same queue, which lets as many runs work as the living workers have slots for: the others stay in the queue,
    where they cost nothing and no time-out counts."""

    def submit_run(self, context: dg.SubmitRunContext) -> dg.DagsterRun:
        """Makes the run's pools first. Dagster's daemon makes them as well, but lets all runs begin that wait for a new
        pool at that moment."""
        wanted = context.dagster_run.run_op_concurrency
        events = self._instance.event_log_storage
        if wanted is not None and (new := (wanted.all_pools or set()) - events.get_concurrency_keys()):
            for pool in sorted(new):
                events.initialize_concurrency_limit_to_default(pool)
        return super().submit_run(context)

    def get_run_queue_config(self) -> RunQueueConfig:
        return super().get_run_queue_config()._replace(max_concurrent_runs=count_slots(database_url()))
