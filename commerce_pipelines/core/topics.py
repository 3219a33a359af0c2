"""The topics that every room is divided by: one for each flow of records or of state.

What belongs here: their names, as they stand in tables, tags and settings. What does not: what any of them does.
"""

from __future__ import annotations

from enum import StrEnum


class Topic(StrEnum):
    ORDERS = "orders"
    INVENTORY = "inventory"
    FULFILMENT = "fulfilment"
    RETURNS = "returns"
    REFUNDS = "refunds"  # records of the flow `returns`: money, where `returns` are goods
    REFUNDING = "refunding"  # money that goes back because a person credited it in Odoo
    INVOICING = "invoicing"
    CONTENT = "content"
    INBOUND = "inbound"
    PRIVACY = "privacy"
