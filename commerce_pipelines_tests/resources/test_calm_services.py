"""The daemon reads the definitions again only from another code server, or after a failure; an empty queue costs one
question."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import pytest
import yaml
from dagster._core.test_utils import instance_for_test

from commerce_pipelines.resources import calm_services
from commerce_pipelines.resources.run_life import open_storage
from commerce_pipelines_tests.resources.launched import free_job


class Server:
    """A code server, and what the daemon holds of it."""

    def __init__(self) -> None:
        self.read, self.answers, self.error, self.identity = 0, True, None, "first"
        self.location = SimpleNamespace(client=self, server_id="first")
        self.refresh = calm_services.wrap(self._read)

    def get_server_id(self) -> str:
        if not self.answers:
            raise ConnectionError
        return self.identity

    def _read(self, workspace: object) -> None:
        self.read += 1

    def look(self) -> int:
        """How often the definitions are read at the daemon's next look."""
        entry, before = SimpleNamespace(code_location=self.location, load_error=self.error), self.read
        workspace = SimpleNamespace(code_location_entries={"commerce_pipelines": entry})
        self.refresh(SimpleNamespace(get_current_workspace=lambda: workspace))
        return self.read - before


@pytest.fixture
def server() -> Server:
    return Server()


def test_the_same_server_is_not_read_again(server: Server) -> None:
    assert [server.look(), server.look()] == [0, 0]


def test_another_server_is_read(server: Server) -> None:
    server.identity = "second"
    assert server.look() == 1


@pytest.mark.parametrize("change", [{"answers": False}, {"error": "it did not load"}, {"location": None}])
def test_what_went_wrong_is_left_to_dagsters_own_way(server: Server, change: dict[str, object]) -> None:
    for name, value in change.items():
        setattr(server, name, value)
    assert server.look() == 1


@pytest.fixture
def instance(database: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setenv("COMMERCE_DATABASE_URL", database)
    settings = yaml.safe_load((Path(__file__).parents[2] / "dagster.yaml").read_text())
    with instance_for_test(overrides={"storage": settings["storage"]}, temp_dir=str(tmp_path)) as instance:
        instance.wipe()
        yield instance


def test_runs_at_work_and_pools_are_looked_at_only_while_a_run_is_queued(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []

    def look_at_all() -> Iterator[None]:
        looks.append("all")
        yield

    look = calm_services.wrap_queue(look_at_all)
    assert list(look()) == []
    instance.create_run_for_job(free_job, status=dg.DagsterRunStatus.STARTED)
    assert list(look()) == []
    with open_storage(os.environ["COMMERCE_DATABASE_URL"]) as cursor:
        cursor.execute("UPDATE runs SET status = 'QUEUED'")
    assert list(look()) == [None]
    monkeypatch.setenv("COMMERCE_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nowhere")
    assert list(look()) == [None]
    assert looks == ["all"] * 2
