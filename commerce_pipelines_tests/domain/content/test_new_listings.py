"""Which listings are made of products that a person chose: for any products and anything on record, none twice, none
that the channel has, no more than allowed."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from commerce_pipelines.core.reasons import RULES
from commerce_pipelines.domain.content.fields import BARCODE, IMAGES, PRICE, TITLE, Limit
from commerce_pipelines.domain.content.listing_rules import NewListingRules
from commerce_pipelines.domain.content.listings import Picture
from commerce_pipelines.domain.content.new_listings import (
    Made,
    Market,
    NewPlan,
    Shape,
    State,
    build_body,
    plan_listings,
    read_body,
)
from commerce_pipelines.domain.content.pricelists import Price
from commerce_pipelines.domain.content.products import OWN, Product
from commerce_pipelines.domain.content.rules import ContentRules
from commerce_pipelines.domain.outbox.effects import Status, digest

LIMITS = {TITLE: Limit(most=80), PRICE: Limit(currency="EUR"), BARCODE: Limit(), IMAGES: Limit(most=5)}
PICTURE = Picture(checksum="a" * 40, attachment=1, mime="image/png")


def product(number: int, template: int = 0, **values: Any) -> Product:
    row = Product(
        product_id=number, template_id=template or number, code=f"A-{number}",
        texts={OWN: {"name": f"Article {number}"}},
        picture=PICTURE, template_picture=PICTURE, prices={"": Price(amount=10.0, currency="EUR", digits=2)},
    )  # fmt: skip
    return msgspec.structs.replace(row, **values)


def market(**values: Any) -> Market:
    rules = ContentRules(enabled=True, new_listings=NewListingRules(enabled=True, tag="x"))
    shape = Shape(limits=LIMITS, by_template=True, most_variants=3, most_options=1)
    plain = Market(
        rules=rules, shape=shape, taken=lambda sku: False, is_plain=lambda code: True, is_alone=lambda code: True
    )
    return msgspec.structs.replace(plain, **values)


def plan(*products: Product, left: int = 99, **values: Any) -> list[NewPlan]:
    return plan_listings(products, market(**values), left)


def codes(plans: list[NewPlan]) -> list[str]:
    return [row.reason.code if row.reason else str(row.state) for row in plans]


def of_colours(*colours: str) -> list[Product]:
    return [
        product(number, 7, variants=len(colours), options={OWN: (colour,)}, attributes={OWN: (("Colour", colour),)})
        for number, colour in enumerate(colours, 1)
    ]


@given(
    statuses=st.lists(st.sampled_from([None, *Status]), max_size=8), taken=st.sets(st.integers(1, 8)),
    left=st.integers(-2, 9),
)  # fmt: skip
def test_nothing_is_made_twice_and_no_more_than_is_left(
    statuses: list[Status | None], taken: set[int], left: int
) -> None:
    products = [product(number) for number in range(1, len(statuses) + 1)]
    recorded = {
        f"template-{number}": Made(status=status, digest="another")
        for number, status in enumerate(statuses, 1) if status
    }  # fmt: skip
    plans = plan(*products, left=left, recorded=recorded, taken=lambda sku: int(sku[2:]) in taken)
    made = {int(row.skus[0][2:]) for row in plans if row.state is State.MAKE}
    assert len(made) <= max(0, left)
    assert not made & taken
    begun = (Status.SENT, Status.PENDING, Status.UNKNOWN, Status.ACCEPTED)
    assert not made & {number for number, status in enumerate(statuses, 1) if status in begun}
    wanted = [number for number, status in enumerate(statuses, 1) if number not in taken and status not in begun]
    assert made == set(wanted[: max(0, left)])
    assert all(row.listing and read_body(build_body(row.listing)) == row.listing for row in plans if row.listing)


def test_what_it_lacks_is_told_by_its_field() -> None:
    assert codes(plan(product(1, picture=None, template_picture=None))) == ["new_listing_incomplete"]
    assert codes(plan(product(1, prices={}))) == ["new_listing_incomplete"]
    assert codes(plan(product(1, texts={}))) == ["new_listing_incomplete"]
    assert codes(plan(product(1, prices={"": Price(amount=1.0, currency="CHF", digits=2)}))) == ["price_currency"]
    assert codes(plan(product(1), shape=Shape(limits=LIMITS, needs=(BARCODE,)))) == ["new_listing_incomplete"]
    assert codes(plan(product(1, values={"barcode": "123"}))) == ["bad_barcode"]
    assert codes(plan(product(1, code="A" * 41), shape=Shape(limits=LIMITS, most_sku=40))) == ["new_listing_unsuited"]
    assert codes(plan(product(1), is_plain=lambda code: False)) == ["new_listing_unsuited"]
    assert codes(plan(product(1), is_alone=lambda code: False)) == ["ambiguous_sku"]


def test_a_variant_that_is_chosen_later_is_told() -> None:
    recorded = {"template-7": Made(status=Status.ACCEPTED, skus=("A-1",))}
    assert codes(plan(*of_colours("Red"), recorded=recorded)) == ["made"]
    assert codes(plan(*of_colours("Red", "Blue"), recorded=recorded)) == ["new_listing_unsuited"]
    assert codes(plan(*of_colours("Red", "Blue"), recorded=recorded, taken=lambda sku: sku == "A-2")) == ["made"]


def test_variants_are_one_listing_where_the_channel_offers_them_so() -> None:
    [row] = plan(*of_colours("Red", "Blue"))
    assert row.listing is not None
    assert [offer.options for offer in row.listing.offers] == [(("Colour", "Red"),), (("Colour", "Blue"),)]
    assert row.listing.values == {TITLE: "Article 1"}
    apart = plan(*of_colours("Red", "Blue"), shape=Shape(limits=LIMITS))
    titles = [row.listing.values[TITLE] for row in apart if row.listing]
    assert titles == ["Article 1 (Red)", "Article 2 (Blue)"]


def test_variants_that_a_listing_cannot_hold_wait() -> None:
    assert codes(plan(*of_colours("Red", "Blue", "Green", "Grey"))) == ["new_listing_unsuited"]
    assert codes(plan(*of_colours("Red", "Red"))) == ["new_listing_unsuited"]
    assert codes(plan(*of_colours("Red", "Blue"), taken=lambda sku: sku == "A-1")) == ["new_listing_unsuited"]
    without = [msgspec.structs.replace(row, attributes={}) for row in of_colours("Red", "Blue")]
    assert codes(plan(*without)) == ["new_listing_unsuited"]


def test_a_refusal_stays_until_the_product_changes_or_a_person_wants_it() -> None:
    [row] = plan(product(1))
    assert row.listing is not None
    recorded = {row.key: Made(status=Status.REFUSED, digest=digest(build_body(row.listing)), code="INVALID")}
    assert codes(plan(product(1), recorded=recorded)) == ["new_listing_refused"]
    assert codes(plan(product(1), recorded=recorded, again={row.key})) == ["would be made"]
    changed = product(1, texts={OWN: {"name": "Another"}})
    assert codes(plan(changed, recorded=recorded)) == ["would be made"]


def test_every_reason_is_in_the_table() -> None:
    assert {"new_listing_incomplete", "new_listing_unsuited", "new_listing_there", "new_listing_refused"} <= set(RULES)
