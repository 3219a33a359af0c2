"""What a run prints is in its file at once, and reaches its service; without a process for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from commerce_pipelines.resources.run_logs import RunLogs
from commerce_pipelines_tests.doubles.waits import until

KEY = ["run", "compute_logs", "step"]
RUN = """
import os, subprocess, sys, threading
from commerce_pipelines.resources.run_logs import RunLogs

logs = RunLogs(sys.argv[1])
say, threads = sys.stdout.write, threading.active_count()
say("before\\n")
try:
    with logs.capture_logs(["run", "compute_logs", "step"]):
        BODY
except ZeroDivisionError:
    pass
assert threading.active_count() == threads
say("after\\n")
"""
PRINTS = """say("a line\\n")
        os.write(2, b"a library complains\\n")
        subprocess.run(["sh", "-c", "echo a child; echo a child complains >&2"], check=True)"""
ERR = "a library complains\na child complains\n"


def _start(folder: Path, body: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", RUN.replace("BODY", body), str(folder)]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    return subprocess.Popen(command, text=True, **pipes)  # type: ignore[call-overload]


def _read(folder: Path) -> tuple[str, str]:
    data = RunLogs(str(folder)).get_log_data(KEY)
    return (data.stdout or b"").decode(), (data.stderr or b"").decode()


@pytest.mark.parametrize("end", ["", "\n        1 / 0"], ids=["ends well", "fails"])
def test_what_is_printed_is_kept_and_passed_on(tmp_path: Path, end: str) -> None:
    run = _start(tmp_path, PRINTS + end)
    out, err = run.communicate()
    assert run.returncode == 0, err
    kept, complaints = _read(tmp_path)
    assert sorted(kept.splitlines()) == ["a child", "a line"]
    assert complaints == ERR
    assert (out, err) == (f"before\n{kept}after\n", ERR)
    assert RunLogs(str(tmp_path)).is_capture_complete(KEY) is (not end)


def test_a_second_try_passes_on_its_own_lines_alone(tmp_path: Path) -> None:
    for line in ("first", "second"):
        out, _ = _start(tmp_path, f"say('{line}\\n')").communicate()
        assert out == f"before\n{line}\nafter\n"
    assert _read(tmp_path)[0] == "first\nsecond\n"


def test_lines_are_there_while_the_run_works(tmp_path: Path) -> None:
    run = _start(tmp_path, "say('early\\n'); sys.stdout.flush(); sys.stdin.read()")
    assert run.stdout is not None
    until(lambda: _read(tmp_path)[0] == "early\n")
    assert [run.stdout.readline() for _ in range(2)] == ["before\n", "early\n"]
    assert not RunLogs(str(tmp_path)).is_capture_complete(KEY)
    assert run.communicate("")[0] == "after\n"


def test_a_folder_that_is_deleted_meanwhile_ends_no_run(tmp_path: Path) -> None:
    run = _start(tmp_path / "logs", "import shutil; shutil.rmtree(sys.argv[1]); say('a line\\n')")
    out, err = run.communicate()
    assert run.returncode == 0, err
    assert out == "before\na line\nafter\n"


def test_a_service_whose_output_nobody_takes_ends_no_run(tmp_path: Path) -> None:
    run = _start(tmp_path, "sys.stdin.read(); os.write(2, b'kept\\n')")
    assert run.stderr is not None
    run.stderr.close()
    assert run.stdin is not None
    run.stdin.close()
    assert run.wait() == 0
    assert _read(tmp_path)[1] == "kept\n"


def test_a_stream_without_a_file_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(f"sys.{name}", None)
    with RunLogs(str(tmp_path)).capture_logs(KEY):
        pass
    assert _read(tmp_path) == ("", "")
