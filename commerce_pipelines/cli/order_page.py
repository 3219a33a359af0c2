"""The page of one order as HTML: one file without scripts, images or addresses of others; and what our other pages have
in common with it.

What belongs here: how it looks. What does not: what it says (flows/explain.py), who may see it (webserver.py,
guard.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from html import escape

from ..core.legible import printable
from ..core.local_time import local_time
from ..flows.explain import Answer, Page
from ..flows.orders.trace import Event

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#222}
h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem;border-bottom:1px solid #ddd}
table{border-collapse:collapse;width:100%;margin:.3rem 0 1rem}
td,th{text-align:left;vertical-align:top;padding:.15rem .6rem .15rem 0;border-bottom:1px solid #eee}
td{overflow-wrap:anywhere}
th{font-weight:600}time{color:#777;margin-right:.6rem}.waits{background:#fff3cd}.what{font-weight:600}
summary{cursor:pointer}
"""
_LINK = re.compile(r"https?://[^\s<>\"']+\Z")


def write_document(title: str, heading: str, parts: Iterable[str]) -> str:
    """A whole document. parts: HTML in which every text is escaped."""
    head = (
        "<!doctype html><html lang=en><head><meta charset=utf-8>",
        '<meta name=viewport content="width=device-width">',
        f"<title>{write(title)}</title><style>{_STYLE}</style></head><body><h1>{write(heading)}</h1>",
    )
    return "\n".join((*head, *parts, "</body></html>"))


def write_page(page: Page) -> str:
    """The whole document. Every text is escaped, because it may come from outside."""
    title = f"{page.channel} {page.order_id}"
    waiting = [event for event in page.events if "waits" in event.what or "flagged" in event.what]
    rest = [event for event in page.events if event not in waiting]
    parts = [
        _write_section("What waits, and what to do", waiting) if waiting else "<p>Nothing waits.</p>",
        "<h2>What was decided and done</h2>", *map(_write_event, rest),
        *(_write_answers(page.answers) if page.answers else ()),
    ]  # fmt: skip
    return write_document(title, f"Order {title}" if page.answers else title, parts)


def _write_answers(answers: Iterable[Answer]) -> Iterator[str]:
    yield "<h2>What the marketplace answered</h2>"
    yield "<p>The first answer whole, of each later one what it changed.</p>"
    yield from (_write_answer(number, answer) for number, answer in enumerate(answers, 1))


def _write_section(title: str, events: Iterable[Event]) -> str:
    return f"<h2>{write(title)}</h2><div class=waits>{''.join(map(_write_event, events))}</div>"


def _write_event(event: Event) -> str:
    rows = "".join(
        f"<tr><th>{write(name)}</th><td>{_write_link(value)}</td></tr>" for name, value in event.details.items()
    )
    when = local_time(event.at, seconds=True) if event.at else "now"
    return f"<p><time>{when}</time><span class=what>{write(event.what)}</span></p><table>{rows}</table>"


def _write_answer(number: int, answer: Answer) -> str:
    head = (
        f"<summary><time>{local_time(answer.at, seconds=True)}</time><span class=what>answer {number}</span> by "
        f"{write(answer.how)}, changed in the channel {local_time(answer.changed_at, seconds=True)}, digest "
        f"{write(answer.digest)}</summary>"
    )
    if answer.unread:
        return f"<details open>{head}<p>{write(answer.unread)}</p></details>"
    rows = "".join(
        f"<tr><td>{write(field)}</td><td>{write(before)}</td><td>{write(after)}</td></tr>"
        for field, before, after in answer.changes
    )
    table = f"<table><tr><th>field<th>before<th>now</tr>{rows}</table>"
    return f"<details{'' if number == 1 else ' open'}>{head}{table}</details>"


def write(text: str) -> str:
    """Text of anybody as HTML shows it."""
    return escape(printable(text))


def _write_link(text: str) -> str:
    shown = write(text)
    return f'<a href="{shown}" rel="noreferrer">{shown}</a>' if _LINK.fullmatch(text) else shown
