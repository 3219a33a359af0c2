"""Texts edited in Odoo reach the shop, and nothing else does: through the real channel over HTTP, on both stand-ins."""

from __future__ import annotations

import json
from typing import Any

import pytest

from commerce_pipelines.channels import product_content
from commerce_pipelines.core.errors import PermanentError
from commerce_pipelines.domain.content.listings import ShownListing
from commerce_pipelines.flows.content import matching
from commerce_pipelines.flows.content.inputs import take_products
from commerce_pipelines.flows.content.publish import publish
from commerce_pipelines_tests.doubles.contents import KETTLE, MUG, SHOP, Merchant
from commerce_sandbox.server import Call, Fault

BOLD = "breaker: {changed_percent: 100}"


def test_g95_a_title_and_a_description_are_changed_and_what_the_shop_owns_stays(open_shop: Any) -> None:
    merchant: Merchant = open_shop()
    product = merchant.product(KETTLE)
    product["tags"], handle = ["spring"], product["handle"]
    assert merchant.run().outcomes == {}  # the demo's shop shows Odoo's names
    merchant.edit(KETTLE, name="Gooseneck Kettle", description_sale="For pour-over.\n\n1.7 l & stainless")
    done = merchant.run()
    assert dict(done.outcomes) == {"accepted": 2}
    assert product["title"] == "Gooseneck Kettle"
    assert product["descriptionHtml"] == "<p>For pour-over.</p><p>1.7 l &amp; stainless</p>"
    assert (product["tags"], product["handle"]) == (["spring"], handle)
    assert merchant.mutations == ["UpdateProduct"]
    assert (merchant.run().outcomes, merchant.mutations) == ({}, ["UpdateProduct"])


def test_an_empty_text_in_odoo_never_blanks_a_listing(open_shop: Any) -> None:
    merchant: Merchant = open_shop()
    merchant.product(KETTLE)["descriptionHtml"] = "<p>Written in the shop.</p>"
    done = merchant.run()
    assert (done.outcomes, merchant.mutations) == ({}, [])
    assert done.after.actions["empty"] > 0
    assert merchant.product(KETTLE)["descriptionHtml"] == "<p>Written in the shop.</p>"


def test_a_plan_waits_for_a_person_and_a_release_is_for_exactly_that_plan(open_shop: Any) -> None:
    merchant: Merchant = open_shop("approve: true")
    merchant.run()
    merchant.edit(KETTLE, name="Kettle A")
    done = merchant.run()
    assert (done.held, merchant.mutations) == (1, [])
    assert "1 fields of 1 listings would change" in merchant.release()
    merchant.edit(MUG, name="Mug B")
    done = merchant.run()
    assert (dict(done.outcomes), done.held) == ({"accepted": 1}, 1)
    assert merchant.product(KETTLE)["title"] == "Kettle A"
    assert merchant.product(MUG)["title"] != "Mug B"
    with pytest.raises(PermanentError, match="No content"):
        merchant.release()
        merchant.run()
        merchant.release()
    assert merchant.product(MUG)["title"] == "Mug B"


def test_a_released_field_is_refused_where_the_shop_moved_meanwhile_and_the_others_are_sent(open_shop: Any) -> None:
    merchant: Merchant = open_shop("approve: true")
    merchant.run()
    merchant.edit(KETTLE, name="Kettle A", description_sale="Text")
    merchant.run()
    merchant.release()
    product = merchant.product(KETTLE)
    merchant.shop.contents.change(product, merchant.shop.now(), title="Edited in the shop")
    done = merchant.run()
    assert dict(done.outcomes) == {"accepted": 1, "stale": 1}
    assert (product["title"], product["descriptionHtml"]) == ("Edited in the shop", "<p>Text</p>")
    done = merchant.run()
    assert (done.held, dict(done.outcomes)) == (1, {})  # from what the shop shows now: a person agrees again
    merchant.release()
    assert dict(merchant.run().outcomes) == {"accepted": 1}
    assert product["title"] == "Kettle A"


def test_what_somebody_edits_in_the_shop_while_another_product_is_written_stays(
    open_shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    merchant: Merchant = open_shop(f"approve: false, {BOLD}")
    merchant.run()
    for code in (KETTLE, MUG):
        merchant.edit(code, name=f"Odoo's {code}", description_sale="Odoo's.")
    monkeypatch.setattr(product_content, "MOST_AGE", 0.0)
    edited: list[str] = []

    def meet(call: Call) -> bool:
        if b"mutation UpdateProduct" in call.body and not edited:
            edited.append(MUG if b"KET" in call.body else KETTLE)
            merchant.product(edited[0])["title"] = "Edited in the shop"
        return False

    merchant.shop.faults.append(Fault(match=meet))
    assert dict(merchant.run().outcomes) == {"accepted": 3, "stale": 1}
    assert merchant.product(edited[0])["title"] == "Edited in the shop"


def test_a_released_change_that_nobody_wants_any_more_is_not_sent(open_shop: Any) -> None:
    merchant: Merchant = open_shop("approve: true")
    merchant.run()
    before = merchant.product(KETTLE)["title"]
    merchant.edit(KETTLE, name="Kettle A")
    merchant.run()
    merchant.release()
    merchant.edit(KETTLE, name=before)
    assert (merchant.run().outcomes, merchant.mutations) == ({}, [])


def test_g98_a_title_that_is_too_long_waits_with_a_reason_before_any_call(open_shop: Any) -> None:
    merchant: Merchant = open_shop()
    merchant.run()
    merchant.edit(KETTLE, name="Kettle " * 40)
    merchant.edit(MUG, name="A new mug")
    done = merchant.run()
    assert (dict(done.outcomes), set(merchant.waits().values())) == ({"accepted": 1}, {"content_too_long"})
    merchant.edit(KETTLE, name="Kettle")
    merchant.run()
    assert (merchant.waits(), merchant.product(KETTLE)["title"]) == ({}, "Kettle")


def test_a_text_that_the_shop_changes_by_itself_is_sent_once(open_shop: Any) -> None:
    merchant: Merchant = open_shop()
    merchant.run()
    merchant.shop.contents.correct = lambda fields: {**fields, "title": fields["title"].upper()}
    merchant.edit(KETTLE, name="Kettle A")
    assert dict(merchant.run().outcomes) == {"accepted": 1}
    assert merchant.product(KETTLE)["title"] == "KETTLE A"
    for whole in (False, True, True):
        done = merchant.run(whole=whole)
        assert (done.outcomes, done.after.actions["settled"]) == ({}, 1)


def test_a_text_that_the_shop_refuses_is_sent_once_and_again_when_it_changes(open_shop: Any) -> None:
    merchant: Merchant = open_shop()
    merchant.run()
    merchant.shop.contents.refuse = {"title": "Title contains a forbidden word"}
    merchant.edit(KETTLE, name="Kettle A", description_sale="Text")
    done = merchant.run()
    assert dict(done.outcomes) == {"refused": 1, "accepted": 1}
    assert set(merchant.waits().values()) == {"content_refused"}
    assert merchant.run().outcomes == {}
    merchant.shop.contents.refuse = {}
    merchant.edit(KETTLE, name="Kettle B")
    assert dict(merchant.run().outcomes) == {"accepted": 1}
    assert merchant.waits() == {}


def test_an_archived_product_and_one_of_two_with_a_reference_leave_their_listings_alone(open_shop: Any) -> None:
    merchant: Merchant = open_shop()
    merchant.run()
    merchant.edit(KETTLE, name="Kettle A", active=False)
    merchant.odoo.call("product.product", "create", vals_list=[{"name": "Other mug", "default_code": MUG}])
    done = merchant.run(whole=True)
    assert (done.outcomes, merchant.mutations) == ({}, [])
    assert (done.after.left["archived"], done.after.left["ambiguous"]) == (2, 2)
    assert set(merchant.waits().values()) == {"ambiguous_sku"}


def test_many_changes_at_once_wait_for_a_person_even_without_approval(open_shop: Any) -> None:
    merchant: Merchant = open_shop()
    merchant.run()
    for variant in list(merchant.shop.stock.variants.values())[:12]:
        merchant.edit(variant["sku"], name=f"New {variant['sku']}")
    done = merchant.run()
    assert (done.held, done.outcomes, merchant.mutations) == (12, {}, [])
    assert "12 of 42 listings would change" in done.why


def test_figures_of_variants_are_changed_together_and_stock_never(open_shop: Any) -> None:
    merchant: Merchant = open_shop(
        "approve: false, owned: [barcode, weight, hs_code, origin], breaker: {changed_percent: 100}"
    )
    merchant.run()
    stock = dict(merchant.shop.stock.quantities)
    [country] = merchant.odoo.call("res.country", "search", domain=[["code", "=", "IT"]])
    merchant.edit(KETTLE, barcode="4006381333931", weight=1.25, hs_code="732399", country_of_origin=country)
    done = merchant.run()
    assert dict(done.outcomes) == {"accepted": 4}
    [variant] = merchant.shop.contents.show(merchant.product(KETTLE))["variants"]
    assert (variant["barcode"], variant["inventoryItem"]["harmonizedSystemCode"]) == ("4006381333931", "732399")
    assert variant["inventoryItem"]["measurement"] == {"weight": {"unit": "GRAMS", "value": 1250.0}}
    assert merchant.run(whole=True).outcomes == {}
    assert merchant.shop.stock.quantities == stock
    merchant.edit(KETTLE, barcode="4006381333932")
    assert (merchant.run().outcomes, set(merchant.waits().values())) == ({}, {"bad_barcode"})


def test_a_run_decides_each_listing_once_and_again_only_what_it_told(
    open_shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    merchant: Merchant = open_shop()
    merchant.run()
    compared: list[str] = []
    real = matching.compare  # type: ignore[attr-defined]

    def count(listing: ShownListing, *more: Any) -> Any:
        compared.append(listing.key)
        return real(listing, *more)

    monkeypatch.setattr(matching, "compare", count)
    merchant.edit(KETTLE, name="Kettle A")
    assert merchant.run().after.actions["change"] == 0
    listings = len(set(compared))
    assert len(compared) == listings + 1
    compared.clear()
    merchant.run()
    merchant.run()
    assert len(compared) == listings  # after a change, and not again
    merchant.edit(KETTLE, name="Kettle B")
    take_products(merchant.connections, SHOP)  # another process may have read Odoo meanwhile
    assert dict(publish(merchant.connections, SHOP, run_id="run").outcomes) == {"accepted": 1}


def test_a_product_that_the_shop_always_fails_at_holds_up_no_other_and_goes_last(open_shop: Any) -> None:
    merchant: Merchant = open_shop(f"approve: false, {BOLD}")
    merchant.run()
    merchant.edit(KETTLE, name="Kettle A")
    merchant.edit(MUG, name="Mug A")
    poison = merchant.product(KETTLE)["id"].encode()

    def fails(call: Call) -> bool:
        return b"mutation UpdateProduct" in call.body and poison in call.body

    merchant.shop.faults.append(Fault(match=fails, times=999, status=500))
    assert dict(merchant.run().outcomes) == {"accepted": 1, "unknown": 1}
    assert merchant.product(MUG)["title"] == "Mug A"
    merchant.edit(MUG, name="Mug B")
    seen = len(merchant.shop.calls)
    assert dict(merchant.run().outcomes) == {"accepted": 1, "unknown": 1}
    updates = [call.body for call in merchant.shop.calls[seen:] if b"mutation UpdateProduct" in call.body]
    assert b"Mug B" in updates[0]
    merchant.shop.faults.clear()
    assert dict(merchant.run().outcomes) == {"accepted": 1}
    assert merchant.product(KETTLE)["title"] == "Kettle A"


def test_a_product_that_cannot_be_read_is_not_called_gone(open_shop: Any) -> None:
    merchant: Merchant = open_shop(f"approve: false, {BOLD}")
    merchant.run()
    merchant.edit(KETTLE, name="Kettle A")
    merchant.edit(MUG, name="Mug A")
    poison = merchant.product(KETTLE)

    def spoil(body: bytes) -> bytes:
        answer = json.loads(body)
        for node in answer["data"]["nodes"]:
            if node["id"] == poison["id"]:
                node["title"] = 7
        return json.dumps(answer).encode()

    fault = Fault(match=lambda call: b"SomeProductContents" in call.body, times=999, after=True, change=spoil)
    merchant.shop.faults.append(fault)
    assert dict(merchant.run().outcomes) == {"accepted": 1, "unknown": 1}
    assert merchant.waits() == {}
