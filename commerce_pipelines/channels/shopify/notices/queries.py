"""The documents that read, make and change the shop's webhook subscriptions.

What belongs here: GraphQL documents, each valid against the Admin schema of `API_VERSION` (the tests check it). What
does not: which subscriptions there shall be (subscriptions.py).
"""

from __future__ import annotations

LIST = """
query Subscriptions($after: String) {
  webhookSubscriptions(first: 100, after: $after) {
    nodes { id topic uri format includeFields filter }
    pageInfo { hasNextPage endCursor }
  }
}
""".strip()

CREATE = """
mutation Subscribe($topic: WebhookSubscriptionTopic!, $wanted: WebhookSubscriptionInput!) {
  webhookSubscriptionCreate(topic: $topic, webhookSubscription: $wanted) {
    webhookSubscription { id }
    userErrors { field message }
  }
}
""".strip()

UPDATE = """
mutation Resubscribe($id: ID!, $wanted: WebhookSubscriptionInput!) {
  webhookSubscriptionUpdate(id: $id, webhookSubscription: $wanted) {
    webhookSubscription { id }
    userErrors { field message }
  }
}
""".strip()
