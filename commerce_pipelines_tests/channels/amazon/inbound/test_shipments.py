"""Shipments to Amazon's warehouses by version 0 of the API: what was counted, whichever store they belong to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from commerce_pipelines.core.errors import CredentialError
from commerce_pipelines.domain.inbound.road import CountedSku, FbaShipment

from ..contract import Clock, Recorded, connect, judged

GERMANY, POLAND = "A1PA6795UKMFR9", "A1C3SOZRARQ6R3"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def amazon(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorded]:
    with judged(clock, monkeypatch) as stand_in:
        yield stand_in


def test_what_was_counted_of_each_shipment(amazon: Recorded, clock: Clock) -> None:
    amazon.inbound.add("FBA15AAAAAA", GERMANY, KET=10, MUG=4).items["KET"][1] = 8
    amazon.inbound.add("FBA15BBBBBB", POLAND, KET=5).status = "CLOSED"
    read = connect(amazon, clock).fba_stock.read_shipments(["FBA15BBBBBB", "FBA15AAAAAA", "FBA15NOSUCH"])
    assert {shipment.shipment_id: shipment for shipment in read} == {
        "FBA15AAAAAA": FbaShipment(
            shipment_id="FBA15AAAAAA", status="SHIPPED", centre="LEJ1",
            items=(CountedSku(msku="KET", shipped=10, received=8), CountedSku(msku="MUG", shipped=4, received=0)),
        ),
        "FBA15BBBBBB": FbaShipment(
            shipment_id="FBA15BBBBBB", status="CLOSED", centre="LEJ1",
            items=(CountedSku(msku="KET", shipped=5, received=0),),
        ),
    }  # fmt: skip


def test_many_shipments_are_listed_in_parts(amazon: Recorded, clock: Clock) -> None:
    names = [f"FBA15{number:06d}" for number in range(120)]
    for name in names:
        amazon.inbound.add(name, GERMANY, KET=1)
    read = connect(amazon, clock, marketplaces=["DE"]).fba_stock.read_shipments(names)
    assert [shipment.shipment_id for shipment in read] == names
    listed = [call for call, _ in amazon.exchanges if call.path == "/fba/inbound/v0/shipments"]
    assert len(listed) == 3


def test_without_the_role_nothing_is_read(amazon: Recorded, clock: Clock) -> None:
    amazon.forbidden.add("getShipments")
    with pytest.raises(CredentialError, match="getShipments"):
        connect(amazon, clock).fba_stock.read_shipments(["FBA15AAAAAA"])
