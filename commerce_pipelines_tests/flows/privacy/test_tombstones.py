"""A restored backup brings nobody back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import msgspec
import pytest

from commerce_pipelines.core.errors import SettingsError
from commerce_pipelines.core.topics import Topic
from commerce_pipelines.flows.privacy.erase import erase, plan, resume
from commerce_pipelines.flows.privacy.person import Identity
from commerce_pipelines.resources.connections import Connections, open_connections
from commerce_pipelines.warehouse.privacy.tombstones import Difference, compare
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.conftest import MASTER_KEY, fresh_database
from commerce_pipelines_tests.doubles.doors import leads_to
from commerce_pipelines_tests.doubles.lane import Lane, Server, numbered
from commerce_pipelines_tests.doubles.traces import dump, restore
from commerce_pipelines_tests.flows.conftest import settings_of
from commerce_pipelines_tests.flows.privacy.test_erase import buy, contacts, raw_of, ship


@pytest.fixture
def place(tmp_path: Path) -> Path:
    path = tmp_path / "tombstones.jsonl"
    path.touch()
    return path


@pytest.fixture
def kept(connect: Any, odoo: Server, place: Path) -> Lane:
    """A lane that keeps its tombstones apart."""
    settings = settings_of(odoo)
    privacy = msgspec.structs.replace(settings.privacy, tombstones=str(place))
    lane: Lane = connect.of(msgspec.structs.replace(settings, privacy=privacy))
    return lane


@pytest.fixture
def backup(kept: Lane, server_url: str) -> Iterator[Any]:
    """Writes the database as it is by pg_dump, and opens later on what pg_restore makes of that."""
    source = urlsplit(kept.connections.warehouse.url).path
    url = urlunsplit(urlsplit(server_url)._replace(path=source))  # by a role that may read everything
    archives: list[bytes] = []
    opened: list[Warehouse] = []

    with fresh_database(server_url, f"backup_{source.strip('/')}") as empty:

        def make() -> None:
            archives.append(dump(url, "--format=custom"))

        def bring_back() -> Connections:
            restore(empty, archives[-1])
            warehouse = Warehouse(empty, MASTER_KEY)
            opened.append(warehouse)
            return open_connections(
                kept.connections.settings, {}, warehouse=lambda: warehouse, channels=leads_to(kept.channels)
            )

        make.restore = bring_back  # type: ignore[attr-defined]
        yield make
        for warehouse in opened:
            warehouse.close()


def read(connections: Connections, lane: Lane, order_id: str) -> bytes | None:
    return connections.landing(lane.name, Topic.ORDERS).newest_of([order_id])[order_id].raw


def test_a_restored_backup_brings_nobody_back(
    kept: Lane, odoo: Server, backup: Any, place: Path, request: pytest.FixtureRequest
) -> None:
    order_id, other = numbered(request, 2)
    email = f"{order_id.lower()}@example.org"
    buy(kept, order_id, "Kanari Restored", email)
    buy(kept, other, "Somebody Else", f"else-{email}")
    kept.run()
    ship(odoo, kept, order_id)
    backup()  # yesterday's
    assert erase(kept.connections, plan(kept.connections, Identity(email=email)), "tests").done
    lines = place.read_text()
    assert lines.count("\n") == 1
    assert email not in lines

    restored = backup.restore()
    assert read(restored, kept, other) is not None
    assert read(restored, kept, order_id) is None
    assert compare(restored.warehouse, restored.vault, place) == Difference(0, 0)
    # Odoo may have been restored too: its contacts are looked at again, once.
    [again] = resume(restored)
    assert again.certificate == {"contacts_made_anonymous": len(contacts(odoo, kept, order_id))}
    assert resume(restored) == []
    # A late message is as late as before.
    restored.landing(kept.name, Topic.ORDERS)
    kept.connections = restored
    kept.run()
    assert raw_of(kept, order_id) is None


def test_what_was_erased_before_the_file_is_added_to_it(
    kept: Lane, place: Path, connect: Any, odoo: Server, request: pytest.FixtureRequest
) -> None:
    (order_id,) = numbered(request)
    plain: Lane = connect()
    email = f"{order_id.lower()}@example.org"
    buy(plain, order_id, "Kanari Early", email)
    plain.run()
    ship(odoo, plain, order_id)
    assert erase(plain.connections, plan(plain.connections, Identity(email=email)), "tests").done
    assert place.read_text() == ""
    assert kept.connections.vault
    assert compare(kept.connections.warehouse, kept.connections.vault, place) == Difference(0, 0)
    assert place.read_text().count("\n") == 1


def test_without_its_file_nothing_starts(kept: Lane, place: Path) -> None:
    place.unlink()
    with pytest.raises(SettingsError, match="mount the place"):
        assert kept.connections.vault


def test_a_changed_line_is_refused(kept: Lane, place: Path) -> None:
    place.write_text('{"at": "2026-11-20T12:00:00Z", "subjects": ["00"], "partners": [], "signature": "00"}\n')
    with pytest.raises(SettingsError, match=r"line 1 of .* is not of this database"):
        assert kept.connections.vault
