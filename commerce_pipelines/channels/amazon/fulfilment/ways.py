"""By which way parcels reach Amazon: a call each, or one feed for all of them.

What belongs here: this pure rule. What does not: the calls (shipments.py), the feed (fed.py).

confirmShipment may be called ten times at once and twice a second then; each answer is known at once, and a repeat
edits the parcel. A feed takes any number of parcels and is answered late: Amazon works on it for minutes, and its
report is read by the next run, up to ten minutes later. So the feed is taken only where the calls alone take longer.
"""

from __future__ import annotations

from datetime import timedelta

from ....domain.fulfilment.shipments import SentShipment
from ..api.api import RATES

FEED_TAKES = timedelta(minutes=10)  # until the report of a feed is read
MOST_FED = 5_000  # parcels of one feed; after a crash so many are in doubt together
ONE_CALL_EACH, ONE_FEED = "one call for each parcel", "one feed for all parcels, because calls would take longer"


def is_feed_quicker(parcels: int) -> bool:
    """Whether so many parcels are told sooner by a feed, by the rates that Amazon states for its calls."""
    rate = RATES["confirmShipment"]
    return (parcels - rate.burst) / rate.per_second > FEED_TAKES.total_seconds()


def is_unnumbered(sent: SentShipment) -> bool:
    """Whether a parcel has no tracking number. Amazon's calls require one, and none is made up: it goes by a feed."""
    return not sent.shipment.tracking_number.strip()
