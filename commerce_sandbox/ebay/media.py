"""eBay's picture service: uploads by the Media API.

What belongs here: taking a file, its address. What does not: which listing shows it (listings.py). Source: Media API
v1_beta, createImageFromFile.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from ..server import Call, Reply

PATH = "/commerce/media/v1_beta/image"
_FILE = re.compile(rb'name="image"; filename="[^"]+"\r\n(?:[^\r\n]+\r\n)*\r\n(.*)\r\n--', re.DOTALL)
DAYS = 30  # a picture that no listing shows is gone after them


class Media:
    """files: the bytes by address. refuses: whether eBay takes no picture."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.refuses = False

    def answer(self, call: Call, url: str, now: datetime) -> Reply:
        part = _FILE.search(call.body)
        if call.method != "POST" or not call.path.endswith("/create_image_from_file"):
            return Reply(404)
        if part is None or self.refuses:
            error = {"errorId": 190204, "domain": "API_MEDIA", "category": "REQUEST", "message": "Invalid image."}
            return Reply(400, {"errors": [error]})
        name = f"up{len(self.files) + 1:06d}"
        address = f"https://i.ebayimg.com/00/s/MTYwMFgxNjAw/z/{name}/$_1.JPG?set_id=880000500F"
        self.files[address] = part.group(1)
        end = (now + timedelta(days=DAYS)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        location = {"Location": f"{url}{PATH}/{name}"}
        return Reply(201, {"imageUrl": address, "expirationDate": end}, location)
