"""A stand-in for Odoo 19: the models that orders and stock need, over its real APIs on loopback."""

from .merchant import demo_database
from .server import OdooStandIn

__all__ = ["OdooStandIn", "demo_database"]
