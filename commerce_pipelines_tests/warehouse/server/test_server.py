"""The embedded server: started once by whoever comes first, survives kill -9, leaves nothing when it is stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

from commerce_pipelines.core.errors import SettingsError
from commerce_pipelines.warehouse.server import cluster, keeper
from commerce_pipelines.warehouse.server.server import database_url, libpq_url, make_private, stop_database
from commerce_pipelines_tests.doubles.waits import until

USER = textwrap.dedent("""
    import sys, psycopg2
    from commerce_pipelines.warehouse.server import server
    from pathlib import Path
    server.GRACE_SECONDS = 0.5
    url = server.database_url({}, Path(sys.argv[1]))
    connection = psycopg2.connect(server.libpq_url(url))
    print("ready", flush=True)
    sys.stdin.read()
""")


def test_a_server_lives_as_long_as_its_users_however_they_end(tmp_path: Path) -> None:
    data = tmp_path / ".commerce" / "postgres"
    users = [_start_user(tmp_path) for _ in range(2)]
    for user in users:
        assert _read_line(user) == b"ready\n"  # both asked at once; one server was made
    server = keeper.postmaster(data)
    assert server is not None

    users[0].kill()
    users[0].wait()
    os.kill(server, signal.SIGKILL)  # the server itself dies: the next to ask finds it started again, data intact
    url = database_url({}, tmp_path).replace("//commerce_pipelines@", "//postgres@")
    with closing(psycopg2.connect(libpq_url(url))) as connection, connection.cursor() as cursor:
        cursor.execute("SHOW data_directory")
        assert cursor.fetchone() == (str(data),)
    assert keeper.postmaster(data) not in (None, server)

    users[1].kill()
    users[1].wait()
    assert keeper.postmaster(data) is not None  # we still use it
    stop_database(tmp_path)
    assert keeper.postmaster(data) is None
    assert not (data / "postmaster.pid").exists()
    assert not (cluster.socket_folder(data) / cluster.SOCKET).exists()
    assert _list_processes(tmp_path) == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows a process's environment")
def test_the_server_holds_no_secret_of_ours_and_our_role_reads_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMMERCE_MASTER_KEY", "canary")
    url = database_url({}, tmp_path)
    try:
        server = keeper.postmaster(tmp_path / ".commerce" / "postgres")
        keepers = subprocess.run(["pgrep", "-f", f"keeper.py {tmp_path}"], capture_output=True, text=True)  # noqa: S607
        for process in (server, *map(int, keepers.stdout.split())):
            assert b"canary" not in Path(f"/proc/{process}/environ").read_bytes()
        with closing(psycopg2.connect(libpq_url(url))) as connection, connection.cursor() as cursor:
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                cursor.execute("SELECT pg_read_file('/proc/self/environ')")
            connection.rollback()
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                cursor.execute("COPY (SELECT 1) TO PROGRAM 'cat'")
    finally:
        stop_database(tmp_path)


@pytest.mark.parametrize(
    ("url", "refused"),
    [
        ("postgresql://u:p@db.example.com/x", "db.example.com"),
        ("postgresql://u:p@db.example.com/x?sslmode=require", "db.example.com"),
        ("postgresql://u:p@127.0.0.1,db.example.com/x", "db.example.com"),
        ("postgresql://u:p@/x?host=db.example.com", "db.example.com"),
        ("postgresql://u:p@127.0.0.1:5432,db.example.com:5432/x", "db.example.com"),
        ("postgresql://u:p@127.0.0.1/x?hostaddr=203.0.113.7", "203.0.113.7"),
        ("postgresql://u:p@db.example.com/x?sslmode=verify-full", ""),
        ("postgresql://u:p@127.0.0.1:5432/x", ""),
        ("postgresql://u:p@[::1]:5432/x", ""),
        ("postgresql://u@/x?host=/run/postgresql", ""),
    ],
)
def test_a_database_elsewhere_needs_a_verified_certificate(url: str, refused: str) -> None:
    if not refused:
        assert database_url({"COMMERCE_DATABASE_URL": url}).endswith(url.partition("://")[2])
        return
    with pytest.raises(SettingsError, match=rf"{refused} without a verified certificate: add \?sslmode=verify-full"):
        database_url({"COMMERCE_DATABASE_URL": url})


def test_the_folder_is_its_owners_alone(tmp_path: Path) -> None:
    folder = tmp_path / ".commerce"
    folder.mkdir(mode=0o755)
    make_private(folder)
    assert folder.stat().st_mode & 0o066 == 0


def test_nobody_left_means_no_server_left(tmp_path: Path) -> None:
    user = _start_user(tmp_path)
    assert _read_line(user) == b"ready\n"
    server = keeper.postmaster(tmp_path / ".commerce" / "postgres")
    assert server is not None
    user.kill()
    user.wait()
    until(lambda: not Path(f"/proc/{server}").exists())


def test_to_stop_what_never_ran_is_fine(tmp_path: Path) -> None:
    stop_database(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_stale_pid_file_does_not_name_a_stranger(tmp_path: Path) -> None:
    (tmp_path / "postmaster.pid").write_text(f"{os.getpid()}\n")
    assert keeper.postmaster(tmp_path) is None


@pytest.mark.parametrize("length", [20, 200])
def test_a_long_path_gets_its_socket_elsewhere(tmp_path: Path, length: int) -> None:
    data = Path("/") / ("x" * length)
    folder = cluster.socket_folder(data)
    assert (folder == data) == (length == 20)
    assert len(os.fsencode(folder / cluster.SOCKET)) <= cluster.SOCKET_PATH_BYTES


def _start_user(root: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", USER, str(root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def _read_line(user: subprocess.Popen[bytes]) -> bytes:
    assert user.stdout is not None
    return user.stdout.readline()


def _list_processes(root: Path) -> list[str]:
    commands = []
    for folder in Path("/proc").glob("[0-9]*") if Path("/proc/self").exists() else []:
        try:
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(root) in command and int(folder.name) != os.getpid():
            commands.append(command)
    return commands
