"""The exceptions desk in Dagster: all that waits in one list, and jobs to try it again and to take care of it.

What belongs here: the asset, its table and its links; the jobs' config. What does not: the list (flows/desk.py), when
it is made anew (sensors/overview.py), the exceptions of one channel (exceptions.py).
"""

from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import dagster as dg

from ..core.errors import SettingsError
from ..core.lanes import DESK, EXCEPTIONS, OVERVIEW, run_tags
from ..core.local_time import local_time
from ..core.reasons import RULES
from ..core.urls import order_page
from ..resources.borders import in_our_words
from ..resources.connections import Connections
from ..settings.file import Settings
from .chart import bars
from .common import build_table, escape_cell, failures, labels, shows_now
from .exceptions import ALL

if TYPE_CHECKING:
    from ..flows.desk import Entry

KEY = dg.AssetKey([DESK])
ROWS_SHOWN = 100
COLUMNS = (
    "channel", "flow", "record", "reason", "says", "what to do", "waits since", "tries", "tried again", "person",
    "ignored until", "order in the marketplace", "record in Odoo", "page of the reason",
)  # fmt: skip
LINKS = ("channel", "record", "reason", "waits since", "person", "story", "marketplace", "Odoo")
REASONS = dg.Enum(
    "Reason",
    [
        dg.EnumValue(ALL, description="whatever the reason is"),
        *(dg.EnumValue(code, description=RULES[code].page) for code in sorted(RULES)),
    ],
)
RECORDS = dg.Field([str], default_value=[], is_required=False, description="Ids of records; empty: all of the reason.")
REASON = dg.Field(REASONS, default_value=ALL, is_required=False, description="Why the records wait.")


def desk_asset(owner: str) -> dg.AssetsDefinition:
    """`exceptions_desk`: not partitioned, because it shows what waits now."""

    @shows_now(
        KEY,
        labels(OVERVIEW, owner, OVERVIEW, "load"),
        description="Everything that waits, and notes for a person, on all channels and in all flows, oldest first: "
        "why, what to do, who looks after it, with links to the order in the marketplace, to the record in Odoo and to "
        "the page of the reason. Made anew with the overview when something changed. Jobs: `<channel>_replay` tries "
        "records again, `exceptions_care` assigns them to a person or ignores them until a day; what is ignored is "
        "counted all the same.",
    )
    def exceptions_desk(connections: dg.ResourceParam[Connections]) -> dg.MaterializeResult:
        from ..flows.desk import read_desk

        with failures():
            entries = read_desk(connections)
        blocking = [entry for entry in entries if entry.held.row.blocking]
        shown = entries[:ROWS_SHOWN]
        reasons = Counter(entry.held.row.code for entry in entries)
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": len(entries),
                "waiting": len(blocking),
                "notes": len(entries) - len(blocking),
                "ignored for now": sum(entry.is_ignored for entry in entries),
                "with nobody": sum(not entry.held.person for entry in entries),
                "not shown": len(entries) - len(shown),
                "exceptions": build_table(COLUMNS, map(_list_cells, shown)),
                "links": dg.MetadataValue.md(_write_links(shown)),
                "by reason": dg.MetadataValue.md(bars(dict(reasons.most_common(12)), "by reason") or "nothing"),
            }
        )

    return exceptions_desk


def _list_cells(entry: "Entry") -> tuple[str, ...]:
    row, held = entry.held.row, entry.held
    return (
        row.channel, row.topic, row.record_id, row.code if row.blocking else f"{row.code} (in Odoo)", row.message,
        row.fix, local_time(row.first_seen), str(row.tries), local_time(row.retry_at) if row.retry_at else "",
        held.person, str(entry.ignored_until or ""),
        entry.order_page, entry.odoo_page, entry.reason_page,
    )  # fmt: skip


def _write_links(entries: "Sequence[Entry]") -> str:
    """The same rows with links that can be clicked, because a table's cells are plain text. Text from outside is
    escaped; addresses are our own."""
    if not entries:
        return "Nothing waits."
    lines = ["| " + " | ".join(LINKS) + " |", "| --- " * len(LINKS) + "|"]
    for entry in entries:
        row = entry.held.row
        code = escape_cell(row.code)
        cells = (
            escape_cell(row.channel), escape_cell(row.record_id),
            f"[{code}]({entry.reason_page})" if "://" in entry.reason_page else code,
            escape_cell(local_time(row.first_seen)), escape_cell(entry.held.person),
            f"[story]({order_page(row.channel, entry.held.order_id)})" if entry.held.order_id else "",
            f"[order]({entry.order_page})" if entry.order_page else "",
            f"[open]({entry.odoo_page})" if entry.odoo_page else "",
        )  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


@dg.op(
    config_schema={"reason": REASON, "records": RECORDS},
    description="Makes records that wait due, so that the channel's sensors and schedules request their runs.",
)
@in_our_words
def replay(context: dg.OpExecutionContext, connections: dg.ResourceParam[Connections]) -> None:
    from ..flows.lineage import replay as make_due

    config, name = context.op_config, context.job_name.removesuffix("_replay")
    code = "" if config["reason"] == ALL else config["reason"]
    with failures():
        due = make_due(connections, name, code=code, record_ids=config["records"], by=f"job {context.job_name}")
    context.add_output_metadata({f"made due/{flow}": count for flow, count in due._asdict().items()})


@dg.op(
    config_schema={
        "channel": dg.Field(str, description="The channel's name."),
        "records": dg.Field([str], description="Ids of the records."),
        "reason": REASON,
        "person": dg.Field(str, is_required=False, description="Who looks after them; empty: nobody any more."),
        "ignore_until": dg.Field(
            str, is_required=False, description="A day to come, such as 2027-01-15; empty: ignored no more."
        ),
    },
    description="Assigns records that wait to a person, or ignores them until a day; they stay open and counted.",
)
@in_our_words
def take_care(context: dg.OpExecutionContext, connections: dg.ResourceParam[Connections]) -> None:
    from ..flows.desk import assign, ignore

    config = context.op_config
    code = "" if config["reason"] == ALL else config["reason"]
    with failures():
        until = _read_day(config.get("ignore_until", ""))
        if "person" not in config and "ignore_until" not in config:
            raise SettingsError("Neither `person` nor `ignore_until` is given: say what is to be done.")
        for record_id in config["records"]:
            if "person" in config:
                assign(connections, config["channel"], record_id, config["person"], code)
            if "ignore_until" in config:
                ignore(connections, config["channel"], record_id, until, code)


def _read_day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise SettingsError("`ignore_until` is no day: write it as 2027-01-15.") from None


def replay_jobs(settings: Settings) -> list[Any]:
    """`<channel>_replay` for each channel."""
    return [
        dg.GraphDefinition(name=f"{channel.name}_replay", node_defs=[replay]).to_job(
            tags=run_tags(channel.name, EXCEPTIONS),
            description=f"Tries records of {channel.name} that wait again: all, those of one reason, or those named. "
            "Choose the reason in the launchpad.",
        )
        for channel in settings.channels
    ]


def care_job() -> Any:  # of a type that Dagster does not export
    """`exceptions_care`, for all channels."""
    return dg.GraphDefinition(name="exceptions_care", node_defs=[take_care]).to_job(
        tags=run_tags(EXCEPTIONS, EXCEPTIONS),
        description="Assigns records that wait to a person, or ignores them until a day.",
    )
