"""Pictures reach the shop once: uploaded when their checksum is new, replaced in place, never added twice."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from commerce_pipelines.channels.shopify.content import pictures
from commerce_pipelines_tests.doubles.contents import KETTLE, MUG, Merchant

PICTURES = "approve: false, owned: [images], breaker: {changed_percent: 100}"
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def picture(mark: bytes = b"") -> str:
    """A picture that differs by what follows its last byte."""
    return base64.b64encode(PNG + mark).decode()


def checksums(merchant: Merchant, code: str) -> list[str]:
    media = merchant.product(code)["media"]
    return [merchant.shop.contents.pictures.checksum(gid) for gid in media]


def sha1(mark: bytes = b"") -> str:
    return hashlib.sha1(PNG + mark, usedforsecurity=False).hexdigest()


def test_g96_a_picture_is_uploaded_once_and_replaced_in_place_when_it_changes_by_a_byte(open_shop: Any) -> None:
    merchant: Merchant = open_shop(PICTURES)
    merchant.edit(KETTLE, image_1920=picture())
    assert dict(merchant.run().outcomes) == {"accepted": 1}
    assert (checksums(merchant, KETTLE), merchant.shop.contents.pictures.uploaded) == ([sha1()], 1)
    ids = list(merchant.product(KETTLE)["media"])
    for whole in (False, True):
        assert merchant.run(whole=whole).outcomes == {}
    merchant.edit(KETTLE, image_1920=picture(b"x"))
    assert dict(merchant.run().outcomes) == {"accepted": 1}
    assert (checksums(merchant, KETTLE), list(merchant.product(KETTLE)["media"])) == ([sha1(b"x")], ids)
    assert (merchant.run(whole=True).outcomes, merchant.shop.contents.pictures.uploaded) == ({}, 2)


def test_pictures_that_the_shop_shows_already_stay_until_one_changes_in_odoo(open_shop: Any) -> None:
    merchant: Merchant = open_shop(PICTURES)
    shop = merchant.shop.contents.pictures
    shop.uploads["own.jpg"], shop.looks = b"own", 0
    gid = shop.add("own.jpg")
    merchant.product(KETTLE)["media"] = [gid]
    merchant.edit(KETTLE, image_1920=picture())
    assert (merchant.run().outcomes, merchant.mutations) == ({}, [])
    merchant.edit(KETTLE, image_1920=picture(b"x"))
    assert dict(merchant.run().outcomes) == {"accepted": 1}
    assert (merchant.product(KETTLE)["media"], checksums(merchant, KETTLE)) == ([gid], [sha1(b"x")])


def test_documents_of_a_product_are_further_pictures_in_their_order(open_shop: Any) -> None:
    merchant: Merchant = open_shop(PICTURES)
    merchant.edit(KETTLE, image_1920=picture())
    values = [
        {"name": f"{mark}.png", "res_model": "product.template", "res_id": merchant.template(KETTLE),
         "datas": picture(mark.encode()), "sequence": place}
        for place, mark in ((2, "b"), (1, "a"))
    ]  # fmt: skip
    merchant.odoo.call("product.document", "create", vals_list=values)
    assert dict(merchant.run().outcomes) == {"accepted": 1}
    assert checksums(merchant, KETTLE) == [sha1(), sha1(b"a"), sha1(b"b")]
    assert merchant.run(whole=True).outcomes == {}


def test_a_picture_whose_answer_was_lost_is_recognised_by_its_name_and_not_added_again(
    open_shop: Any, monkeypatch: Any
) -> None:
    merchant: Merchant = open_shop(PICTURES)
    merchant.run()
    add, lost = merchant.shop.contents.update, [1]

    def lose(arguments: Any, now: Any) -> Any:
        answer = add(arguments, now)
        if arguments.get("media") and lost:
            lost.clear()
            raise ConnectionError("the answer is lost")
        return answer

    monkeypatch.setattr(merchant.shop.contents, "update", lose)
    merchant.edit(KETTLE, image_1920=picture())
    done = merchant.run()
    monkeypatch.undo()
    assert "accepted" not in done.outcomes
    merchant.shop.contents.pictures.media[merchant.product(KETTLE)["media"][0]]["looks"] = 0
    for _ in range(2):
        merchant.run(whole=True)
    assert (checksums(merchant, KETTLE), merchant.shop.contents.pictures.uploaded) == ([sha1()], 1)


def test_a_picture_that_is_processed_for_long_is_looked_at_by_the_next_run(open_shop: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(pictures, "PAUSES", ())
    merchant: Merchant = open_shop(PICTURES)
    merchant.shop.contents.pictures.looks = 3
    merchant.edit(KETTLE, image_1920=picture())
    merchant.edit(MUG, image_1920=picture(b"m"))
    assert dict(merchant.run().outcomes) == {"pending": 2}
    uploads = merchant.shop.contents.pictures.uploaded
    statuses = [dict(merchant.run().outcomes) for _ in range(4)]
    assert statuses[-1] == {}
    assert {"accepted": 2} in statuses
    assert merchant.shop.contents.pictures.uploaded == uploads == 2


def test_a_picture_that_the_shop_cannot_process_waits_and_is_not_sent_again(open_shop: Any) -> None:
    merchant: Merchant = open_shop(PICTURES)
    merchant.shop.contents.pictures.fails = True
    merchant.edit(KETTLE, image_1920=picture())
    assert dict(merchant.run().outcomes) == {"refused": 1}
    assert set(merchant.waits().values()) == {"content_refused"}
    assert merchant.run().outcomes == {}
    assert merchant.shop.contents.pictures.uploaded == 1
