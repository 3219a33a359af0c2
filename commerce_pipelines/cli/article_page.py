"""The history of one article: the rows that a terminal shows, and the page in the UI.

What belongs here: how it is shown. What does not: the story itself (flows/inventory/history.py), who may see it
(webserver.py, guard.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from ..core.local_time import local_time
from ..core.urls import article_page, order_page
from ..flows.inventory.history import AsOf, explain_oversold
from .order_page import write, write_document

COLUMNS = ("channel", "SKU", "was to show", "shown", "sent", "free then", "sold since", "units left")
LEVELS = ("warehouse", "on hand", "reserved", "promised", "free", "unchanged since")
EVENTS = ("when", "channel", "what", "how")
MOST_EVENTS = 500  # of one page or table: an article that sells every minute has more in a day
_MINUTE = "%Y-%m-%dT%H:%M"


def list_shown(story: AsOf) -> list[tuple[str, ...]]:
    """A row for each listing of the article, in the order of COLUMNS."""
    return [
        (shown.listing.channel, shown.listing.sku, _write_units(shown.wish and shown.wish.target),
         " or ".join([str(shown.pushed.quantity) if shown.pushed else "?", *map(str, shown.perhaps)]),
         local_time(shown.pushed.started_at, seconds=True) if shown.pushed else "nothing on record",
         _write_units(shown.pushed and shown.pushed.free), str(sum(order.units for order in shown.sold)),
         _write_units(shown.left))
        for shown in story.shown
    ]  # fmt: skip


def list_levels(story: AsOf) -> list[tuple[str, ...]]:
    """What lay in Odoo's warehouses at the minute, in the order of LEVELS; empty where it is not on record."""
    return [
        (row.warehouse or "nowhere", *(f"{figure:g}" for figure in (row.on_hand, row.reserved, row.demand, row.free)),
         local_time(row.since, seconds=True))
        for row in story.levels_then
    ]  # fmt: skip


def name_levels(story: AsOf) -> str:
    """The heading of `list_levels`; where that is empty, why."""
    if story.levels_then and story.read_at:
        return f"{story.code} in Odoo, as it was read {local_time(story.read_at, seconds=True)}"
    since = f"; the first reading on record is of {local_time(story.kept_since)}" if story.kept_since else ""
    return f"What lay in Odoo then is not on record: it is kept for {story.kept_days} days (stock_history_days){since}."


def _write_units(units: int | None) -> str:
    return "?" if units is None else str(units)


def list_events(story: AsOf) -> list[tuple[datetime, str, str, str, str]]:
    """What listings were told and what was sold, the last MOST_EVENTS, oldest first: when, channel, what, the order if
    it is one, how."""
    told_them = [
        (row.started_at, row.channel, f"told {row.quantity}", "", f"{row.status}; free {row.free}")
        for row in story.pushed
    ]
    sold = [
        (order.placed_at, order.channel, f"sold {order.units}", order.order_id,
         (f"as {order.other}, " if order.other else "") + order.status + (", oversold" if order.oversold else "")
         + "; known here " + (local_time(order.seen_at, seconds=True) if order.seen_at else "?"))
        for order in story.sold
    ]  # fmt: skip
    return sorted([*told_them, *sold])[-MOST_EVENTS:]


def name_events(story: AsOf) -> str:
    """What is not in `list_events`; '' where all is."""
    count = len(story.pushed) + len(story.sold)
    return f"The last {MOST_EVENTS} of {count}; ask for an earlier minute to see others." if count > MOST_EVENTS else ""


def write_article(story: AsOf, channel: str, sku: str, span: timedelta) -> str:
    """The whole document, with a form for another minute or a longer span. It has no personal data."""
    causes = [f"<p>{write(sentence)}</p>" for sentence in explain_oversold(story)]
    parts = [
        f'<form method=get action="{write(article_page(channel, sku))}"><label>Minute <input type=datetime-local '
        f'name=at value="{story.at.astimezone():{_MINUTE}}"></label> <label>and the hours before <input type=number '
        f"name=hours min=1 max=8784 value={span // timedelta(hours=1)}></label> <button>Show</button></form>",
        f"<h2>As of {local_time(story.at)}</h2>", _write_table(COLUMNS, (map(write, row) for row in list_shown(story))),
        f"<h2>{write(name_levels(story))}</h2>",
        *([_write_table(LEVELS, (map(write, row) for row in levels))] if (levels := list_levels(story)) else ()),
        *(["<h2>Sold what was not there</h2><div class=waits>", *causes, "</div>"] if causes else ()),
        "<h2>What was told and sold</h2>", *([f"<p>{write(cut)}</p>"] if (cut := name_events(story)) else ()),
        _write_table(EVENTS, (_write_cells(*event) for event in list_events(story))),
    ]  # fmt: skip
    return write_document(f"{channel} {sku}", f"Article {story.code}", parts)


def _write_cells(at: datetime, channel: str, what: str, order_id: str, how: str) -> tuple[str, ...]:
    link = f'<a href="{write(order_page(channel, order_id))}">{write(order_id)}</a>, ' if order_id else ""
    return local_time(at, seconds=True), write(channel), write(what), link + write(how)


def _write_table(columns: Sequence[str], rows: Iterable[Iterable[str]]) -> str:
    """rows: cells as HTML."""
    head = "<th>".join(("", *columns))
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"
