"""An eBay whose every exchange is judged by the vendor's own contract when the test is over.

What belongs here: the stand-in that tests of eBay share. What does not: the contract (contract.py), the account
(account.py).
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .account import NOW
from .contract import Judged


@pytest.fixture
def ebay() -> Iterator[Judged]:
    with Judged(now=lambda: NOW) as stand_in:
        yield stand_in
        stand_in.judge()
