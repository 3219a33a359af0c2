"""What keeps `dev`'s processes running: restarts, looks, logs, and an end that leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from commerce_pipelines.cli import dev, supervisor
from commerce_pipelines.cli.dev import parts
from commerce_pipelines.cli.part import CODE_SOCKET, PATIENCE_SECONDS, wait_for_code
from commerce_pipelines.cli.supervisor import Look, Part, Supervisor, cut_log
from commerce_pipelines.core.errors import SettingsError, TransientError
from commerce_pipelines_tests.doubles.waits import until

SLEEP = (sys.executable, "-S", "-c", "import time\nwhile True: time.sleep(1)")
END = (sys.executable, "-S", "-c", "raise SystemExit(7)")
# Starts a process of its own, writes its number down, and ends.
LEAVE = (
    sys.executable, "-S", "-c",
    "import subprocess, sys; p = subprocess.Popen([sys.executable, '-S', '-c', 'import time; time.sleep(600)']);"
    "open('left', 'w').write(str(p.pid))",
)  # fmt: skip


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def messages() -> list[tuple[str, str]]:
    return []


Watch = Callable[..., Supervisor]


@pytest.fixture
def watch(clock: Clock, messages: list[tuple[str, str]], tmp_path: Path) -> Iterator[Watch]:
    """Makes supervisors in a folder of their own; they are stopped at the end."""
    supervisors: list[Supervisor] = []

    def make(*parts: Part, looks: tuple[Look, ...] = (), log: Path | None = None) -> Supervisor:
        supervisors.append(
            Supervisor(
                parts,
                looks,
                folder=tmp_path,
                environ=os.environ,
                log=log,
                clock=clock,
                tell=lambda subject, text: messages.append((subject, text)),
            )
        )
        return supervisors[-1]

    yield make
    for made in supervisors:
        made.stop()


def lives(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def test_a_part_that_was_killed_is_started_again_and_somebody_is_told(
    watch: Watch, messages: list, clock: Clock
) -> None:
    services = watch(Part("daemon", SLEEP))
    services.tick()
    first = services.pid("daemon")
    assert first is not None
    clock.now += supervisor.STEADY_SECONDS
    os.kill(first, signal.SIGKILL)
    until(lambda: not lives(first))
    services.tick()
    second = services.pid("daemon")
    assert second not in (None, first)
    assert messages == [("daemon ended", "It ended with signal SIGKILL and is started again in 0 seconds.")]


def test_a_part_that_ends_at_once_is_started_less_and_less_often(watch: Watch, messages: list, clock: Clock) -> None:
    services = watch(Part("code", END))
    delays = []
    for _ in range(8):
        services.tick()
        pid = services.pid("code")
        assert pid is not None
        until(lambda pid=pid: not lives(pid))  # type: ignore[misc]
        services.tick()
        assert services.pid("code") is None
        delays.append(int(messages[-1][1].split()[-2]))
        clock.now += delays[-1]
    assert delays == [1, 2, 4, 8, 16, 32, 60, 60]
    assert messages[0][1].startswith("It ended with code 7 ")


def test_all_parts_start_at_once_and_one_that_ends_holds_up_no_other(watch: Watch) -> None:
    services = watch(Part("code", END), Part("daemon", SLEEP))
    services.tick()
    assert services.pid("daemon") is not None


def test_other_parts_take_the_place_of_those_that_ran(watch: Watch, messages: list, tmp_path: Path) -> None:
    services = watch(Part("code", SLEEP), Part("daemon", SLEEP))
    services.tick()
    before = [services.pid("code"), services.pid("daemon")]
    show = "import os, time\nopen('shown', 'w').write(os.environ['SHOWN'])\nwhile True: time.sleep(1)"
    more = Part("code of a group", (sys.executable, "-S", "-c", show))
    services.rearrange([Part("daemon", SLEEP), more], {**os.environ, "SHOWN": "the new environment"})
    assert not any(lives(pid) for pid in before if pid)
    services.tick()
    assert services.pid("daemon") not in before
    until(lambda: (tmp_path / "shown").exists() and (tmp_path / "shown").read_text() == "the new environment")
    assert messages == []


def test_a_part_waits_by_itself_for_the_code_server(tmp_path: Path) -> None:
    path = tmp_path / "code"
    pauses: list[float] = []
    with socket.socket(socket.AF_UNIX) as server:

        def pause(seconds: float) -> None:
            pauses.append(seconds)
            server.bind(str(path))
            server.listen()

        wait_for_code({CODE_SOCKET: str(path)}, pause)
    assert len(pauses) == 1


def test_a_part_waits_for_the_code_servers_of_all_groups(tmp_path: Path) -> None:
    paths = list(dev.list_sockets(tmp_path / "code", ("north", "south")).values())
    missing, pauses = list(reversed(paths)), list[float]()
    with contextlib.ExitStack() as stack:

        def pause(seconds: float) -> None:
            pauses.append(seconds)
            server = stack.enter_context(socket.socket(socket.AF_UNIX))
            server.bind(str(missing.pop()))
            server.listen()

        wait_for_code({CODE_SOCKET: os.pathsep.join(map(str, paths))}, pause)
    assert len(pauses) == 3


def test_a_group_whose_code_server_does_not_come_holds_up_no_other(tmp_path: Path) -> None:
    """The daemon finds it when it comes."""
    paths = list(dev.list_sockets(tmp_path / "code", ("north", "south")).values())
    pauses: list[float] = []
    with socket.socket(socket.AF_UNIX) as first, socket.socket(socket.AF_UNIX) as last:
        for server, path in ((first, paths[0]), (last, paths[2])):
            server.bind(str(path))
            server.listen()

        def pause(seconds: float) -> None:
            pauses.append(seconds)
            assert sum(pauses) < 600

        wait_for_code({CODE_SOCKET: os.pathsep.join(map(str, paths))}, pause)
    assert sum(pauses) == pytest.approx(PATIENCE_SECONDS, abs=1)


def test_each_group_has_a_code_server_that_all_others_find(tmp_path: Path) -> None:
    made = parts(tmp_path, dev.list_sockets(tmp_path / "code", ("north",)), "127.0.0.1", 3000)
    assert [part.name for part in made] == [
        dev.CODE, f"{dev.CODE} of the group north", dev.DAEMON, dev.WEBSERVER,
    ]  # fmt: skip
    assert "group_north" in made[1].command
    servers = [entry["grpc_server"] for entry in yaml.safe_load((tmp_path / "services.yaml").read_text())["load_from"]]
    assert [server["location_name"] for server in servers] == ["commerce_pipelines", "commerce_pipelines_north"]
    for part, server in zip(made, servers, strict=False):
        assert {server["socket"], server["location_name"]} <= set(part.command)


def test_a_part_may_wait_until_the_code_server_has_listened_for_a_while(tmp_path: Path) -> None:
    """So the receiver's imports do not hold up the first orders; restarted alone, it does not wait."""
    path = tmp_path / "code"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        began = path.stat().st_mtime
        times, pauses = iter([began + 1, began + 11, began + 12]), list[float]()
        wait_for_code({CODE_SOCKET: str(path)}, pauses.append, for_seconds=12, now=lambda: next(times))
        assert len(pauses) == 2
        wait_for_code({CODE_SOCKET: str(path)}, pauses.append, for_seconds=12, now=lambda: began + 3600)
    assert len(pauses) == 2


def test_a_part_outside_of_dev_waits_for_nothing() -> None:
    wait_for_code({}, lambda seconds: pytest.fail("there is no code server to wait for"))


def test_the_webserver_yields_to_the_other_parts(tmp_path: Path) -> None:
    (tmp_path / "shown.py").write_text("import os\nprint(os.nice(0))\n")
    path = f"{Path(__file__).parents[2]}{os.pathsep}{tmp_path}"

    def niceness(*options: str) -> str:
        command = [sys.executable, "-m", "commerce_pipelines.cli.part", *options, "shown"]
        return subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True).stdout

    assert (niceness("--yield"), niceness()) == (f"{os.nice(0) + 5}\n", f"{os.nice(0)}\n")
    _, _, webserver = parts(tmp_path, {"": tmp_path / "code"}, "127.0.0.1", 3000)
    assert "--yield" in webserver.command


def test_what_a_dead_part_left_behind_is_ended_with_the_others(watch: Watch, tmp_path: Path) -> None:
    services = watch(Part("daemon", LEAVE))
    services.tick()
    until(lambda: (tmp_path / "left").exists() and (tmp_path / "left").read_text())
    left = int((tmp_path / "left").read_text())
    assert lives(left)
    services.stop()
    until(lambda: not lives(left))


def test_a_look_that_fails_is_told_once_and_again_when_it_works(watch: Watch, messages: list, clock: Clock) -> None:
    faults = [None, TransientError("gone"), TransientError("gone"), None, None]

    def work() -> None:
        if (fault := faults.pop(0)) is not None:
            raise fault

    services = watch(looks=(Look("The database", 5.0, work),))
    for _ in range(5):
        services.tick()
        services.tick()  # not due yet
        clock.now += 5.0
    assert faults == []
    assert messages == [("The database failed", "gone"), ("The database works again", "No action is needed.")]


def test_the_log_is_cut_while_the_parts_write_on(watch: Watch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "LOG_BYTES", 10)
    log = tmp_path / "dagster.log"
    with open(log, "a") as writer:
        writer.write("0123456789ABC")
        writer.flush()
        cut_log(log)
        writer.write("more")
    assert log.read_text() == "more"
    older = tmp_path / "dagster.log.1"
    assert older.read_text() == "3456789ABC"
    assert older.stat().st_mode & 0o777 == 0o600
    cut_log(log)
    assert log.read_text() == "more"


def test_a_second_dev_in_a_folder_is_refused_with_number_and_address(tmp_path: Path) -> None:
    with dev.only_one(tmp_path, "127.0.0.1", 3000):
        with pytest.raises(SettingsError, match=rf"process {os.getpid()}, http://127.0.0.1:3000"):
            with dev.only_one(tmp_path, "127.0.0.1", 3001):
                pass
    with dev.only_one(tmp_path, "127.0.0.1", 3001):
        pass


def test_a_disk_that_is_nearly_full_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dev.look_at_disk(tmp_path)
    monkeypatch.setattr(dev, "LEAST_FREE_BYTES", 10**18)
    with pytest.raises(TransientError, match="MB are free on the disk"):
        dev.look_at_disk(tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent is gone")
def test_a_part_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    (tmp_path / "endless.py").write_text("import time\nprint('here', flush=True)\nwhile True: time.sleep(1)\n")
    starter = (
        "import subprocess, sys, time\n"
        "p = subprocess.Popen([sys.executable, '-m', 'commerce_pipelines.cli.part', 'endless'])\n"
        "print(p.pid, flush=True)\ntime.sleep(600)\n"
    )
    path = f"{Path(__file__).parents[2]}{os.pathsep}{tmp_path}"
    parent = subprocess.Popen(
        [sys.executable, "-c", starter], env={**os.environ, "PYTHONPATH": path}, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    part = int(parent.stdout.readline())
    assert parent.stdout.readline() == "here\n"
    parent.kill()
    parent.wait()
    until(lambda: not lives(part))
    parent.stdout.close()
