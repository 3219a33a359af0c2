"""The queries that read returns and refunds, as text, and what each may cost.

What belongs here: GraphQL documents, each valid against the Admin schema of `API_VERSION` (the tests check it). What
does not: queries of orders and stock (api/queries.py), sending (reading.py), reading the answer (payloads.py).

Shopify lists neither returns nor refunds by themselves: orders are listed by their time of change with nothing but the
ids of what belongs to them, and then several records are requested in one call. Most orders have none, so that a list
costs little. Notes are not requested, because they are words of a person.
"""

from __future__ import annotations

from typing import Literal

import msgspec

FIRST_ORDERS = 40  # orders of the first page: less than 1,000 points by the literal cost rule
FIRST_RECORDS = 1  # returns or refunds of the first call for them: likewise
LISTED_REFUNDS = 20  # of one listed order; more are fetched per order
LISTED_RETURNS = 10

_ORDER = "order { id createdAt updatedAt taxesIncluded currencyCode presentmentCurrencyCode email customer { id } }"
_PAGE = "pageInfo { hasNextPage endCursor }"

_REFUND_LINE = """
fragment RefundLine on RefundLineItem {
  id quantity restockType
  lineItem { id sku taxLines { channelLiable } }
  subtotalSet { %BAG% { amount } }
  totalTaxSet { %BAG% { amount } }
}
"""

_REFUNDS = (
    """
query RefundRecords($ids: [ID!]!) {
  nodes(ids: $ids) {
    ... on Refund {
      id createdAt
      """
    + _ORDER
    + """
      return {
        id
        exchangeLineItems(first: 10) {
          nodes { quantity variantSku processedQuantity lineItems { id } } pageInfo { hasNextPage }
        }
      }
      totalRefundedSet { %BAG% { amount currencyCode } }
      refundLineItems(first: 20) { nodes { ...RefundLine } """
    + _PAGE
    + """ }
      refundShippingLines(first: 5) {
        nodes {
          id
          shippingLine { id taxLines { channelLiable } }
          subtotalAmountSet { %BAG% { amount } }
          taxAmountSet { %BAG% { amount } }
        }
        pageInfo { hasNextPage }
      }
      orderAdjustments(first: 10) {
        nodes { id reason amountSet { %BAG% { amount } } taxAmountSet { %BAG% { amount } } }
        pageInfo { hasNextPage }
      }
      duties { originalDuty { id } amountSet { %BAG% { amount } } }
      transactions(first: 10) {
        nodes { kind status gateway amountSet { %BAG% { amount } } }
        pageInfo { hasNextPage }
      }
    }
  }
}
"""
    + _REFUND_LINE
)

_REFUND_LINES = (
    """
query RefundLines($id: ID!, $after: String) {
  node(id: $id) {
    ... on Refund {
      order { updatedAt }
      refundLineItems(first: 100, after: $after) { nodes { ...RefundLine } """
    + _PAGE
    + """ }
    }
  }
}
"""
    + _REFUND_LINE
)

_RETURN_LINE = """
fragment ReturnLine on ReturnLineItemType {
  id quantity
  returnReasonDefinition { handle }
  ... on ReturnLineItem { fulfillmentLineItem { id lineItem { id sku } } }
}
"""

_RETURNS = (
    """
query ReturnRecords($ids: [ID!]!) {
  nodes(ids: $ids) {
    ... on Return {
      id name status createdAt
      """
    + _ORDER
    + """
      returnLineItems(first: 20) { nodes { ...ReturnLine } """
    + _PAGE
    + """ }
      exchangeLineItems(first: 20) {
        nodes { quantity variantSku processedQuantity lineItems { id } } pageInfo { hasNextPage }
      }
      reverseFulfillmentOrders(first: 4) {
        nodes {
          status
          lineItems(first: 25) {
            nodes { fulfillmentLineItem { id } dispositions { type quantity } }
            pageInfo { hasNextPage }
          }
          reverseDeliveries(first: 3) {
            nodes { deliverable { ... on ReverseDeliveryShippingDeliverable { tracking { number } } } }
          }
        }
        pageInfo { hasNextPage }
      }
    }
  }
}
"""
    + _RETURN_LINE
)

_RETURN_LINES = (
    """
query ReturnLines($id: ID!, $after: String) {
  node(id: $id) {
    ... on Return {
      order { updatedAt }
      returnLineItems(first: 100, after: $after) { nodes { ...ReturnLine } """
    + _PAGE
    + """ }
    }
  }
}
"""
    + _RETURN_LINE
)

_LIST = """
query %NAME%($first: Int!, $after: String, $query: String!, $sortKey: OrderSortKeys!) {
  orders(first: $first, after: $after, query: $query, sortKey: $sortKey) {
    nodes { id updatedAt test %IDS% }
    pageInfo { hasNextPage endCursor }
  }
  ordersCount(query: $query, limit: null) { count precision }
}
"""

_ALL_OF_ORDER = """
query %NAME%($id: ID!) {
  order(id: $id) { id updatedAt test %IDS% }
}
"""


class Queries(msgspec.Struct, frozen=True, kw_only=True):
    """The documents of one kind of record. listed: orders with ids; all_of: one order with all its ids; records: by
    ids; more: the further lines of one record."""

    listed: str
    all_of: str
    records: str
    more: str


def refund_queries(basis: Literal["shop", "presentment"]) -> Queries:
    """The documents for `currency_basis`: only the chosen side of each amount is requested."""
    bag = f"{basis}Money"
    return Queries(
        listed=_name_list(_LIST, "RefundIds", f"refunds(first: {LISTED_REFUNDS}) {{ id createdAt }}"),
        all_of=_name_list(_ALL_OF_ORDER, "RefundsOfOrder", "refunds(first: 250) { id createdAt }"),
        records=_REFUNDS.replace("%BAG%", bag).strip(),
        more=_REFUND_LINES.replace("%BAG%", bag).strip(),
    )


def return_queries() -> Queries:
    ids = "returns(first: %d) { nodes { id createdAt } pageInfo { hasNextPage } }"
    return Queries(
        listed=_name_list(_LIST, "ReturnIds", ids % LISTED_RETURNS),
        all_of=_name_list(_ALL_OF_ORDER, "ReturnsOfOrder", ids % 250),
        records=_RETURNS.strip(),
        more=_RETURN_LINES.strip(),
    )


def _name_list(document: str, name: str, ids: str) -> str:
    return document.replace("%NAME%", name).replace("%IDS%", ids).strip()
