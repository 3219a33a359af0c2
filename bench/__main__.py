"""`make bench`: run the benchmarks one after the other; the last line of the output is one JSON object.

    python -m bench [--size 0.01] [NAME …]

NAME: benchmarks to run (default: all). --size: a share of the full sizes, to try them out; figures of small runs mean
nothing. A benchmark that needs an Odoo or a library that is not here is skipped with a sentence. The exit code is 0
whatever the figures are: people judge them.

What belongs here: the list of benchmarks and their output. What does not: what one measures (its own module).
"""

from __future__ import annotations

import argparse
import importlib

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from .figures import Figure, Skipped, last_line, sentence

BENCHMARKS = (
    "extract", "completeness", "money", "stock_decide", "old_orders", "stock_calls", "deliveries", "stock_read",
    "backfill_twice", "pace", "live", "backfill_time", "receiver", "stock_change", "delivery_told", "order_hint",
    "erase", "erase_partners", "rehearsal", "ledger", "inbound_plan", "content", "odoo_load", "credit_notes",
    "writers", "writers_killed",
)  # fmt: skip


def main() -> None:
    """Run the named benchmarks, show each figure, and print the last line. Options: see the top of this module."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="benchmarks to run (default: all)")
    parser.add_argument("--size", type=float, default=1.0, help="share of the full sizes")
    arguments = parser.parse_args()
    console, figures = Console(stderr=True), list[Figure]()
    columns = (SpinnerColumn(), TextColumn("{task.fields[benchmark]:15} {task.description}"), TimeElapsedColumn())
    for name in arguments.names or BENCHMARKS:
        with Progress(*columns, console=console, transient=True) as progress:
            task = progress.add_task("…", total=None, benchmark=name)
            try:
                benchmark = importlib.import_module(f"bench.{name}")
                results = benchmark.run(arguments.size, lambda doing: progress.update(task, description=doing))  # noqa: B023
            except Skipped as reason:
                console.print(f"[bold]{name}[/bold]: skipped, {reason}", soft_wrap=True, highlight=False)
                continue
        console.print("\n".join(map(sentence, results)), soft_wrap=True, highlight=False)
        figures += results
    print(last_line(figures))


if __name__ == "__main__":
    main()
