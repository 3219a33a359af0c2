"""The default IO manager: assets pass DataFrames, PostgreSQL stores them, without pickle and with ranges of days in one
operation.

What belongs here: which table and rows an asset key and its partitions mean. What does not: how a frame becomes rows
(warehouse/tables/frames.py).
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import dagster as dg

from ..core.errors import PermanentError
from ..core.failpoints import failpoint
from .borders import in_our_words
from .connections import Connections

if TYPE_CHECKING:
    import pandas as pd


class TableIOManager(dg.IOManager):
    """The asset `<channel>/<table>` is the rows of `commerce.<table>` with that channel and the partitions' days.

    Storing replaces exactly the run's days in one transaction; loading reads exactly the requested days.
    """

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    @in_our_words
    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        """obj: a DataFrame or an iterable of them, with the columns `channel` and `day`. Raises TypeError for anything
        else."""
        import pandas as pd

        from ..warehouse.tables.frames import replace_days

        if obj is None:
            return
        if isinstance(obj, (str, bytes, dict)) or not hasattr(obj, "__iter__"):
            name = context.asset_key.to_user_string()
            raise PermanentError(f"{name} must return a DataFrame, not {type(obj).__name__}.")
        channel, table = context.asset_key.path
        days = [date.fromisoformat(key) for key in context.asset_partition_keys]
        frames = [obj] if isinstance(obj, pd.DataFrame) else obj
        failpoint(f"before_{table}")
        with self._connections.warehouse.transaction() as connection:
            rows = replace_days(connection, table, channel, days, frames)
        # Dagster copies this to each partition of the run, so the asset itself has to report the rows of each day.
        context.add_output_metadata({"run/rows stored": rows, "dagster/uri": f"postgresql:///commerce.{table}"})

    @in_our_words
    def load_input(self, context: dg.InputContext) -> pd.DataFrame:
        """The rows of the run's days as a DataFrame with Arrow-backed types."""
        from ..warehouse.tables.frames import read_frame

        channel, table = context.asset_key.path
        days = [date.fromisoformat(key) for key in context.asset_partition_keys]
        with self._connections.warehouse.transaction() as connection:
            frame: pd.DataFrame = read_frame(connection, table, None, "channel = %s AND day = ANY(%s)", (channel, days))
        return frame
