"""`commerce-pipelines rehearse`: what other settings would make of the last weeks, from a terminal.

What belongs here: arguments and what is printed. What does not: the comparison (flows/rehearsal.py).
"""

from __future__ import annotations

import getpass
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..core.errors import SettingsError
from ..domain.money import write_totals
from ..domain.rehearsal.side_by_side import KINDS, Decision, Difference
from ..resources.connections import Connections, open_connections
from ..settings import file as settings_file
from .terminal import say, show_table

if TYPE_CHECKING:
    from ..flows.rehearsal import Rehearsed

FILE = click.Path(path_type=Path, dir_okay=False)
SHOWN = 20  # records that are shown side by side


@click.command()
@click.argument("channels", nargs=-1)
@click.option("--settings", "other", type=FILE, help="the settings to try; default: those in use")
@click.option("--days", type=click.IntRange(1, 3_660), default=30, show_default=True, help="how many days back")
@click.option("--save", type=FILE, help="only write what this release decides, for --against")
@click.option("--against", type=FILE, help="compare with decisions that another release saved")
@click.option("--show", "number", type=int, help="show a rehearsal again, by its number")
@click.option("--kind", type=click.Choice(KINDS), default=None, help="with --show: only this kind of difference")
@click.option("--record", default="", help="with --show: only this order or listing")
@click.option("--json", "as_json", is_flag=True, help="end with one JSON object on the last line")
def rehearse(channels: tuple[str, ...], days: int, as_json: bool, **wanted: Any) -> None:
    """Show what other settings would make of the answers of the last days, of all CHANNELS by default.

    Nothing is written to Odoo or a marketplace, and no marketplace is called. Orders are decided as if they came today:
    tax, fiscal position, warehouse, carrier, products, partner, total and whether they would wait; listings by what
    they would show. `commerce-pipelines release --rehearsal N` agrees to exactly the settings of rehearsal N.

    To compare two releases: `rehearse --save FILE` with the one, `rehearse --against FILE` with the other.
    """
    from ..flows import rehearsal as flow

    other, save, against = wanted["other"], wanted["save"], wanted["against"]
    connections = open_connections(settings_file.load())
    if wanted["number"] is not None:
        show_sides(
            flow.list_examples(connections, wanted["number"], kind=wanted["kind"] or "", record_id=wanted["record"])
        )
        return
    if save:
        say(f"{flow.save(connections, save, days, channels)} decisions are in {save}.")
        return
    if other is None and against is None:
        raise click.UsageError("Name what to compare: --settings FILE, --against FILE, or --show NUMBER.")
    tried = settings_file.load(other) if other else connections.settings
    done = flow.rehearse(connections, tried, days, channels, against=against)
    show(connections, done)
    if as_json:
        click.echo(json.dumps(_build_summary(done)))


def show(connections: Connections, done: Rehearsed) -> None:
    from ..flows.rehearsal import list_examples

    number = done.rehearsal.id
    if done.tallies:
        rows = [
            (channel, topic, kind, str(tally.count), write_totals(tally.money, "–"))
            for (channel, topic, kind), tally in sorted(done.tallies.items())
        ]
        show_table("", ("channel", "of", "what differs", "records", "worth"), rows, right=("records", "worth"))
        show_sides(list_examples(connections, number, limit=SHOWN))
    for sentence in done.left_out:
        say(sentence)
    say(
        f"Rehearsal {number}: {done.rehearsal.records} records compared, {done.rehearsal.differing} differ. "
        f"`commerce-pipelines rehearse --show {number}` shows them again, `release --rehearsal {number}` agrees to "
        "these settings."
    )


def show_sides(rows: list[Difference]) -> None:
    """Both decisions of each record, one under the other, field by field."""
    cells = [
        (row.either.channel, row.either.record_id, kind, _read(row.before, kind), _read(row.after, kind))
        for row in rows for kind in row.kinds
    ]  # fmt: skip
    show_table("", ("channel", "record", "what", "now", "then"), cells, texts=("now", "then"))


def _read(decision: Decision | None, kind: str) -> str:
    if decision is None:
        return "not there"
    why = "; ".join(f"{name} {value}" for name, value in decision.why.items()) if kind == "tax" else ""
    text = decision.fields.get(kind, "–")
    return f"{text} ({why})" if why else text


def _build_summary(done: Rehearsed) -> dict[str, object]:
    return {
        "rehearsal": done.rehearsal.id,
        "records": done.rehearsal.records,
        "differing": done.rehearsal.differing,
        "differences": [
            {"channel": channel, "of": topic, "what": kind, "records": tally.count, "money": dict(tally.money)}
            for (channel, topic, kind), tally in sorted(done.tallies.items())
        ],
        "left_out": list(done.left_out),
    }


def agree(number: int) -> None:
    """Agree to the settings of a rehearsal. Raises SettingsError for an unknown one."""
    from ..flows.rehearsal import agree as keep

    connections = open_connections(settings_file.load())
    done = keep(connections, number, getpass.getuser())
    if not connections.settings.rehearsal_required:
        raise SettingsError(
            f"The settings of rehearsal {number} are agreed to, but nothing asks for it: set `rehearsal_required: "
            "true` in commerce.yaml, so that no other rules may write."
        )
    say(f"Agreed: settings {done.stamp}, {done.differing} of {done.records} records differ. Put them in place now.")
