"""A worked example: the marketplace "Bazaar", which sells through a small JSON API, as a package of its own.

    GET /shop                                        {"id", "name"}
    GET /orders?by=changed|placed&from=&to=&page=    {"orders": [order], "next": page or null}
    GET /orders/{id}                                 order, or 404

An order: {"id", "number", "placed", "changed", "status", "currency", "total", "buyer": {"name", "email"}, "address":
{"name", "street", "city", "postcode", "country"}, "items": [{"id", "sku", "title", "quantity", "price", "vat"}],
"shipping"}. Amounts are decimal text with tax, `vat` per cent, `placed` and `changed` ISO instants.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import quote

import msgspec

from commerce_pipelines.channels.capabilities import Account, AccountId, Channel, Head, Orders, OrderTotal, Page, Window
from commerce_pipelines.channels.http.session import HttpSession, StaticAuth, pages
from commerce_pipelines.channels.http.throttle import BucketStore, Rate, TokenStore
from commerce_pipelines.channels.settings import ChannelSettings, Secret, Section
from commerce_pipelines.channels.totals import total_of
from commerce_pipelines.core.errors import CommerceError, RecordError
from commerce_pipelines.core.instruments import Instruments
from commerce_pipelines.core.topics import Topic
from commerce_pipelines.domain.money import MILLION, to_minor
from commerce_pipelines.domain.orders.order import Address, Buyer, LineKind, Order, OrderLine, OrderStatus
from commerce_pipelines.domain.privacy.personal import PersonalFields, Use
from commerce_pipelines.domain.privacy.residency import Data, Destination

PERSONAL = (
    PersonalFields(
        "Bazaar: orders",
        {"buyer": (Use.INVOICE, Use.MATCHING, Use.SUBJECT), "address": (Use.SHIPPING, Use.VAT)},
    ),
)
RATES = {"getShop": Rate(1.0, 5), "listOrders": Rate(2.0, 10), "getOrder": Rate(5.0, 20)}  # as Bazaar documents them
STATUS = {"paid": OrderStatus.PAID, "open": OrderStatus.WAITING, "cancelled": OrderStatus.CANCELLED}


class Credentials(Section, kw_only=True, frozen=True):
    api_key: Secret


class Settings(ChannelSettings, tag="bazaar", kw_only=True, frozen=True):
    """`kind: bazaar` in commerce.yaml."""

    credentials: Credentials

    @property
    def base_url(self) -> str:
        return (self.endpoint or "https://api.bazaar.example").rstrip("/")

    def destinations(self) -> tuple[Destination, ...]:
        return (Destination(self.base_url, Data.NUMBERS, f"channels[{self.name}].endpoint", only=not self.endpoint),)


def open_channel(settings: Settings, buckets: BucketStore, tokens: TokenStore, instruments: Instruments) -> Channel:
    return BazaarChannel(settings, buckets, instruments)


class Item(msgspec.Struct, frozen=True):
    id: str
    sku: str
    title: str
    quantity: int
    price: str  # of one unit
    vat: int


class BazaarOrder(msgspec.Struct, frozen=True):
    """Only the fields that are used: a wrong type is refused with its path."""

    id: str
    number: str
    placed: datetime
    changed: datetime
    status: str
    currency: str
    total: str
    buyer: dict[str, str]
    address: dict[str, str]
    items: list[Item]
    shipping: str = "0.00"


_order = msgspec.json.Decoder(BazaarOrder)
_list = msgspec.json.Decoder(dict[str, Any])


def decode(raw: bytes) -> BazaarOrder:
    try:
        return _order.decode(raw)
    except msgspec.ValidationError as error:
        raise RecordError("bad_payload", f"Bazaar's order: {error}.", fix="Look at it in Bazaar.") from None


def translate(raw: bytes, channel: str) -> Order:
    """Pure. The lines add up to the total, to the minor unit: `domain.orders.order.check` sees to it."""
    order = decode(raw)
    lines = [_build_line(item, order.currency) for item in order.items]
    if shipping := to_minor(order.shipping, order.currency):
        rate = max(item.vat for item in order.items) * 10_000
        lines.append(OrderLine(line_id="shipping", kind=LineKind.SHIPPING, title="Shipping", quantity=1,
                               amount=shipping, tax=_tax_within(shipping, rate), rate=rate))  # fmt: skip
    place = Address(**{key: order.address.get(key, "") for key in ("name", "street", "city", "postcode", "country")})
    return Order(
        channel=channel, order_id=order.id, number=order.number, placed_at=order.placed.astimezone(UTC),
        updated_at=order.changed.astimezone(UTC), status=STATUS.get(order.status, OrderStatus.WAITING),
        currency=order.currency, total=to_minor(order.total, order.currency), prices_include_tax=True,
        lines=tuple(lines), buyer=Buyer(name=order.buyer.get("name", ""), email=order.buyer.get("email", "")),
        shipping=place, billing=place,
    )  # fmt: skip


def _build_line(item: Item, currency: str) -> OrderLine:
    amount, rate = to_minor(item.price, currency) * item.quantity, item.vat * 10_000
    return OrderLine(line_id=item.id, kind=LineKind.PRODUCT, title=item.title, quantity=item.quantity, amount=amount,
                     tax=_tax_within(amount, rate), rate=rate, sku=item.sku)  # fmt: skip


def _tax_within(amount: int, rate: int) -> int:
    return round(amount * rate / (MILLION + rate))


class BazaarChannel(Channel, Account, Orders):
    """Its own account and orders; what Bazaar does not offer stays None."""

    kind, topic = "bazaar", Topic.ORDERS

    def __init__(self, settings: Settings, buckets: BucketStore, instruments: Instruments) -> None:
        self.name, self._settings = settings.name, settings
        hosts = [settings.base_url]
        self._session = HttpSession(settings.name, hosts, buckets, instruments, named=settings.named_hosts)
        self._auth = StaticAuth("Authorization", f"Bearer {settings.credentials.api_key.value()}")
        self.account = self.orders = self

    def _get(self, operation: str, path: str, ok: tuple[int, ...] = (200,), **params: Any) -> tuple[int, bytes]:
        answer = self._session.get(f"{self._settings.base_url}{path}", operation=operation, rate=RATES[operation],
                                   auth=self._auth, params=params, ok=ok)  # fmt: skip
        return answer.status, answer.body

    def probe(self) -> AccountId:
        shop = _list.decode(self._get("getShop", "/shop")[1])
        return AccountId(account_id=str(shop["id"]), description=f"Bazaar: {shop['name']}.")

    def warnings(self, today: Any) -> list[str]:
        return self._settings.warnings(today)

    def lacks(self) -> list[str]:
        return []

    def changed(self, window: Window, resume: str | None = None, unchanged: Any = None) -> Iterator[Page]:
        return self._read("changed", window, resume)

    def created(self, window: Window) -> Iterator[Page]:
        return self._read("placed", window, None)

    def _read(self, by: str, window: Window, resume: str | None) -> Iterator[Page]:
        def fetch(token: str | None) -> tuple[Page, str | None]:
            span = {"from": window.start.isoformat(), "to": window.end.isoformat(), "page": token or "1"}
            answer = msgspec.json.decode(self._get("listOrders", "/orders", by=by, **span)[1], type=Listed)
            records = tuple(map(bytes, answer.orders))  # byte for byte as they came
            return Page(records=records, resume=answer.next, watermark=window.end), answer.next

        yield from pages(fetch, resume)

    def fetch(self, record_id: str) -> bytes | None:
        status, body = self._get("getOrder", f"/orders/{quote(record_id, safe='')}", ok=(200, 404))
        return body if status == 200 else None

    def head(self, raw: bytes) -> Head:
        order = decode(raw)
        email = order.buyer.get("email", "").strip().lower()
        return Head(record_id=order.id, created_at=order.placed, updated_at=order.changed,
                    subject=f"email:{email}" if email else f"order:{order.id}")  # fmt: skip

    def subjects(self, raw: bytes) -> tuple[str, ...]:
        head = self.head(raw)
        return tuple(dict.fromkeys((head.subject, f"order:{head.record_id}")))

    def translate(self, raw: bytes) -> Order:
        return translate(raw, self.name)

    def totals(self, window: Window) -> Iterator[OrderTotal]:
        for page in self.created(window):
            yield from map(total_of, filter(None, map(partial(_try_translate, self.name), page.records)))


class Listed(msgspec.Struct, frozen=True):
    orders: list[msgspec.Raw]
    next: str | None = None


def _try_translate(channel: str, raw: bytes) -> Order | None:
    """What cannot be read is told by the landing; the proof counts the others."""
    try:
        return translate(raw, channel)
    except CommerceError:
        return None
