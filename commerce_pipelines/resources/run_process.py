"""The inside of a run's own process: it waits for a pool slot without using the CPU, and ends as soon as it is asked
to.

Dagster's in-process loop spins while a step waits for a slot (`interval_to_next_pending_claim_check` takes the minimum
of the waits and 0), claims a free slot up to 15 s late, checks for an interrupt only inside a step, and retries an
interrupted step by its retry policy. Here the loop sleeps until the run owns the slot, and an interrupt ends the run
whatever the step's policy says.

What belongs here: the two methods of Dagster's loop that are replaced in the run's process, and the run itself. What
does not: who starts it (run_launcher.py), its proof of life (run_life.py).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dagster as dg

from ..core.lanes import CHANNEL_TAG
from ..warehouse.server.server import database_url
from ..warehouse.tables.database import ACTOR
from .dagster_internals import (
    ActiveExecution,
    DagsterExecutionInterruptedError,
    InstanceRef,
    capture_interrupts,
    deserialize_value,
    execute_run_command_body,
)
from .kept_events import EventsInBatches
from .run_life import RunLife

CHANNELS_OF_RUN = "COMMERCE_CHANNELS_OF_RUN"  # in a run's process: the names of its channels, separated by commas
CLAIM_SECONDS = 15.0  # the longest that a run waits before it claims its slot unasked


def execute(instance_ref: str, run_id: str) -> None:
    """Execute the run in this process as `dagster api execute_run` does, holding its lock."""
    os.environ[ACTOR] = f"run {run_id}"
    with (
        capture_interrupts(),
        dg.DagsterInstance.from_ref(deserialize_value(instance_ref, InstanceRef)) as instance,
        RunLife(database_url(), run_id) as life,
    ):
        run = instance.get_run_by_id(run_id)
        os.environ[CHANNELS_OF_RUN] = run.tags.get(CHANNEL_TAG, "") if run else ""
        with events_in_batches(instance) as write_events:
            wait_by(life, write_events)
            execute_run_command_body(run_id, instance, lambda event: None, set_exit_code_on_failure=False)


@contextmanager
def events_in_batches(instance: dg.DagsterInstance) -> Iterator[Callable[[], None]]:
    """Within the block events may wait for others (kept_events.py), where the storage is ours. Gives what writes them
    at once."""
    events = instance.event_log_storage
    if not isinstance(events, EventsInBatches):
        yield lambda: None
        return
    events.keep_back()
    try:
        yield events.write_kept
    finally:
        events.write_kept()


def wait_by(life: RunLife, before_waiting: Callable[[], None] = lambda: None) -> None:
    """Make Dagster's loop in this process wait and end as `life` says."""
    next_step = ActiveExecution.get_next_step

    def get_next_step(self: ActiveExecution) -> object:
        _raise_if_ending(life)
        return next_step(self)

    def sleep_til_ready(self: ActiveExecution) -> None:
        waits = [at - time.time() for at in self._waiting_to_retry.values()]
        pools = self._instance_concurrency_context
        if pools is not None and pools.has_pending_claims():
            waits.append(CLAIM_SECONDS)
        if waits:
            before_waiting()
        if waits and life.wait(max(0.0, min(waits))) and pools is not None:
            pools._pending_timeouts.clear()  # the slot is ours: Dagster would claim it only after its back-off
        _raise_if_ending(life)

    ActiveExecution.get_next_step = get_next_step  # type: ignore[assignment,method-assign]
    ActiveExecution.sleep_til_ready = sleep_til_ready  # type: ignore[method-assign]


def _raise_if_ending(life: RunLife) -> None:
    if life.ending.is_set():
        raise DagsterExecutionInterruptedError()
