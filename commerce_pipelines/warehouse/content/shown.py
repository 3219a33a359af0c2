"""What listings show, what was told to them, and the pictures that we put there.

What belongs here: these rows. What does not: what follows from them (domain/content/comparison.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from ...domain.content.comparison import Memory, Placed, Told
from ...domain.content.fields import IMAGES
from ...domain.content.listings import GONE, ContentOutcome, SentChange, ShownListing, show_field

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

_encoder = msgspec.json.Encoder(order="deterministic")
_decoder = msgspec.json.Decoder(ShownListing)
_ROWS = 1_000  # in one statement


def count_listings(connection: Connection, channel: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM commerce.content_listings WHERE channel = %s", (channel,))
        return int(cursor.fetchone()[0])  # type: ignore[index]


def load_listings(connection: Connection, channel: str, keys: Collection[str] | None = None) -> list[ShownListing]:
    """What these listings show, in the order of their keys; keys None for all."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT body FROM commerce.content_listings WHERE channel = %s AND (%s OR key = ANY(%s)) ORDER BY key",
            (channel, keys is None, list(keys or ())),
        )
        return [_decoder.decode(body) for (body,) in cursor]


def store_listings(
    connection: Connection, channel: str, listings: Iterable[ShownListing], read_at: datetime, *, whole: bool,
    settled_before: datetime,
) -> None:  # fmt: skip
    """Keep what listings show; whole: those that are not among these are gone. settled_before: texts that the channel
    accepted before then show by now what they will show. A refusal because one of these was gone is deleted."""
    from psycopg2.extras import execute_values

    rows = {row.key: row for row in listings}
    with connection.cursor() as cursor:
        if whole:
            cursor.execute("DELETE FROM commerce.content_listings WHERE channel = %s", (channel,))
        execute_values(
            cursor,
            "INSERT INTO commerce.content_listings (channel, key, body, read_at) VALUES %s"
            " ON CONFLICT (channel, key) DO UPDATE SET body = excluded.body, read_at = excluded.read_at",
            [(channel, key, _encode(row), read_at) for key, row in rows.items()],
            page_size=_ROWS,
        )
        cursor.execute(
            "DELETE FROM commerce.content_told WHERE channel = %s AND refused = %s AND key = ANY(%s)",
            (channel, GONE, list(rows)),
        )
        cursor.execute(
            "SELECT key, field FROM commerce.content_told WHERE channel = %s AND shown IS NULL AND refused = ''"
            " AND told_at < %s",
            (channel, settled_before),
        )
        seen = [
            (channel, key, field, shown) for key, field in cursor.fetchall()
            if key in rows and (shown := show_field(rows[key], field)) is not None
        ]  # fmt: skip
        execute_values(
            cursor,
            "UPDATE commerce.content_told t SET shown = v.shown FROM (VALUES %s) AS v (channel, key, field, shown)"
            " WHERE t.channel = v.channel AND t.key = v.key AND t.field = v.field",
            seen,
            page_size=_ROWS,
        )


def _encode(listing: ShownListing) -> str:
    return _encoder.encode(listing).decode().replace("\\u0000", "")


def load_memories(connection: Connection, channel: str) -> dict[str, Memory]:
    """What is known of listings from earlier, by key; none of a listing that was never told anything."""
    answers: dict[str, dict[str, Told]] = defaultdict(dict)
    placed: dict[str, dict[int, Placed]] = defaultdict(dict)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT key, field, told, before, shown, times, refused FROM commerce.content_told WHERE channel = %s",
            (channel,),
        )
        for key, field, text, before, shown, times, refused in cursor:
            answers[key][field] = Told(text=text, before=before, shown=shown, times=times, refused=refused)
        cursor.execute(
            "SELECT key, place, checksum, picture_id FROM commerce.content_pictures WHERE channel = %s", (channel,)
        )
        for key, place, checksum, picture_id in cursor:
            placed[key][place] = Placed(checksum=checksum, id=picture_id)
    return {key: Memory(answers=answers.get(key, {}), placed=placed.get(key, {})) for key in {*answers, *placed}}


def keep_pictures(connection: Connection, channel: str, pictures: Mapping[str, Mapping[int, Placed]]) -> None:
    """Keep which picture of Odoo's stands at which place of a listing."""
    from psycopg2.extras import execute_values

    with connection.cursor() as cursor:
        execute_values(
            cursor,
            "INSERT INTO commerce.content_pictures (channel, key, place, checksum, picture_id) VALUES %s"
            " ON CONFLICT (channel, key, place) DO UPDATE SET checksum = excluded.checksum,"
            " picture_id = excluded.picture_id",
            [
                (channel, key, place, placed.checksum, placed.id)
                for key, places in pictures.items() for place, placed in places.items()
            ],
            page_size=_ROWS,
        )  # fmt: skip


def keep_outcome(
    connection: Connection, channel: str, change: SentChange, outcome: ContentOutcome, now: datetime
) -> None:
    """Keep what the channel answered to a change, and what the listing shows by it."""
    if outcome.pictures:
        places = {slot.place: slot.picture.checksum for slot in change.slots}
        keep_pictures(connection, channel, {
            change.listing.key: {
                place: Placed(checksum=places[place], id=id_)
                for place, id_ in outcome.pictures.items() if place in places
            }
        })  # fmt: skip
    if outcome.status not in ("accepted", "refused"):
        return
    refused = (outcome.code or "refused") if outcome.status == "refused" else ""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO commerce.content_told AS t (channel, key, field, told, before, shown, times, refused, told_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, 1, %s, %s) ON CONFLICT (channel, key, field) DO UPDATE SET"
            " told = excluded.told, before = excluded.before, shown = excluded.shown, refused = excluded.refused,"
            " told_at = excluded.told_at, times = CASE WHEN t.told = excluded.told THEN t.times + 1 ELSE 1 END",
            (channel, change.listing.key, change.field, change.after, change.before, outcome.shown, refused, now),
        )
    if outcome.status == "accepted" and outcome.shown is not None and change.field != IMAGES:
        _keep_shown(connection, channel, change, outcome.shown)


def _keep_shown(connection: Connection, channel: str, change: SentChange, shown: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT body FROM commerce.content_listings WHERE channel = %s AND key = %s FOR UPDATE",
            (channel, change.listing.key),
        )
        if row := cursor.fetchone():
            listing = _decoder.decode(row[0])
            values = {**listing.values, change.field: shown}
            cursor.execute(
                "UPDATE commerce.content_listings SET body = %s WHERE channel = %s AND key = %s",
                (_encode(msgspec.structs.replace(listing, values=values)), channel, change.listing.key),
            )


def forget_told(connection: Connection, channel: str, keys: Iterable[str]) -> None:
    """A person wants these listings' fields sent once more, although the channel refused them or shows others."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM commerce.content_told WHERE channel = %s AND key = ANY(%s)", (channel, list(keys)))
