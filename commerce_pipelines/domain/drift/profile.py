"""The profile of the answers of one day: which fields they have, of what kinds, and in how many answers. No value of
any field is in it.

What belongs here: features of an answer, counting them. What does not: comparing days (comparison.py).

A feature is a text, and is counted once for each answer that has it:

    buyer.buyerName            the field is there; lists leave no trace in a path
    buyer.buyerName:null       it is there and of this kind (`Kind`)
    orderStatus=5f0c…          it has this value: a keyed hash, of single words of fields that are about nobody
    orderItems:list            a list; its items' kinds are counted under the same path
    orderItems:twice           two items of the list are equal, and have an id, so that they may not be
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from enum import StrEnum
from typing import Any

import msgspec

ROOT = ""
MOST_VALUES = 25  # a field with more is no list of words
MOST_FIELDS = 2_000  # of one profile; more come from names that are data, such as ids used as names
_DEEPEST = 40
_WORD = re.compile(r"[A-Za-z][A-Za-z_-]{1,39}\Z")
_DECIMAL = re.compile(r"-?\d{1,18}\.\d{1,10}\Z")
_DIGITS = re.compile(r"-?\d{1,24}\Z")
_TIME = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d.*)?\Z")
_MASKED = re.compile(r"[*xX#•.\s-]*(?:[*•#]{2,}|[xX]{3,})[*xX#•.\s-]*\Z|.*\*{3,}")
# Names of what a person or a shop wrote, which a marketplace's own words are not.
_WRITTEN = re.compile(r"(?i)(?:sku|name|title|note|code|tag|label|comment|message|city|street|id)s?\Z")


_NAME = re.compile(r"[@#]?[A-Za-z_][A-Za-z0-9_-]{0,59}")
_NUMBERED = re.compile(r"\d{5}|(?:\d+\D+){2}\d")  # a name of an interface has no such numbers, an id has
_ID = re.compile(r"(?:\A|_)id\Z|I[dD]\Z|(?i:sku)\Z")


class Kind(StrEnum):
    """What a value is. Strings are told apart by what a machine reads in them."""

    OBJECT = "object"
    LIST = "list"
    NUMBER = "number"
    TRUTH = "boolean"
    NULL = "null"
    EMPTY = "empty"  # an empty string, list or object
    DECIMAL = "decimal text"  # such as an amount of money
    DIGITS = "digits"  # such as an id or a postcode, which may have letters elsewhere
    TIME = "time"
    WORD = "word"
    MASKED = "masked"  # stars in place of a text
    TEXT = "text"


_SYNTAX = (
    (Kind.DECIMAL, _DECIMAL), (Kind.DIGITS, _DIGITS), (Kind.TIME, _TIME), (Kind.MASKED, _MASKED), (Kind.WORD, _WORD),
)  # fmt: skip
TWICE = "twice"
Hash = Callable[[str], str]


class Profile(msgspec.Struct, kw_only=True):
    """answers, size: how many answers, and their bytes. features: answers by feature. varied: by personal field, how
    many different values it had, and spread: in how many records, both at most MOST_VALUES + 1; the values are not in
    it."""

    answers: int = 0
    size: int = 0
    features: dict[str, int] = {}
    varied: dict[str, int] = {}
    spread: dict[str, int] = {}


class Profiler:
    """Counts answers into a profile. personal: paths that are about persons, whose values leave no trace. hashed: the
    keyed hash of a value. expected: fields that are usual, so that an example of an answer without one is kept.

    examples: the first answer with a feature, and under `-path` the first without an expected field. words: the value
    of a hashed feature, for sentences about it; neither is stored.
    """

    def __init__(self, personal: Collection[str], hashed: Hash, expected: Collection[str] = ()) -> None:
        self._personal, self._hash = tuple(personal), hashed
        self._expected = [(path, path.rpartition(".")[0]) for path in expected]
        self._counts: Counter[str] = Counter()
        self._about: dict[str, bool] = {}
        self._values: dict[str, set[str]] = {}
        self._records: dict[str, set[str]] = {}
        self._record = ""
        self._answers = self._size = 0
        self.examples: dict[str, str] = {}
        self.words: dict[str, str] = {}

    def add(self, record_id: str, document: Any, size: int) -> None:
        """One answer, as a tree of dicts, lists and plain values."""
        self._answers += 1
        self._size += size
        self._record = record_id
        features = set(self._list_features(ROOT, document, _DEEPEST))
        for feature in features:
            self.examples.setdefault(feature, record_id)
        for path, parent in self._expected:
            if path not in features and (not parent or parent in features):
                self.examples.setdefault(f"-{path}", record_id)
        self._counts.update(features)

    def finish(self) -> Profile:
        """The profile of what was added. A field with too many values is no list of words, and its values are left
        out; so are fields beyond MOST_FIELDS, the rarest first."""
        open_fields = {path for path, values in self._values.items() if len(values) > MOST_VALUES}
        kept = {
            feature: count for feature, count in self._counts.most_common()
            if "=" not in feature or feature.partition("=")[0] not in open_fields
        }  # fmt: skip
        paths = [feature for feature in kept if ":" not in feature and "=" not in feature]
        beyond = set(paths[MOST_FIELDS:])
        features = {f: n for f, n in kept.items() if not beyond or path_of(f) not in beyond}
        features |= {f"{path}:{OPEN}": 1 for path in open_fields if path not in beyond and not self._is_personal(path)}
        varied = {path: len(values) for path, values in self._values.items() if self._is_personal(path)}
        spread = {path: len(records) for path, records in self._records.items()}
        return Profile(answers=self._answers, size=self._size, features=features, varied=varied, spread=spread)

    def _list_features(self, path: str, value: Any, depth: int) -> Iterator[str]:
        if path:
            yield path
        if not depth:
            return
        kind = kind_of(value)
        yield f"{path}:{kind.value}"
        if isinstance(value, Mapping):
            for name, member in value.items():
                yield from self._list_features(_join(path, name), member, depth - 1)
        elif isinstance(value, list):
            yield from self._list_items(path, value, depth - 1)
        elif isinstance(value, str) and value:
            yield from self._list_values(path, value, kind)

    def _list_items(self, path: str, items: list[Any], depth: int) -> Iterator[str]:
        objects = [msgspec.json.encode(item, order="sorted") for item in items if _has_id(item)]
        if len(set(objects)) < len(objects):
            yield f"{path}:{TWICE}"
        for item in items:
            kind = kind_of(item)
            yield f"{path}:{kind.value}"
            if isinstance(item, Mapping):
                for name, member in item.items():
                    yield from self._list_features(_join(path, name), member, depth)
            elif isinstance(item, list):
                yield from self._list_items(path, item, depth - 1) if depth else ()
            elif isinstance(item, str) and item:
                yield from self._list_values(path, item, kind)

    def _list_values(self, path: str, value: str, kind: Kind) -> Iterator[str]:
        personal = self._is_personal(path)
        if not personal and (kind is not Kind.WORD or _WRITTEN.search(path)):
            return
        if personal and len(records := self._records.setdefault(path, set())) <= MOST_VALUES:
            records.add(self._record)
        values = self._values.setdefault(path, set())
        if len(values) > MOST_VALUES:
            return
        token = self._hash(value)
        values.add(token)
        if not personal:
            self.words.setdefault(f"{path}={token}", value)
            yield f"{path}={token}"

    def _is_personal(self, path: str) -> bool:
        if path not in self._about:
            self._about[path] = any(path == field or path.startswith(f"{field}.") for field in self._personal)
        return self._about[path]


OPEN = "open"  # more values than a list of words has


def kind_of(value: Any) -> Kind:
    if value is None:
        return Kind.NULL
    if isinstance(value, bool):
        return Kind.TRUTH
    if isinstance(value, int | float):
        return Kind.NUMBER
    if isinstance(value, Mapping):
        return Kind.OBJECT if value else Kind.EMPTY
    if isinstance(value, list):
        return Kind.LIST if value else Kind.EMPTY
    return _read_kind(str(value).strip())


def _read_kind(text: str) -> Kind:
    if not text:
        return Kind.EMPTY
    for kind, pattern in _SYNTAX:
        if pattern.match(text):
            return kind
    return Kind.TEXT


def _has_id(item: Any) -> bool:
    """Whether an item of a list is one thing of its own. Two amounts may be equal by chance."""
    return isinstance(item, Mapping) and any(_ID.search(str(name)) for name in item)


def path_of(feature: str) -> str:
    """The field that a feature is of."""
    return re.split("[:=]", feature, maxsplit=1)[0]


def is_name(text: str) -> bool:
    """Whether a member's name is a vendor's, and no data such as an id or an address."""
    return bool(_NAME.fullmatch(text)) and not _NUMBERED.search(text)


def _join(path: str, name: object) -> str:
    """Names of members are a vendor's; a name that is data, such as an id, stands as `*`."""
    text = str(name)
    short = text if is_name(text) else "*"
    return f"{path}.{short}" if path else short
