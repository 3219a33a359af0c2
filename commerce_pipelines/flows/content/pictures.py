"""Odoo's pictures for one channel: their bytes, and where the channel has them already.

What belongs here: the bridge between a channel, Odoo and the rows of what was uploaded. What does not: which picture
goes where (domain/content/comparison.py), the calls (odoo/catalogue/pictures.py, channels/).
"""

from __future__ import annotations

from ...domain.content.listings import Picture
from ...odoo.catalogue.pictures import read_picture
from ...resources.connections import Connections
from ...warehouse.content import uploads


class OdooPictures:
    """A PictureSource (domain/content/listings.py) of one channel."""

    def __init__(self, connections: Connections, name: str) -> None:
        self._connections, self._name = connections, name

    def open(self, picture: Picture) -> bytes:
        return read_picture(self._connections.odoo_of(self._name), picture)

    def find(self, picture: Picture) -> str:
        with self._connections.warehouse.transaction() as connection:
            return uploads.find_address(connection, self._name, picture.checksum)

    def keep(self, picture: Picture, address: str, id_: str) -> None:
        with self._connections.warehouse.transaction() as connection:
            uploads.keep(connection, self._name, picture.checksum, address, id_)
