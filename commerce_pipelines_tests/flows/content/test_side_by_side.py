"""Pictures of a plan before and after: a browser is shown the marketplace's own addresses and no others."""

from __future__ import annotations

from typing import Any

import pytest

from commerce_pipelines.assets.content import draw_pictures
from commerce_pipelines.flows.content.side_by_side import Pictures, Seen, choose_address, list_hosts
from commerce_pipelines_tests.doubles.contents import KETTLE, Merchant
from commerce_pipelines_tests.flows.content.test_pictures import PICTURES, picture, sha1

HOSTS = list_hosts(("ebayimg.com",), "https://img.example.com/pictures")


@pytest.mark.parametrize(
    ("address", "is_shown"),
    [("https://i.ebayimg.com/images/g/x/s-l1600.jpg", True), ("https://ebayimg.com/a.jpg", True),
     ("https://img.example.com/pictures/odoo-1.png", True), ("https://notebayimg.com/a.jpg", False),
     ("https://ebayimg.com.example.com/a.jpg", False), ("https://example.com/?ebayimg.com", False),
     ("http://i.ebayimg.com/a.jpg", False), ("https://anna@i.ebayimg.com/a.jpg", False),
     ("https://i.ebayimg.com/a.jpg) ![x](https://example.com/b.jpg", False), ("https://192.0.2.1/a.jpg", False),
     ("javascript:alert(1)", False), ("https://i.ebayimg.com/a|b.jpg", False), ("", False)],
)  # fmt: skip
def test_a_browser_is_shown_plain_addresses_of_the_marketplace_and_the_image_host(address: str, is_shown: bool) -> None:
    assert choose_address(address, HOSTS) == (address if is_shown else "")


def test_a_plan_shows_what_the_shop_has_and_links_to_what_odoo_has(open_shop: Any) -> None:
    merchant: Merchant = open_shop(PICTURES.replace("approve: false", "approve: true"))
    merchant.edit(KETTLE, image_1920=picture())
    assert merchant.run().held == 1
    merchant.release()
    assert dict(merchant.run().outcomes) == {"accepted": 1}
    assert merchant.run(whole=True).before.pictures == []
    merchant.edit(KETTLE, image_1920=picture(b"x"))
    [row] = merchant.compare().pictures
    [before], [after] = row.before, row.after
    assert before.address.startswith("https://cdn.shopify.com/")
    assert sha1() in before.address
    assert after.address == ""
    assert after.link.startswith(f"{merchant.server.url}/web/image/")
    drawn = str(draw_pictures([row]).value)
    assert (f"![picture 1]({before.address})" in drawn, f"[new picture 1 in Odoo]({after.link})" in drawn) == (
        True,
        True,
    )


def test_a_title_draws_nothing_of_its_own() -> None:
    row = Pictures(key="k", title="Mug | ![x](https://example.com/b.jpg) <img src=x>", before=(Seen(),), after=())
    drawn = str(draw_pictures([row]).value)
    assert not set("!<>[]()") & set(drawn)
    assert drawn.splitlines()[-1].count("|") == 4
    assert str(draw_pictures([]).value) == "none"
