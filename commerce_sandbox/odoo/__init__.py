"""A stand-in for Odoo 19: the models that orders and stock need, over its real APIs on loopback.

What belongs here: nothing but the package. What does not: the models (its modules).
"""

from .merchant import demo_database, install_oss
from .server import OdooStandIn

__all__ = ["OdooStandIn", "demo_database", "install_oss"]
