"""The documents that make a product, and the shapes of their answers.

What belongs here: GraphQL documents, each valid against the Admin schema of `API_VERSION` (the tests check it), with
the vendor's names. What does not: the order in which they are sent (new_products.py). `productSet` is none of them.
"""

from __future__ import annotations

import msgspec

from ..api.payloads import PageInfo
from .payloads import MediaList, UserError

NAMESPACE, KEY = "commerce_pipelines", "listing"  # of the metafield that says whose product it is
_FIELDS = """
fragment NewProduct on Product {
  id handle status
  mark: metafield(namespace: "commerce_pipelines", key: "listing") { value }
  media(first: 20, sortKey: POSITION) { nodes { id status ... on MediaImage { image { url } } } }
  variants(first: 100) { nodes { id sku inventoryItem { id } selectedOptions { name value } } }
}
"""

FIND = ("""
query FindProduct($identifier: ProductIdentifierInput!) {
  productByIdentifier(identifier: $identifier) { ...NewProduct }
}
""" + _FIELDS).strip()  # fmt: skip

FIND_SKUS = """
query FindSkus($query: String!, $after: String) {
  productVariants(first: 100, after: $after, query: $query) {
    nodes { sku product { id } } pageInfo { hasNextPage endCursor }
  }
}
""".strip()

CREATE = ("""
mutation CreateProduct($product: ProductCreateInput!) {
  productCreate(product: $product) {
    product { ...NewProduct }
    userErrors { field message }
  }
}
""" + _FIELDS).strip()  # fmt: skip

FILL_VARIANTS = """
mutation FillVariants($product: ID!, $variants: [ProductVariantsBulkInput!]!) {
  productVariantsBulkUpdate(productId: $product, variants: $variants, allowPartialUpdates: false) {
    productVariants { id sku inventoryItem { id } selectedOptions { name value } }
    userErrors { code field message }
  }
}
""".strip()

ADD_VARIANTS = """
mutation AddVariants($product: ID!, $variants: [ProductVariantsBulkInput!]!) {
  productVariantsBulkCreate(productId: $product, variants: $variants, strategy: PRESERVE_STANDALONE_VARIANT) {
    productVariants { id sku inventoryItem { id } selectedOptions { name value } }
    userErrors { code field message }
  }
}
""".strip()

STOCK_ITEM = """
mutation StockItem($item: ID!, $updates: [InventoryBulkToggleActivationInput!]!) {
  inventoryBulkToggleActivation(inventoryItemId: $item, inventoryItemUpdates: $updates) {
    inventoryItem { id }
    userErrors { code field message }
  }
}
""".strip()

PUBLICATIONS = """
query Publications {
  publications(first: 50) { nodes { id name } }
}
""".strip()

PUBLISH = """
mutation Publish($id: ID!, $input: [PublicationInput!]!) {
  publishablePublish(id: $id, input: $input) {
    userErrors { field message }
  }
}
""".strip()

FINISH = """
mutation FinishProduct($product: ProductUpdateInput!) {
  productUpdate(product: $product) {
    product { id status }
    userErrors { field message }
  }
}
""".strip()


class Mark(msgspec.Struct, frozen=True):
    value: str


class Option(msgspec.Struct, frozen=True):
    name: str
    value: str


class ItemId(msgspec.Struct, frozen=True):
    id: str


class NewVariant(msgspec.Struct, frozen=True):
    id: str
    inventoryItem: ItemId
    sku: str | None = None
    selectedOptions: list[Option] = []


class NewVariants(msgspec.Struct, frozen=True):
    nodes: list[NewVariant]


class NewProduct(msgspec.Struct, frozen=True):
    id: str
    handle: str
    status: str
    variants: NewVariants
    media: MediaList = MediaList()
    mark: Mark | None = None


class FindAnswer(msgspec.Struct, frozen=True):
    productByIdentifier: NewProduct | None = None


class SkuNode(msgspec.Struct, frozen=True):
    product: ItemId
    sku: str | None = None


class SkuNodes(msgspec.Struct, frozen=True):
    nodes: list[SkuNode]
    pageInfo: PageInfo


class SkusAnswer(msgspec.Struct, frozen=True):
    productVariants: SkuNodes


class CreatePayload(msgspec.Struct, frozen=True):
    userErrors: list[UserError]
    product: NewProduct | None = None


class CreateAnswer(msgspec.Struct, frozen=True):
    productCreate: CreatePayload


class VariantsPayload(msgspec.Struct, frozen=True):
    userErrors: list[UserError]
    productVariants: list[NewVariant] | None = None


class FillAnswer(msgspec.Struct, frozen=True):
    productVariantsBulkUpdate: VariantsPayload


class AddAnswer(msgspec.Struct, frozen=True):
    productVariantsBulkCreate: VariantsPayload


class ErrorsPayload(msgspec.Struct, frozen=True):
    userErrors: list[UserError]


class StockAnswer(msgspec.Struct, frozen=True):
    inventoryBulkToggleActivation: ErrorsPayload


class PublishAnswer(msgspec.Struct, frozen=True):
    publishablePublish: ErrorsPayload


class FinishAnswer(msgspec.Struct, frozen=True):
    productUpdate: ErrorsPayload


class Publication(msgspec.Struct, frozen=True):
    id: str
    name: str


class PublicationNodes(msgspec.Struct, frozen=True):
    nodes: list[Publication]


class PublicationsAnswer(msgspec.Struct, frozen=True):
    publications: PublicationNodes
