"""Traffic of a marketplace without a marketplace: answers like a sample, with members that only some of them have.

What belongs here: making answers, and changing their shape. What does not: assertions.
"""

from __future__ import annotations

import copy
import pickle
import random
from collections.abc import Callable, Iterator
from typing import Any

from commerce_pipelines.domain.drift.profile import Kind, Profile, Profiler, kind_of

Change = Callable[[Any, str], None]  # changes the member of that name in its parent


class Traffic:
    """Answers like `sample`, by chance of `seed`: a part of the members is optional, each with a share of its own."""

    def __init__(self, sample: Any, seed: int, personal: tuple[str, ...] = ()) -> None:
        self.sample, self.personal = sample, personal
        self._kept = pickle.dumps(sample)  # read again, it is a copy in a tenth of the time of a deep one
        self.chance = random.Random(seed)  # noqa: S311 - chance of a test
        self.shares = {
            path: self.chance.uniform(0.02, 0.98) if self.chance.random() < 0.3 else 1.0
            for path, _, _ in list_members(sample)
        }

    def is_certain(self, path: str) -> bool:
        """Whether every answer has the member."""
        parts = path.split(".")
        return all(self.shares[".".join(parts[: place + 1])] == 1 for place in range(len(parts)))

    def answer(self) -> Any:
        """One of them; its numbers are its own."""
        made = pickle.loads(self._kept)  # noqa: S301 - our own
        for path, parent, name in list(list_members(made)):
            if name not in parent:
                continue
            if self.shares[path] < self.chance.random():
                del parent[name]
            elif kind_of(parent[name]) in (Kind.DECIMAL, Kind.DIGITS, Kind.TEXT) and self.chance.random() < 0.9:
                parent[name] = vary(parent[name], self.chance)
        return made

    def open_profiler(self) -> Profiler:
        return Profiler(self.personal, lambda text: f"{hash(text) & 0xFFFFFFFF:x}", list(self.shares))

    def day(self, answers: int, change: Callable[[Any], None] | None = None, changed: int = 10**9) -> Profiler:
        """A day's profiler. change: what is done to the first `changed` answers."""
        profiler = self.open_profiler()
        for number in range(answers):
            answer = self.answer()
            if change and number < changed:
                change(answer)
            profiler.add(f"R{number}", answer, 1000)
        return profiler

    def days(self, count: int, answers: int) -> list[Profile]:
        return [self.day(answers).finish() for _ in range(count)]


class Day:
    """A day's answers, changed in one way after another; what is the same each time is made and counted once."""

    def __init__(self, traffic: Traffic, answers: int) -> None:
        self._traffic = traffic
        self._kept = [pickle.dumps(traffic.answer()) for _ in range(answers)]
        self._others = traffic.open_profiler()
        for number in range(1, answers):
            self._add(self._others, number)

    def change_first(self, change: Callable[[Any], None]) -> Profiler:
        """The day's profiler, of which the first answer alone is changed."""
        profiler = copy.deepcopy(self._others)
        self._add(profiler, 0, change)
        return profiler

    def change_all(self, change: Callable[[Any], None]) -> Profiler:
        profiler = self._traffic.open_profiler()
        for number in range(len(self._kept)):
            self._add(profiler, number, change)
        return profiler

    def _add(self, profiler: Profiler, number: int, change: Callable[[Any], None] = lambda answer: None) -> None:
        answer = pickle.loads(self._kept[number])  # noqa: S301 - our own
        change(answer)
        profiler.add(f"R{number}", answer, 1000)


def vary(text: str, chance: random.Random) -> str:
    """Another text of the same kind."""
    return "".join(chance.choice("123456789") if sign.isdigit() else sign for sign in text) if any(
        sign.isdigit() for sign in text
    ) else f"{text} {chance.randrange(10**6)}"  # fmt: skip


def list_members(tree: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any], str]]:
    """(path, the object, the member's name) of every member, outer ones first."""
    for item in tree if isinstance(tree, list) else [tree]:
        if isinstance(item, dict):
            for name in list(item):
                below = f"{path}.{name}" if path else name
                yield below, item, name
                if name in item:
                    yield from list_members(item[name], below)
        elif isinstance(item, list):
            yield from list_members(item, path)


def at(path: str, change: Change) -> Callable[[Any], None]:
    """A change of every member at a path."""

    def carry_out(answer: Any) -> None:
        for here, parent, name in list(list_members(answer)):
            if here == path and name in parent:
                change(parent, name)

    return carry_out
