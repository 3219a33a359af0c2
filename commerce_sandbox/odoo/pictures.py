"""Pictures of products as Odoo keeps them: one attachment for each field, with the SHA-1 of its bytes.

What belongs here: keeping attachments in step with the fields, documents of products, and that a search finds
attachments of fields only where it names `res_field`. What does not: products themselves (products.py).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from .orm import Env, hook
from .schema import Model, boolean, integer, many2one

MODELS = (
    Model(
        "product.document",
        {"ir_attachment_id": many2one("ir.attachment", required=True), "sequence": integer(default=10),
         "active": boolean(default=True)},
        inherits=("ir_attachment_id", "ir.attachment"), order="sequence, id", title="Product Document",
    ),
)  # fmt: skip
_KINDS = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif", b"<svg": "image/svg+xml"}


def describe_bytes(datas: Any) -> dict[str, Any]:
    """checksum, size and type of what is stored, by its own bytes."""
    content = base64.b64decode(datas) if datas else b""
    kind = next((kind for start, kind in _KINDS.items() if content.startswith(start)), "application/octet-stream")
    return {"checksum": hashlib.sha1(content, usedforsecurity=False).hexdigest(), "file_size": len(content),
            "mimetype": kind}  # fmt: skip


@hook("ir.attachment", "created")
def _attachment_created(env: Env, ids: Sequence[int]) -> None:
    for row_id in ids:
        if datas := env.db.rows["ir.attachment"][row_id]["datas"]:
            env.db.put("ir.attachment", row_id, describe_bytes(datas))


@hook("ir.attachment", "written")
def _attachment_written(env: Env, ids: Sequence[int], vals: Mapping[str, Any]) -> None:
    if "datas" in vals:
        _attachment_created(env, ids)


@hook("product.template", "created")
def _template_created(env: Env, ids: Sequence[int]) -> None:
    for row_id in ids:
        _keep_picture(env, "product.template", row_id, "image_1920")


@hook("product.template", "written")
def _template_written(env: Env, ids: Sequence[int], vals: Mapping[str, Any]) -> None:
    if "image_1920" in vals:
        for row_id in ids:
            _keep_picture(env, "product.template", row_id, "image_1920")


@hook("product.product", "written")
def _variant_written(env: Env, ids: Sequence[int], vals: Mapping[str, Any]) -> None:
    if "image_variant_1920" in vals:
        for row_id in ids:
            _keep_picture(env, "product.product", row_id, "image_variant_1920")


def _keep_picture(env: Env, model: str, row_id: int, field: str) -> None:
    """The attachment of a field, which goes with its picture. Odoo makes a new one for each new picture."""
    datas = env.db.rows[model][row_id].get(field)
    for number in env.db.referring("ir.attachment", "res_id", row_id):
        row = env.db.rows["ir.attachment"][number]
        if (row["res_model"], row.get("res_field")) == (model, field):
            env.db.delete("ir.attachment", number)
    if datas:
        env.db.insert("ir.attachment", {
            "name": field, "res_model": model, "res_id": row_id, "res_field": field, "datas": datas, "type": "binary",
            "write_date": env.stamp, **describe_bytes(datas),
        })  # fmt: skip
