"""A person whose words exist nowhere else, and what they buy on three channels.

What belongs here: the person, the orders. What does not: what becomes of them (the tests).
"""

from __future__ import annotations

import secrets
from typing import NamedTuple

import msgspec

from commerce_pipelines.domain.orders.order import Address, Buyer
from commerce_pipelines.settings.file import Settings
from commerce_pipelines_tests.doubles.lane import Lane, later

EBAY, AMAZON = "ebay_de", "amazon_eu"


class Person(NamedTuple):
    """friend: who gets a gift from them."""

    word: str
    name: str
    email: str
    phone: str
    street: str
    friend: str

    @property
    def on_invoices(self) -> set[str]:
        """What an invoice shows of its recipient."""
        return {self.name, self.street}

    @property
    def texts(self) -> set[str]:
        return {self.word, self.name, self.email, self.phone, self.phone.replace(" ", ""), self.street, self.friend}


def make_person() -> Person:
    token = secrets.token_hex(4)
    return Person(
        word=f"canary{token}", name=f"Name{token} Canary", email=f"mail{token}@example.com",
        phone=f"+49 30 {secrets.randbelow(10**8) + 10**8}", street=f"Road{token} 5", friend=f"Friend{token} Canary",
    )  # fmt: skip


def on_three_channels(settings: Settings) -> Settings:
    """These settings of one channel, with two more beside it."""
    (channel,) = settings.channels
    more = [
        msgspec.structs.replace(channel, name=name, endpoint=f"https://{name[:4]}.example.com")
        for name in (EBAY, AMAZON)
    ]
    return msgspec.structs.replace(settings, channels=(channel, *more))


def buy_everywhere(lane: Lane, person: Person) -> list[str]:
    """Five orders on three channels: the first one names no e-mail address at first, the third one is a gift. Returns
    their ids."""
    orders = [f"{letter}-{secrets.token_hex(4)}" for letter in "ABCDE"]
    first, second, gift, fourth, fifth = orders
    buyer = Buyer(name=person.name, email=person.email, phone=person.phone)
    home = Address(name=person.name, street=person.street, city="Berlin", postcode="10115", country="DE",
                   phone=person.phone)  # fmt: skip
    friend = msgspec.structs.replace(home, name=person.friend, street=f"{person.word} lane 1")
    ebay, amazon = lane.beside(EBAY), lane.beside(AMAZON)
    nameless = lane.order(first, buyer=Buyer(name=person.name), shipping=home)
    lane.put(nameless)
    lane.run()
    lane.put(later(nameless, buyer=buyer), lane.order(second, buyer=buyer, shipping=home))
    amazon.put(amazon.order(gift, buyer=buyer, billing=home, shipping=friend))
    amazon.put(amazon.order(fourth, buyer=buyer, shipping=home))
    ebay.put(ebay.order(fifth, buyer=buyer, shipping=msgspec.structs.replace(home, street2=f"{person.word} hall")))
    for channel in (lane, ebay, amazon):
        channel.run()
    return orders
