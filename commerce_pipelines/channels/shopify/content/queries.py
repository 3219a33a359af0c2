"""The documents that read and change what products show.

What belongs here: GraphQL documents, each valid against the Admin schema of `API_VERSION` (the tests check it). What
does not: what is changed (texts.py). `productSet` is none of them: it deletes what its input does not
name.
"""

from __future__ import annotations

FIRST_PRODUCTS = 5  # products of the first page, by the literal cost rule
MOST_VARIANTS = 100  # of one product that are read with it; the others by a query of their own
MOST_MEDIA = 20

_PRODUCT = """
fragment ProductContent on Product {
  id title descriptionHtml updatedAt
  media(first: 20, sortKey: POSITION) { nodes { id status ... on MediaImage { image { url } } } }
  variants(first: $variants) {
    nodes {
      id sku barcode
      inventoryItem {
        id harmonizedSystemCode countryCodeOfOrigin measurement { weight { unit value } }
      }
    }
    pageInfo { hasNextPage endCursor }
  }
}
"""

PRODUCTS = (
    """
query ProductContents($first: Int!, $after: String, $variants: Int!) {
  products(first: $first, after: $after, query: "status:active") {
    nodes { ...ProductContent }
    pageInfo { hasNextPage endCursor }
  }
}
"""
    + _PRODUCT
).strip()

SOME_PRODUCTS = (
    """
query SomeProductContents($ids: [ID!]!, $variants: Int!) {
  nodes(ids: $ids) { ...ProductContent }
}
"""
    + _PRODUCT
).strip()

TRANSLATIONS = """
query Translations($id: ID!, $locale: String!) {
  translatableResource(resourceId: $id) {
    resourceId
    translatableContent { key value digest locale }
    translations(locale: $locale) { key value outdated }
  }
}
""".strip()

UPDATE_PRODUCT = """
mutation UpdateProduct($product: ProductUpdateInput!, $media: [CreateMediaInput!]) {
  productUpdate(product: $product, media: $media) {
    product { id title descriptionHtml updatedAt }
    userErrors { field message }
  }
}
""".strip()

UPDATE_VARIANTS = """
mutation UpdateVariants($product: ID!, $variants: [ProductVariantsBulkInput!]!) {
  productVariantsBulkUpdate(productId: $product, variants: $variants, allowPartialUpdates: false) {
    productVariants {
      id barcode
      inventoryItem { id harmonizedSystemCode countryCodeOfOrigin measurement { weight { unit value } } }
    }
    userErrors { code field message }
  }
}
""".strip()
