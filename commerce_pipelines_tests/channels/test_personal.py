"""Personal fields: each is named with what it is for, or cut before it is stored; nothing else of an answer changes.

The vendors' own contracts (COMMERCE_SPECS) tell which fields there are: one that they add fails here until it is named.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    OperationDefinitionNode,
    SelectionSetNode,
    parse,
)
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from commerce_pipelines.channels.amazon import personal as amazon
from commerce_pipelines.channels.amazon.orders import translate as amazon_orders
from commerce_pipelines.channels.ebay import personal as ebay
from commerce_pipelines.channels.ebay.api import xml
from commerce_pipelines.channels.ebay.orders import translate as ebay_orders
from commerce_pipelines.channels.registry import KINDS, personal_fields
from commerce_pipelines.channels.shopify import personal as shopify
from commerce_pipelines.channels.shopify.api.queries import queries
from commerce_pipelines.channels.shopify.returns.queries import refund_queries, return_queries
from commerce_pipelines.domain.privacy.article_30 import render
from commerce_pipelines.domain.privacy.personal import LEGAL_BASES, PersonalFields, Use, build_tree, cut_json
from commerce_sandbox.amazon.demo import demo_orders as amazon_demo
from commerce_sandbox.catalogue import CATALOGUE
from commerce_sandbox.ebay.demo import demo_orders as ebay_demo

SPECS = os.environ.get("COMMERCE_SPECS", "")
with_specs = pytest.mark.skipif(not SPECS, reason="COMMERCE_SPECS is not set: the vendors' contracts are not at hand")
PAGE = Path(__file__).parents[2] / "docs" / "records_of_processing.md"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)

# Words in a field's path by which it may be about a person.
PERSONAL = re.compile(
    r"(?<!product)(?<!seller)name|mail|phone|fax|street|addr|city|county|postal|zip|buyer|customer|recipient|consignee|"
    r"contact|message|note|comment|remark|gift|instruct|customiz|registration|taxpayer|taxident|vatid|codice|passport|"
    r"birth|gender|locale|language|authorization|cardbrand|iban|bank|signature|photo|ipaddress|latitude|longitude|"
    r"geoloc|feedback|token|tracking|dropoff|preference|appointment|identity|client|browser|device|cookie|referr|landing|"
    r"session|marketing|consent|visit|order_?count|spent",
    re.IGNORECASE,
)
# Fields with such a word that are about no buyer: the seller, the goods, the marketplace itself, or a choice of a list.
ABOUT_NOBODY = re.compile(
    r"salesChannel\.|shipFromAddress|product\.condition|substitution|shippingConstraints|giftWrapLevel|"
    r"promotion|appliedPromotions|compatibilityProperties|variationAspects|lineItemAspects|itemLocation|cancelInitiator|"
    r"lineItemFulfillmentInstructions|fulfillmentInstructionsType|ebayReference|buyerProtection|paymentSummary|"
    r"cancellationRequest|taxCollections|proceeds\.|expense\.|merchantLocationKey|returnsManagedBy|labelProvidedBy|"
    r"linkedOrder|Name$(?<=propertyName)|propertyDisplayName|eBayReference|SellerEIASToken|PaymentHold|"
    r"BuyerPaidStatus|BuyerSelectedShipping|Discount|PaymentInstructions|LocationsPreference|RateErrorMessage|TrackingEvent|JurisdictionName|"
    r"Transaction\.Gift$|uthenticityVerification|PrivateNotes|ebaySupportedFulfillment|EstimatedDeliveryDate|"
    r"shippingCarrierCode|shippingServiceCode",
)


def build_answer(paths: Collection[str], text: str, answer: dict[str, Any] | None = None) -> dict[str, Any]:
    """An answer with the text at each path; every second level is a list of two."""
    answer = {} if answer is None else answer
    for path in paths:
        here: Any = answer
        *parents, last = path.split(".")
        for depth, name in enumerate(parents):
            inner = here.setdefault(name, [{}, {}] if depth % 2 else {})
            here = inner[1] if isinstance(inner, list) else inner
        here[last] = f"{text} {path}"
    return answer


@pytest.mark.parametrize(("fields", "cut"), [(amazon.ORDERS, amazon.cut_order), (ebay.REST_ORDERS, ebay.cut_order)])
def test_what_is_kept_stays_and_what_is_cut_goes(fields: PersonalFields, cut: Any) -> None:
    answer = build_answer(fields.cut, "CUT", build_answer(fields.kept, "KEPT"))
    text = cut(json.dumps(answer).encode()).decode()
    assert "CUT" not in text
    assert text.count("KEPT") == len(fields.kept)


def test_elements_of_the_trading_api_are_cut() -> None:
    fields = ebay.TRADING_ORDERS
    whole = {**dict.fromkeys(fields.kept, "KEPT"), **dict.fromkeys(fields.cut, "CUT"), "OrderID": "1"}
    root = xml.parse(b"<Order/>")
    for path, text in whole.items():
        here = root
        for name in path.split("."):
            inner = here.find(name)
            here = ET.SubElement(here, name) if inner is None else inner
        here.text = text
    left = ebay.cut_order(xml.write(root)).decode()
    assert "CUT" not in left
    assert left.count("KEPT") == len(fields.kept)
    assert "<OrderID>1</OrderID>" in left


NAMES = st.sampled_from(["a", "b", "ä", "c.d"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)


def remove(value: Any, tree: dict[str, Any]) -> Any:
    if isinstance(value, list):
        return [remove(item, tree) for item in value]
    if not isinstance(value, dict):
        return value
    return {name: remove(inner, tree.get(name, {})) for name, inner in value.items() if tree.get(name) != {}}


@given(VALUES, st.sets(st.sampled_from(["a", "a.b", "b.a", "b.b.a", "ä"])))
def test_cutting_changes_nothing_else(value: Any, paths: set[str]) -> None:
    tree = build_tree(paths)
    assert json.loads(cut_json(json.dumps(value).encode(), tree)) == remove(value, tree)


def test_numbers_and_the_order_of_members_stay_as_they_were_sent() -> None:
    raw = b'{"z": 12.30, "x": {"gone": 1, "e": 1e2, "big": 123456789012345678901234567890}, "a": "\\u00e4"}'
    assert cut_json(raw, build_tree(["x.gone"])) == (
        b'{"z":12.30,"x":{"e":1e2,"big":123456789012345678901234567890},"a":"\\u00e4"}'
    )
    assert cut_json(raw, build_tree(["y.gone"])) == raw


@pytest.mark.parametrize("raw", [b"", b"{", b"[" * 5000, b'{"a": 1', b"\xff", b"<Order", b"{]", b"null", b'"a"'])
def test_what_cannot_be_read_stays_as_it_is(raw: bytes) -> None:
    assert cut_json(raw, build_tree(["a"])) == raw
    assert ebay.cut_order(raw) == raw


@pytest.mark.parametrize("kind", ["amazon", "ebay"])
def test_a_cut_order_means_what_the_whole_one_means(kind: str) -> None:
    demo, cut, module, more = {
        "amazon": (amazon_demo, amazon.cut_order, amazon_orders, ("amazon", True)),
        "ebay": (ebay_demo, ebay.cut_order, ebay_orders, ("ebay", "EBAY_DE", True)),
    }[kind]
    count = 0
    for order in demo(1, 1, NOON, CATALOGUE):
        raw = json.dumps(order).encode()
        assert module.head(cut(raw)) == module.head(raw)
        assert module.subjects(cut(raw)) == module.subjects(raw)
        assert translate(module, cut(raw), more) == translate(module, raw, more)
        assert cut(cut(raw)) == cut(raw)
        count += 1
    assert count > 10


def translate(module: Any, raw: bytes, more: tuple[Any, ...]) -> Any:
    try:
        return module.translate(raw, *more)
    except Exception as error:
        return type(error), str(error)


@with_specs
def test_a_cut_sample_of_ebays_trading_api_means_what_the_whole_one_means() -> None:
    folder = Path(SPECS).parent / "payloads" / "ebay" / "trading_xml"
    orders = [
        xml.write(order)
        for file in sorted(folder.glob("*.xml"))
        for order in xml.parse(file.read_bytes()).iter("Order")
    ]
    assert len(orders) > 3
    for raw in orders:
        more = ("ebay", "EBAY_DE", True)
        assert translate(ebay_orders, ebay.cut_order(raw), more) == translate(ebay_orders, raw, more)
        assert ebay_orders.subjects(ebay.cut_order(raw)) == ebay_orders.subjects(raw)


def test_every_use_has_a_legal_basis_and_no_field_is_both_kept_and_cut() -> None:
    assert LEGAL_BASES.keys() == set(Use)
    for fields in personal_fields():
        assert all(fields.kept.values())
        assert [path for path in fields.cut if is_named(path, fields.kept)] == []
        assert [path for path in fields.kept if is_named(path, fields.cut)] == []


def test_the_record_of_processing_is_the_one_that_is_checked_in() -> None:
    """Delete the page and run this twice to write it anew."""
    page = render(personal_fields())
    if not PAGE.exists():
        PAGE.write_text(page, encoding="utf-8")
        pytest.fail(f"{PAGE} is written anew: look at it, and run the test again.")
    assert PAGE.read_text(encoding="utf-8") == page
    assert {fields.answer.partition(":")[0].lower() for fields in personal_fields()} == set(KINDS)


def is_named(path: str, names: Collection[str]) -> bool:
    return any(path == name or path.startswith(f"{name}.") for name in names)


def list_unnamed(paths: Collection[str], fields: PersonalFields) -> list[str]:
    """Fields that may be about a person, and that the list does not name."""
    named = (*fields.kept, *fields.cut)
    return sorted(
        path for path in paths
        if PERSONAL.search(path) and not ABOUT_NOBODY.search(path) and not is_named(path, named)
    )  # fmt: skip


def list_leaves(schema: Any, definitions: Any, path: str = "", inside: tuple[str, ...] = ()) -> Iterator[str]:
    """The paths of a JSON schema's leaves, without marks for lists."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        if name not in inside:
            yield from list_leaves(definitions[name], definitions, path, (*inside, name))
    elif "allOf" in schema:
        for part in schema["allOf"]:
            yield from list_leaves(part, definitions, path, inside)
    elif "items" in schema:
        yield from list_leaves(schema["items"], definitions, path, inside)
    elif "properties" in schema:
        for name, part in schema["properties"].items():
            yield from list_leaves(part, definitions, f"{path}.{name}" if path else name, inside)
    else:
        yield path


@with_specs
@pytest.mark.parametrize(
    ("file", "fields"),
    [
        ("amazon/orders_2026-01-01.json", amazon.ORDERS),
        ("ebay/sell_fulfillment_v1_oas3.json", ebay.REST_ORDERS),
    ],
)
def test_every_personal_field_of_the_contract_is_named(file: str, fields: PersonalFields) -> None:
    spec = json.loads((Path(SPECS) / file).read_bytes())
    definitions = spec.get("definitions") or spec["components"]["schemas"]
    paths = set(list_leaves(definitions["Order"], definitions))
    assert list_unnamed(paths, fields) == []
    assert list_unnamed({*paths, "buyer.birthday", "recipient.faxNumber"}, fields) == [
        "buyer.birthday", "recipient.faxNumber",
    ]  # fmt: skip
    kept = [path for path in fields.kept if not any(is_named(leaf, [path]) for leaf in paths)]
    assert kept == [], "the contract has no such field"


@with_specs
def test_every_personal_element_of_the_trading_api_is_named() -> None:
    schema, space = etree.parse(str(Path(SPECS) / "ebay" / "eBaySvc_v1379.xsd")), "{http://www.w3.org/2001/XMLSchema}"
    kinds = {kind.get("name"): list(kind.iter(f"{space}element")) for kind in schema.iter(f"{space}complexType")}

    def leaves(kind: str, path: str, depth: int) -> Iterator[str]:
        for element in kinds.get(kind, ()) if depth else ():
            inner = f"{path}.{element.get('name')}" if path else element.get("name")
            below = list(leaves((element.get("type") or "").removeprefix("ns:"), inner, depth - 1))
            yield from below or [inner]

    # Items are goods; what lies below a transaction's buyer or an address is all personal.
    paths = [path for path in leaves("OrderType", "", 4) if ".Item." not in path and path[-5:] != ".Item"]
    assert len(paths) > 300
    assert list_unnamed(paths, ebay.TRADING_ORDERS) == []


def read_fields(document: str, of: str) -> set[str]:
    """The paths of the leaves below a field of a GraphQL document, its fragments filled in."""
    nodes = parse(document).definitions
    fragments = {node.name.value: node for node in nodes if isinstance(node, FragmentDefinitionNode)}

    def walk(selections: SelectionSetNode, path: str) -> Iterator[str]:
        for node in selections.selections:
            if isinstance(node, FieldNode):
                inner = f"{path}.{node.name.value}" if path else node.name.value
                yield from walk(node.selection_set, inner) if node.selection_set else [inner]
            elif isinstance(node, FragmentSpreadNode):
                yield from walk(fragments[node.name.value].selection_set, path)
            else:
                yield from walk(node.selection_set, path)  # type: ignore[attr-defined]

    operation = next(node for node in nodes if isinstance(node, OperationDefinitionNode))
    return {path.removeprefix(f"{of}.") for path in walk(operation.selection_set, "") if path.startswith(f"{of}.")}


@pytest.mark.parametrize(
    ("document", "of", "fields"),
    [
        (queries("shop").order, "order", shopify.ORDERS),
        (queries("shop").orders, "orders.nodes", shopify.ORDERS),
        (refund_queries("shop").records, "nodes", shopify.REFUNDS),
        (return_queries().records, "nodes", shopify.RETURNS),
    ],
)
def test_shopify_is_asked_for_no_personal_field_that_is_not_named(
    document: str, of: str, fields: PersonalFields
) -> None:
    paths = read_fields(document, of)
    goods = re.compile(r"(^|\.)(name|title|sku|handle)$|lineItems|shippingLines|LineItems")
    personal = {path for path in paths if not (goods.search(path) and not is_named(path, fields.kept))}
    assert list_unnamed(personal, fields) == []
    assert [path for path in fields.kept if path not in paths] == [], "no query asks for it"
