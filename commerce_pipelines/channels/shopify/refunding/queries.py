"""The documents that read what of an order may be paid back, and pay it back.

What belongs here: GraphQL documents, each valid against the Admin schema of `API_VERSION` (the tests check it). What
does not: refunds as they are reported (returns/queries.py), reading the answer (payloads.py).

The notes of an order's refunds are requested because ours hold the token of their effect; nobody else's are kept.
"""

from __future__ import annotations

MOST_REFUNDS = 50  # of one order; of one with more nobody can tell what has been paid back
MOST_PAYMENTS = 100

REFUNDABLE = (
    """
query Refundable($id: ID!) {
  order(id: $id) {
    id currencyCode presentmentCurrencyCode
    transactions(first: %PAYMENTS%) {
      id kind status gateway
      amountSet { presentmentMoney { amount currencyCode } }
      parentTransaction { id }
    }
    refunds(first: %REFUNDS%) { id note transactions(first: 3) { nodes { kind status } } }
  }
}
""".replace("%PAYMENTS%", str(MOST_PAYMENTS))
    .replace("%REFUNDS%", str(MOST_REFUNDS))
    .strip()
)

# Shopify pays back once for a key, however often the mutation is sent with it.
PAY_BACK = """
mutation PayBack($input: RefundInput!, $key: String!) {
  refundCreate(input: $input) @idempotent(key: $key) {
    refund { id }
    userErrors { field message }
  }
}
""".strip()
