"""Kits: what they are made of, and how many of them a warehouse can put together.

What belongs here: the rule, in integers. What does not: reading bills of materials (odoo/inventory/kits.py), what a
listing of a kit shows (availability.py).
"""

from __future__ import annotations

from collections.abc import Mapping

MICRO = 1_000_000  # parts of a unit: Odoo counts in floats, and a kilogram may be divided


def explode(kits: Mapping[int, Mapping[int, float]]) -> dict[int, dict[int, int]]:
    """Each kit's content in stored products, in millionths per kit; kits inside kits are opened.

    A kit that contains itself is left out, because its content has no end.
    """
    flat: dict[int, dict[int, int]] = {}

    def opened(kit: int, path: tuple[int, ...]) -> dict[int, int] | None:
        if kit in path:
            return None
        result: dict[int, int] = {}
        for part, quantity in kits[kit].items():
            need = round(quantity * MICRO)
            inner = opened(part, (*path, kit)) if part in kits else {part: MICRO}
            if inner is None:
                return None
            for leaf, units in inner.items():
                result[leaf] = result.get(leaf, 0) + need * units // MICRO
        return result

    for kit in kits:
        content = opened(kit, ())
        if content and all(need > 0 for need in content.values()):
            flat[kit] = content
    return flat


def kits_available(
    free: Mapping[int, int], content: Mapping[int, int], makes: int = MICRO, step: int = MICRO // 100
) -> int:
    """How many whole kits one warehouse can put together, counted as Odoo counts them: how often the bill of materials
    can be carried out, rounded down to Odoo's steps, times the kits that one bill makes.

    free: millionths by product. content: millionths that one bill takes. makes: millionths of a kit that one bill
    makes. step: millionths of the smallest quantity that Odoo counts.
    """
    bills = (max(free.get(part, 0), 0) * MICRO // need // step * step for part, need in content.items())
    kits = min(bills, default=0) * makes // MICRO
    return (kits + step // 2) // step * step // MICRO
