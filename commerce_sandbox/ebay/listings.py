"""What the sandbox's merchant offers on eBay.

What belongs here: listings, their ids and quantities. What does not: how either API shows them.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..catalogue import Article


def item_id(catalogue: Sequence[Article], sku: str) -> str:
    """The listing's item id: twelve digits, the same for both colours of a mug."""
    base = sku.removesuffix("-BL").removesuffix("-GR")
    skus = [article.sku.removesuffix("-BL").removesuffix("-GR") for article in catalogue]
    return f"{110_000_000_000 + 37 * skus.index(base)}"
