"""Pictures of products: by the checksums of Odoo's attachments, and their bytes where a checksum is new.

What belongs here: the calls. What does not: which picture goes where (domain/content/comparison.py).

Odoo hides the attachments of fields unless the search names `res_field`. A picture is one attachment; its checksum is
the SHA-1 of its bytes, so whether it changed is known without reading it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import msgspec

from ...core.errors import RecordError
from ...domain.content.listings import Picture
from ..rpc.client import OdooClient
from ..rpc.search_read import fetch

_AT_ONCE = 5_000  # ids in one domain
_FIELDS = ["res_model", "res_id", "res_field", "checksum", "mimetype", "file_size"]


class Pictures(msgspec.Struct, frozen=True, kw_only=True):
    """The main pictures by record id, and further ones by Odoo's order."""

    of_template: dict[int, Picture] = {}
    of_variant: dict[int, Picture] = {}
    documents: dict[int, tuple[Picture, ...]] = {}
    variant_documents: dict[int, tuple[Picture, ...]] = {}


def read_pictures(
    client: OdooClient, templates: Sequence[int] | None, variants: Sequence[int], *, documents: bool
) -> Pictures:  # fmt: skip
    """The checksums of the pictures of these records; templates None for all of both."""
    own: dict[str, dict[int, Picture]] = {"product.template": {}, "product.product": {}}
    for model, field, ids in (
        ("product.template", "image_1920", templates),
        ("product.product", "image_variant_1920", None if templates is None else variants),
    ):
        base = [["res_model", "=", model], ["res_field", "=", field]]
        for domain in _divide(base, ids):
            for row in fetch(client, "ir.attachment", domain, _FIELDS):
                if picture := _build_picture(row["id"], row):
                    own[model][row["res_id"]] = picture
    further = _read_documents(client, templates, variants) if documents else {}
    return Pictures(
        of_template=own["product.template"], of_variant=own["product.product"],
        documents=further.get("product.template", {}), variant_documents=further.get("product.product", {}),
    )  # fmt: skip


def _divide(base: list[Any], ids: Sequence[int] | None) -> list[list[Any]]:
    if ids is None:
        return [base]
    return [[*base, ["res_id", "in", list(ids[start : start + _AT_ONCE])]] for start in range(0, len(ids), _AT_ONCE)]


def _read_documents(
    client: OdooClient, templates: Sequence[int] | None, variants: Sequence[int]
) -> dict[str, dict[int, tuple[Picture, ...]]]:
    """Documents of products that are pictures, in Odoo's order, by model and record id. Those of a company's own
    are for that company's eyes; a product's are for its buyers where they are pictures."""
    rows: list[dict[str, Any]] = []
    base: list[Any] = [["res_model", "in", ["product.template", "product.product"]], ["type", "=", "binary"],
                       ["mimetype", "=like", "image/%"]]  # fmt: skip
    ids = None if templates is None else sorted({*templates, *variants})
    for domain in _divide(base, ids):
        rows += fetch(client, "product.document", domain, [*_FIELDS, "ir_attachment_id"], order="sequence, id")
    further: dict[str, dict[int, list[Picture]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        if picture := _build_picture(row["ir_attachment_id"], row):
            further[row["res_model"]][row["res_id"]].append(picture)
    return {model: {id_: tuple(them) for id_, them in by_id.items()} for model, by_id in further.items()}


def _build_picture(attachment: int, row: dict[str, Any]) -> Picture | None:
    checksum, mime = row["checksum"], row["mimetype"]
    if not isinstance(checksum, str) or not isinstance(mime, str) or not mime.startswith("image/"):
        return None
    return Picture(checksum=checksum, attachment=attachment, mime=mime, size=int(row["file_size"] or 0))


def read_picture(client: OdooClient, picture: Picture) -> bytes:
    """The bytes of a picture. Raises RecordError where they are gone, or are another picture by now."""
    rows = client.call("ir.attachment", "read", ids=[picture.attachment], fields=["datas"], load=None)
    try:
        content = base64.b64decode(rows[0]["datas"], validate=False)
    except (LookupError, TypeError, binascii.Error):
        content = b""
    if hashlib.sha1(content, usedforsecurity=False).hexdigest() != picture.checksum:
        raise RecordError(
            "picture_changed", "The picture was changed in Odoo after it was read.",
            fix="Nothing: the next run reads it again.",
        )  # fmt: skip
    return content
