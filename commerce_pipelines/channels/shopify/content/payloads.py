"""Types of what products show: answers to the queries of this folder.

What belongs here: the vendor's shapes under the vendor's names, only the fields that are used. What does not: what they
mean (texts.py), the queries (queries.py).
"""

from __future__ import annotations

import msgspec

from ..api.payloads import PageInfo


class Image(msgspec.Struct, frozen=True):
    url: str


class Media(msgspec.Struct, frozen=True):
    id: str
    status: str = "READY"
    image: Image | None = None


class MediaList(msgspec.Struct, frozen=True):
    nodes: list[Media] = []


class Weight(msgspec.Struct, frozen=True):
    unit: str
    value: float


class Measurement(msgspec.Struct, frozen=True):
    weight: Weight | None = None


class Item(msgspec.Struct, frozen=True):
    id: str
    harmonizedSystemCode: str | None = None
    countryCodeOfOrigin: str | None = None
    measurement: Measurement | None = None


class Shop(msgspec.Struct, frozen=True):
    currencyCode: str
    taxesIncluded: bool


class ShopAnswer(msgspec.Struct, frozen=True):
    shop: Shop


class Variant(msgspec.Struct, frozen=True):
    id: str
    inventoryItem: Item
    price: str = "0"
    sku: str | None = None
    barcode: str | None = None


class Variants(msgspec.Struct, frozen=True):
    nodes: list[Variant]
    pageInfo: PageInfo


class Product(msgspec.Struct, frozen=True):
    id: str
    title: str
    descriptionHtml: str
    updatedAt: str
    variants: Variants
    media: MediaList = MediaList()
    in0: list[Translation] = []
    in1: list[Translation] = []
    in2: list[Translation] = []
    in3: list[Translation] = []
    in4: list[Translation] = []
    in5: list[Translation] = []
    in6: list[Translation] = []
    in7: list[Translation] = []


class MoreVariants(msgspec.Struct, frozen=True):
    id: str
    updatedAt: str
    variants: Variants


class MoreAnswer(msgspec.Struct, frozen=True):
    nodes: list[MoreVariants | None]


class Products(msgspec.Struct, frozen=True):
    nodes: list[msgspec.Raw]  # each a Product, decoded by itself
    pageInfo: PageInfo


class Translation(msgspec.Struct, frozen=True):
    locale: str
    key: str
    value: str | None = None
    outdated: bool = False


class ProductsAnswer(msgspec.Struct, frozen=True):
    products: Products
    shop: Shop


class SomeAnswer(msgspec.Struct, frozen=True):
    nodes: list[msgspec.Raw]  # each a Product or null
    shop: Shop


class UserError(msgspec.Struct, frozen=True):
    message: str
    field: list[str] | None = None
    code: str | None = None


class Updated(msgspec.Struct, frozen=True):
    id: str
    title: str
    descriptionHtml: str


class UpdatePayload(msgspec.Struct, frozen=True):
    userErrors: list[UserError]
    product: Updated | None = None


class UpdateAnswer(msgspec.Struct, frozen=True):
    productUpdate: UpdatePayload


class VariantsPayload(msgspec.Struct, frozen=True):
    userErrors: list[UserError]
    productVariants: list[Variant] | None = None


class VariantsAnswer(msgspec.Struct, frozen=True):
    productVariantsBulkUpdate: VariantsPayload


class Parameter(msgspec.Struct, frozen=True):
    name: str
    value: str


class Target(msgspec.Struct, frozen=True):
    url: str
    resourceUrl: str
    parameters: list[Parameter]


class StagedPayload(msgspec.Struct, frozen=True):
    userErrors: list[UserError]
    stagedTargets: list[Target] | None = None


class StagedAnswer(msgspec.Struct, frozen=True):
    stagedUploadsCreate: StagedPayload


class FilesPayload(msgspec.Struct, frozen=True):
    userErrors: list[UserError]


class FilesAnswer(msgspec.Struct, frozen=True):
    fileUpdate: FilesPayload


class WithMedia(msgspec.Struct, frozen=True):
    id: str
    media: MediaList


class AddedPayload(msgspec.Struct, frozen=True):
    userErrors: list[UserError]
    product: WithMedia | None = None


class AddedAnswer(msgspec.Struct, frozen=True):
    productUpdate: AddedPayload


class MediaAnswer(msgspec.Struct, frozen=True):
    nodes: list[Media | None]


class Translatable(msgspec.Struct, frozen=True):
    key: str
    digest: str | None = None


class Resource(msgspec.Struct, frozen=True):
    translatableContent: list[Translatable]


class ResourceAnswer(msgspec.Struct, frozen=True):
    translatableResource: Resource | None = None


class RegisterPayload(msgspec.Struct, frozen=True):
    userErrors: list[UserError]
    translations: list[Translation] | None = None


class RegisterAnswer(msgspec.Struct, frozen=True):
    translationsRegister: RegisterPayload
