"""A failed run is told to people, once. What belongs here: the run-failure sensor. What does not: the ways out
(resources/alerts.py)."""

# No `from __future__ import annotations` here: Dagster reads the annotations of its functions as objects.

import dagster as dg

from ..resources.alerts import alert
from ..settings import Alerts


def run_failures(alerts: Alerts) -> dg.SensorDefinition:
    """Posts and mails job, channel, days and the failed step's own sentence; never personal data or a traceback."""

    @dg.run_failure_sensor(
        name="run_failures",
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=30,
        description="Tells the people named under `alerts` in commerce.yaml about every failed run.",
    )
    def failed(context: dg.RunFailureSensorContext) -> None:
        run = context.dagster_run
        days = [run.tags[tag] for tag in sorted(run.tags) if "partition" in tag]
        steps = [
            f"{event.step_key}: {_reason(event)}" for event in context.get_step_failure_events() if event.step_key
        ]
        text = "\n".join([f"run {run.run_id}", *(["days " + " … ".join(days)] if days else []), *steps])
        for problem in alert(alerts, f"commerce_pipelines: a run of {run.tags.get('channel', run.job_name)} failed", text):
            context.log.error("The alert could not be sent by %s.", problem)

    return failed


def _reason(event: dg.DagsterEvent) -> str:
    data = event.step_failure_data
    if data.user_failure_data and data.user_failure_data.description:
        return str(data.user_failure_data.description)
    return data.error.cls_name or "error" if data.error else "error"
