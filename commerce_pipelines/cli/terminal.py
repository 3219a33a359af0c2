"""What a terminal is shown, and how: characters that it has, tables that fit, times of its own zone, Ctrl-C.

What belongs here: printing of all commands, because their text may come from a marketplace and their terminal may be
narrow, not Unicode, or no terminal at all. What does not: what a command says.
"""

from __future__ import annotations

import codecs
import io
import json
import logging
import os
import sys
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

import click

from ..core.foreign import frames
from ..core.legible import printable

MANY_COLUMNS = 100_000  # of a file or a pipe, which wraps nothing
TEXT_COLUMNS = 24  # the least that a column of sentences is given
# What our own sentences and tables use beyond ASCII, for terminals that do not have it.
PLAIN = {
    "✓": "ok", "✗": "no", "…": "...", "→": "->", "←": "<-", "–": "-", "—": "-", "×": "x", "·": ".", "•": "*", "≤": "<=",
    "≥": ">=", "‘": "'", "’": "'", "“": '"', "”": '"', "„": '"', "€": "EUR", "\N{NO-BREAK SPACE}": " ", "ß": "ss",
}  # fmt: skip
_ASCII = "commerce_ascii"
LOG_FORMAT = "COMMERCE_LOG_FORMAT"
_LINE = "%(asctime)s %(levelname)s %(message)s"


def use_terminal() -> None:
    """Let both streams replace what they cannot encode, instead of raising. Called again, it changes nothing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding=_choose_encoding(stream.encoding), errors=_ASCII)


def _choose_encoding(encoding: str) -> str | None:
    """None leaves it. Python writes UTF-8 where the locale is C, because most such terminals can show it; whoever
    says LC_ALL=C wants ASCII. click would replace a stream of plain ASCII by one of its own, hence the name."""
    chosen = os.environ.get("LC_ALL") in ("C", "POSIX")
    forced = os.environ.get("PYTHONIOENCODING") or os.environ.get("PYTHONUTF8")
    is_ascii = codecs.lookup(encoding).name == "ascii"
    return _ASCII if is_ascii or (chosen and not forced) else None


def _replace(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_write_plain, error.object[error.start : error.end])), error.end


def _write_plain(character: str) -> str:
    if character in PLAIN:
        return PLAIN[character]
    return unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode() or "?"


def _find_codec(name: str) -> codecs.CodecInfo | None:
    ascii_codec = codecs.lookup("ascii")
    if name != _ASCII:
        return None
    return codecs.CodecInfo(
        ascii_codec.encode, ascii_codec.decode, name=_ASCII, incrementalencoder=ascii_codec.incrementalencoder,
        incrementaldecoder=ascii_codec.incrementaldecoder, streamreader=ascii_codec.streamreader,
        streamwriter=ascii_codec.streamwriter,
    )  # fmt: skip


codecs.register(_find_codec)
codecs.register_error(_ASCII, _replace)


def say(text: str, *, err: bool = False) -> None:
    """A line or several, without control characters: names and titles in it come from other people."""
    click.echo(printable(text), err=err)


def show_table(
    title: str,
    headings: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    right: Collection[str] = (),
    texts: Collection[str] = (),
) -> None:
    """A table; where it is wider than the terminal, a block of lines for each row, so that no id is cut.

    right: headings of figures, texts: those of sentences, which alone may be wrapped.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    cells = [[printable(cell) for cell in row] for row in rows]
    width = _count_columns()
    if _measure(headings, cells, texts) > width:
        _show_blocks(title, headings, cells)
        return
    table = Table(title=title or None)
    for heading in headings:
        table.add_column(
            heading, justify="right" if heading in right else "left", no_wrap=heading not in texts,
            overflow="fold", min_width=TEXT_COLUMNS if heading in texts and cells else None,
        )  # fmt: skip
    for row in cells:
        table.add_row(*map(Text, row))
    Console(width=width).print(table)


def _show_blocks(title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    if title:
        click.echo(click.style(title, bold=True))
    for row in rows:
        indent = "- "
        for heading, cell in zip(headings, row, strict=True):
            if cell:
                text = cell.replace("\n", " ")
                click.echo(f"{indent}{click.style(heading, dim=True)}: {text}")
                indent = "  "


def _count_columns() -> int:
    """Of the terminal, or as many as a table needs where nobody wraps: a file, a pipe."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns):
        return int(columns)
    if not sys.stdout.isatty():
        return MANY_COLUMNS
    return os.get_terminal_size(sys.stdout.fileno()).columns or 80


def _measure(headings: Sequence[str], rows: Sequence[Sequence[str]], texts: Collection[str]) -> int:
    """The least width in which every cell but those of sentences stays in one line."""
    from rich.cells import cell_len

    width = 1
    for position, heading in enumerate(headings):
        if heading in texts:
            widest = max(TEXT_COLUMNS, cell_len(heading))
        else:
            widest = max([cell_len(heading), *(cell_len(row[position]) for row in rows)])
        width += widest + 3
    return width


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """A function that shows what is being waited for; without a terminal, and with --quiet, nothing is shown."""
    from rich.console import Console

    if any(
        isinstance(handler, _Handler) and handler.level > logging.WARNING for handler in logging.getLogger().handlers
    ):
        yield lambda text: None
        return
    with Console(stderr=True).status("", spinner="line") as status:
        yield lambda text: status.update(printable(text))


class _Handler(logging.Handler):
    """Log lines go where errors go; the stream is looked up at each line, because a caller may replace it."""

    def emit(self, record: logging.LogRecord) -> None:
        say(self.format(record), err=True)


def logs_json(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether log lines are JSON: COMMERCE_LOG_FORMAT=json. Dagster's own processes are told the same by `dev`."""
    return environ.get(LOG_FORMAT, "").strip().lower() == "json"


class JsonLines(logging.Formatter):
    """A line as one JSON object: time in UTC, level, logger, process, message. Of an error its frames, never its text,
    which may quote anybody."""

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC)
        fields = {
            "at": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"), "level": record.levelname.lower(),
            "logger": record.name, "process": record.process, "message": printable(record.getMessage()),
        }  # fmt: skip
        if record.exc_info and record.exc_info[1] is not None:
            fields["where"] = frames(record.exc_info[1]).rstrip()
        return json.dumps(fields, ensure_ascii=False)


@contextmanager
def log_to_terminal(level: int) -> Iterator[None]:
    """Show the product's own log lines from this level on, and those of libraries from WARNING on."""
    root, ours = logging.getLogger(), logging.getLogger("commerce_pipelines")
    handler, before = _Handler(level), ours.level
    handler.setFormatter(JsonLines() if logs_json() else logging.Formatter(_LINE, "%Y-%m-%d %H:%M:%S %Z"))
    root.addHandler(handler)
    if level < logging.WARNING:  # where Python's own threshold lies
        ours.setLevel(level)
    try:
        yield
    finally:
        ours.setLevel(before)
        root.removeHandler(handler)
