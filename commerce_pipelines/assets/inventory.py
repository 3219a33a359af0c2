"""SOP 2 in Dagster: odoo/stock_levels + listings -> inventory_targets -> published_inventory, one lane per channel.

What belongs here: keys, descriptions, metadata, checks. What does not: any rule (flows/, domain/).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from ..channels.settings import ChannelSettings
from ..core.groups import by_group
from ..core.urls import article_page
from ..resources.borders import in_our_words
from ..resources.connections import Connections
from ..settings.file import Settings
from .chart import bars
from .common import NIGHTLY, OFTEN, RETRY, build_table, counts, escape_cell, failures, labels, odoo_key

if TYPE_CHECKING:
    import pandas as pd

    from ..domain.inventory.push_plan import Standing
    from ..flows.inventory.inputs import Snapshot
    from ..flows.inventory.publish import Published, Ready

FLOW = "inventory"
STOCK = "stock_levels"
INVENTORY_TAG = "commerce/inventory"  # the channel that a sensor or schedule requested the run for
WHOLE_TAG = "commerce/whole"  # read everything anew, not only changes
SINCE_TAG = "commerce/stock_since"  # when the run was requested: a stock read later need not be read again
ROWS_SHOWN = 50  # rows and names in metadata

STEPS = ("0", "1–5", "6–20", "21–100", "over 100")
BOUNDS = (0, 5, 20, 100)


class PublishConfig(dg.Config):
    """release: publish this once, although the breaker would stop it. dry_run: only show the difference."""

    release: bool = False
    dry_run: bool = False


def assets(settings: Settings, channels: Sequence[ChannelSettings]) -> list[dg.AssetsDefinition]:
    """The lane's assets, for LANES: one asset for Odoo's stock in each group of channels, and the channels' own."""
    own = [asset for channel in channels for asset in inventory_assets(channel, settings.owner)]
    return [*(stock_levels_asset(settings.owner, group) for group in by_group(channels)), *own]


def stock_levels_asset(owner: str, group: str = "") -> dg.AssetsDefinition:
    """Odoo's stock, for all channels at once.

    It is in no pool: reading Odoo need not wait for writers, and a long backfill of orders must not hold up the stock.
    """

    @dg.asset(
        key=odoo_key(STOCK, group),
        kinds={"odoo", "postgres"},
        retry_policy=RETRY,
        description="What lies in each of Odoo's warehouses: on hand, reserved, promised, free and incoming, of every "
        "product with an internal reference; kits by their components. One snapshot; an empty answer is a failure. "
        "Read by the sensor, too, where it finds a change.",
        **labels("odoo", owner, FLOW, "extract", OFTEN),
    )
    @in_our_words
    def stock_levels(
        context: dg.AssetExecutionContext, connections: dg.ResourceParam[Connections]
    ) -> dg.MaterializeResult:
        from ..flows.inventory.inputs import take_all

        started = connections.instruments.clock()
        tags = context.run.tags
        with failures():
            whole, since = INVENTORY_TAG not in tags or WHOLE_TAG in tags, _read_moment(tags.get(SINCE_TAG))
            snapshots, problems = take_all(connections, whole=whole, since=since)
        for problem in problems:
            context.log.warning(problem)
        figures = describe_stock(snapshots)
        seconds = round(connections.instruments.clock() - started, 2)
        return dg.MaterializeResult(metadata={**figures, "not read": " ".join(problems) or "none", "seconds": seconds})

    return stock_levels


def describe_stock(snapshots: "Sequence[Snapshot]") -> dict[str, Any]:
    """What is said of reading Odoo's stock, of each company once."""
    import pandas as pd

    levels = pd.concat([snapshot.levels for snapshot in snapshots], ignore_index=True)
    free = levels.groupby("warehouse")["free"].sum().items()
    free_units = {str(code) or "nowhere": int(units) for code, units in free}
    return {
        "dagster/row_count": len(levels),
        "dagster/uri": "postgresql:///commerce.stock_levels",
        "products with stock": sum(snapshot.read for snapshot in snapshots),
        "companies": len(snapshots),
        "warehouses": ", ".join(place.code for snapshot in snapshots for place in snapshot.places),
        "below zero in Odoo": int(levels["negative"].sum()),
        "unreadable": int((levels["kind"] == "unread").sum()),
        "a newer one was there": not all(snapshot.stored for snapshot in snapshots),
        "read at": dg.MetadataValue.timestamp(min(snapshot.taken_at for snapshot in snapshots)),
        "free units": dg.MetadataValue.md(bars(free_units, "free units by warehouse")),
    }


def _read_moment(text: str | None) -> datetime | None:
    """The moment in a tag; None without one, and for what a person wrote there and is none."""
    try:
        moment = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return moment if moment and moment.tzinfo else None


def inventory_assets(channel: ChannelSettings, owner: str) -> list[dg.AssetsDefinition]:
    """The three stages of one channel's stock. owner: an e-mail address or `team:NAME`."""
    return [listings_asset(channel, owner), published_asset(channel, owner)]


def listings_asset(channel: ChannelSettings, owner: str) -> dg.AssetsDefinition:
    """`<channel>/listings`: what buyers see."""
    name, kind = channel.name, str(channel.__struct_config__.tag)

    @dg.asset(
        key=dg.AssetKey([name, "listings"]),
        kinds={kind, "postgres"},
        pool=f"{name}_api",
        retry_policy=RETRY,
        description=f"Every SKU that {name} offers, with the quantity buyers see. What {name} ships from its own "
        "warehouses is read and never written. Read every night; in between our own pushes say what is shown.",
        **labels(name, owner, FLOW, "extract", NIGHTLY),
    )
    @in_our_words
    def listings(context: dg.AssetExecutionContext, connections: dg.ResourceParam[Connections]) -> dg.MaterializeResult:
        from ..domain.inventory.listings import UNREADABLE_KEY
        from ..flows.inventory.inputs import read_listings

        started = connections.instruments.clock()
        with failures():
            frame = read_listings(connections, name, context.run.run_id)
        bad = int(frame["key"].str.startswith(UNREADABLE_KEY).sum())
        if bad:
            context.log.warning("%d listings could not be read; they wait in exceptions and keep what they show.", bad)
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": len(frame),
                "dagster/uri": "postgresql:///commerce.listings",
                **counts(_count_words(frame["fulfilled_by"]), "fulfilled by"),
                "inactive": int((~frame["active"]).sum()),
                "unreadable, in exceptions": bad,
                "seconds": round(connections.instruments.clock() - started, 2),
                "quantities": dg.MetadataValue.md(_draw_spread(frame["quantity"], "listings by the quantity shown")),
            }
        )

    return listings


def published_asset(channel: ChannelSettings, owner: str) -> dg.AssetsDefinition:
    """`<channel>/inventory_targets` and `<channel>/published_inventory`: what each listing shall show, and the
    difference, told. One step, because what is told is decided on listings that nobody else has at that moment."""
    name, deadline = channel.name, timedelta(minutes=channel.inventory.deadline_minutes)
    targets_key, key = (dg.AssetKey([name, table]) for table in ("inventory_targets", "published_inventory"))

    @dg.multi_asset(
        name=f"{name}__published_inventory",
        specs=_list_specs(channel, owner, targets_key, key),
        check_specs=_list_checks(key, deadline),
        can_subset=True,
        pool=f"{name}_inventory",
        retry_policy=RETRY,
    )
    @in_our_words
    def published_inventory(
        context: dg.AssetExecutionContext, config: PublishConfig, connections: dg.ResourceParam[Connections]
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        from ..domain.inventory.push_plan import standing
        from ..flows.inventory.inputs import recent_stock, stored_stock
        from ..flows.inventory.publish import decided, push

        wanted, checked = context.selected_asset_keys, context.selected_asset_check_keys
        publishes, started = key in wanted, connections.instruments.clock()
        results, done = list[dg.MaterializeResult](), None
        try:
            with failures():
                stock = recent_stock(connections, name) if publishes or checked else stored_stock(connections, name)
                with decided(connections, name, stock, run_id=context.run.run_id) as ready:
                    if targets_key in wanted:
                        seconds = round(connections.instruments.clock() - started, 2)
                        figures = _describe_targets(ready, seconds)
                        results.append(dg.MaterializeResult(asset_key=targets_key, metadata=figures))
                    if publishes or checked:  # the checks alone look and send nothing
                        dry_run = config.dry_run or not publishes
                        done = push(connections, ready, release=config.release, dry_run=dry_run)
        finally:
            yield from results  # the lock is free: where Dagster fails to store one, it leaves this generator open
        if done is None:
            return
        state = standing(done.after.table, done.after.now, deadline)
        if publishes:
            with failures():
                figures = _describe_published(connections, name, done, state, started)
            yield dg.MaterializeResult(asset_key=key, metadata=figures)
        yield from (check for check in checks(state, key) if dg.AssetCheckKey(key, str(check.check_name)) in checked)

    return published_inventory


def _list_specs(
    channel: ChannelSettings, owner: str, targets: dg.AssetKey, published: dg.AssetKey
) -> Sequence[dg.AssetSpec]:
    name, kind = channel.name, str(channel.__struct_config__.tag)
    return (
        dg.AssetSpec(
            targets,
            deps=[odoo_key(STOCK, channel.group), dg.AssetKey([name, "listings"])],
            kinds={"pandas", "postgres"},
            description="What each listing shall show and why: free stock of the warehouses that feed it, less orders "
            "that are not in Odoo yet, less the reserve, times the share, at most the cap. Listings without a product "
            "in Odoo, and products without a listing, are named here.",
            **labels(name, owner, FLOW, "transform"),
        ),
        dg.AssetSpec(
            published,
            deps=[targets],
            kinds={kind, "python"},
            description=f"Tells {name} the quantities that differ, and records what became of each. A run that looks "
            "like a faulty read publishes nothing and fails with its figures; if it is right, materialise it with "
            "`release: true`.",
            **labels(name, owner, FLOW, "load", OFTEN),
        ),
    )


def _describe_targets(ready: "Ready", seconds: float) -> dict[str, Any]:
    """What is said of targets that were decided."""
    targets, levels = ready.targets, ready.offer.levels
    unlinked = targets.loc[targets["reason"] == "unlinked", "sku"]
    free = levels.loc[levels["free"] > 0, "code"].drop_duplicates()
    return {
        "dagster/row_count": len(targets),
        "dagster/uri": "postgresql:///commerce.inventory_targets",
        **counts(_count_words(targets["reason"]), "reason"),
        "units held for orders on their way": int(targets["in_pipe"].fillna(0).sum()),
        "listings without a product": _join_names(unlinked),
        "products without a listing": _join_names(free[~free.isin(set(targets["code"]))]),
        "seconds": seconds,
    }


def _list_checks(key: dg.AssetKey, deadline: timedelta) -> Sequence[dg.AssetCheckSpec]:
    """The checks of which `checks` gives the verdicts."""
    return (
        dg.AssetCheckSpec(
            "not_above_free",
            asset=key,
            description="No listing shows more than Odoo had free when it was read last.",
        ),
        dg.AssetCheckSpec(
            "up_to_date",
            asset=key,
            description=f"No linked listing has been behind Odoo for more than {deadline}.",
        ),
    )


def _describe_published(
    connections: Connections, name: str, done: "Published", state: "Standing", started: float
) -> dict[str, Any]:
    """What is said of a run that published. started: by the instruments' clock."""
    from ..flows.inventory.publish import name_listings

    rows = done.before.pushes().head(ROWS_SHOWN)
    titles = name_listings(connections, name, rows["key"].tolist())
    return {
        "dagster/row_count": len(done.before.pushes()),
        "dagster/uri": "postgresql:///commerce.published_inventory",
        "dry run": done.dry,
        **counts(done.outcomes, "pushes"),
        **counts(_count_words(done.after.table["action"]), "listings"),
        "buffer cost (free units not shown)": state.buffer,
        "oldest unpublished change": state.oldest.isoformat() if state.oldest else "none",
        "seconds": round(connections.instruments.clock() - started, 2),
        "before": dg.MetadataValue.md(_draw_spread(done.before.table["believed"], "quantity shown before")),
        "after": dg.MetadataValue.md(_draw_spread(done.after.table["believed"], "quantity shown after")),
        **_describe_difference(name, rows, titles),
    }


def checks(state: "Standing", asset_key: dg.AssetKey) -> Sequence[dg.AssetCheckResult]:
    """The two checks. A listing above the free stock whose correction is under way makes a warning, anything else an
    error."""
    above, behind = len(state.above), len(state.behind)
    return (
        dg.AssetCheckResult(
            check_name="not_above_free",
            asset_key=asset_key,
            passed=not state.above and not state.coming,
            severity=dg.AssetCheckSeverity.ERROR if above else dg.AssetCheckSeverity.WARN,
            description=f"{above} of {state.linked} listings show more than is free, {len(state.coming)} more are "
            "being corrected.",
            metadata={"above free": _join_names(state.above), "being corrected": _join_names(state.coming)},
        ),
        dg.AssetCheckResult(
            check_name="up_to_date",
            asset_key=asset_key,
            passed=not behind,
            severity=dg.AssetCheckSeverity.ERROR,
            description=f"{behind} of {state.linked} listings are behind Odoo for longer than the deadline.",
            metadata={"behind": _join_names(state.behind)},
        ),
    )


def _join_names(names: "Sequence[str] | pd.Series[str]") -> str:
    """`3: A, B, C`, cut off if it gets long."""
    listed = [str(name) for name in names]
    more = " …" if len(listed) > ROWS_SHOWN else ""
    return f"{len(listed)}: {', '.join(listed[:ROWS_SHOWN])}{more}" if listed else "none"


def _count_words(words: "pd.Series[str]") -> dict[str, int]:
    return {str(word): int(count) for word, count in words.value_counts().items()}


def _draw_spread(quantities: "pd.Series[int]", title: str) -> str:
    import numpy as np

    figures = quantities.dropna().to_numpy(dtype="int64")
    steps = np.bincount(np.searchsorted(BOUNDS, figures), minlength=len(STEPS))
    return bars(dict(zip(STEPS, steps.tolist(), strict=True)), title)


def _describe_difference(name: str, rows: "pd.DataFrame", titles: Mapping[str, str]) -> dict[str, dg.MetadataValue]:
    """rows: of the plan, as many as are shown. titles: by the listing's key."""
    columns = ("sku", "location", "believed", "target", "free", "reason")
    shown = [
        [row["sku"], titles.get(row["key"], ""), *(row[column] for column in columns[1:])]
        for row in rows.to_dict("records")
    ]
    return {
        "difference": build_table(("sku", "title", "location", "shown", "now", "free", "why"), shown),
        "histories": _link_articles(name, rows["sku"]),
    }


def _link_articles(channel: str, skus: Iterable[str]) -> dg.MetadataValue:
    """SKUs as links to what was told and sold of them, each once."""
    listed = dict.fromkeys(map(str, skus))
    links = (f"[{escape_cell(sku)}]({article_page(channel, sku)})" for sku in listed)
    return dg.MetadataValue.md(", ".join(links) or "none")
