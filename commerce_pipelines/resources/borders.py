"""The border to Dagster: what it stores of an error is our sentence, whatever the error was.

Dagster keeps the text of an error, of its cause and of its context in the event log, and prints them. Each function
that Dagster calls is wrapped here.

What belongs here: that wrapping. What does not: what an error means for a retry (assets/common.py).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from typing import Any, TypeVar

from ..core.errors import CommerceError
from ..core.foreign import alone, tellable

F = TypeVar("F", bound=Callable[..., Any])


def in_our_words(function: F) -> F:
    """The function, made so that an error of ours leaves it alone and any other by class and place. Goes directly on
    what Dagster calls: below `@dg.asset`, `@dg.sensor` and their like."""
    if inspect.isgeneratorfunction(function):

        @wraps(function)
        def generator(*values: Any, **names: Any) -> Any:
            with border():
                yield from function(*values, **names)

        return _show_signature(generator, function)

    @wraps(function)
    def plain(*values: Any, **names: Any) -> Any:
        with border():
            return function(*values, **names)

    return _show_signature(plain, function)


def _show_signature(wrapper: Any, function: F) -> F:
    """The wrapper, which says at once what it takes: Dagster asks twenty times for each asset, and Python would find it
    out anew each time."""
    with suppress(NameError):  # a name that only type checkers import: Dagster does not read such a function
        wrapper.__signature__ = inspect.signature(function, eval_str=True)
    return wrapper


@contextmanager
def border() -> Iterator[None]:
    """Errors of Dagster's own pass: it steers runs with them. Their cause is one of ours, which is cut to itself."""
    try:
        yield
    except CommerceError as error:
        alone(error)
        raise
    except Exception as error:
        if type(error).__module__.partition(".")[0] == "dagster":
            if error.__cause__ is not None:
                error.__cause__ = tellable(error.__cause__)
            raise
        raise tellable(error).with_traceback(error.__traceback__) from None
