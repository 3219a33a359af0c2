"""Alerts about outcomes: failed runs, and what stands still although no run failed.

What belongs here: the two sensors. What does not: which alerts are sent and when (flows/alerts.py), sending
(resources/alerts.py), a failed run in words (failures.py).
"""

# No `from __future__ import annotations` here: Dagster reads the annotations of its functions as objects.

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any

import dagster as dg
import msgspec

from ..assets.looked_at import LOOKED_AT, MESSAGES_COME, describe_messages, looked_at_keys, messages_come_keys
from ..assets.looked_at import describe as describe_looked_at
from ..core.errors import CommerceError
from ..core.groups import LOCATION, is_of_groups, location_of
from ..resources.alerts import alert
from ..resources.borders import in_our_words
from ..resources.connections import Connections
from ..settings.alerts import Alerts
from .failures import describe, work_tags

LOOK_SECONDS = 60


def alert_sensors(
    alerts: Alerts, groups: Collection[str] = (), list_automation: Callable[[str], set[str]] = lambda group: set()
) -> list[dg.SensorDefinition]:
    """groups: of channels, each a code location of its own, of whose runs, sensors and schedules is told, too.
    list_automation: the names of a group's sensors and schedules."""
    return [run_failures(alerts, groups), outcomes(alerts, groups, list_automation)]


def run_failures(alerts: Alerts, groups: Collection[str] = ()) -> dg.SensorDefinition:
    """Reports job, channel, days and the failed step's own sentence; never personal data or a traceback. A run of
    a group that has left the settings since is told, too."""

    @dg.run_failure_sensor(
        name="run_failures",
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=30,
        monitor_all_code_locations=bool(groups),
        description="Alerts the targets under `alerts` in commerce.yaml about failed work, once until it succeeds.",
    )
    @in_our_words
    def failed(context: dg.RunFailureSensorContext, connections: dg.ResourceParam[Connections]) -> None:
        from ..flows.alerts import note_run, watch

        if groups and not is_of_groups(_name_location(context.dagster_run.remote_job_origin)):
            return  # of somebody else's code in the same Dagster, or of a command that says itself what failed
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


def _name_location(origin: Any) -> str:
    """The code location of a run's origin, or of that of a sensor or schedule; '' where it has none."""
    return origin.repository_origin.code_location_origin.location_name if origin else ""


def outcomes(
    alerts: Alerts, groups: Collection[str] = (), list_automation: Callable[[str], set[str]] = lambda group: set()
) -> dg.SensorDefinition:
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
        note_switched_off(connections, _list_switched_off(context, groups, list_automation), now)
        problems = watch(connections, lambda s, t: alert(alerts.targets, s, t), now)
        for problem in problems:
            context.log.error("The alert could not be sent. %s", problem)
        checks, cursor = _report_checks(connections, context.cursor, now)
        skipped = None if checks else dg.SkipReason("This sensor requests no runs.")
        return dg.SensorResult(skip_reason=skipped, asset_events=checks, cursor=cursor)

    return look


def _list_switched_off(
    context: dg.SensorEvaluationContext, groups: Collection[str], list_automation: Callable[[str], set[str]]
) -> list[str]:
    """Our sensors and schedules that somebody has switched off; all of them are on by default. What a channel had in
    the code location of a group that it left does not count."""
    repository = context.repository_def
    if repository is None or context.instance.schedule_storage is None:  # an instance in memory
        return []
    ours = {*(sensor.name for sensor in repository.sensor_defs), *(plan.name for plan in repository.schedule_defs)}
    off: dict[str, set[str]] = {}
    for state in context.instance.all_instigator_state():
        if state.status.value == "STOPPED":
            off.setdefault(_name_location(state.origin), set()).add(state.instigator_name)
    of_groups = {location_of(group): group for group in groups}
    names = {name for place, group in of_groups.items() if place in off for name in off[place] & list_automation(group)}
    here = [place for place in off if place not in of_groups and (not groups or place == LOCATION)]
    return sorted(names.union(*(off[place] & ours for place in here)))


def _report_checks(
    connections: Connections, cursor: str | None, now: datetime
) -> tuple[list[dg.AssetCheckEvaluation], str]:
    """(evaluations, cursor) of the checks whose verdict differs from the cursor's: one event for each change, not for
    each minute."""
    now_seen = _judge(connections, now)
    verdicts = {name: bool(evaluation.passed) for name, evaluation in now_seen.items()}
    before = read_verdicts(cursor)
    changed = [evaluation for name, evaluation in now_seen.items() if before.get(name) != verdicts[name]]
    return changed, msgspec.json.encode(verdicts).decode()


def _judge(connections: Connections, now: datetime) -> dict[str, dg.AssetCheckEvaluation]:
    """Every check of assets/looked_at.py as it stands now, by a name that lasts."""
    from ..flows.alerts import judge_messages, judge_pollers

    polls, messages = judge_pollers(connections, now), judge_messages(connections, now)
    evaluations = {
        name: _build_evaluation(key, LOOKED_AT, describe_looked_at(polls[name]), passed=not polls[name])
        for name, key in looked_at_keys(connections.settings).items()
    }
    return evaluations | {
        f"messages of {name}": _build_evaluation(
            key, MESSAGES_COME, describe_messages(messages[name]), passed=not messages[name]
        )
        for name, key in messages_come_keys(connections.settings).items()
    }


def _build_evaluation(key: dg.AssetKey, check: str, description: str, *, passed: bool) -> dg.AssetCheckEvaluation:
    return dg.AssetCheckEvaluation(
        asset_key=key, check_name=check, passed=passed, severity=dg.AssetCheckSeverity.ERROR, description=description
    )


def read_verdicts(cursor: str | None) -> dict[str, bool]:
    """The verdicts that were last reported; a missing or unreadable cursor remembers none."""
    try:
        return msgspec.json.decode(cursor or "{}", type=dict[str, bool])
    except (msgspec.DecodeError, msgspec.ValidationError):
        return {}
