"""What `check` finds: a shape that all verifiers share.

What belongs here: that shape, and findings of a look at several things. What does not: the looks themselves
(verifiers.py, odoo_verifiers.py, content_verifiers.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from ..core.errors import CommerceError

Finding = tuple[str, str]  # (what was looked at, what is wrong with it or '')


class Advice(str):
    """A problem that stops no work, so that `check` does not fail for it."""


def list_findings(what: str, find_problems: Callable[[], Sequence[str]]) -> Iterator[Finding]:
    """One finding for each problem, or one that says all is well; an error of the look is a problem, too."""
    try:
        problems = find_problems()
    except CommerceError as error:
        problems = [str(error)]
    for problem in problems or [""]:
        yield what, problem
