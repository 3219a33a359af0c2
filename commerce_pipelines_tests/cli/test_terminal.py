"""What a terminal gets that is narrow, or has no Unicode, or stands in another time zone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from commerce_pipelines.cli.terminal import PLAIN, show_table
from commerce_pipelines.core.local_time import local_time

SAYS = "from commerce_pipelines.cli.terminal import *; use_terminal(); say({text!r}); say({text!r}, err=True)"
TEXT = "✓ Grüße … → “Łódź” 🛒 \udc80 \x1b[2J"
ID = "305-1234567-1234567-with-the-longest-id"


def run(code: str, **environ: str) -> bytes:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG", "PYTHONIO"))}
    done = subprocess.run([sys.executable, "-c", code], env=clean | environ, capture_output=True, check=False)
    assert (done.returncode, b"Traceback" in done.stderr) == (0, False), done.stderr
    return done.stdout.rstrip()


@pytest.mark.parametrize(
    ("environ", "shown"),
    [
        ({"PYTHONIOENCODING": "utf-8"}, "✓ Grüße … → “Łódź” 🛒 ? \ufffd[2J".encode()),
        ({}, "✓ Grüße … → “Łódź” 🛒 ? \ufffd[2J".encode()),
        ({"PYTHONIOENCODING": "latin-1"}, 'ok Grüße ... -> "?\xf3dz" ? ? ?[2J'.encode("latin-1")),
        ({"PYTHONIOENCODING": "ascii"}, b'ok Grusse ... -> "?odz" ? ? ?[2J'),
        ({"LC_ALL": "C"}, b'ok Grusse ... -> "?odz" ? ? ?[2J'),
    ],
    ids=["utf-8", "no locale", "latin-1", "ascii", "C"],
)
def test_a_sign_that_a_terminal_lacks_is_replaced(environ: dict[str, str], shown: bytes) -> None:
    assert run(SAYS.format(text=TEXT), **environ) == shown


def test_every_replacement_is_ascii() -> None:
    assert "".join(PLAIN.values()).isascii()


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_no_help_text_needs_unicode(encoding: str) -> None:
    for arguments in ((), ("check",), ("inventory", "plan")):
        code = f"from commerce_pipelines.cli.main import main; main([*{arguments!r}, '--help'])"
        assert b"Usage" in run(code, PYTHONIOENCODING=encoding)


def show_wide(monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    rows = [("shop_de", ID, "Odoo refuses it. " * 9), ("shop_de", "1002", "[red]no markup[/red]\x1b[2J")]
    show_table("Exceptions", ("channel", "record", "says"), rows, texts=("says",))


def test_sixty_columns_cut_no_id(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    show_wide(monkeypatch, "60")
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == ["Exceptions", "- channel: shop_de", f"  record: {ID}"]
    assert "  says: [red]no markup[/red]\ufffd[2J" in lines


def test_a_table_that_fits_wraps_its_sentences_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    show_wide(monkeypatch, "100")
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    assert any(ID in line for line in lines)
    assert any("[red]no markup[/red]\ufffd[2J" in line for line in lines)


def test_a_file_gets_a_line_for_each_row(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    show_wide(monkeypatch, "")
    assert any(ID in line and line.count("Odoo refuses it.") == 9 for line in capsys.readouterr().out.splitlines())


def test_a_time_is_that_of_the_machine_and_names_its_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        winter, summer = datetime(2026, 1, 1, 23, 30, tzinfo=UTC), datetime(2026, 7, 1, 23, 30, tzinfo=UTC)
        assert (local_time(winter), local_time(summer)) == ("2026-01-02 00:30 CET", "2026-07-02 01:30 CEST")
        assert local_time(winter, seconds=True) == local_time(pd.Timestamp(winter), seconds=True)
        assert local_time(winter, seconds=True) == "2026-01-02 00:30:00 CET"
    finally:
        monkeypatch.undo()
        time.tzset()


def test_verbose_and_quiet_choose_what_is_logged(tmp_path: Path) -> None:
    """The code prints to the log as a call does; a library's own chatter is never shown."""
    code = (
        "import json, logging, sys; import commerce_pipelines.cli.main as cli;"
        "cli._open_connections = lambda: [logging.getLogger(name).log(level, f'{name} {level}')"
        " for name in ('commerce_pipelines.http', 'library') for level in (20, 30, 40)] and sys.exit(3);"
        "cli.main([*json.loads(sys.argv[1]), 'check'])"
    )
    logged = {}
    for option in ("-q", "", "-v"):
        options = json.dumps([option] if option else [])
        done = subprocess.run(
            [sys.executable, "-c", code, options], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 3, done.stderr
        logged[option] = [" ".join(line.split()[-2:]) for line in done.stderr.splitlines()]
    ours, theirs = "commerce_pipelines.http", "library"
    assert logged["-q"] == [f"{ours} 40", f"{theirs} 40"]
    assert logged[""] == [f"{ours} 30", f"{ours} 40", f"{theirs} 30", f"{theirs} 40"]
    assert logged["-v"] == [f"{ours} 20", *logged[""]]
