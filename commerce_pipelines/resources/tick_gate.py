"""A sensor that nothing woke does not tick: one query answers for all sensors what each tick would ask first.

A tick costs 60 milliseconds of the daemon, the code server and PostgreSQL, and leaves a row, also where it finds
nothing. Sensors state when they need one by a `Rhythm` in their metadata; one without it ticks by its interval, and so
does every sensor where Dagster's own daemon is started instead of ours.

What belongs here: the one function of Dagster's daemon that is wrapped, and that query. What does not: the rule
(core/rhythm.py).
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from ..core.errors import CommerceError
from ..core.instruments import Instruments
from ..core.rhythm import KEY, Rhythm, Wakes, may_rest
from ..warehouse.server.server import database_url
from .dagster_internals import import_sensor_daemon
from .run_life import open_storage

ASKS = "is_under_min_interval"  # Dagster asks it of each sensor every five seconds, and again as the tick begins
KEPT_SECONDS = 1.0  # an answer serves all sensors of one round
Asks = Callable[..., bool]


def install(instruments: Instruments) -> None:
    """Wrap it in this process; again changes nothing."""
    daemon = import_sensor_daemon()
    asks: Asks = getattr(daemon, ASKS)
    if not hasattr(asks, "wraps"):
        setattr(daemon, ASKS, wrap(asks, instruments))


def wrap(asks: Asks, instruments: Instruments) -> Asks:
    """Dagster's question whether it is too early for a tick, which is answered with yes also while nothing is due."""
    bell = Bell(instruments)

    def is_too_early(state: Any, sensor: Any, *values: Any) -> bool:
        if asks(state, sensor, *values):
            return True
        try:
            return _has_nothing_due(state.instigator_data, sensor, instruments.now(), bell)
        except Exception:  # it would end this round of all sensors, and each one after it; the tick tells what is wrong
            return False

    is_too_early.wraps = asks  # type: ignore[attr-defined]
    return is_too_early


def _has_nothing_due(data: Any, sensor: Any, now: datetime, bell: Bell) -> bool:
    rhythm = read_rhythm(sensor.metadata)
    # No success is on record while a tick works, or after it failed: then it is Dagster that decides.
    if rhythm is None or data is None or not (data.last_tick_start_timestamp and data.last_tick_success_timestamp):
        return False
    ticked_at = datetime.fromtimestamp(data.last_tick_start_timestamp, now.tzinfo)
    wakes = bell.listen() if rhythm.may_be_woken else Wakes()
    return wakes is not None and may_rest(rhythm, data.cursor, ticked_at, now, wakes)


def read_rhythm(metadata: Any) -> Rhythm | None:
    """The rhythm in a sensor's metadata as the code server sends it; None where it has none."""
    entry = (metadata.standard_metadata or {}).get(KEY) if metadata is not None else None
    with contextlib.suppress(msgspec.ValidationError):
        return msgspec.convert(getattr(entry, "value", None), Rhythm)
    return None


class Bell:
    """What may wake sensors, asked once for all of them."""

    def __init__(self, instruments: Instruments) -> None:
        self._instruments, self._guard = instruments, threading.Lock()
        self._heard: Wakes | None = None
        self._at = float("-inf")

    def listen(self) -> Wakes | None:
        """None where the database cannot be asked: then every sensor ticks, and tells that."""
        with self._guard:
            if self._instruments.clock() - self._at >= KEPT_SECONDS:
                self._heard, self._at = _ask(), self._instruments.clock()
            return self._heard


def _ask() -> Wakes | None:
    try:
        with open_storage(database_url()) as cursor:
            cursor.execute(
                "SELECT topic, hinted_at, false FROM commerce.hints UNION ALL SELECT DISTINCT channel || '/' || topic,"
                " NULL::timestamptz, true FROM commerce.notifications WHERE handled_at IS NULL"
            )
            rows = cursor.fetchall()
    except CommerceError:
        return None
    return Wakes({name: at for name, at, open_ in rows if not open_}, {name for name, _, open_ in rows if open_})
