"""Alerts about outcomes: failed runs, and what stands still although no run failed.

What belongs here: the two sensors. What does not: which alerts are sent and when (flows/alerts.py), sending
(resources/alerts.py), a failed run in words (failures.py).
"""

# No `from __future__ import annotations` here: Dagster reads the annotations of its functions as objects.

import dagster as dg

from ..core.errors import CommerceError
from ..resources.alerts import alert
from ..resources.connections import Connections
from ..settings.alerts import Alerts
from .failures import describe, work_tags

LOOK_SECONDS = 60


def alert_sensors(alerts: Alerts) -> list[dg.SensorDefinition]:
    return [run_failures(alerts), outcomes(alerts)]


def run_failures(alerts: Alerts) -> dg.SensorDefinition:
    """Reports job, channel, days and the failed step's own sentence; never personal data or a traceback."""

    @dg.run_failure_sensor(
        name="run_failures",
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=30,
        description="Tells the people under `alerts` in commerce.yaml of work that failed, once until it succeeds.",
    )
    def failed(context: dg.RunFailureSensorContext, connections: dg.ResourceParam[Connections]) -> None:
        from ..flows.alerts import note_run, watch

        now = connections.instruments.now()
        work, subject, text = describe(context)
        try:
            note_run(connections, work, subject, text, now)
            problems = watch(connections, lambda s, t: alert(alerts.targets, s, t), now)
        except CommerceError:  # without a database no alert is recorded as sent: two alerts are better than none
            problems = alert(alerts.targets, f"commerce_pipelines: {subject}", text)
        for problem in problems:
            context.log.error("The alert could not be sent. %s", problem)

    return failed


def outcomes(alerts: Alerts) -> dg.SensorDefinition:
    """Looks every minute at what the database knows; failed work that has succeeded since is not reported."""

    @dg.sensor(
        name="outcomes",
        minimum_interval_seconds=LOOK_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells the people under `alerts` in commerce.yaml of missing orders, of what waits too long, of "
        "pollers that fail or stand still, of a breaker that waits for a person: each once until it is gone. And sends "
        "a daily digest.",
    )
    def look(context: dg.SensorEvaluationContext, connections: dg.ResourceParam[Connections]) -> dg.SkipReason:
        from ..flows.alerts import open_runs, run_succeeded, watch

        now = connections.instruments.now()
        for work, since in open_runs(connections).items():
            wanted = dg.RunsFilter(tags=work_tags(work), statuses=[dg.DagsterRunStatus.SUCCESS], updated_after=since)
            if context.instance.get_run_records(wanted, limit=1):
                run_succeeded(connections, work, now)
        problems = watch(connections, lambda s, t: alert(alerts.targets, s, t), now)
        for problem in problems:
            context.log.error("The alert could not be sent. %s", problem)
        return dg.SkipReason("This sensor requests no runs.")

    return look
