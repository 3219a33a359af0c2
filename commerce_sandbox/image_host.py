"""A merchant's web folder: takes pictures by PUT from whoever knows the secret, shows them to everybody.

What belongs here: that server. What does not: who fetches from it (amazon/).
"""

from __future__ import annotations

from .server import Call, Reply, StandIn

SECRET = "Bearer sandbox"


class ImageHostStandIn(StandIn):
    """files: bytes by path. puts: how many came. full: whether it takes no more."""

    def __init__(self, port: int = 0) -> None:
        super().__init__(port)
        self.files: dict[str, bytes] = {}
        self.puts, self.full = 0, False

    def handle(self, call: Call) -> Reply:
        if call.method == "PUT":
            if call.headers.get("authorization") != SECRET:
                return Reply(401)
            if self.full:
                return Reply(507)
            self.puts += 1
            self.files[call.path] = call.body
            return Reply(201)
        content = self.files.get(call.path)
        return Reply(404) if content is None else Reply(200, content, {"Content-Type": "image/png"})

    def find(self, address: str) -> bytes | None:
        """What everybody sees at a public address."""
        return self.files.get(address.removeprefix(self.url))
