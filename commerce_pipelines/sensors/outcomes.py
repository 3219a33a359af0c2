"""Alerts about outcomes: failed runs, and what stands still although no run failed.

What belongs here: the two sensors. What does not: which alerts are sent and when (flows/alerts.py), sending
(resources/alerts.py), a failed run in words (failures.py).
"""

# No `from __future__ import annotations` here: Dagster reads the annotations of its functions as objects.

from datetime import datetime

import dagster as dg
import msgspec

from ..assets.looked_at import LOOKED_AT, looked_at_keys
from ..assets.looked_at import describe as describe_looked_at
from ..core.errors import CommerceError
from ..resources.alerts import alert
from ..resources.borders import in_our_words
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
        description="Alerts the targets under `alerts` in commerce.yaml about failed work, once until it succeeds.",
    )
    @in_our_words
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
    @in_our_words
    def look(context: dg.SensorEvaluationContext, connections: dg.ResourceParam[Connections]) -> dg.SensorResult:
        from ..flows.alerts import note_switched_off, open_runs, run_succeeded, watch

        now = connections.instruments.now()
        for work, since in open_runs(connections).items():
            wanted = dg.RunsFilter(tags=work_tags(work), statuses=[dg.DagsterRunStatus.SUCCESS], updated_after=since)
            if context.instance.get_run_records(wanted, limit=1):
                run_succeeded(connections, work, now)
        note_switched_off(connections, _list_switched_off(context), now)
        problems = watch(connections, lambda s, t: alert(alerts.targets, s, t), now)
        for problem in problems:
            context.log.error("The alert could not be sent. %s", problem)
        checks, cursor = _report_looked_at(connections, context.cursor, now)
        skipped = None if checks else dg.SkipReason("This sensor requests no runs.")
        return dg.SensorResult(skip_reason=skipped, asset_events=checks, cursor=cursor)

    return look


def _list_switched_off(context: dg.SensorEvaluationContext) -> list[str]:
    """Our sensors and schedules that somebody has switched off; all of them are on by default."""
    repository = context.repository_def
    if repository is None or context.instance.schedule_storage is None:  # an instance in memory
        return []
    ours = {*(sensor.name for sensor in repository.sensor_defs), *(plan.name for plan in repository.schedule_defs)}
    off = {
        state.instigator_name for state in context.instance.all_instigator_state() if state.status.value == "STOPPED"
    }
    return sorted(off & ours)


def _report_looked_at(
    connections: Connections, cursor: str | None, now: datetime
) -> tuple[list[dg.AssetCheckEvaluation], str]:
    """(evaluations, cursor) of the checks whose verdict differs from the cursor's: one event for each change, not for
    each minute."""
    from ..flows.alerts import judge_pollers

    keys = looked_at_keys(connections.settings)
    problems = judge_pollers(connections, now)
    verdicts = {name: not problem for name, problem in problems.items()}
    before = read_verdicts(cursor)
    changed = [name for name in keys if before.get(name) != verdicts[name]]
    evaluations = [
        dg.AssetCheckEvaluation(
            asset_key=keys[name],
            check_name=LOOKED_AT,
            passed=verdicts[name],
            severity=dg.AssetCheckSeverity.ERROR,
            description=describe_looked_at(problems[name]),
        )
        for name in changed
    ]
    return evaluations, msgspec.json.encode(verdicts).decode()


def read_verdicts(cursor: str | None) -> dict[str, bool]:
    """The verdicts that were last reported; a missing or unreadable cursor remembers none."""
    try:
        return msgspec.json.decode(cursor or "{}", type=dict[str, bool])
    except (msgspec.DecodeError, msgspec.ValidationError):
        return {}
