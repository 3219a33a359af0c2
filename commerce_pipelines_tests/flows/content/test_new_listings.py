"""Products that a person chose in Odoo become products of the shop, once: through the real channel over HTTP, on both
stand-ins."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from commerce_pipelines.core.errors import SettingsError, TransientError
from commerce_pipelines.domain.outbox.effects import LATE_ANSWER, Kind
from commerce_pipelines.flows.content.inputs import take_products
from commerce_pipelines.flows.content.new_listings import Created, create, plan_new
from commerce_pipelines.flows.content.publish import has_work, refresh, release, replay
from commerce_pipelines.flows.inventory.inputs import read_listings
from commerce_pipelines.flows.outbox import dispatch
from commerce_pipelines_tests.doubles.contents import KETTLE, SHOP, Merchant
from commerce_pipelines_tests.flows.content.test_once import POINTS, Killed
from commerce_pipelines_tests.flows.content.test_pictures import picture, sha1
from commerce_sandbox.server import Call, Fault

NEW, TAG = "KET-NEW-1", "Web shop"
ACTIVE = "new_listings: {enabled: true, tag: Web shop, shopify: {status: active, publish_to: [Online Store]}}"
PLAIN = "new_listings: {enabled: true, tag: Web shop}"


class Maker:
    """A merchant who chooses products for the shop."""

    def __init__(self, merchant: Merchant) -> None:
        self.merchant, self.connections, self.shop = merchant, merchant.connections, merchant.shop
        [self.tag] = merchant.odoo.call("product.tag", "create", vals_list=[{"name": TAG}])
        merchant.run(whole=True)

    def add(self, code: str = NEW, **values: Any) -> int:
        """A product in Odoo with the tag; the id of its template."""
        vals = {
            "name": "Travel Kettle", "default_code": code, "type": "consu", "is_storable": True, "list_price": 59.9,
            "barcode": "4006381333931", "weight": 0.75, "image_1920": picture(),
            "product_tag_ids": [[6, 0, [self.tag]]], **values,
        }  # fmt: skip
        [template] = self.merchant.odoo.call("product.template", "create", vals_list=[vals])
        return int(template)

    def make(self, **options: Any) -> Created:
        take_products(self.connections, SHOP)
        return create(self.connections, SHOP, run_id="run", **options)

    def products(self, code: str = NEW) -> list[dict[str, Any]]:
        """The shop's products with that SKU."""
        rows = self.shop.contents.rows.values()
        return [row for row in rows if code in {self.shop.stock.variants[place]["sku"] for place in row["places"]}]

    def count(self) -> int:
        return len(self.shop.contents.rows)

    def waits(self) -> dict[str, str]:
        return self.merchant.waits()


@pytest.fixture
def open_maker(open_shop: Any) -> Any:
    return lambda content=f"approve: false, {ACTIVE}", more="": Maker(open_shop(content, more))


def test_a_tagged_product_becomes_an_active_product_of_the_shop_with_no_stock(open_maker: Any) -> None:
    maker: Maker = open_maker()
    count = maker.count()
    assert maker.make().outcomes == {}  # nothing has the tag
    template = maker.add(description_sale="For the road.")
    done = maker.make()
    assert dict(done.outcomes) == {"accepted": 1}
    [product] = maker.products()
    assert (product["title"], product["status"]) == ("Travel Kettle", "ACTIVE")
    assert product["descriptionHtml"] == "<p>For the road.</p>"
    assert product["handle"] == "travel-kettle-ket-new-1"
    [variant] = maker.shop.contents.show(product)["variants"]
    assert (variant["price"], variant["barcode"]) == ("71.28", "4006381333931")
    assert variant["inventoryItem"]["measurement"]["weight"]["value"] == 750
    [media] = product["media"]
    assert maker.shop.contents.pictures.checksum(media) == sha1()
    row = maker.shop.stock.variants[product["places"][0]]
    assert row["tracked"]
    item = row["item"]
    assert {place: units for (of, place), units in maker.shop.stock.quantities.items() if of == item} == {71: 0}
    assert maker.shop.new_products.published == {int(product["id"].rpartition("/")[2]): {1}}
    assert maker.make().outcomes == {}
    assert (maker.count(), maker.waits()) == (count + 1, {})
    assert template


def test_from_then_on_it_is_a_listing_as_any_other(open_maker: Any) -> None:
    maker: Maker = open_maker()
    maker.add()
    maker.make()
    maker.merchant.edit(NEW, name="Travel Kettle 0.5 l")
    done = maker.merchant.run()
    assert dict(done.outcomes) == {"accepted": 1}
    [product] = maker.products()
    assert product["title"] == "Travel Kettle 0.5 l"
    listings = read_listings(maker.connections, SHOP)
    assert set(listings.loc[listings["sku"] == NEW, "location"]) == {"71"}
    assert maker.make().outcomes == {}


def test_it_is_stocked_where_the_shop_publishes_stock(open_maker: Any) -> None:
    maker: Maker = open_maker()
    read_listings(maker.connections, SHOP)
    maker.add()
    maker.make()
    [product] = maker.products()
    item = maker.shop.stock.variants[product["places"][0]]["item"]
    assert {place: units for (of, place), units in maker.shop.stock.quantities.items() if of == item} == {71: 0, 72: 0}


def test_a_plan_waits_for_a_person_and_a_release_is_for_exactly_those_listings(open_maker: Any) -> None:
    maker: Maker = open_maker(f"approve: true, {ACTIVE}")
    maker.add()
    done = maker.make()
    assert (done.held, done.why, maker.products()) == (1, "1 new listings would be made", [])
    assert "1 new listings would be made" in release(maker.connections, SHOP, "anna")
    assert has_work(maker.connections, SHOP)
    maker.merchant.edit(NEW, name="Another Kettle")
    maker.add("KET-NEW-2", barcode=False)
    done = maker.make()
    assert (dict(done.outcomes), done.held, maker.products()) == ({}, 2, [])  # another one than was agreed to
    release(maker.connections, SHOP, "anna")
    maker.add("KET-NEW-3", barcode=False)
    done = maker.make()
    assert (dict(done.outcomes), done.held) == ({"accepted": 2}, 1)
    assert [row["title"] for row in maker.products()] == ["Another Kettle"]
    assert maker.products("KET-NEW-3") == []


def test_what_nobody_wants_any_more_is_not_made_although_it_was_agreed_to(open_maker: Any) -> None:
    maker: Maker = open_maker(f"approve: true, {ACTIVE}")
    maker.add()
    maker.make()
    release(maker.connections, SHOP, "anna")
    maker.merchant.edit(NEW, product_tag_ids=[[5, 0, 0]])
    assert maker.make().outcomes == {}
    assert maker.products() == []


def test_a_draft_is_nobodys_listing_until_a_person_activates_it(open_maker: Any) -> None:
    maker: Maker = open_maker(f"approve: false, {PLAIN}")
    maker.add()
    assert dict(maker.make().outcomes) == {"accepted": 1}
    [product] = maker.products()
    assert (product["status"], maker.shop.new_products.published) == ("DRAFT", {})
    assert maker.merchant.run(whole=True).before.left["no product"] == 0
    assert maker.make().planned.states == {"made": 1}
    assert len(maker.products()) == 1


@pytest.mark.parametrize(("values", "code"), [
    ({"list_price": 0.0}, "new_listing_incomplete"), ({"image_1920": False}, "new_listing_incomplete"),
    ({"barcode": "4006381333932"}, "bad_barcode"), ({"name": "K" * 256}, "content_too_long"),
])  # fmt: skip
def test_what_a_product_lacks_waits_with_a_reason_until_it_is_there(
    open_maker: Any, values: dict[str, Any], code: str
) -> None:
    maker: Maker = open_maker()
    template = maker.add(**values)
    count = maker.count()
    assert maker.make().outcomes == {}
    assert (maker.waits(), maker.count()) == ({f"template-{template}": code}, count)
    maker.merchant.edit(NEW, name="Kettle", list_price=10.0, image_1920=picture(), barcode="4006381333931")
    assert dict(maker.make().outcomes) == {"accepted": 1}
    assert maker.waits() == {}


def test_goods_that_may_not_be_sold_services_and_untagged_products_get_none(open_maker: Any) -> None:
    maker: Maker = open_maker()
    maker.add("A-1", sale_ok=False, barcode=False)
    maker.add("A-2", type="service", barcode=False)
    maker.add("A-3", product_tag_ids=False, barcode=False)
    maker.add("A-4", active=False, barcode=False)
    assert maker.make().planned.plans == []


def test_a_pack_and_a_reference_that_two_products_have_wait(open_maker: Any) -> None:
    more = "skus: {KET-NEW-1: {product: KET-GN-17, quantity: 2}},"
    maker: Maker = open_maker(f"approve: false, {ACTIVE}", more)
    pack = maker.add()
    twice = [maker.add("A-1", barcode=False), maker.add("A-1", barcode=False), maker.add("A-2", barcode=False)]
    maker.add("A-2", barcode=False, product_tag_ids=[])  # also where nobody chose the other one
    assert maker.make().outcomes == {}
    assert maker.waits() == {
        f"template-{pack}": "new_listing_unsuited", **{f"template-{id_}": "ambiguous_sku" for id_ in twice}
    }  # fmt: skip


def test_a_reference_that_changes_after_its_listing_was_made_is_told(open_maker: Any) -> None:
    maker: Maker = open_maker()
    template = maker.add()
    assert dict(maker.make().outcomes) == {"accepted": 1}
    assert maker.waits() == {}
    maker.merchant.odoo.call("product.template", "write", ids=[template], vals={"default_code": "KET-RENAMED"})
    assert maker.make().outcomes == {}
    assert maker.waits() == {f"template-{template}": "new_listing_unsuited"}


def test_no_more_than_the_settings_say_are_made_in_a_day(open_maker: Any) -> None:
    rules = ACTIVE.replace("tag:", "most_a_day: 2, tag:")
    maker: Maker = open_maker(f"approve: false, {rules}")
    for number in range(3):
        maker.add(f"A-{number}", barcode=False)
    done = maker.make()
    assert dict(done.outcomes) == {"accepted": 2}
    assert done.planned.states == {"later, enough for a day": 1}
    assert maker.make().outcomes == {}


def test_a_sku_that_the_shop_has_in_a_draft_is_not_made_again(open_maker: Any) -> None:
    maker: Maker = open_maker()
    template = maker.add()
    product = maker.merchant.product(KETTLE)
    place = product["places"][0]
    maker.shop.stock.variants[place]["sku"] = NEW  # since the last reading
    count = maker.count()
    assert dict(maker.make().outcomes) == {"refused": 1}
    assert (maker.waits(), maker.count()) == ({f"template-{template}": "new_listing_there"}, count)
    assert "CreateProduct" not in maker.merchant.mutations
    assert maker.make().outcomes == {}  # not tried for ever
    maker.shop.stock.variants[place]["sku"] = "ELSE"
    assert replay(maker.connections, SHOP, code="new_listing_there") == 1
    assert has_work(maker.connections, SHOP)
    refresh(maker.connections, SHOP)
    plan_new(maker.connections, SHOP)
    assert dict(maker.make().outcomes) == {"accepted": 1}
    assert (maker.waits(), maker.count()) == ({}, count + 1)


def test_a_refusal_of_the_shop_waits_and_a_changed_product_is_sent_again(open_maker: Any) -> None:
    maker: Maker = open_maker()
    maker.shop.contents.refuse["title"] = "Title is not allowed"
    template = maker.add()
    assert dict(maker.make().outcomes) == {"refused": 1}
    assert maker.waits() == {f"template-{template}": "new_listing_refused"}
    maker.shop.contents.refuse.clear()
    assert maker.make().outcomes == {}
    maker.merchant.edit(NEW, name="Another Kettle")
    assert dict(maker.make().outcomes) == {"accepted": 1}
    assert len(maker.products()) == 1


def test_a_missing_sales_channel_is_refused_before_anything_is_made(open_maker: Any) -> None:
    maker: Maker = open_maker(f"approve: false, {ACTIVE.replace('Online Store', 'Kiosk')}")
    maker.add()
    count = maker.count()
    assert dict(maker.make().outcomes) == {"refused": 1}
    assert maker.count() == count
    channel = maker.connections.channel(SHOP)
    assert channel.new_listings is not None
    [problem] = channel.new_listings.verify()
    assert "no sales channel 'Kiosk'" in problem


@pytest.mark.parametrize("keys", ["tag: Nothing", "category: Nothing", "field: x_nothing"])
def test_a_choice_that_odoo_does_not_have_is_an_error_of_the_settings(open_maker: Any, keys: str) -> None:
    maker: Maker = open_maker(f"approve: false, new_listings: {{enabled: true, {keys}}}")
    with pytest.raises(SettingsError, match=f"new_listings.{keys.split(':')[0]}"):
        maker.make()


def pass_time(maker: Maker) -> None:
    """No lost request can arrive any more."""
    with maker.connections.warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute(
            "UPDATE commerce.attempts SET started_at = started_at - %(late)s, settled_at = settled_at - %(late)s",
            {"late": 2 * LATE_ANSWER},
        )


@pytest.mark.parametrize("point", POINTS)
def test_a_run_that_dies_makes_no_second_listing(open_maker: Any, monkeypatch: pytest.MonkeyPatch, point: str) -> None:
    maker: Maker = open_maker()
    maker.add()
    count = maker.count()

    def kill(name: str) -> None:
        if name == point:
            raise Killed

    with monkeypatch.context() as patch, suppress(Killed):
        patch.setattr(dispatch, "failpoint", kill)
        maker.make()
    pass_time(maker)
    maker.make()
    maker.make()
    assert (len(maker.products()), maker.count(), maker.waits()) == (1, count + 1, {})


LOST = [(1, False), (3, True), (4, True), (4, False), (5, True), (7, True), (9, True), (10, False)]


@pytest.mark.parametrize(("number", "after"), LOST)
def test_whichever_answers_are_lost_there_is_one_complete_listing_at_last(
    open_maker: Any, number: int, after: bool
) -> None:
    maker: Maker = open_maker()
    maker.add()
    refresh(maker.connections, SHOP)
    count, calls = maker.count(), 0

    def fits(call: Call) -> bool:
        nonlocal calls
        calls += 1
        return calls >= number

    maker.shop.faults.append(Fault(match=fits, times=6, drop=True, after=after))
    for _ in range(8):
        with suppress(TransientError):
            maker.make()
        pass_time(maker)
    [product] = maker.products()
    assert (maker.count(), product["status"], len(product["media"])) == (count + 1, "ACTIVE", 1)
    assert (maker.make().outcomes, maker.waits()) == ({}, {})


def test_a_lost_answer_is_looked_at_and_not_sent_again_while_it_may_still_arrive(open_maker: Any) -> None:
    maker: Maker = open_maker()
    maker.add()

    def creates(call: Call) -> bool:
        return b"mutation CreateProduct" in call.body

    maker.shop.faults.append(Fault(match=creates, drop=True))
    assert dict(maker.make().outcomes) == {"unknown": 1}
    assert dict(maker.make().outcomes) == {"unknown": 1}
    assert maker.merchant.mutations.count("CreateProduct") == 0
    pass_time(maker)
    assert dict(maker.make().outcomes) == {"accepted": 1}


def test_a_look_that_fails_settles_nothing(open_maker: Any) -> None:
    maker: Maker = open_maker()
    maker.add()
    maker.shop.faults.append(Fault(match=lambda call: b"mutation CreateProduct" in call.body, drop=True, after=True))
    assert dict(maker.make().outcomes) == {"unknown": 1}
    pass_time(maker)
    looks = Fault(match=lambda call: b"query FindProduct" in call.body, times=20, drop=True)
    maker.shop.faults.append(looks)
    for _ in range(2):
        with suppress(TransientError):
            maker.make()
    looks.times = 0
    assert dict(maker.make().outcomes) == {"accepted": 1}
    assert len(maker.products()) == 1


def test_variants_of_a_template_are_one_product_with_its_options(open_maker: Any) -> None:
    maker: Maker = open_maker()
    template = maker.add("K-RED", barcode=False)
    add_colours(maker, template, {"K-RED": "Red", "K-BLUE": "Blue"})
    assert dict(maker.make().outcomes) == {"accepted": 1}
    [product] = maker.products("K-RED")
    assert maker.products("K-BLUE") == [product]
    shown = maker.shop.new_products.show(product)["variants"]
    options = {row["sku"]: [(part["name"], part["value"]) for part in row["selectedOptions"]] for row in shown}
    assert options == {"K-RED": [("Colour", "Red")], "K-BLUE": [("Colour", "Blue")]}
    assert product["title"] == "Travel Kettle"
    assert maker.make().outcomes == {}


def add_colours(maker: Maker, template: int, colours: dict[str, str]) -> None:
    """What Odoo makes of an attribute with several values, which its stand-in does not make by itself."""
    odoo = maker.merchant.odoo
    [attribute] = odoo.call("product.attribute", "create", vals_list=[{"name": "Colour"}])
    rows = [{"name": colour, "attribute_id": attribute} for colour in colours.values()]
    values = odoo.call("product.attribute.value", "create", vals_list=rows)
    line = {"product_tmpl_id": template, "attribute_id": attribute, "value_ids": [[6, 0, values]]}
    [line_id] = odoo.call("product.template.attribute.line", "create", vals_list=[line])
    for (code, colour), value in zip(colours.items(), values, strict=True):
        of_template = {"name": colour, "attribute_id": attribute, "attribute_line_id": line_id}
        [own] = odoo.call(
            "product.template.attribute.value", "create",
            vals_list=[{**of_template, "product_attribute_value_id": value}],
        )  # fmt: skip
        vals = {"default_code": code, "product_template_attribute_value_ids": [[6, 0, [own]]]}
        ids = odoo.call("product.product", "search", domain=[["default_code", "=", code]])
        if ids:
            odoo.call("product.product", "write", ids=ids, vals=vals)
        else:
            odoo.call("product.product", "create", vals_list=[{**vals, "product_tmpl_id": template}])


def test_nothing_is_recorded_where_a_dry_run_is_wanted(open_maker: Any) -> None:
    maker: Maker = open_maker()
    maker.add()
    assert maker.make(dry_run=True).dry
    with maker.connections.warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM commerce.effects WHERE kind = %s", (Kind.LISTING,))
        assert cursor.fetchone() == (0,)
