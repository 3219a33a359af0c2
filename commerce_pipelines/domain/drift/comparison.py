"""A day's profile beside those of the days before: what is new, gone, or more frequent than chance explains.

What belongs here: the judgement, pure. What does not: counting (profile.py), telling people (flows/drift.py).

Traffic differs from day to day, so a change is TOLD where chance does not explain it: Fisher's exact test on the
answers of both sides, and for shares also a distance from every day before. A day that is not over has other hours
than those: of it only shares that were next to nothing or to all on every day are compared. A change of kind that no
marketplace makes by chance (a text that becomes an object, stars in place of a name) is told at the first answer.
Whatever else was never seen before is NOTED: it may be the first order with a gift card.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from math import exp, inf, lgamma

import msgspec

from .profile import MOST_VALUES, OPEN, ROOT, TWICE, Kind, Profile, path_of

ENOUGH = 20  # answers before anything is said about a field
CHANCE = 1e-5  # what is less likely than this is no accident
DISTANCE = 0.25  # by how much a share must leave those of all days before
DAYS = 3  # before chance is asked: the first day of a channel brings a week of old answers
NEARLY = 0.1  # a share that leaves so little to nothing, or to all, does not hang on the hour
A_DAY = 5  # answers that make a day's share worth comparing
TIMES_LARGER = 4
_STRICT = (Kind.OBJECT, Kind.LIST, Kind.NUMBER, Kind.TRUTH, Kind.MASKED)  # no field becomes one of these by chance
_TEXTS = {Kind.DECIMAL, Kind.DIGITS, Kind.TIME, Kind.WORD, Kind.TEXT}


class Change(StrEnum):
    NEW_FIELD = "new field"
    GONE = "field is gone or rarer"
    MORE = "field is more frequent"
    NEW_KIND = "other kind of value"
    NEW_VALUE = "value never seen"
    WITHHELD = "empty or withheld"
    TWICE = "listed twice"
    SIZE = "other size"
    SAME = "always the same value"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One change. field: its path. what: the kind of value or hashed value that is new, '' for the field itself. told:
    it is an alarm. was, answers_before: the share of the answers that had it before, and of how many. has, answers:
    answers of the day that have it, of how many. example: the id of the first record that shows it."""

    change: Change
    field: str
    what: str = ""
    is_alarm: bool
    was: float
    answers_before: int
    has: int
    answers: int
    example: str = ""


class Before:
    """The days before, added up."""

    def __init__(self, days: Sequence[Profile]) -> None:
        self.days = [day for day in days if day.answers]
        self.answers = sum(day.answers for day in self.days)
        self.counts: Counter[str] = Counter()
        for day in self.days:
            self.counts.update(day.features)
        self.features: dict[str, list[str]] = {}
        for feature in self.counts:
            self.features.setdefault(path_of(feature), []).append(feature)

    def usual(self) -> list[str]:
        """Fields that nearly every answer with their parent has."""
        return [
            path for path in self.features
            if path and count_of(self, path) >= 0.9 * (total := count_of(self, parent_of(path))) and total >= ENOUGH
        ]  # fmt: skip

    def shares(self, feature: str, parent: str) -> Iterator[float]:
        """The feature's share of each day that has enough answers."""
        for day in self.days:
            of = day.features.get(parent, 0) if parent else day.answers
            if of >= A_DAY:
                yield day.features.get(feature, 0) / of


def count_of(days: Before, path: str) -> int:
    return days.counts[path] if path else days.answers


def parent_of(feature: str) -> str:
    """What a feature's share is of: for a field the object that has it, for anything else the field."""
    path = path_of(feature)
    return path if path != feature else path.rpartition(".")[0]


def compare(
    day: Profile, before: Sequence[Profile], examples: Mapping[str, str], *, is_over: bool = True
) -> list[Finding]:
    """What of the day differs, the told first. examples: as of the day's Profiler. is_over: False while more answers of
    the day will come. Nothing is said while there are fewer than ENOUGH answers to compare with."""
    past = Before(before)
    if past.answers < ENOUGH or not day.answers:
        return []
    findings = [
        *_compare_features(day, past, examples, is_over),
        *_compare_size(day, past),
        *_compare_variety(day, past),
    ]
    return sorted(drop_consequences(findings), key=lambda finding: (not finding.is_alarm, finding.field, finding.what))


def drop_consequences(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Without what follows from a change of a field above: members of a new object are new, too, and those of an object
    that became a text are gone."""
    rows = list(findings)
    moved = {row.field for row in rows if row.change in (Change.NEW_FIELD, Change.GONE) and not row.what}
    for row in rows:
        parents = list(_list_parents(row.field))
        if not any(parent in moved for parent in parents):
            yield row


def _list_parents(path: str) -> Iterator[str]:
    while "." in path:
        path = path.rpartition(".")[0]
        yield path


def _compare_features(day: Profile, past: Before, examples: Mapping[str, str], is_over: bool) -> Iterator[Finding]:
    for feature in sorted(past.counts.keys() | day.features.keys()):
        parent = parent_of(feature)
        could = count_of(past, parent)
        now = day.features.get(parent, 0) if parent else day.answers
        if feature.endswith(f":{OPEN}") or could < ENOUGH or not now:
            continue
        if "=" in feature and not _is_list_of_words(past, path_of(feature)):
            continue
        counts = (past.counts[feature], could), (day.features.get(feature, 0), now)
        if finding := _judge(feature, *counts, past, is_over):
            of = feature if finding.change is not Change.GONE else f"-{feature}"
            yield msgspec.structs.replace(finding, example=examples.get(of, ""))


def _judge(feature: str, before: tuple[int, int], now: tuple[int, int], past: Before, is_over: bool) -> Finding | None:
    """before, now: (answers that have the feature, answers that could). A change, or None."""
    (had, could), (has, can) = before, now
    if (had == 0) == (has == 0) and had * can == has * could:
        return None
    rising = has * could > had * can
    change = _name_change(feature, had, rising)
    if change is None:
        return None
    new = had == 0 or (had == could and not rising)
    shares = list(past.shares(feature, parent_of(feature)))
    if not new and not (_is_far(has / can, shares, rising) and (is_over or _is_steady(shares, rising))):
        return None
    likely = chance(before, now) if rising else chance((could - had, could), (can - has, can))
    is_alarm = (likely < CHANCE and len(shares) >= DAYS) or (had == 0 and _is_strict(feature, past, has / can))
    if not is_alarm and not new:
        return None
    path = path_of(feature)
    return Finding(
        change=change, field=path, what=feature[len(path) + 1 :], is_alarm=is_alarm, was=had / could,
        answers_before=could, has=has, answers=can,
    )  # fmt: skip


def _is_far(share: float, days: Sequence[float], rising: bool) -> bool:
    """Whether a share leaves those of all days before, or is nothing where every day had some."""
    if rising:
        return share - max(days, default=inf) >= DISTANCE
    return min(days, default=-inf) - share >= DISTANCE or (share == 0 and min(days, default=0) > 0)


def _is_steady(shares: Sequence[float], rising: bool) -> bool:
    """Whether a share was the same at all hours: next to nothing or to all on every day."""
    return max(shares) <= NEARLY if rising else min(shares) >= 1 - NEARLY


def _name_change(feature: str, had: int, rising: bool) -> Change | None:
    """What it would be; None for what says nothing: values come and go, and a kind that is rarer is seen by the kind
    that is more frequent."""
    path = path_of(feature)
    if path == feature:
        return Change.GONE if not rising else Change.MORE if had else Change.NEW_FIELD
    if not rising:
        return None
    if "=" in feature:
        return Change.NEW_VALUE if not had else None
    kind = feature[len(path) + 1 :]
    if kind == TWICE:
        return Change.TWICE
    return Change.WITHHELD if kind in (Kind.NULL, Kind.EMPTY, Kind.MASKED) else Change.NEW_KIND


def _is_strict(feature: str, past: Before, share: float) -> bool:
    """Whether a kind that a field never had is told at its first answer: the field was filled often enough, never
    like this, and the kinds that it had leave no room for it. share: of the day's fields. Who withholds puts stars in
    place of most; a single text with stars was written so."""
    path = path_of(feature)
    kind = feature[len(path) + 1 :] if path != feature and "=" not in feature else ""
    if not kind or kind in (Kind.NULL, Kind.EMPTY) or (kind == Kind.MASKED and share < 0.5):
        return False
    filled = {
        other: past.counts[f"{path}:{other}"] for other in Kind if other not in (Kind.NULL, Kind.EMPTY)
        and past.counts[f"{path}:{other}"]
    }  # fmt: skip
    if max(filled.values(), default=0) < ENOUGH:
        return False
    if kind in _STRICT or kind == TWICE:
        return True
    texts = filled.keys() & _TEXTS
    if not texts or texts <= {Kind.TIME}:
        return True
    amounts = texts <= {Kind.DECIMAL, Kind.DIGITS} and filled.get(Kind.DECIMAL, 0) >= filled.get(Kind.DIGITS, 0)
    return amounts and kind not in (Kind.DECIMAL, Kind.DIGITS)


def _is_list_of_words(past: Before, path: str) -> bool:
    """Whether a field's values are words of a list: few, each seen again and again."""
    features = past.features.get(path, [])
    if f"{path}:{OPEN}" in features:
        return False
    values = [past.counts[feature] for feature in features if "=" in feature]
    once = sum(1 for count in values if count == 1)
    return 0 < len(values) <= MOST_VALUES and once <= max(1, 0.02 * sum(values))


def _compare_size(day: Profile, past: Before) -> Iterator[Finding]:
    sizes = [other.size / other.answers for other in past.days if other.answers >= A_DAY]
    mean = day.size / day.answers
    if day.answers < A_DAY or not sizes or min(sizes) / TIMES_LARGER <= mean <= max(sizes) * TIMES_LARGER:
        return
    yield Finding(
        change=Change.SIZE, field=ROOT, is_alarm=True, was=sum(sizes) / len(sizes), answers_before=past.answers,
        has=round(mean), answers=day.answers,
    )  # fmt: skip


def _compare_variety(day: Profile, past: Before) -> Iterator[Finding]:
    """A field about persons that differed from record to record, and is the same in all of a day, says nothing of any
    person. A country is often the same."""
    for path, values in day.varied.items():
        usual = [other.varied.get(path, 0) / other.spread[path] for other in past.days
                 if other.spread.get(path, 0) >= A_DAY]  # fmt: skip
        has = day.features.get(path, 0)
        if values == 1 and day.spread.get(path, 0) >= A_DAY and usual and min(usual) >= 0.5:
            yield Finding(
                change=Change.SAME, field=path, is_alarm=True, was=0, answers_before=past.counts[path], has=has,
                answers=day.answers,
            )  # fmt: skip


def chance(before: tuple[int, int], now: tuple[int, int]) -> float:
    """How likely at least `now`'s count is if both sides have the same share: Fisher's exact test, one side. Each is
    (those that have it, all)."""
    (had, could), (has, can) = before, now
    total, having = could + can, had + has
    most = min(having, can)
    return min(1.0, sum(exp(_log_hypergeometric(k, total, having, can)) for k in range(has, most + 1)))


def _log_hypergeometric(k: int, total: int, having: int, drawn: int) -> float:
    if drawn - k > total - having:
        return -inf
    return (
        _log_choose(having, k) + _log_choose(total - having, drawn - k) - _log_choose(total, drawn)
    )  # fmt: skip


def _log_choose(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
