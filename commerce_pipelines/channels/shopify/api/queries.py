"""Every query we send to Shopify, as text, and what each may cost.

What belongs here: GraphQL documents, each valid against the Admin schema of `API_VERSION` (the tests check it), and the
page sizes that keep them affordable. What does not: sending (orders/reading.py), reading the answer
(orders/payloads.py, inventory/payloads.py, fulfilment/payloads.py).

Only fields that an order in Odoo needs are requested: no browser address, no landing page, no marketing consent, no
coordinates. Only one side of each money bag is requested (`currency_basis`), because each object costs a point.

Each list also requests `ordersCount` of the same search, so that its completeness is proved without a second call; with
`limit: null` the count does not stop at 10,000.

Rare parts are left out of the list and fetched per order afterwards: lines beyond the first slice, the refunds of
edited orders, duties and additional fees, and the exchanges of orders with returns, which need a scope of their own.

Cost (shopify.dev, "GraphQL Admin API rate limits"): scalars 0, objects 1, connections sized by `first`; no query may
exceed 1,000 points, whatever the plan. By the literal rule (each item counted in full), which is the worst case,
`FIRST_ORDERS` costs less than 1,000. Shopify really charges much less, so the client lets pages grow by the
`requestedQueryCost` of its own last answer.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

FIRST_ORDERS = 6  # orders of the first page: less than 1,000 points by the literal cost rule
FIRST_VARIANTS = 60  # variants of the first page: likewise
FIRST_LINES = 8  # lines of each listed order; more are fetched per order
MORE_LINES = 50
MOST_AT_ONCE = 250  # the API's limit for any `first` and for any list in an input
MOST_POINTS = 1_000  # of one query, whatever the plan


def search_created(start: datetime, end: datetime, field: str = "created_at") -> str:
    """The search for orders whose time lies in `[start, end)`."""
    return f"{field}:>='{start:%Y-%m-%dT%H:%M:%SZ}' AND {field}:<'{end:%Y-%m-%dT%H:%M:%SZ}'"


_TAX_AND_DISCOUNT = """
  discountAllocations {
    allocatedAmountSet { %BAG% { amount } }
    discountApplication {
      index
      ... on DiscountCodeApplication { code }
      ... on AutomaticDiscountApplication { title }
      ... on ManualDiscountApplication { title }
      ... on ScriptDiscountApplication { title }
    }
  }
  taxLines { rate channelLiable priceSet { %BAG% { amount } } }
"""

_FRAGMENTS = (
    """
fragment Line on LineItem {
  id name sku quantity currentQuantity isGiftCard requiresShipping taxable
  originalUnitPriceSet { %BAG% { amount } }"""
    + _TAX_AND_DISCOUNT
    + """}

fragment Shipping on ShippingLine {
  id title code isRemoved
  originalPriceSet { %BAG% { amount } }"""
    + _TAX_AND_DISCOUNT
    + """}

fragment Address on MailingAddress {
  name company address1 address2 city zip provinceCode province countryCodeV2 phone
}

fragment OrderFields on Order {
  id name createdAt updatedAt cancelledAt test edited taxesIncluded dutiesIncluded
  displayFinancialStatus displayFulfillmentStatus returnStatus currencyCode presentmentCurrencyCode
  email phone customerLocale
  risk { recommendation assessments { riskLevel } }
  totalPriceSet { %BAG% { amount currencyCode } }
  totalTipReceivedSet { %BAG% { amount } }
  totalRefundedSet { %BAG% { amount } }
  originalTotalDutiesSet { %BAG% { amount } }
  originalTotalAdditionalFeesSet { %BAG% { amount } }
  totalCashRoundingAdjustment { paymentSet { %BAG% { amount } } }
  customer { id firstName lastName }
  purchasingEntity {
    ... on PurchasingCompany { company { name } location { taxSettings { taxRegistrationId } } }
  }
  billingAddress { ...Address }
  shippingAddress { ...Address }
  transactions(first: 5) { kind status gateway amountSet { %BAG% { amount } } }
  shippingLines(first: 2) { nodes { ...Shipping } pageInfo { hasNextPage } }
  lineItems(first: %FIRST_LINES%) { nodes { ...Line } pageInfo { hasNextPage endCursor } }
}
"""
)

_ORDERS = (
    """
query Orders($first: Int!, $after: String, $query: String!, $sortKey: OrderSortKeys!) {
  orders(first: $first, after: $after, query: $query, sortKey: $sortKey) {
    nodes { ...OrderFields }
    pageInfo { hasNextPage endCursor }
  }
  ordersCount(query: $query, limit: null) { count precision }
}
"""
    + _FRAGMENTS
)

_ORDER = (
    """
query Order($id: ID!) {
  order(id: $id) { ...OrderFields }
}
"""
    + _FRAGMENTS
)

# `name` is searched by its words, so that more than the one order may come.
_NAMED = """
query Named($query: String!) {
  orders(first: 10, query: $query) { nodes { id name } }
}
"""

_LINES = """
query Lines($id: ID!, $after: String) {
  order(id: $id) {
    updatedAt
    lineItems(first: %MORE_LINES%, after: $after) { nodes { ...Line } pageInfo { hasNextPage endCursor } }
  }
}
""" + _FRAGMENTS[: _FRAGMENTS.index("fragment Shipping")]

_SHIPPING_LINES = """
query ShippingLines($id: ID!) {
  order(id: $id) {
    updatedAt
    shippingLines(first: 50) { nodes { ...Shipping } pageInfo { hasNextPage } }
  }
}
""" + _FRAGMENTS[_FRAGMENTS.index("fragment Shipping") : _FRAGMENTS.index("fragment Address")]

_REFUNDS = """
query Refunds($id: ID!) {
  order(id: $id) {
    updatedAt
    refunds(first: 50) {
      return { id }
      totalRefundedSet { %BAG% { amount } }
      refundLineItems(first: 15) {
        nodes {
          lineItem { id }
          quantity
          subtotalSet { %BAG% { amount } }
          totalTaxSet { %BAG% { amount } }
        }
        pageInfo { hasNextPage }
      }
    }
  }
}
"""

# What buyers get for goods that they send back: lines of the same order, once the exchange is processed.
_EXCHANGES = """
query Exchanges($id: ID!) {
  order(id: $id) {
    updatedAt
    returns(first: 15) {
      nodes { exchangeLineItems(first: 15) { nodes { lineItems { id } } pageInfo { hasNextPage } } }
      pageInfo { hasNextPage }
    }
  }
}
"""

_CHARGES = """
query Charges($id: ID!, $after: String) {
  order(id: $id) {
    updatedAt
    additionalFees {
      id name
      price { %BAG% { amount } }
      taxLines { rate channelLiable priceSet { %BAG% { amount } } }
    }
    lineItems(first: %MORE_LINES%, after: $after) {
      nodes {
        id
        duties {
          id
          price { %BAG% { amount } }
          taxLines { rate channelLiable priceSet { %BAG% { amount } } }
        }
      }
      pageInfo { hasNextPage endCursor }
    }
  }
}
"""

_TOTALS = """
query Totals($first: Int!, $after: String, $query: String!, $sortKey: OrderSortKeys!) {
  orders(first: $first, after: $after, query: $query, sortKey: $sortKey) {
    nodes {
      id createdAt cancelledAt test edited displayFinancialStatus
      totalPriceSet { %BAG% { amount currencyCode } }
      totalCashRoundingAdjustment { paymentSet { %BAG% { amount } } }
      taxLines { channelLiable }
    }
    pageInfo { hasNextPage endCursor }
  }
  ordersCount(query: $query, limit: null) { count precision }
}
"""

_LEVEL = """
fragment Level on InventoryLevel {
  location { id name isFulfillmentService }
  quantities(names: ["available"]) { quantity }
}
"""

# The count includes all variants, drafts too, because it knows no search by status. It tells the size and proves
# nothing.
LISTINGS = (
    """
query Listings($first: Int!, $after: String, $query: String!) {
  productVariants(first: $first, after: $after, query: $query, sortKey: ID) {
    nodes {
      id displayName
      inventoryItem {
        id sku tracked
        inventoryLevels(first: 3) { nodes { ...Level } pageInfo { hasNextPage endCursor } }
      }
    }
    pageInfo { hasNextPage endCursor }
  }
  productVariantsCount(limit: null) { count }
}
"""
    + _LEVEL
)

LOCATIONS = "query Locations { locations(first: 200) { nodes { id name isFulfillmentService } } }"

# The same as a bulk operation: without variables and `first`, and with an id for every object that has others below it.
BULK_LISTINGS = """
{
  productVariants(query: "product_status:ACTIVE") {
    edges { node {
      id displayName
      inventoryItem {
        id sku tracked
        inventoryLevels { edges { node {
          id
          location { id name isFulfillmentService }
          quantities(names: ["available"]) { quantity }
        } } }
      }
    } }
  }
}
"""

BULK_RUN = """
mutation BulkRun($query: String!) {
  bulkOperationRunQuery(query: $query, groupObjects: false) {
    bulkOperation { id status }
    userErrors { code field message }
  }
}
"""

BULK_STATE = """
query BulkState($id: ID!) {
  bulkOperation(id: $id) { id status errorCode objectCount rootObjectCount url }
}
"""

LEVELS = (
    """
query Levels($id: ID!, $after: String) {
  inventoryItem(id: $id) {
    inventoryLevels(first: 50, after: $after) { nodes { ...Level } pageInfo { hasNextPage endCursor } }
  }
}
"""
    + _LEVEL
)

# Since 2026-04 Shopify requires both the directive and changeFromQuantity at run time, although the schema does not.
SET_QUANTITIES = """
mutation SetQuantities($input: InventorySetQuantitiesInput!, $key: String!) {
  inventorySetQuantities(input: $input) @idempotent(key: $key) {
    userErrors { code field message }
  }
}
"""

# Fulfilment orders are split, merged and moved under new ids, so that they are read right before each call. The parcels
# that were sent are read only where there is a doubt: without them twice as many orders fit into one query.
_OPEN = """fulfillmentOrders(first: $parcels) {
        nodes {
          id status
          assignedLocation { location { id } }
          supportedActions { action }
          lineItems(first: $lines) { nodes { id remainingQuantity lineItem { id } } pageInfo { hasNextPage } }
        }
        pageInfo { hasNextPage }
      }"""
_SENT = """fulfillments(first: $parcels) {
        id status
        trackingInfo(first: 10) { number }
        fulfillmentLineItems(first: $lines) { nodes { quantity lineItem { id } } pageInfo { hasNextPage } }
      }"""
_OF_ORDERS = """
query Parcels($ids: [ID!]!, $parcels: Int!, $lines: Int!) {
  nodes(ids: $ids) {
    ... on Order {
      id
      %PARTS%
    }
  }
}
"""
OPEN_PARCELS, PARCELS = _OF_ORDERS.replace("%PARTS%", _OPEN), _OF_ORDERS.replace("%PARTS%", f"{_OPEN}\n      {_SENT}")

# Shopify does not know a second call by a key: `@idempotent` is accepted here and has no effect.
FULFIL = """
mutation Fulfil($fulfillment: FulfillmentInput!) {
  fulfillmentCreate(fulfillment: $fulfillment) {
    fulfillment { id }
    userErrors { field message }
  }
}
"""

SET_TRACKING = """
mutation SetTracking($id: ID!, $tracking: FulfillmentTrackingInput!) {
  fulfillmentTrackingInfoUpdate(fulfillmentId: $id, trackingInfoInput: $tracking, notifyCustomer: false) {
    fulfillment { id }
    userErrors { field message }
  }
}
"""

ORDERS_COUNT = """
query OrdersCount($query: String!) {
  ordersCount(query: $query, limit: null) { count precision }
}
"""

PROBE = """
query Probe {
  shop { name myshopifyDomain currencyCode taxesIncluded }
  currentAppInstallation { accessScopes { handle } }
}
"""


class Queries(msgspec.Struct, frozen=True, kw_only=True):
    """The documents of one shop, which request the currency that its orders are booked in."""

    orders: str
    order: str
    named: str
    lines: str
    shipping_lines: str
    refunds: str
    exchanges: str
    charges: str
    totals: str
    probe: str = PROBE


def queries(basis: Literal["shop", "presentment"]) -> Queries:
    """The documents for `currency_basis`."""

    def text(document: str) -> str:
        return (
            document.replace("%BAG%", f"{basis}Money")
            .replace("%FIRST_LINES%", str(FIRST_LINES))
            .replace("%MORE_LINES%", str(MORE_LINES))
            .strip()
        )

    return Queries(
        orders=text(_ORDERS),
        order=text(_ORDER),
        named=text(_NAMED),
        lines=text(_LINES),
        shipping_lines=text(_SHIPPING_LINES),
        refunds=text(_REFUNDS),
        exchanges=text(_EXCHANGES),
        charges=text(_CHARGES),
        totals=text(_TOTALS),
    )
