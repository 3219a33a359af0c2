"""A stand-in for Amazon's Selling Partner API: Login with Amazon, orders, listings, reports and feeds, on loopback.

What belongs here: the package's two names. What does not: anything else.
"""

from __future__ import annotations

from .api import AmazonStandIn
from .demo import demo_orders

__all__ = ["AmazonStandIn", "demo_orders"]
