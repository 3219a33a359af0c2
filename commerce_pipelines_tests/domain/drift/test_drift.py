"""The shape of answers: changes of forty kinds are found on their day, and unchanged traffic is never an alarm."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commerce_pipelines.channels.registry import personal_fields
from commerce_pipelines.domain.drift.comparison import ENOUGH, Change, Finding, chance, compare
from commerce_pipelines.domain.drift.documents import read_document
from commerce_pipelines.domain.drift.profile import Kind, Profiler, kind_of
from commerce_pipelines_tests.doubles.traffic import Day, Traffic, at, list_members
from commerce_sandbox.amazon.demo import demo_orders as amazon_orders
from commerce_sandbox.catalogue import CATALOGUE
from commerce_sandbox.ebay.demo import demo_orders as ebay_orders
from commerce_sandbox.shopify.demo import demo_orders as shopify_orders

SPECS = os.environ.get("COMMERCE_SPECS", "")
PERSONAL = tuple(path for answer in personal_fields() for path in (*answer.kept, *answer.cut))
ORDER: dict[str, Any] = {
    "id": "123-456", "status": "PAID", "createdAt": "2026-01-02T10:00:00Z", "total": {"amount": "12.50", "code": "EUR"},
    "email": "ada@example.com", "note": None, "isTest": False, "weight": 2.5, "tags": ["GIFT"],
    "buyer": {"buyerName": "Ada Byron", "buyerEmail": "ada@example.com"},
    "lines": [{"sku": "MUG-1", "quantity": 2, "price": "5.00", "condition": "NEW"},
              {"sku": "CUP-2", "quantity": 1, "price": "2.50", "condition": "NEW"}],
}  # fmt: skip


def read_samples() -> list[Any]:
    if not SPECS:
        return []
    folder = Path(SPECS).parent / "payloads"
    amazon = sorted((folder / "amazon" / "orders_2026-01-01").glob("*.json"))
    files = [*amazon[:2], folder / "ebay" / "rest_official_docs_samples" / "order_1.json"]
    files += sorted((folder / "shopify" / "rest_official").glob("order_02*.json"))
    xml = folder / "ebay" / "trading_xml" / "skuvault_EbayServiceGetOrdersResponseWithTaxes.xml"
    return [json.loads(file.read_text()) for file in files] + [read_document(xml.read_bytes())]


def rename(parent: Any, name: str) -> None:
    parent[f"{name}New"] = parent.pop(name)


def set_to(value: Any) -> Callable[[Any, str], None]:
    return lambda parent, name: parent.__setitem__(name, value)


def double(parent: Any, name: str) -> None:
    value = parent[name]
    parent[name] = value * 2 if isinstance(value, list) else [value, value]


WAYS: dict[str, Callable[[Any, str], None]] = {
    "renamed": rename, "removed": lambda parent, name: parent.pop(name), "null": set_to(None), "doubled": double,
    "an object": set_to({"value": 1}), "a number": set_to(7.5), "stars": set_to("*****"), "true": set_to(True),
    "another word": set_to("NEVER_SEEN_BEFORE"), "empty": set_to(""),
}  # fmt: skip


def list_mutations(traffic: Traffic, most: int) -> list[tuple[str, str]]:
    """(path, way) of so many changes that change something, over the fields that every answer has."""
    kinds: dict[str, Kind] = {}
    for path, parent, name in list_members(traffic.sample):
        if traffic.is_certain(path):
            kinds.setdefault(path, kind_of(parent[name]))
    wanted = []
    for path, kind in sorted(kinds.items()):
        for way in WAYS:
            same = {"an object": Kind.OBJECT, "a number": Kind.NUMBER, "true": Kind.TRUTH, "null": Kind.NULL}.get(way)
            pointless = kind is same or (way == "stars" and kind is Kind.MASKED)
            if way == "empty" and kind in (Kind.EMPTY, Kind.OBJECT, Kind.LIST):
                pointless = True  # an object whose members are optional is empty now and then
            if way == "another word" and kind is not Kind.NUMBER:
                pointless = kind is not Kind.OBJECT  # of words: `test_a_new_word`; a free text may become any other
            if way == "doubled" and kind in (Kind.EMPTY, Kind.LIST):
                pointless = True  # of lists: `test_an_item_listed_twice`
            if not pointless:
                wanted.append((path, way))
    return random.Random(7).sample(wanted, min(most, len(wanted)))  # noqa: S311 - chance of a test


def compare_day(traffic: Traffic, before: list[Any], change: Callable[[Any], None], changed: int) -> list[Finding]:
    profiler = traffic.day(8, change, changed)
    return compare(profiler.finish(), before, profiler.examples)


def about(findings: list[Finding], path: str) -> list[Finding]:
    """Those of a field, of what stands above or below it, or of its new name."""
    return [
        finding for finding in findings
        if finding.field in (path, f"{path}New") or finding.field.startswith((f"{path}.", f"{path}New."))
    ]  # fmt: skip


@pytest.mark.parametrize("sample", [ORDER, *read_samples()], ids=lambda sample: str(next(iter(sample))))
def test_forty_changes_of_each_sample_are_found_on_their_day(sample: Any) -> None:
    traffic = Traffic(sample, seed=4, personal=PERSONAL)
    before, day = traffic.days(15, 8), Day(traffic, 8)
    for path, way in list_mutations(traffic, 40):
        whole = day.change_all(at(path, WAYS[way]))
        of_all = compare(whole.finish(), before, whole.examples)
        assert any(finding.is_alarm for finding in about(of_all, path)), (path, way)
        single = day.change_first(at(path, WAYS[way]))
        of_first = compare(single.finish(), before, single.examples)
        assert any(finding.example == "R0" for finding in about(of_first, path)), (path, way)


@pytest.mark.parametrize("sample", [ORDER, *read_samples()], ids=lambda sample: str(next(iter(sample))))
@pytest.mark.parametrize("answers", [3, 20])
def test_thirty_days_of_unchanged_traffic_are_no_alarm(sample: Any, answers: int) -> None:
    traffic = Traffic(sample, seed=11, personal=PERSONAL)
    past: list[Any] = []
    for _ in range(30):
        profiler = traffic.day(answers)
        today = profiler.finish()
        assert [finding for finding in compare(today, past[-28:], profiler.examples) if finding.is_alarm] == []
        past.append(today)


@pytest.mark.parametrize("orders", [amazon_orders, ebay_orders, shopify_orders])
def test_the_stand_ins_orders_are_no_alarm(orders: Any) -> None:
    """Cancellations, refunds, duties and promotions come now and then: the first of each is noted."""
    answers = list(orders(5, 30, datetime.now(UTC), list(CATALOGUE)))
    size, past, noted = max(len(answers) // 25, 1), list[Any](), 0
    for start in range(0, len(answers), size):
        profiler = Profiler(PERSONAL, lambda text: f"{abs(hash(text)):016x}"[:16])
        for number, answer in enumerate(answers[start : start + size]):
            profiler.add(f"R{number}", json.loads(msgspec.json.encode(answer)), 1000)
        today = profiler.finish()
        findings = compare(today, past, profiler.examples)
        assert [row for row in findings if row.is_alarm] == []
        noted += len(findings)
        past.append(today)
    assert noted


def test_a_postcode_with_letters_is_no_new_syntax_and_an_amount_with_them_is() -> None:
    before = [profile_of([({"zip": "10115", "total": "9.95", "empty": []}, 100)] * 30)]
    day = profile_of([({"zip": "1016 DK", "total": "9,95", "empty": [{"id": "x"}]}, 100)])
    assert {(row.field, row.is_alarm) for row in compare(day, before, {})} == {
        ("zip", False), ("total", True), ("empty", False), ("empty.id", False),
    }  # fmt: skip


def test_a_new_word_of_a_list_is_noted_once_and_told_when_it_is_no_accident() -> None:
    traffic = Traffic(ORDER, seed=1)
    traffic.shares = dict.fromkeys(traffic.shares, 1.0)
    before = traffic.days(28, 12)
    change = at("status", set_to("PARTIALLY_PAID"))
    [first] = about(compare_day(traffic, before, change, 1), "status")
    assert (first.change, first.is_alarm, first.has, first.answers, first.example) == (
        Change.NEW_VALUE,
        False,
        1,
        8,
        "R0",
    )
    [many] = about(compare_day(traffic, before, change, 8), "status")
    assert (many.change, many.is_alarm) == (Change.NEW_VALUE, True)


def test_an_item_listed_twice_is_told_at_the_first_answer() -> None:
    traffic = Traffic(ORDER, seed=1)
    traffic.shares = dict.fromkeys(traffic.shares, 1.0)
    findings = compare_day(traffic, traffic.days(28, 12), at("lines", double), 1)
    assert [(row.change, row.is_alarm) for row in about(findings, "lines")] == [(Change.TWICE, True)]


def build_days(count: int, answers: list[Any]) -> list[Any]:
    return [profile_of([(answer, 1000) for answer in answers]) for _ in range(count)]


def list_alarms(day: Any, before: list[Any], *, is_over: bool = True) -> list[tuple[str, Change]]:
    return [(row.field, row.change) for row in compare(day, before, {}, is_over=is_over) if row.is_alarm]


def test_the_first_hours_of_a_day_are_not_the_whole_of_it() -> None:
    """At night orders come and none is shipped."""
    placed = ORDER | {"shipments": []}
    before = build_days(20, [ORDER | {"shipments": [{"id": "1"}]}] * 30 + [placed] * 20)
    night = profile_of([({"shipped": None, **placed}, 1000)] * 25)
    assert list_alarms(profile_of([(placed, 1000)] * 25), before, is_over=False) == []
    assert list_alarms(profile_of([(placed, 1000)] * 25), before) != []
    assert ("shipped", Change.NEW_FIELD) in list_alarms(night, before, is_over=False)
    withheld = profile_of([(placed | {"email": ""}, 1000)] * 25)
    assert ("email", Change.WITHHELD) in list_alarms(withheld, before, is_over=False)


def test_the_day_after_a_channels_first_is_no_alarm() -> None:
    """The first brings a week of orders that are shipped, the second new ones."""
    first = build_days(1, [ORDER | {"shipments": [{"id": "1"}]}] * 100)
    assert list_alarms(profile_of([(ORDER, 1000)] * 40), first) == []


def test_one_order_that_changes_often_and_buyers_of_one_country_are_no_alarm() -> None:
    def write(number: int, country: str) -> Any:
        address = {"city": f"Town {number}", "countryCodeV2": country}
        return ORDER | {"shippingAddress": address, "email": f"a{number}@example.com"}

    before = build_days(10, [write(number, "FR" if number % 9 == 0 else "DE") for number in range(40)])
    often = Profiler(PERSONAL, lambda text: f"{abs(hash(text)):016x}"[:16])
    for _ in range(9):
        often.add("R1", write(1, "DE"), 1000)
    assert list_alarms(often.finish(), before) == []
    assert list_alarms(profile_of([(write(number, "DE"), 1000) for number in range(6)]), before) == []


def test_two_equal_amounts_and_a_title_with_stars_are_no_alarm() -> None:
    parts = {"cuts": [{"amount": "1.00"}, {"amount": "2.00"}], "title": "Mug for tea"}
    before = build_days(5, [ORDER | parts] * 20)
    odd = ORDER | {"cuts": [{"amount": "1.00"}, {"amount": "1.00"}], "title": "*** SALE *** Mug"}
    assert list_alarms(profile_of([(ORDER | parts, 1000)] * 20 + [(odd, 1000)]), before) == []


def test_ids_used_as_names_stand_as_a_star() -> None:
    made = profile_of([({"by": {f"gid_{number:06}": 1, f"A{number}B2C3": 2, "line1": 3}}, 100) for number in range(40)])
    assert {feature for feature in made.features if ":" not in feature} == {"by", "by.*", "by.line1"}


@pytest.mark.parametrize("depth", [50, 300, 900, 5_000, 100_000])
def test_deep_answers_are_profiled_or_unreadable(depth: int) -> None:
    for raw in (b"[" * depth + b"]" * depth, b'{"a":' * depth + b"1" + b"}" * depth,
                b'[{"id":' * depth + b"1" + b"}]" * depth):  # fmt: skip
        document = read_document(raw)
        assert document is None or profile_of([(document, len(raw))] * 2).answers == 2


def test_names_that_are_all_the_same_are_told() -> None:
    traffic = Traffic(ORDER, seed=1, personal=PERSONAL)
    traffic.shares = dict.fromkeys(traffic.shares, 1.0)
    findings = compare_day(traffic, traffic.days(28, 12), at("buyer.buyerName", set_to("Amazon Customer 1")), 8)
    assert [(row.change, row.is_alarm) for row in about(findings, "buyer.buyerName")] == [(Change.SAME, True)]


def test_answers_that_grow_many_times_are_told() -> None:
    before = [profile_of([(ORDER, 1000)] * 12) for _ in range(5)]
    (row,) = compare(profile_of([(ORDER, 9000)] * 12), before, {})
    assert (row.change, row.is_alarm, row.was, row.has) == (Change.SIZE, True, 1000, 9000)


def test_nothing_is_said_while_there_is_little_to_compare_with() -> None:
    before = [profile_of([(ORDER, 1000)] * (ENOUGH - 1))]
    assert compare(profile_of([({"other": 1}, 10)] * 50), before, {}) == []
    assert compare(profile_of([({"other": 1}, 10)] * 50), [*before, profile_of([(ORDER, 1000)])], {})


def test_an_unreadable_answer_is_a_change_of_everything() -> None:
    assert read_document(b"<html><body>no") is None
    assert read_document(b"") is None
    assert read_document(b'<!DOCTYPE x [<!ENTITY e "x">]><x>&e;</x>') is None
    before = [profile_of([(ORDER, 1000)] * 10)] * 3
    findings = compare(profile_of([({}, 1000)] * 12), before, {})
    assert {row.field for row in findings if row.is_alarm} >= {"id", "status", "lines"}


def test_xml_is_read_as_json_is() -> None:
    raw = b'<o xmlns="urn:x"><Id>1</Id><Sum currencyID="EUR">2.5</Sum><L><A>x</A><A>y</A></L></o>'
    assert read_document(raw) == {
        "Id": ["1"],
        "Sum": [{"@currencyID": "EUR", "#text": "2.5"}],
        "L": [{"A": ["x", "y"]}],
    }


NAMES = st.text("abcdefgh", min_size=1, max_size=4)
TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=25,
)


@given(st.dictionaries(NAMES, TREES, min_size=1, max_size=5))
@settings(max_examples=150, deadline=None)
def test_any_answer_is_profiled_and_equals_itself(answer: dict[str, Any]) -> None:
    days = [profile_of([(answer, 100)] * 10) for _ in range(4)]
    assert compare(days[-1], days[:-1], {}) == []


@given(st.text(min_size=4, max_size=40).filter(lambda text: not text.isascii() or not text.isalnum() or len(text) > 9))
@settings(max_examples=150, deadline=None)
def test_a_profile_holds_no_value(value: str) -> None:
    answer = {"email": value, "field": value, "deep": [{"buyer": {"buyerName": value}}]}
    made = profile_of([(answer, 100)] * 30)
    held = json.dumps([made.features, made.varied], ensure_ascii=False)
    names = json.dumps(profile_of([({"email": "", "field": "", "deep": [{"buyer": {"buyerName": ""}}]}, 1)]).features)
    assert value not in held.replace(names, "") or value in names or value in str(list(Kind))


@pytest.mark.parametrize(("before", "now", "likely"), [
    ((0, 100), (1, 1), 1 / 101), ((0, 100), (2, 2), 1 / (101 * 51)), ((5, 10), (0, 10), 1.0), ((0, 0), (3, 3), 1.0),
])  # fmt: skip
def test_chance_is_fishers(before: tuple[int, int], now: tuple[int, int], likely: float) -> None:
    assert chance(before, now) == pytest.approx(likely)


def profile_of(answers: list[tuple[Any, int]]) -> Any:
    profiler = Profiler(PERSONAL, lambda text: f"{abs(hash(text)):016x}"[:16])
    for number, (answer, size) in enumerate(answers):
        profiler.add(f"R{number}", answer, size)
    return profiler.finish()
