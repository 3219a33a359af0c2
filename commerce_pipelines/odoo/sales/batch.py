"""One batch of drafts on its way into Odoo, whatever state their orders have there.

What belongs here: the order of the steps, and each order's outcome. What does not: the steps themselves.

The number of calls of a batch does not depend on the number of its orders. Every step may be repeated after a crash:
the next run finds out by external id how far the last one got.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from ...core.errors import RecordError
from ...core.failpoints import failpoint
from ...core.words import NO_WORDS
from ...domain.sales.draft import Action, DraftLine, Flag, SaleDraft, SaleOutcome, line_xid, order_xid
from ..partners.partners import Parties, Partners
from ..rpc.client import OdooClient
from ..rpc.errors import OdooRefusal
from ..rpc.halving import on_all
from ..rpc.load import load_records, xid
from .booked import Booked, find_sent_again, read_booked
from .editing import edit
from .moved_addresses import Moves
from .next_step import Verdict, Way, decide, is_exchange
from .oversold import oversold
from .parties import find_parties
from .quotation_to_order import Settled, align_deadlines, confirm, put_dates, settle, tracking
from .reopening import read_kept_headers
from .resolver import Resolver, read_own_units
from .rows import Resolved, new_line, order_columns, order_rows, rounding_xid

MEND = "Fix in Odoo what its own words name, then replay the order."
_TO_WRITE = frozenset((Way.CREATE, Way.GO_ON, Way.REOPEN))


class Item(msgspec.Struct, kw_only=True):
    """One draft with everything that is known about it so far. An item with an `error` takes no further step; the
    others go on."""

    draft: SaleDraft
    ids: Resolved | None = None
    booked: Booked | None = None
    verdict: Verdict = Verdict()
    recipient: str = ""  # the name on the address that the order goes to
    parties: Parties | None = None
    odoo_id: int = 0
    settled: Settled | None = None
    error: RecordError | None = None
    flags: tuple[Flag, ...] = ()

    @property
    def xid(self) -> str:
        return order_xid(self.draft.channel, self.draft.order_id)

    @property
    def history(self) -> bool:
        """Whether the order gets no delivery: the draft says so, or the order was once loaded so."""
        return self.draft.history or bool(self.booked and self.booked.history)


class Batch:
    """Drafts of one batch, one order each."""

    def __init__(self, client: OdooClient, resolver: Resolver, drafts: Iterable[SaleDraft]) -> None:
        self._client, self._resolver = client, resolver
        self.items = [Item(draft=draft) for draft in drafts]

    def judge(self) -> None:
        """Decide what has to happen to each order. Only reads, unless the resolver has to create names."""
        booked = read_booked(self._client, {item.xid: item.draft.order_id for item in self.items})
        again = self._find_sent_again(booked)
        for item in self.items:
            item.booked = booked.get(item.draft.order_id)
            if item.booked and item.booked.sale.odoo_id in again:
                item.booked = msgspec.structs.replace(item.booked, sent_again=True)
            item.odoo_id = item.booked.sale.odoo_id if item.booked else 0
        there = [(item.draft, item.booked) for item in self.items if item.booked and _may_move(item)]
        moves = Moves(self._client, self._resolver.countries, there)
        for item in self.items:
            moved = moves.of(item.draft, item.booked) if item.booked and _may_move(item) else {}
            item.recipient = moves.names.get(item.booked.shipping_id, "") if item.booked else ""
            item.verdict = decide(item.draft, item.booked, moved)
            item.flags = item.verdict.flags
            try:
                item.ids = self._resolve(item)
            except RecordError as error:
                item.error = error

    def _find_sent_again(self, booked: Mapping[str, Booked]) -> set[int]:
        """The orders that get a line in exchange, and of which a person sends units again."""
        return find_sent_again(self._client, [
            order.sale.odoo_id for item in self.items if (order := booked.get(item.draft.order_id))
            and any(line.is_exchange and _name_line(item, line) not in order.lines for line in item.draft.lines)
        ])  # fmt: skip

    def _resolve(self, item: Item) -> Resolved | None:
        """The records that an order needs; for a confirmed order only those of the lines that will be written."""
        if item.verdict.way in _TO_WRITE:
            return self._resolver.resolve(item.draft)
        lines = [difference.line for difference in item.verdict.differences if difference.line]
        return self._resolver.resolve_lines(item.draft, lines) if item.verdict.way is Way.EDIT else None

    def carry_out(self, partners: Partners) -> None:
        self._reopen(self._select_items({Way.REOPEN}))
        self._find_parties(partners, [*self._select_items(_TO_WRITE), *self._select_items({Way.EDIT})])
        self._load(self._select_items(_TO_WRITE))
        self._edit(self._select_items({Way.EDIT}))
        failpoint("after_load")
        self._settle([*self._select_items(_TO_WRITE), *self._select_items({Way.EDIT})])
        failpoint("before_confirm")
        self._confirm(self._select_items(_TO_WRITE))
        failpoint("after_confirm")
        self._put_dates()
        self._flag_oversold()

    def outcomes(self) -> list[SaleOutcome]:
        return [outcome(item) for item in self.items]

    def _select_items(self, ways: Collection[Way]) -> list[Item]:
        return [item for item in self.items if item.verdict.way in ways and not item.error]

    def _reopen(self, items: Sequence[Item]) -> None:
        """Make these orders quotations again. A confirmed order is cancelled first, which releases its reservations."""
        sold = [item for item in items if item.booked and item.booked.sale.state != "cancel"]
        self._call_on_all("action_cancel", sold)
        self._call_on_all("action_draft", [item for item in items if not item.error])

    def _call_on_all(self, method: str, items: Sequence[Item]) -> None:
        ids = [item.odoo_id for item in items]
        refused = on_all(self._client, "sale.order", method, ids, tracking(self._client), list)
        for item in items:
            if item.odoo_id in refused:
                item.error = refused_by_odoo(refused[item.odoo_id])

    def _find_parties(self, partners: Partners, items: Sequence[Item]) -> None:
        wanted = {item.draft.order_id: item for item in items if item.verdict.way is not Way.EDIT or item.verdict.moves}
        parties = find_parties(partners, [
            (item.draft, item.booked, item.verdict.moves, item.recipient) for item in wanted.values()
        ])  # fmt: skip
        for order_id, answer in parties.items():
            item = wanted[order_id]
            if isinstance(answer, RecordError):
                item.error = answer
            else:
                item.parties = answer
                item.flags += answer.flags

    def _load(self, items: Sequence[Item]) -> None:
        """Create new orders and update quotations; lines that the channel no longer has are removed."""
        self._read_units([(item, item.draft.lines) for item in items])
        columns = order_columns(
            self._resolver.fields,
            with_team=any(item.draft.team for item in items),
            all_new=all(item.verdict.way is Way.CREATE for item in items),
            with_units=any(line.unit_id for item in items for line in item.draft.lines),
        )
        kept = read_kept_headers(self._client, self._resolver.fields, {
            item.odoo_id: (item.draft, item.booked.sale.currency)
            for item in items if item.booked and (item.verdict.way is Way.REOPEN or item.draft.before)
        })  # fmt: skip
        rows = {
            item.xid: order_rows(item.draft, item.ids, item.parties, columns, kept.get(item.odoo_id))
            for item in items if item.ids and item.parties
        }  # fmt: skip
        columns, rows = self._resolver.shorthand.by_name(columns, rows)
        ids, refused = load_records(self._client, "sale.order", columns, rows, tracking(self._client))
        for item in items:
            item.odoo_id = ids.get(item.xid, item.odoo_id)
        self._refuse([item for item in items if item.xid in refused], refused)
        self._drop_lines([item for item in items if not item.error])

    def _read_units(self, items: Sequence[tuple[Item, Sequence[DraftLine]]]) -> None:
        units = read_own_units(self._client, [(lines, item.ids) for item, lines in items if item.ids])
        for item, _ in items:
            if item.ids and units:
                item.ids = msgspec.structs.replace(item.ids, units=units)

    def _refuse(self, items: Sequence[Item], refused: Mapping[str, OdooRefusal]) -> None:
        """The refusals. If another writer has confirmed an order meanwhile, Odoo refuses to change it, and that is no
        error."""
        booked = read_booked(self._client, {item.xid: item.draft.order_id for item in items})
        for item in items:
            now = booked.get(item.draft.order_id)
            if now and now.sale.state == "sale" and decide(item.draft, now, {}).way is Way.KEEP:
                item.booked, item.odoo_id, item.verdict = now, now.sale.odoo_id, Verdict()
            else:
                item.error = refused_by_odoo(refused[item.xid])

    def _drop_lines(self, items: Sequence[Item]) -> None:
        """Remove from quotations the lines that the channel no longer has."""
        item_of = {line_id: item for item in items for line_id in _find_gone_lines(item)}

        def there(some: Sequence[int]) -> list[int]:
            return list(self._client.call("sale.order.line", "search", domain=[["id", "in", list(some)]]))

        refused = on_all(self._client, "sale.order.line", "unlink", item_of, tracking(self._client), there)
        for line_id, refusal in refused.items():
            item_of[line_id].error = refused_by_odoo(refusal)

    def _edit(self, items: Sequence[Item]) -> None:
        """Change confirmed orders in place; Odoo updates their deliveries and reservations."""
        align_deadlines(self._client, [item.odoo_id for item in items if item.verdict.differences])
        by_xid = {item.xid: item for item in items}
        self._read_units(
            [(item, [difference.line for difference in item.verdict.differences if difference.line]) for item in items]
        )
        refused = edit(self._client, self._resolver.fields, [
            (item.draft, item.booked, item.verdict, item.ids, item.parties,
             item.history and not is_exchange(item.verdict))
            for item in items if item.booked
        ])  # fmt: skip
        for name, refusal in refused.items():
            by_xid[name].error = refused_by_odoo(refusal)

    def _settle(self, items: Sequence[Item]) -> None:
        items = [
            item for item in items if not item.error and (item.verdict.way in _TO_WRITE or item.verdict.differences)
        ]
        rounding = {item.odoo_id: _read_rounding(item) for item in items}
        settled = settle(
            self._client, self._resolver, {item.odoo_id: _expect_deviation(item) for item in items}, rounding
        )
        for item in items:
            item.settled = settled[item.odoo_id]
            item.error = item.settled.error

    def _confirm(self, items: Sequence[Item]) -> None:
        refused: dict[int, OdooRefusal] = {}
        for history in (False, True):
            refused |= confirm(self._client, [item.odoo_id for item in items if item.history is history], history)
        for item in items:
            if item.odoo_id in refused:
                item.error = refused_by_odoo(refused[item.odoo_id])
            elif item.settled:
                item.settled = msgspec.structs.replace(item.settled, state="sale")

    def _put_dates(self) -> None:
        kept = [item for item in self._select_items({Way.KEEP, Way.EDIT}) if not _has_same_date(item)]
        items = {item.odoo_id: item for item in (*self._select_items(_TO_WRITE), *kept)}
        for odoo_id, refusal in put_dates(
            self._client, {odoo_id_: item.draft for odoo_id_, item in items.items()}
        ).items():
            items[odoo_id].error = refused_by_odoo(refusal)

    def _flag_oversold(self) -> None:
        items = [item for item in self._select_items({*_TO_WRITE, Way.EDIT}) if not item.history]
        flags = oversold(self._client, [item.odoo_id for item in items]) if self._resolver.fields.warehouse else {}
        for item in items:
            if item.odoo_id in flags:
                item.flags += (flags[item.odoo_id],)


def refused_by_odoo(refusal: OdooRefusal) -> RecordError:
    return RecordError("refused_by_odoo", f"Odoo refuses the order, in {refusal.what}.",
                       fix=MEND, words=refusal.words)  # fmt: skip


def _name_line(item: Item, line: DraftLine) -> str:
    return line_xid(item.draft.channel, item.draft.order_id, line.line_id)


def _may_move(item: Item) -> bool:
    """Whether the order's addresses may change: a quotation or cancelled order that was loaded before, or a confirmed
    order."""
    return item.booked is not None and (item.draft.before is not None or item.booked.sale.state == "sale")


def _expect_deviation(item: Item) -> SaleDraft:
    """The draft with the total that Odoo shall have, which includes what a person's own changes are worth."""
    draft, off = item.draft, item.verdict.deviation
    return msgspec.structs.replace(draft, total=draft.total + off) if off else draft


def _has_same_date(item: Item) -> bool:
    return item.booked is not None and item.booked.placed_at == item.draft.placed_at.replace(microsecond=0)


def _read_rounding(item: Item) -> int:
    line = item.booked.lines.get(rounding_xid(item.draft)) if item.booked else None
    return line.amount if line else 0


def _find_gone_lines(item: Item) -> list[int]:
    """Lines of a quotation that the channel no longer has."""
    if item.booked is None:
        return []
    names = {xid_ for xid_ in item.booked.lines if xid_ != rounding_xid(item.draft)}
    wanted = {row["id"] for row in _build_new_lines(item)}
    return [item.booked.lines[name].line_id for name in sorted(names) if xid(name) not in wanted]


def _build_new_lines(item: Item) -> list[dict[str, str]]:
    return [new_line(item.draft, line, item.ids) for line in item.draft.lines] if item.ids else []


_ACTIONS = {
    Way.CREATE: Action.CREATED,
    Way.GO_ON: Action.CONFIRMED,
    Way.KEEP: Action.UNCHANGED,
    Way.EDIT: Action.CHANGED,
    Way.REOPEN: Action.CHANGED,
    Way.FLAG: Action.FLAGGED,
}


def outcome(item: Item) -> SaleOutcome:
    """What became of one draft, or would become of it where nothing was carried out."""
    sale = item.booked.sale if item.booked else None
    action = _ACTIONS[item.verdict.way]
    if item.verdict.way is Way.REOPEN and sale and sale.state == "cancel":
        action = Action.CONFIRMED
    if item.verdict.way is Way.KEEP and not _has_same_date(item):
        action = Action.CONFIRMED  # its confirmation was interrupted before the order date was restored
    now = item.settled
    error = item.error
    shipping_id, invoice_id = _list_given_addresses(item)
    return SaleOutcome(
        channel=item.draft.channel,
        order_id=item.draft.order_id,
        action=Action.REFUSED if error else action,
        odoo_id=item.odoo_id,
        name=now.name if now else sale.name if sale else "",
        amount_total=now.total if now else sale.total if sale else 0,
        amount_tax=now.tax if now else sale.tax if sale else 0,
        rounding=now.rounding if now else _read_rounding(item),
        state=now.state if now else sale.state if sale else "",
        reason=error.reason if error else None,
        words=error.words if error else NO_WORDS,
        flags=(*item.draft.flags, *item.flags),
        kept=item.verdict.kept,
        shipping_id=shipping_id,
        invoice_id=invoice_id,
        partner_id=item.parties.partner_id if item.parties and item.parties.identified and not error else 0,
    )


def _list_given_addresses(item: Item) -> tuple[int, int]:
    """The addresses that we gave the order, now or before, without those that a person chose meanwhile."""
    shipping, invoice = (item.booked.shipping_id, item.booked.invoice_id) if item.booked else (0, 0)
    if item.draft.before:
        before = item.draft.before
        shipping, invoice = before.shipping_id or shipping, before.invoice_id or invoice
    if item.parties and item.verdict.way in _TO_WRITE:
        return item.parties.shipping_id, item.parties.invoice_id
    if item.parties:
        moves = item.verdict.moves
        shipping = item.parties.shipping_id if "shipping" in moves else shipping
        invoice = item.parties.invoice_id if "billing" in moves else invoice
    return shipping, invoice
