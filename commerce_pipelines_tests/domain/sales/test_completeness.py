"""The proof of completeness: count, money and ids."""

from datetime import UTC, datetime

from commerce_pipelines.domain.sales.completeness import Booked, Claim, compare, set_aside


def _make_claims(count: int, total: int = 8_431_27) -> list[Claim]:
    amounts = [total // count] * count
    amounts[-1] += total - sum(amounts)
    return [Claim(order_id=f"o{i}", currency="EUR", total=amount) for i, amount in enumerate(amounts)]


def _make_booked(claims: list[Claim], state: str = "sale") -> dict[str, Booked]:
    return {c.order_id: Booked(order_id=c.order_id, currency=c.currency, total=c.total, state=state) for c in claims}


def test_a_missing_order_is_named_with_its_money() -> None:
    """G44."""
    claims = [*_make_claims(99, 8_391_37), Claim(order_id="lost", currency="EUR", total=39_90)]
    proof = compare(claims, _make_booked(claims[:99]), set())
    assert (proof.orders_in_channel, proof.sale_orders_in_odoo, proof.missing) == (100, 99, ("lost",))
    assert proof.money_difference == "39.90"
    assert not proof.complete
    healed = compare(claims, _make_booked(claims), set())
    assert healed.complete
    assert healed.money_difference == "0.00"


def test_differences_of_two_currencies_do_not_cancel_out() -> None:
    claims = [Claim(order_id="a", currency="EUR", total=100), Claim(order_id="b", currency="GBP", total=100)]
    booked = {
        "a": Booked(order_id="a", currency="EUR", total=101, state="sale"),
        "b": Booked(order_id="b", currency="GBP", total=99, state="sale"),
    }
    proof = compare(claims, booked, set())
    assert proof.money_difference == "0.02"
    assert not proof.complete


def test_a_draft_or_cancelled_order_does_not_count_as_sold() -> None:
    claims = _make_claims(1)
    for state in ("draft", "cancel"):
        assert compare(claims, _make_booked(claims, state), set()).missing == ("o0",)


def test_an_order_in_exceptions_is_counted_but_not_missing() -> None:
    claims = _make_claims(2)
    proof = compare(claims, _make_booked(claims[:1]), {"o1"})
    assert proof.exceptions == 1
    assert proof.missing == ()
    assert proof.money_difference == "0.00"


def test_an_order_that_the_channel_does_not_know_is_surplus() -> None:
    claims = _make_claims(1)
    extra = Booked(order_id="x", currency="EUR", total=5, state="sale")
    proof = compare(claims, {**_make_booked(claims), "x": extra}, set())
    assert proof.surplus == ("x",)
    assert not proof.complete


def test_an_order_on_two_pages_counts_once() -> None:
    claims = _make_claims(1)
    assert compare(claims * 2, _make_booked(claims), set()).orders_in_channel == 1


def test_a_difference_that_a_note_explains_is_no_error() -> None:
    """Changed in Odoo, cancelled in Odoo, cancelled in the channel after shipping: each is flagged, none is missing."""
    claims = _make_claims(3)
    booked = _make_booked(claims)
    booked["o0"] = Booked(order_id="o0", currency="EUR", total=claims[0].total - 500, state="sale")
    booked["o1"] = Booked(order_id="o1", currency="EUR", total=claims[1].total, state="cancel")
    booked["gone"] = Booked(order_id="gone", currency="EUR", total=990, state="sale")
    red = compare(claims, booked, set())
    assert (red.complete, red.missing, red.surplus) == (False, ("o1",), ("gone",))
    proof = compare(claims, booked, set(), {"o0", "o1", "gone", "o2"})
    assert (proof.complete, proof.missing, proof.surplus, proof.money_difference) == (True, (), (), "0.00")
    assert (proof.flagged, proof.orders_in_channel, proof.sale_orders_in_odoo) == (3, 3, 3)
    assert not compare(claims, booked, set(), {"o1", "gone"}).complete  # one explanation explains its own order alone


def test_only_what_is_new_and_absent_is_on_the_way() -> None:
    since = datetime(2026, 11, 20, 11, tzinfo=UTC)
    before, after = since, since.replace(minute=1)
    claims = [
        Claim(order_id="lost", currency="EUR", total=100, collected=7, placed_at=before),
        Claim(order_id="new", currency="EUR", total=900, collected=50, placed_at=after),
        Claim(order_id="there", currency="EUR", total=500, collected=3, placed_at=after),
        Claim(order_id="undated", currency="SEK", total=40),
    ]
    booked = {"there": Booked(order_id="there", currency="EUR", total=499, state="sale")}
    proof = set_aside(compare(claims, booked, ()), since)
    assert (proof.missing, proof.on_the_way) == (("lost", "undated"), ("new",))
    assert proof.difference == {"EUR": 101, "SEK": 40}
    assert (proof.channel_total["EUR"], proof.collected) == (600, {"EUR": 10})
    assert set_aside(compare(claims[1:2], {}, ()), since).complete
