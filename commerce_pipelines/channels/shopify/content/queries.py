"""The documents that read and change what products show.

What belongs here: GraphQL documents, each valid against the Admin schema of `API_VERSION` (the tests check it). What
does not: what is changed (texts.py). `productSet` is none of them: it deletes what its input does not
name.
"""

from __future__ import annotations

from collections.abc import Sequence

FIRST_PRODUCTS = 5  # products of the first page, by the literal cost rule
MOST_VARIANTS = 100  # of one product that are read with it, and with each query for more of them
MOST_MEDIA = 20

_VARIANTS = """
    nodes {
      id sku barcode price
      inventoryItem {
        id harmonizedSystemCode countryCodeOfOrigin measurement { weight { unit value } }
      }
    }
    pageInfo { hasNextPage endCursor }
"""

_PRODUCT = (
    """
fragment ProductContent on Product {
  id title descriptionHtml updatedAt
  media(first: 20, sortKey: POSITION) { nodes { id status ... on MediaImage { image { url } } } }
  variants(first: $variants) {"""
    + _VARIANTS
    + """  }%TRANSLATIONS%
}
"""
)

MORE_VARIANTS = (
    """query MoreVariants($ids: [ID!]!, $variants: Int!, $after: String!) {
  nodes(ids: $ids) {
    ... on Product {
      id updatedAt
      variants(first: $variants, after: $after) {"""
    + _VARIANTS
    + """      }
    }
  }
}
"""
)

_PRODUCTS = """
query ProductContents($first: Int!, $after: String, $variants: Int!) {
  shop { currencyCode taxesIncluded }
  products(first: $first, after: $after, query: "status:active") {
    nodes { ...ProductContent }
    pageInfo { hasNextPage endCursor }
  }
}
"""

_SOME_PRODUCTS = """
query SomeProductContents($ids: [ID!]!, $variants: Int!) {
  shop { currencyCode taxesIncluded }
  nodes(ids: $ids) { ...ProductContent }
}
"""


def build_queries(locales: Sequence[str]) -> tuple[str, str]:
    """The queries for all products and for some by their ids, with their texts in these locales, MOST_LOCALES at most,
    as `in0`, `in1` …"""
    parts = [
        f'\n  in{place}: translations(locale: "{locale}") {{ locale key value outdated }}'
        for place, locale in enumerate(locales)
    ]
    fragment = _PRODUCT.replace("%TRANSLATIONS%", "".join(parts))
    return (_PRODUCTS + fragment).strip(), (_SOME_PRODUCTS + fragment).strip()


SHOP = "query PriceBasis { shop { currencyCode taxesIncluded } }"

RESOURCE = """
query Translatable($id: ID!) {
  translatableResource(resourceId: $id) {
    resourceId
    translatableContent { key digest locale type }
  }
}
""".strip()

REGISTER = """
mutation Translate($id: ID!, $translations: [TranslationInput!]!) {
  translationsRegister(resourceId: $id, translations: $translations) {
    translations { locale key value outdated }
    userErrors { code field message }
  }
}
""".strip()

STAGE = """
mutation Stage($input: [StagedUploadInput!]!) {
  stagedUploadsCreate(input: $input) {
    stagedTargets { url resourceUrl parameters { name value } }
    userErrors { field message }
  }
}
""".strip()

REPLACE_FILES = """
mutation ReplaceFiles($files: [FileUpdateInput!]!) {
  fileUpdate(files: $files) {
    files { id fileStatus }
    userErrors { code field message }
  }
}
""".strip()

ADD_MEDIA = """
mutation AddMedia($product: ProductUpdateInput!, $media: [CreateMediaInput!]!) {
  productUpdate(product: $product, media: $media) {
    product { id media(first: 50, sortKey: POSITION) { nodes { id status } } }
    userErrors { field message }
  }
}
""".strip()

MEDIA = """
query MediaStates($ids: [ID!]!) {
  nodes(ids: $ids) { id ... on MediaImage { status } }
}
""".strip()

UPDATE_PRODUCT = """
mutation UpdateProduct($product: ProductUpdateInput!) {
  productUpdate(product: $product) {
    product { id title descriptionHtml updatedAt }
    userErrors { field message }
  }
}
""".strip()

UPDATE_VARIANTS = """
mutation UpdateVariants($product: ID!, $variants: [ProductVariantsBulkInput!]!) {
  productVariantsBulkUpdate(productId: $product, variants: $variants, allowPartialUpdates: false) {
    productVariants {
      id barcode price
      inventoryItem { id harmonizedSystemCode countryCodeOfOrigin measurement { weight { unit value } } }
    }
    userErrors { code field message }
  }
}
""".strip()
