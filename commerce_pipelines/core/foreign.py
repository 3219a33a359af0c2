"""An error that is not ours, told without a word of its own: a library's text quotes rows, URLs and values.

psycopg2's DETAIL holds a row, requests' text a URL with its signature, KeyError its key. So where an error leaves the
product (to Dagster's event log, an alert, a terminal) one that nobody foresaw is told by its class and its place.

What belongs here: that sentence, and cutting what an error of ours drags along. What does not: errors that are foreseen
(who calls translates them), Dagster (resources/borders.py).
"""

from __future__ import annotations

import traceback
from pathlib import Path

from .errors import CommerceError
from .legible import one_word

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "commerce_pipelines"


class ProgramError(CommerceError):
    """What nobody foresaw. The message names class and place."""


def tellable(error: BaseException) -> CommerceError:
    """The error as it may be told: ours as it is, without what it was made of; another's by class and place."""
    if isinstance(error, CommerceError):
        return alone(error)
    what = type(error).__name__
    if facts := _read_diagnosis(error):
        what = f"{what} ({facts})"
    return ProgramError(
        f"An error of the program: {what} {_find_place(error)}. Report it with the version and this line."
    )


def alone(error: CommerceError) -> CommerceError:
    """The same error; its chain ends before the first error that is not ours."""
    link: BaseException | None = error
    while isinstance(link, CommerceError):
        following = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
        if not isinstance(following, CommerceError):
            link.__cause__ = link.__context__ = None
        link = following
    return error


def frames(error: BaseException) -> str:
    """Where the error passed, file by file: lines of source, which hold no values."""
    return "".join(traceback.format_tb(error.__traceback__))


def _find_place(error: BaseException) -> str:
    """The innermost line of ours that it passed."""
    passed = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in passed if Path(frame.filename).is_relative_to(PACKAGE)]
    if not (ours or passed):
        return "at an unknown place"
    frame = (ours or passed)[-1]
    path = Path(frame.filename)
    name = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path.name
    return f"in {frame.name} ({name}:{frame.lineno})"


def _read_diagnosis(error: BaseException) -> str:
    """What PostgreSQL names beside its text: the state's code, table, column and constraint, all of them ours."""
    diagnosis = getattr(error, "diag", None)
    names = (getattr(diagnosis, key, None) for key in ("table_name", "column_name", "constraint_name"))
    return " ".join(filter(None, (one_word(getattr(error, "pgcode", None)), *map(one_word, names))))
