"""Pictures of the shop's products: staged uploads, media and files.

What belongs here: an upload's place, its bytes, the states of media, `fileUpdate`. What does not: products
(contents.py).

A picture is processed after it was put: `looks` says how many looks find it at work. Its address keeps the file name of
its first upload, also when its content is replaced.
"""

from __future__ import annotations

import hashlib
import re

from .execution import Data

_PART = re.compile(rb'filename="([^"]+)"\r\n(?:[^\r\n]+\r\n)*\r\n(.*)\r\n--', re.DOTALL)


class Pictures:
    """uploads: bytes by address. media: by id. uploaded: how many files came. looks: see above. fails:
    whether pictures cannot be processed."""

    def __init__(self) -> None:
        self.uploads: dict[str, bytes] = {}
        self.media: dict[str, Data] = {}
        self.uploaded, self.looks = 0, 1
        self.fails = False

    def stage(self, inputs: list[Data], base: str) -> Data:
        """stagedUploadsCreate: where each file may be uploaded."""
        targets = []
        for wanted in inputs:
            key = f"tmp/{len(self.uploads) + self.uploaded + 1}/{wanted['filename']}"
            targets.append({
                "url": f"{base}/uploads", "resourceUrl": f"{base}/uploads/{key}",
                "parameters": [{"name": "key", "value": key}, {"name": "Content-Type", "value": wanted["mimeType"]}],
            })  # fmt: skip
        return {"stagedTargets": targets, "userErrors": []}

    def take(self, body: bytes, base: str) -> bool:
        """An upload: a form with the key, the file last."""
        key = re.search(rb'name="key"\r\n(?:[^\r\n]+\r\n)*\r\n([^\r\n]+)\r\n', body)
        part = _PART.search(body, body.rfind(b'name="file"'))
        if key is None or part is None:
            return False
        self.uploads[f"{base}/uploads/{key.group(1).decode()}"] = part.group(2)
        self.uploaded += 1
        return True

    def add(self, source: str) -> str:
        """A new picture from an upload; its id."""
        gid = f"gid://shopify/MediaImage/{70_001 + len(self.media)}"
        self.media[gid] = {"id": gid, "name": source.rpartition("/")[2], "content": self.uploads.get(source, b""),
                           "looks": self.looks, "failed": self.fails or source not in self.uploads}  # fmt: skip
        return gid

    def replace(self, files: list[Data]) -> Data:
        """fileUpdate: other content under the same id and address."""
        for file in files:
            if file["id"] not in self.media:
                error = {"code": "FILE_DOES_NOT_EXIST", "field": ["files"], "message": "File does not exist"}
                return {"files": None, "userErrors": [error]}
        for file in files:
            media = self.media[file["id"]]
            media |= {"content": self.uploads.get(file["originalSource"], b""), "looks": self.looks,
                      "failed": self.fails or file["originalSource"] not in self.uploads}  # fmt: skip
        return {"files": [{"id": file["id"], "fileStatus": "UPLOADED"} for file in files], "userErrors": []}

    def show(self, gid: str) -> Data:
        """A picture as it is."""
        media = self.media[gid]
        status = "PROCESSING" if media["looks"] else "FAILED" if media["failed"] else "READY"
        image = {"url": f"https://cdn.shopify.com/s/files/1/{media['name']}?v=1"} if status == "READY" else None
        return {"__typename": "MediaImage", "id": gid, "status": status, "image": image}

    def look(self, gid: str) -> Data | None:
        """A picture as a look at it finds it; every look brings it nearer to its end."""
        if gid not in self.media:
            return None
        shown = self.show(gid)
        self.media[gid]["looks"] = max(0, self.media[gid]["looks"] - 1)
        return shown

    def checksum(self, gid: str) -> str:
        """SHA-1 of what a picture shows."""
        return hashlib.sha1(self.media[gid]["content"], usedforsecurity=False).hexdigest()
