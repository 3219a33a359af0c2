"""A stand-in for one Shopify shop: the Admin GraphQL API over HTTP, stateful and seeded.

What belongs here: the names that others use. What does not: HTTP and limits (stand_in.py), GraphQL on plain data
(execution.py), the shop's state (shop.py, stock.py), how orders are made up (making.py, demo.py).
"""

from .demo import demo_orders
from .making import Line, make_order
from .stand_in import ShopifyStandIn

__all__ = ["Line", "ShopifyStandIn", "demo_orders", "make_order"]
