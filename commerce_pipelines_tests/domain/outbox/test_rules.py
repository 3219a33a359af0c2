"""The life of an effect, every combination of it."""

from __future__ import annotations

from itertools import product

import pytest

from commerce_pipelines.domain.outbox.effects import Kind, Manner, Status, digest, token
from commerce_pipelines.domain.outbox.rules import (
    LIVING,
    OPEN,
    SENDABLE,
    TRANSITIONS,
    Step,
    after_look,
    may_follow,
    step,
    transitions,
)

FINAL = {Status.ACCEPTED, Status.REFUSED, Status.STALE, Status.SUPERSEDED}
MAYBE = {Status.SENT, Status.PENDING, Status.UNKNOWN}  # it may have happened
STEPS = {
    Manner.SET: {
        "planned": "held sent superseded",
        "held": "released superseded",
        "released": "sent superseded",
        "sent": "accepted refused stale pending unknown superseded",
        "pending": "accepted refused stale unknown superseded",
        "unknown": "sent accepted refused stale pending superseded",
    },
    Manner.ONCE: {
        "planned": "held sent superseded",
        "held": "released superseded accepted",
        "released": "sent superseded",
        "sent": "accepted refused pending unknown",
        "pending": "accepted refused unknown",
        "unknown": "sent accepted refused pending held",
    },
}


@pytest.mark.parametrize(("manner", "before", "after"), list(product(Manner, Status, Status)))
def test_every_step_is_allowed_or_not(manner: Manner, before: Status, after: Status) -> None:
    allowed = after.value in STEPS[manner].get(before.value, "").split()
    assert may_follow(manner, before, after) is allowed
    assert (f"{manner} {before} {after}" in transitions()) is allowed


@pytest.mark.parametrize("manner", Manner)
def test_what_the_table_promises(manner: Manner) -> None:
    table = TRANSITIONS[manner]
    assert {status for status, afters in table.items() if not afters} == FINAL
    assert {status for status in Status if Status.SENT in table[status]} == {*SENDABLE, Status.UNKNOWN}
    assert Status.SENT not in table[Status.HELD], "what is held goes out by a release only"
    assert {*OPEN} == set(Status) - FINAL
    assert {*LIVING} == {*OPEN, Status.ACCEPTED}
    replaceable = {status for status in Status if Status.SUPERSEDED in table[status]}
    assert not (manner is Manner.ONCE and replaceable & MAYBE), "what may have happened is never forgotten"


@pytest.mark.parametrize(("status", "same", "attempted", "hold"), list(product([None, *Status], *[[True, False]] * 3)))
def test_a_wish_of_an_act_never_makes_two_of_it(status: Status | None, same: bool, attempted: bool, hold: bool) -> None:
    todo = step(Manner.ONCE, status, same=same, attempted=attempted, hold=hold)
    if todo in (Step.NEW, Step.REPLACE):
        assert status in (None, Status.SUPERSEDED, Status.REFUSED) or not attempted
        assert status not in (*MAYBE, Status.ACCEPTED)
    if todo is Step.REPLACE:
        assert status is not None
        assert may_follow(Manner.ONCE, status, Status.SUPERSEDED)
    if same and status not in (None, Status.SUPERSEDED):
        assert todo is Step.KEEP


@pytest.mark.parametrize(("status", "same", "attempted", "hold"), list(product([None, *Status], *[[True, False]] * 3)))
def test_a_wish_of_a_state_is_always_carried_out(
    status: Status | None, same: bool, attempted: bool, hold: bool
) -> None:
    todo = step(Manner.SET, status, same=same, attempted=attempted, hold=hold)
    assert todo is not Step.WAIT
    if todo is Step.KEEP:
        assert same
        assert status in (*SENDABLE, Status.HELD)
        assert status is not Status.HELD or hold, "a plan that the breaker passes is not held"
    if todo is Step.REPLACE:
        assert status is not None
        assert may_follow(Manner.SET, status, Status.SUPERSEDED)


@pytest.mark.parametrize(
    ("manner", "status", "seen", "quiet"),
    list(
        product(
            Manner,
            (Status.UNKNOWN, Status.PENDING),
            ("accepted", "refused", "pending", "unknown", "absent"),
            (True, False),
        )
    ),
)
def test_a_look_leads_only_to_where_the_table_allows(manner: Manner, status: Status, seen: str, quiet: bool) -> None:
    after = after_look(manner, status, seen, quiet=quiet)
    assert after is status or may_follow(manner, status, after)
    if seen in ("accepted", "refused", "pending"):
        assert after == seen
    if after is Status.SENT:
        assert (seen, quiet, status) == ("absent", True, Status.UNKNOWN), "again only what is certainly not there"
    if after is Status.HELD:
        assert (manner, seen, quiet) == (Manner.ONCE, "unknown", True), "a person is asked only where no look can tell"


def test_kinds_have_their_manners() -> None:
    assert {kind.value for kind in Kind if kind.manner is Manner.ONCE} == {"shipment", "refund", "listing", "inbound"}


def test_a_wish_has_one_digest_and_an_effect_one_token() -> None:
    assert digest({"a": 1, "b": [2]}) == digest({"b": [2], "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})
    assert token("shop", "quantity", "a", 7) == token("shop", "quantity", "a", 7)
    others = {token("shop", "quantity", "a", 8), token("shop", "refund", "a", 7), token("other", "quantity", "a", 7)}
    assert len(others | {token("shop", "quantity", "b", 7), token("shop", "quantity", "a", 7)}) == 5
