"""A job is made of its own assets alone, at a cost that the number of other channels does not change.

Dagster goes through all assets of the code location for each job: with 200 channels, which have 1,800 jobs, that is
most of what the code server does at its start. Here it is shown the job's assets and their neighbours.

What belongs here: the one function of Dagster's that is wrapped. What does not: the jobs (sensors/, assets/).
"""

from __future__ import annotations

from collections.abc import Callable, Set

import dagster as dg

from .dagster_internals import AssetGraph, JobScopedAssetGraph, asset_jobs

MAKES = "get_asset_graph_for_job"  # a name that Dagster's module uses and does not export
Make = Callable[..., AssetGraph]


def install() -> None:
    """Wrap it in this process; again changes nothing."""
    make: Make = getattr(asset_jobs, MAKES)
    if not hasattr(make, "wraps"):
        setattr(asset_jobs, MAKES, wrap(make))


def wrap(make: Make) -> Make:
    """The function that shows `make` a small graph, and makes of its answer what it would have made of the whole."""

    def make_quickly(graph: AssetGraph, selection: dg.AssetSelection, *values: bool, **named: bool) -> AssetGraph:
        keys, checks = selection.resolve(graph), selection.resolve_checks(graph)
        chosen = dg.AssetSelection.assets(*keys).without_checks()
        if checks:
            chosen = chosen | dg.AssetSelection.checks(*checks)
        job = make(cut_out(graph, keys, checks), chosen, *values, **named)
        return JobScopedAssetGraph(job._asset_nodes_by_key, job._assets_defs_by_check_key, graph)

    make_quickly.wraps = make  # type: ignore[attr-defined]
    return make_quickly


def cut_out(graph: AssetGraph, keys: Set[dg.AssetKey], checks: Set[dg.AssetCheckKey]) -> AssetGraph:
    """The definitions of these keys and checks with all that they make, and the assets that go into them."""
    by_check = graph._assets_defs_by_check_key
    definitions = {graph.get(key).assets_def for key in keys if graph.has(key)} | {by_check[key] for key in checks}
    near = set(keys)
    for made in definitions:
        near |= {*made.keys, *made.node_keys_by_input_name.values(), *made.node_keys_by_output_name.values()}
    return AssetGraph(
        {key: graph.get(key) for key in near if graph.has(key)},
        {key: made for made in definitions for key in made.check_keys},
    )
