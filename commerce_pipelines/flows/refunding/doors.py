"""Refunds as effects of the outbox: the door that sends them to a channel.

What belongs here: the bridge between effects and a channel's refunds. What does not: which refunds there are
(domain/refunding/), recording and repeating (flows/outbox/dispatch.py), the calls (channels/).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

import msgspec

from ...channels.capabilities import BuyerRefunds, Channel, offered
from ...core.words import Words
from ...domain.outbox.effects import Effect, Outcome
from ...domain.refunding.buyer_refunds import BuyerRefund, SentRefund

REFUNDS_AT_ONCE = 10  # refunds that are in doubt together after a crash


class RefundDoor:
    """Refunds to one channel. wanted: keys of credit notes that stand now; what is on record for another one, which a
    person has taken back, is refused here. names: of the credit notes, by key. words: what the channel said, by order;
    filled while they are sent."""

    batch = REFUNDS_AT_ONCE

    def __init__(
        self, channel: Channel, wanted: Collection[str], names: Mapping[str, str],
        accounted: Callable[[str], frozenset[str]],
    ) -> None:  # fmt: skip
        self._refunds: BuyerRefunds = offered(channel.buyer_refunds, channel, "refunds out")
        self._wanted, self._names, self._accounted = wanted, names, accounted
        self.words: dict[str, Words] = {}

    def send(self, effects: Sequence[Effect]) -> Iterator[Outcome]:
        for effect in effects:
            if effect.key not in self._wanted:
                message = "The credit note does not stand any more, so nothing is paid back."
                yield Outcome(key=effect.key, status="refused", code="credit_gone", message=message)
        due = [effect for effect in effects if effect.key in self._wanted]
        yield from self._listen(due, self._refunds.send([self._build_sent(effect) for effect in due]))

    def look(self, effects: Sequence[Effect]) -> Iterator[Outcome]:
        return self._listen(effects, self._refunds.look([self._build_sent(effect) for effect in effects]))

    def _build_sent(self, effect: Effect) -> SentRefund:
        return SentRefund(
            key=effect.key, refund=msgspec.convert(effect.body, type=BuyerRefund), token=effect.token,
            reference=effect.reference, name=self._names.get(effect.key, effect.key),
            accounted=self._accounted(effect.key),
        )  # fmt: skip

    def _listen(self, effects: Sequence[Effect], outcomes: Iterator[Outcome]) -> Iterator[Outcome]:
        orders = {effect.key: str(effect.body["order_id"]) for effect in effects}
        for outcome in outcomes:
            if outcome.words or orders.get(outcome.key) not in self.words:
                self.words[orders.get(outcome.key, "")] = outcome.words
            yield outcome
