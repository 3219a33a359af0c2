"""One strange record holds up nobody: not its page, not its day, not the tables, not Odoo."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import msgspec
import pytest

from commerce_pipelines.assets.exceptions import exceptions_asset
from commerce_pipelines.channels.capabilities import Page, Window
from commerce_pipelines.core.errors import RecordError
from commerce_pipelines.domain.orders.order import LONGEST_ID, Address, Buyer, Order, OrderStatus, business_day
from commerce_pipelines.domain.vat.territories import territory
from commerce_pipelines.flows.intake.changes import Cursor, poll
from commerce_pipelines.flows.intake.pull import YEARS, _read_head
from commerce_pipelines.flows.orders.stage import read_order
from commerce_pipelines.settings import file as settings_file
from commerce_pipelines.settings.file import Settings
from commerce_pipelines.warehouse import exceptions as quarantine
from commerce_pipelines.warehouse.landing.landing import Snapshot
from commerce_pipelines.warehouse.orders import staged_rows
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.doubles.lane import MUG, NAME, Lane, line, waiting
from commerce_pipelines_tests.doubles.lane import ZONE as LANE_ZONE
from commerce_pipelines_tests.faults.checker import check
from commerce_pipelines_tests.faults.marketplaces import DIALECTS, answers, changed
from commerce_sandbox import world as sandbox
from commerce_sandbox.amazon import AmazonStandIn
from commerce_sandbox.ebay import EbayStandIn
from commerce_sandbox.odoo import OdooStandIn
from commerce_sandbox.shopify import ShopifyStandIn


def digest_of(raw: bytes) -> bytes:
    return blake2b(raw).digest()


ZONE = ZoneInfo("Pacific/Kiritimati")  # 14 hours ahead: the first to leave the calendar's last day


@pytest.fixture(scope="module")
def marketplaces(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[sandbox.World, Settings]]:
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(sandbox, "DAYS", 1)
        start: Any = stack.enter_context
        nowhere: Any = _Nowhere()
        world = sandbox.World(start(AmazonStandIn()), start(EbayStandIn()), start(ShopifyStandIn()), nowhere)
        for name, value in world.environment(tmp_path_factory.mktemp("world")).items():
            patch.setenv(name, value)
        yield world, settings_file.parse(world.settings())


class _Nowhere:
    url = "http://127.0.0.1:1"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_any_value_anywhere_is_read_or_refused(
    marketplaces: tuple[sandbox.World, Settings], dialect: str, warehouse: Warehouse
) -> None:
    """Whatever stands in an answer: it can be landed, and is an order that every table holds, or a reason."""
    channel, raws = answers(*marketplaces, dialect)
    now = datetime.now(UTC)
    today = now.date()
    read: list[Order] = []
    refused = 0
    for raw in raws:
        for what, strange in changed(raw, 130):
            head = _read_head(channel.orders, strange, None, now, digest_of)
            assert head.created_at.year in YEARS, what
            business_day(head.created_at, ZONE)
            (head.record_id + head.subject).encode()
            try:
                order = read_order(channel.orders, strange, head.record_id)
            except RecordError:
                refused += 1
                continue
            read.append(order)
    with warehouse.transaction() as connection, staged_rows.writer(connection, NAME, today, today, territory) as writer:
        for number, order in enumerate(read):
            writer.add(Snapshot(record_id=str(number), digest="", day=today, subject_id=""), order)
    assert min(len(read), refused) > 50


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_time_without_a_zone_is_refused_and_not_guessed(
    marketplaces: tuple[sandbox.World, Settings], dialect: str
) -> None:
    channel, raws = answers(*marketplaces, dialect)
    naive = re.sub(rb"(\d\d:\d\d:\d\d(?:\.\d+)?)(?:Z|[+-]\d\d:\d\d)", rb"\1", raws[0])
    assert naive != raws[0]
    for read in (channel.orders.head, channel.orders.translate):
        with pytest.raises(RecordError):
            read(naive)


def everything(lane: Lane) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """The run of the orders' day and today's, where unreadable answers lie: what became of the orders, and what waits
    why."""
    actions = Counter(lane.run().actions)
    orders_day, lane.day = lane.day, business_day(datetime.now(UTC), LANE_ZONE)
    actions += lane.run().actions
    lane.day = orders_day
    with lane.connections.warehouse.transaction() as connection:
        return dict(actions), [
            (record.code, record.message) for record in quarantine.open_exceptions(connection, None, "orders")
        ]


ENDLESS = hashlib.shake_256(b"").hexdigest(3_000)  # nothing that an index could shorten

STRANGE: dict[str, tuple[str, dict[str, Any]]] = {
    "more units than there are": ("bad_quantity", {"lines": (line(quantity=2**63),)}),
    "more money than there is": ("bad_amount", {"lines": (line(10**19),)}),
    "a rate beyond reason": ("bad_payload", {"lines": (line(rate=2**40),)}),
    "no units": ("bad_quantity", {"lines": (line(quantity=0),)}),
    "a line twice": ("duplicate_line", {"lines": (line(), line())}),
    "the last day of the calendar": ("bad_payload", {"placed_at": datetime(9999, 12, 31, 23, tzinfo=UTC)}),
    "a line's id that no index takes": ("bad_payload", {"lines": (line(line_id=ENDLESS),)}),
    "an id that no index takes": ("bad_payload", {"order_id": ENDLESS}),
    "a place in no country": ("unknown_country", {"shipping": Address(street="B", city="C", country="ZZ")}),
}  # fmt: skip


@pytest.mark.parametrize(("code", "fields"), STRANGE.values(), ids=STRANGE)
def test_a_strange_order_waits_and_the_others_go_on(
    lane: Lane, odoo: OdooStandIn, code: str, fields: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = fields.get("lines", (line(),))
    others = {key: value for key, value in fields.items() if key not in ("lines", "order_id")}
    strange = lane.order(fields.get("order_id", "strange"), *lines, **others)
    placed = lane.channel.orders.created

    def with_strange(window: Window) -> Iterator[Page]:
        for page in placed(window):
            yield msgspec.structs.replace(page, records=(msgspec.json.encode(strange), *page.records))

    if fields.keys() & {"placed_at", "order_id"}:  # not filed under itself: listed, and not among what is counted
        monkeypatch.setattr(lane.channel, "created", with_strange)
    else:
        lane.put(strange)
    lane.put(*(lane.order(f"order-{i}") for i in range(3)))
    actions, waiting = everything(lane)
    assert actions["created"] == 3
    assert [reason for reason, _ in waiting] == [code]
    check(lane, odoo)


@pytest.mark.parametrize("status", [OrderStatus.WAITING, OrderStatus.CANCELLED])
def test_a_line_twice_is_refused_before_it_is_paid_too(lane: Lane, status: OrderStatus) -> None:
    lane.put(lane.order("strange", line(), line(), status=status), lane.order("order-1"))
    actions, waiting = everything(lane)
    assert (actions["created"], [reason for reason, _ in waiting]) == (1, ["duplicate_line"])


@pytest.mark.parametrize("method", ["head", "translate"])
@pytest.mark.parametrize("error", [OverflowError("x"), KeyError("x"), ValueError("Ada Byron")], ids=repr)
def test_a_translation_that_stumbles(
    lane: Lane, odoo: OdooStandIn, method: str, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = getattr(lane.channel, method)

    def stumbling(raw: bytes) -> Any:
        if b"strange" in raw:
            raise error
        return read(raw)

    monkeypatch.setattr(lane.channel, method, stumbling)
    lane.put(*(lane.order(name) for name in ("order-1", "strange", "order-2")))
    actions, [(code, message)] = everything(lane)
    assert actions == {"created": 2}
    assert code == "bad_payload"
    assert "Ada" not in message
    assert not lane.prove().whole.complete  # whatever it was, the channel counts it and Odoo does not have it


def test_a_damaged_answer_waits_and_is_healed_by_a_new_one(lane: Lane, odoo: OdooStandIn) -> None:
    lane.put(*(lane.order(name) for name in ("order-1", "strange", "order-2")))
    poll(lane.connections, NAME, Cursor(watermark=lane.noon))
    with lane.connections.warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute(
            "UPDATE commerce.snapshots SET payload = set_bit(payload, 200, 1 - get_bit(payload, 200))"
            " WHERE record_id = 'strange'"
        )
    assert lane.run(pulled=False).actions == {"created": 2}
    assert waiting(lane, "strange")[0].code == "corrupt_snapshot"
    check(lane, odoo)
    with lane.connections.warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("DELETE FROM commerce.snapshots WHERE record_id = 'strange'")  # what its fix says
    assert lane.run().actions == {"created": 1, "unchanged": 2}
    check(lane, odoo)


TEXTS = (
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 \u202eevil\u202c שלום مرحبا",
    "a\0b\\u0000c\\",
    "x" * 10_000,
    "'; DROP TABLE commerce.orders; --\" \\",
    "%_\\%[a-z]",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "[x](javascript:alert(1)) ![y](http://evil.example/z)",
    "=cmd|' /C calc'!A1",
    "../../../etc/passwd",
    "%s %(name)s {0} {name} $HOME `id`",
    "9223372036854775808",
    "commerce_pipelines.shop_de_order_1,base.main_company",
    "line\r\n\ttwo\u2028three",
)


def test_any_text_reaches_odoo_as_it_is(lane: Lane, odoo: OdooStandIn) -> None:
    """As order id, number, title, line id, name and address: what PostgreSQL cannot hold becomes U+FFFD, no more."""
    for at, text in enumerate(TEXTS):
        name = text.replace("\0", "")[: LONGEST_ID - 2]
        lane.put(lane.order(
            f"{name}{at}", line(line_id=name, sku=MUG), line(549, line_id="2"),
            number=f"#{text}{at}".replace("\0", "\ufffd"), buyer=Buyer(name=text, email=f"b{at}@example.com", ref=text),
            shipping=Address(name=text, street=text, street2=text, city=text, postcode="10115", country="DE"),
        ))  # fmt: skip
    assert lane.run().actions == {"created": len(TEXTS)}
    check(lane, odoo)
    people = odoo.database.rows["res.partner"].values()
    for at, text in enumerate(TEXTS):
        (who,) = [row for row in people if row["email"] == f"b{at}@example.com"]
        for stored in (who["name"], who["street"], who["city"]):
            assert " ".join(stored.split()) == " ".join(text.replace("\0", "\ufffd").split())


def test_a_sku_finds_no_other_product(lane: Lane, odoo: OdooStandIn) -> None:
    """No pattern, no condition, no case: only the very code is the product."""
    skus = (
        "MUG%",
        "MUG-STN-350-B_",
        "%",
        "' OR '1'='1",
        "MUG-STN-350-BL') OR (1=1",
        "mug-stn-350-bl",
        "\\",
        "x" * 10_000,
        "[x](javascript:alert(1))",
        "<img src=x onerror=alert(1)>",
        "www.evil.example",
    )
    lane.put(*(lane.order(f"order-{at}", line(sku=sku)) for at, sku in enumerate(skus)), lane.order("good"))
    assert lane.run().actions == {"created": 1, "refused": len(skus)}
    assert lane.run().reasons == {"unknown_sku": len(skus)}
    check(lane, odoo)
    shown = _show(lane)
    shown = re.sub(
        r"(?<!\\)\[((?:\\.|[^\]\\])*)\]\(/orders/[\w/%~-]+\)", r"\1", shown
    )  # our own links to an order's page
    assert re.findall(r"(?<!\\)[<>\[\]():.!*_`~]", shown) == []
    assert "onerror" in shown


def _show(lane: Lane) -> str:
    """The table of exceptions that Dagster's UI renders as markdown."""
    asset = exceptions_asset(lane.connections.settings.channel(NAME), "team:shop")
    with dg.DagsterInstance.ephemeral() as instance:
        quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
        resources = {"connections": lane.connections}
        result = dg.materialize([asset], instance=instance, resources=resources, run_config=quiet)
    (event,) = result.get_asset_materialization_events()
    return str(event.materialization.metadata["what to do"].value)
