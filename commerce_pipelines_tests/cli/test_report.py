"""What `report` shows of deliveries, refunds and people's credit notes, by currency and day, and when it fails."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from commerce_pipelines.cli.proofs import Proofs
from commerce_pipelines.cli.report import show
from commerce_pipelines.domain.sales.completeness import Booked, Claim, add_up, compare
from commerce_pipelines.flows.fulfilment.prove import Deliveries, Worth
from commerce_pipelines.flows.fulfilment.prove import Proof as Shipped
from commerce_pipelines.flows.refunding.prove import PaidBack
from commerce_pipelines.flows.refunding.prove import Proof as PaidOut
from commerce_pipelines.flows.returns.prove import Proof as Refunded

SHOP, DAY = "shop_de", date(2026, 11, 20)


def prove_all() -> Proofs:
    """One delivery of two is told, a refund in euro is booked, one in kronor is not, and one credit note of two is
    paid back, at five cents too little."""
    euro = compare(
        [Claim(order_id="R-1", currency="EUR", total=500)],
        {"R-1": Booked(order_id="R-1", currency="EUR", total=500, state="sale")},
        (),
    )
    kronor = compare([Claim(order_id="R-2", currency="SEK", total=9900)], {}, ())
    paid = PaidBack(notes=2, credited=1500, paid_back=1, refunded=995, under_way=1, differing=("RINV/1",), difference=5)
    shipped = Deliveries(delivered=2, confirmed=1, under_way=1)
    worth = Worth(deliveries=2, confirmed=1, worth=5000, confirmed_worth=2000)
    return Proofs(
        spans={SHOP: (DAY, DAY)},
        orders={SHOP: compare((), {}, ())},
        deliveries={SHOP: Shipped(whole=shipped, days={DAY: shipped}, worth={(DAY, "EUR"): worth})},
        refunds={SHOP: Refunded(whole=add_up([euro, kronor]), days={(DAY, "EUR"): euro, (DAY, "SEK"): kronor})},
        refunds_out={SHOP: PaidOut(whole={"EUR": paid}, days={(DAY, "EUR"): paid})},
    )


def test_the_json_has_count_and_money_by_currency_and_day(capsys: pytest.CaptureFixture[str]) -> None:
    show(prove_all(), as_json=True)
    figures: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])["channels"][SHOP]
    shipped = {"deliveries_in_odoo": 2, "deliveries_confirmed": 1, "delivered": "50.00", "confirmed": "20.00"}
    refunded = {
        "EUR": {"refunds_in_channel": 1, "credit_notes_in_odoo": 1, "refunded": "5.00", "credited": "5.00",
                "difference": "0.00"},
        "SEK": {"refunds_in_channel": 1, "credit_notes_in_odoo": 0, "refunded": "99.00", "credited": "0.00",
                "difference": "99.00"},
    }  # fmt: skip
    out = {
        "credit_notes_in_odoo": 2, "paid_back_by_channel": 1, "waiting": 0, "under_way": 1, "credited": "15.00",
        "refunded": "9.95", "missing": [], "differing": ["RINV/1"], "difference": "0.05",
    }  # fmt: skip
    by_currency = {
        "deliveries_by_currency": {"EUR": shipped}, "refunds_by_currency": refunded, "refunds_out": {"EUR": out},
    }  # fmt: skip
    assert {key: figures[key] for key in by_currency} == by_currency
    [(day, of_day)] = figures["by_day"].items()
    assert (day, {key: of_day[key] for key in by_currency}) == (DAY.isoformat(), by_currency)
    assert (of_day["deliveries_confirmed"], of_day["refunds_in_channel"]) == (1, 2)


def test_the_tables_have_the_same_and_name_what_differs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    show(prove_all(), by_day=True)
    shown = capsys.readouterr().out
    for text in ("50.00 EUR", "20.00 EUR", "Refunds, day by day", "99.00", "9.95", "Credit notes of people, by their"):
        assert text in shown
    assert "credit notes paid back at another amount: RINV/1" in shown


@pytest.mark.parametrize("part", [PaidBack(missing=("RINV/1",)), PaidBack(differing=("RINV/1",))])
def test_a_credit_note_that_is_not_paid_back_as_it_stands_is_a_failure(part: PaidBack) -> None:
    assert Proofs(refunds_out={SHOP: PaidOut(whole={"EUR": PaidBack(notes=1, waiting=1)}, days={})}).complete
    assert not Proofs(refunds_out={SHOP: PaidOut(whole={"EUR": part}, days={})}).complete
