"""`commerce-pipelines plan CHANNEL --flow inbound` and `release CHANNEL --flow inbound`: inbound plans from a terminal.

What belongs here: the tables of these commands, and what `check` looks at. What does not: the work behind them
(flows/inbound/plan_consent.py).
"""

from __future__ import annotations

from collections.abc import Iterator

from ..channels.settings import ChannelSettings
from ..core.errors import CommerceError, SettingsError
from ..resources.connections import Connections, open_connections
from ..settings import file as settings_file
from .terminal import say, show_table


def open_for_plans(channel: str) -> Connections:
    """The doors. Raises SettingsError for an unknown channel, and for one that makes no plans."""
    settings = settings_file.load()
    if not settings.channel(channel).inbound.plans.enabled:
        raise SettingsError(f"channels[{channel}].inbound.plans.enabled is not true: no plan is made there.")
    return open_connections(settings)


def show_plan(channel: str) -> None:
    """Print the plans of a channel that are not over, and what of them waits for consent."""
    from ..flows.inbound.plan_consent import COLUMNS, list_held, list_plans

    connections = open_for_plans(channel)
    rows = [row.row for row in list_plans(connections, channel)]
    show_table(f"{channel}: plans as the last run left them", COLUMNS, rows, texts=("transport", "cancelling"))
    for body in list_held(connections, channel):
        facts = ", ".join(f"{key}: {_show(value)}" for key, value in body.items() if key not in ("transfer", "step"))
        say(f"{body['transfer']} waits before the step `{body['step']}`: {facts}")
    say(f"`commerce-pipelines release {channel} --flow inbound` agrees to what waits, and to nothing else.")


def _show(value: object) -> str:
    return "; ".join(map(str, value)) if isinstance(value, list) else str(value)


def release_plans(channel: str, by: str) -> None:
    from ..flows.inbound.plan_consent import release

    reasons = release(open_for_plans(channel), channel, by)
    say(f"Released: {reasons}. The next run of {channel}, within half an hour, does it.")


def plan_marketplace(connections: Connections, channel: ChannelSettings) -> Iterator[tuple[str, str]]:
    """`inbound.plans.marketplace` is one of the account's."""
    rules, what = channel.inbound.plans, f"channels[{channel.name}].inbound.plans.marketplace"
    if not rules.enabled:
        return
    plans = connections.channel(channel.name).inbound_plans
    if plans is None:
        yield what, "this kind of marketplace has no inbound plans; set plans.enabled: false."
        return
    try:
        plans.find_marketplace(rules.marketplace)
    except CommerceError as error:
        yield what, str(error)
        return
    yield what, ""


INBOUND_KEYS = (  # that the file itself verifies
    "since", "ledger_by", "departures", "removals", "removals.enabled", "removals.since", "removals.kinds",
    "overdue_days", "claim_days", "plans", "plans.enabled", "plans.placement",
    "plans.carrier", "plans.label_owner", "plans.label_page", "plans.arrives_in_days",
    "plans.item_label_page", "plans.item_label_width", "plans.item_label_height", "plans.preps",
    "plans.preps.category", "plans.preps.types",
)  # fmt: skip


def removal_places(connections: Connections, channel: ChannelSettings) -> Iterator[tuple[str, str]]:
    """Odoo has the warehouses and the locations that `inbound.removals` names."""
    from ..flows.inbound.removals import find_problem

    if channel.inbound.removals.enabled:
        try:
            problem = find_problem(connections, channel.name)
        except CommerceError as error:
            problem = str(error)
        yield f"channels[{channel.name}].inbound.removals: places", problem


PLANS_TRIED = {
    "inbound.plans.marketplace": plan_marketplace,
    **dict.fromkeys(
        (f"inbound.removals.{key}" for key in ("transit", "warehouse", "unsellable", "unsellable_from")), removal_places
    ),
    "inbound.plans.carrier_code": "none: the marketplace's offers tell it, and a plan that it offers none for waits",
    "inbound.plans.approve": "none: both values work",
}
