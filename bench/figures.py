"""What a benchmark yields, how it is shown, and the last line.

What belongs here: the shape of a figure. What does not: measuring (measure.py), what is compared (each
benchmark's module).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Literal

import msgspec


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the result. value and baseline: in `unit`. ratio: value / baseline. target: what the `judged` one of
    them must be at least (or at most). note: what a reader should know besides; shown, but not in the last line."""

    name: str
    value: float
    unit: str
    baseline: float
    target: float
    judged: Literal["ratio", "value"] = "ratio"
    at: Literal["least", "most"] = "least"
    note: str = ""

    @property
    def ratio(self) -> float:
        return self.value / self.baseline if self.baseline else 0.0

    @property
    def met(self) -> bool:
        reached = self.ratio if self.judged == "ratio" else self.value
        return reached >= self.target if self.at == "least" else reached <= self.target


class Skipped(Exception):
    """The benchmark needs something that is not here; the message says what it needs."""


def sentence(figure: Figure) -> str:
    """One figure for a person, in rich's markup."""
    sign = "≥" if figure.at == "least" else "≤"
    verdict = "[green]met[/green]" if figure.met else "[red]missed[/red]"
    ratio = f", ratio {figure.ratio:.2f}" if figure.baseline else ""
    return (
        f"[bold]{figure.name}[/bold]: {_write_short(figure.value)} {figure.unit}; "
        f"baseline {_write_short(figure.baseline)}{ratio}; "
        f"{figure.judged} {sign} {_write_short(figure.target)} {verdict}"
        + (f"\n    [dim]{figure.note}[/dim]" if figure.note else "")
    )


def last_line(figures: Iterable[Figure]) -> str:
    """{"<benchmark>": {"value": x, "unit": "…", "baseline": y, "ratio": x / y, "target": z}}"""
    return json.dumps(
        {
            figure.name: {
                "value": round(figure.value, 3),
                "unit": figure.unit,
                "baseline": round(figure.baseline, 3),
                "ratio": round(figure.ratio, 3),
                "target": figure.target,
            }
            for figure in figures
        },
        ensure_ascii=False,
    )


def _write_short(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= 100 or number == int(number) else f"{number:.2f}"
