"""How far the demo is, on a terminal or in plain lines.

What belongs here: showing it. What does not: the course of the demo (demo.py).
"""

from __future__ import annotations

from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

console = Console()


class Steps:
    """A progress bar with one step after another; plain lines where the output is no terminal."""

    def __init__(self, count: int) -> None:
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=console)
        self._task = self._progress.add_task("", total=count, completed=-1)

    def __enter__(self) -> Self:
        if console.is_terminal:
            self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._progress.update(self._task, advance=1, description="done")
        self._progress.stop()

    def __call__(self, description: str) -> None:
        """The next step begins."""
        self._progress.update(self._task, advance=1, description=description)
        if not console.is_terminal:
            console.print(f"{description} …", soft_wrap=True)
