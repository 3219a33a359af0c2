"""How long the texts of each product type may be: Amazon's definitions of product types.

What belongs here: the two calls for one product type. What does not: what its schema says (shown.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

import msgspec

from ....core.errors import PermanentError, TransientError
from ....core.legible import decode_as
from ....domain.content.fields import Limit
from ...product_content import STOPS
from ..api.api import Api, decode
from ..api.documents import contents, fetch
from ..api.payloads import Document
from .payloads import Definition, Schema
from .shown import GENERAL, limits_of

PATH = "/definitions/2020-09-01/productTypes"
SCHEMA_BYTES = 32 << 20  # of one definition; the largest have a few megabytes


class ProductTypes:
    """Limits by product type, each read once."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._limits: dict[str, Mapping[str, Limit]] = {}

    def read(self, product_type: str, place: str) -> Mapping[str, Limit]:
        """The limits of a product type in a marketplace. Where its definition cannot be had or read, the general ones:
        a preview tells what they do not."""
        if product_type not in self._limits:
            try:
                self._limits[product_type] = limits_of(self._read_schema(product_type, place).properties)
            except STOPS:
                raise
            except (TransientError, PermanentError):  # which would hold up every listing, of other types too
                self._limits[product_type] = GENERAL
        return self._limits[product_type]

    def _read_schema(self, product_type: str, place: str) -> Schema:
        query = {
            "marketplaceIds": place, "sellerId": self._api.settings.seller_id, "requirements": "LISTING",
            "requirementsEnforced": "NOT_ENFORCED",
        }  # fmt: skip
        path = f"{PATH}/{quote(product_type, safe='')}"
        definition = decode(self._api.call("getDefinitionsProductType", path, query), Definition)
        document = fetch(self._api, "getDefinitionsProductType", Document(url=definition.schema.link.resource))
        try:
            return decode_as(Schema, contents(document, SCHEMA_BYTES))
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise PermanentError(f"Amazon's definition of {product_type} is no JSON schema.") from None
