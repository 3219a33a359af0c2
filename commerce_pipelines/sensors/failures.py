"""A failed run is told to people, once. What belongs here: the run-failure sensor. What does not: the ways out
(resources/alerts.py)."""

# No `from __future__ import annotations` here: Dagster reads the annotations of its functions as objects.

import dagster as dg

from ..resources.alerts import alert
from ..settings.file import Alerts

_OURS = "commerce_pipelines.core.errors."


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
        steps = [f"{event.step_key}: {reason(event)}" for event in context.get_step_failure_events() if event.step_key]
        text = "\n".join([f"run {run.run_id}", *(["days " + " … ".join(days)] if days else []), *steps])
        subject = f"commerce_pipelines: a run of {run.tags.get('channel', run.job_name)} failed"
        for problem in alert(alerts, subject, text):
            context.log.error("The alert could not be sent by %s.", problem)

    return failed


def reason(event: dg.DagsterEvent) -> str:
    """The sentence of an error of ours, else only the name of its class: a stranger's message may quote data."""
    data = event.step_failure_data
    if data.user_failure_data and data.user_failure_data.description:
        return str(data.user_failure_data.description)
    error = data.error
    while error is not None and error.cause is not None:
        error = error.cause
    if error is None:
        return "error"
    ours, _, sentence = error.message.partition(": ")
    return sentence.strip() if ours.startswith(_OURS) else error.cls_name or "error"
