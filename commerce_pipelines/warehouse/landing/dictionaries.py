"""Compression dictionaries: what the records of one channel and topic have in common, so that each record takes less
space.

A dictionary contains parts of its samples and is kept longer than they are. So it learns only words that many data
subjects share (keys, countries, currencies, a shop's own titles) and that stand in no field about a person, because a
guest who orders thirty times is thirty subjects; and it is stored sealed.

What belongs here: learning, storing and finding dictionaries. What does not: when to learn (landing.py).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ...core.topics import Topic
from .master_keys import derive

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection
    from zstandard import ZstdCompressionDict

    from ..tables.database import Warehouse
    from .vault import Vault

COMPRESSION_LEVEL = 1
SAMPLE_COUNT = 500  # answers to learn from
DICTIONARY_BYTES = 48 * 1024  # bytes
_PURPOSE = "dictionaries"
SHARED_BY_SUBJECTS = 25  # a word may be learned only if so many data subjects use it

# Fields about a person, as the marketplaces spell them, and what they hold: in JSON and in XML.
_FIELDS = (
    rb"(?:full|first|last|user|buyer|display|company|recipient|userfirst|userlast|city|nick)?_?name|(?:buyer_?)?email"
    rb"|phone(?:_?number)?|(?:address_?(?:line_?)?|street)[0-9]?|city|county|district(?:orcounty)?|state_?or_?province"
    rb"|postal_?code|zip|note|buyer_?checkout_?notes|tax_?(?:payer_?)?identifier|static_?alias|buyer_?user_?id"
)
_PERSONAL = re.compile(
    rb'"(?:' + _FIELDS + rb')"\s*:\s*"((?:[^"\\]|\\.)*)"|<(?:' + _FIELDS + rb")(?:\s[^<>]*)?>([^<]*)<", re.IGNORECASE
)
_WORD = re.compile(rb"([0-9A-Za-z_\x80-\xff]+)")  # splits a payload into punctuation, word, punctuation, …


def label(channel: str, topic: str) -> str:
    """The name under which an answer is sealed. Orders were sealed before topics existed, so their name is the channel
    alone."""
    return channel if topic == Topic.ORDERS else f"{channel}\0{topic}"


class Dictionaries:
    """The dictionaries of one channel and topic. A stored dictionary never changes, so each process reads it once."""

    def __init__(self, warehouse: Warehouse, vault: Vault, channel: str, topic: str, *, sealed_as: str = "") -> None:
        self._memory, self._vault, self._channel, self._topic = warehouse.memory, vault, channel, topic
        self._newest = ("newest dictionary", channel, topic)
        self._place = label(sealed_as or channel, topic).encode()

    def newest(self, connection: Connection) -> int | None:
        """The id of the dictionary to compress with, None before one is learned."""
        number: int | None = self._memory.get(self._newest)
        if number is None:
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT max(id) FROM commerce.zstd_dictionaries WHERE channel = %s AND topic = %s",
                    (self._channel, self._topic),
                )
                row = cursor.fetchone()
            number = row[0] if row else None
            if number is not None:
                self._memory[self._newest] = number
        return number

    def read(self, connection: Connection, number: int) -> ZstdCompressionDict:
        """A stored dictionary, made ready to compress."""
        if (dictionary := self._memory.get(("dictionary", number))) is None:
            import zstandard

            with connection.cursor() as cursor:
                cursor.execute("SELECT body FROM commerce.zstd_dictionaries WHERE id = %s", (number,))
                row = cursor.fetchone()
            if row is None:
                raise LookupError(f"dictionary {number} is gone")
            body = self._vault.open_own(_PURPOSE, bytes(row[0]), self._place)
            dictionary = zstandard.ZstdCompressionDict(body, dict_type=zstandard.DICT_TYPE_FULLDICT)
            dictionary.precompute_compress(level=COMPRESSION_LEVEL)
            self._memory["dictionary", number] = dictionary
        return dictionary

    def learn(self, connection: Connection, samples: Iterable[tuple[str, bytes]]) -> int | None:
        """Learn from (subject, payload) pairs and store the result; None where the payloads have too little in
        common."""
        import zstandard

        try:
            body = zstandard.train_dictionary(
                DICTIONARY_BYTES, [*common(list(samples))], level=COMPRESSION_LEVEL
            ).as_bytes()
        except zstandard.ZstdError:
            return None
        sealed = self._vault.seal_own(connection, _PURPOSE, body, self._place)
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO commerce.zstd_dictionaries (channel, topic, body) VALUES (%s, %s, %s) RETURNING id",
                (self._channel, self._topic, sealed),
            )
            row = cursor.fetchone()
        return int(row[0]) if row else None


def reseal(connection: Connection, vault: Vault, old: bytes, new: bytes) -> None:
    """Seal all dictionaries by another master key."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT d.id, coalesce(a.label, d.channel), d.topic, d.body FROM commerce.zstd_dictionaries d"
            " LEFT JOIN commerce.accounts a USING (channel)"
        )
        for number, sealed_as, topic, body in cursor.fetchall():
            place = label(sealed_as, topic).encode()
            plain = vault.open(derive(old, _PURPOSE), bytes(body), place)
            sealed = vault.seal(derive(new, _PURPOSE), plain, place)
            cursor.execute("UPDATE commerce.zstd_dictionaries SET body = %s WHERE id = %s", (sealed, number))


def common(samples: list[tuple[str, bytes]]) -> list[bytes]:
    """The payloads without the words that fewer than SHARED_BY subjects use, and without those of fields about a
    person. Punctuation stays, because it is the structure."""
    words: dict[str, set[bytes]] = {}
    personal: set[bytes] = set()
    for _, payload in samples:
        for values in _PERSONAL.findall(payload):
            personal.update(word for value in values for word in _WORD.findall(value))
    split = [_WORD.split(payload) for _, payload in samples]
    for (subject, _), parts in zip(samples, split, strict=True):
        words.setdefault(subject, set()).update(parts[1::2])
    uses: Counter[bytes] = Counter()
    for used in words.values():
        uses.update(used)
    shared = {word for word, count in uses.items() if count >= SHARED_BY_SUBJECTS and word not in personal}
    for parts in split:
        parts[1::2] = [word if word in shared else b"" for word in parts[1::2]]
    return [b"".join(parts) for parts in split]
