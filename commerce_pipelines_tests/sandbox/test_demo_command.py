"""`make demo` as a person types it: what is printed first, and which port it takes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from commerce_sandbox import demo

PROJECT = Path(__file__).parents[2]


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make on this machine")
@pytest.mark.parametrize(
    ("variables", "options"),
    [((), ""), (("PORT=4000",), "--port 4000"), (("ONCE=1", "PORT=4000"), "--once --port 4000")],
)
def test_make_says_that_it_installs_and_hands_on_the_port(
    tmp_path: Path, variables: tuple[str, ...], options: str
) -> None:
    """In a fresh clone: the commands that make would run, in their order."""
    for name in ("Makefile", "pyproject.toml", "uv.lock", "uv.txt"):
        (tmp_path / name).write_bytes((PROJECT / name).read_bytes() if (PROJECT / name).exists() else b"")
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(
        ["make", "-n", "demo", "PYTHON=python3", *variables],  # noqa: S607
        cwd=tmp_path, env=environ, capture_output=True, text=True, check=True,
    )  # fmt: skip
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    start = lines.index('echo "installing …"')
    assert all("venv" not in line for line in lines[:start])
    assert lines[-1] == f".venv/bin/python -m commerce_sandbox.demo {options}".strip()


@pytest.mark.parametrize(("arguments", "port"), [((), 3000), (("--port", "4000"), 4000)])
def test_the_demo_serves_on_the_port_that_it_is_given(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: tuple[str, ...], port: int
) -> None:
    served: list[Any] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["demo", *arguments])
    monkeypatch.setattr(demo, "prepared", lambda root, pages: nullcontext("world"))
    monkeypatch.setattr(demo, "ending_cleanly", nullcontext)

    def live(*arguments: Any) -> int:
        served.extend(arguments)
        return 0

    monkeypatch.setattr(demo, "live", live)
    monkeypatch.delenv("COMMERCE_DATABASE_URL", raising=False)
    assert demo.main() == 0
    assert (served[0], served[2]) == ("world", port)
