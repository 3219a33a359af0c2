"""Errors told without their words: ours as they are but alone, others by class and place."""

from __future__ import annotations

import traceback

import pytest

from commerce_pipelines.core.errors import PermanentError, RecordError, TransientError
from commerce_pipelines.core.foreign import ProgramError, frames, tellable
from commerce_pipelines.core.legible import one_word, printable, says
from commerce_pipelines.core.words import Words

NAME = "Ada"  # tracebacks show lines of source


def test_an_error_of_ours_is_told_alone() -> None:
    with pytest.raises(PermanentError) as caught:
        try:
            try:
                raise KeyError(NAME)
            except KeyError as error:
                raise TransientError("It failed.", words=Words(NAME)) from error
        except TransientError as error:
            raise PermanentError("It failed for good.") from error
    shown = "".join(traceback.format_exception(tellable(caught.value)))
    assert "It failed for good." in shown
    assert "It failed." in shown
    assert NAME not in shown


def test_another_error_is_told_by_class_and_place() -> None:
    def stumble() -> None:
        printable(None)  # type: ignore[arg-type]

    with pytest.raises(TypeError) as caught:
        stumble()
    caught.value.args = ("Ada",)
    answer = tellable(caught.value)
    assert isinstance(answer, ProgramError)
    assert str(answer).startswith(
        "An error of the program: TypeError in printable (commerce_pipelines/core/legible.py:"
    )
    assert "Ada" not in frames(caught.value)


def test_words_are_shown_by_nothing_but_who_reveals_them() -> None:
    error = RecordError("refused_by_odoo", "No.", fix="Mend it.", words=Words("  Ada  "))
    assert "Ada" not in f"{error!r} {error} {error.args} {error.words} {error.words!r} {error.reason}"
    assert error.words.reveal() == "Ada"
    assert Words("Ada") == Words("Ada") != Words("")
    assert not Words(" ")


@pytest.mark.parametrize(
    ("text", "word"),
    [("QUOTA-exceeded_1.2", "QUOTA-exceeded_1.2"), ("Ada Byron", ""), ("a@b", ""), ("x" * 41, ""), ("", ""), ("é", ""),
     (None, ""), (7, ""), ("one\n", "")],
)  # fmt: skip
def test_a_word_of_a_vendors_is_one_word(text: object, word: str) -> None:
    assert one_word(text) == word


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("Invalid enum value 'Ada O\\'Byron - at `$.x`' - at `$.a`", "Invalid enum value - at `$.a`"),
        ("Invalid value 'Ada' - at `$.a`", "Invalid value - at `$.a`"),
        ("Expected `str` matching regex '^a$' - at `$.i`", "Expected `str` matching regex - at `$.i`"),
        ("Object missing required field `a_b`", "Object missing required field `a_b`"),
        ("Ada 'lives' here", "it does not have the shape that we know"),
    ],
)
def test_a_decoders_text_is_told_without_the_value(text: str, sentence: str) -> None:
    assert says(ValueError(text)) == sentence


def test_what_a_terminal_would_obey_is_not_printed() -> None:
    hostile = "A\x1b]0;title\x07B\x1b[2J\x9b1mC\rD\u202eE\x08"
    assert printable(hostile) == "A\ufffd]0;title\ufffdB\ufffd[2J\ufffd1mC\ufffdD\ufffdE\ufffd"
    assert printable("Größe\t1\nzwei") == "Größe\t1\nzwei"
