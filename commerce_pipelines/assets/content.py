"""Product content in Dagster: odoo/products -> <channel>/content_changes -> published_content, one lane per channel.

What belongs here: keys, descriptions, metadata, checks. What does not: any rule (flows/content/, domain/content/).
"""

# No `from __future__ import annotations` here: Dagster reads the annotations of its functions as objects.

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from ..channels.settings import ChannelSettings
from ..core.errors import SettingsError
from ..core.groups import by_group
from ..core.topics import Topic
from ..resources.borders import in_our_words
from ..resources.connections import Connections
from ..settings.file import Settings
from .chart import bars
from .common import NIGHTLY, RETRY, build_table, counts, failures, labels, odoo_key

if TYPE_CHECKING:
    from ..flows.content.new_listings import Created, Planned
    from ..flows.content.publish import Compared, Published
    from ..flows.content.side_by_side import Pictures, Seen

FLOW = str(Topic.CONTENT)
PRODUCTS = "products"
WHOLE_TAG = "commerce/whole"  # read everything anew, not only changes
ROWS_SHOWN = 100  # rows in metadata
PICTURES_SHOWN = 20  # listings of which pictures are drawn
SPECIAL = re.compile(r"[^\w .,:;+/-]+")  # what means something in Markdown
LONGEST_TEXT = 160  # characters of a text in a table
NEW_COLUMNS = ("SKU", "title, price", "what")
COLUMNS = ("listing", "sku", "field", "shows", "would show", "what", "since")


class ContentConfig(dg.Config):
    """release: agree to the whole plan and send it. dry_run: only show the difference."""

    release: bool = False
    dry_run: bool = False


def assets(settings: Settings, channels: Sequence[ChannelSettings]) -> list[dg.AssetsDefinition]:
    """The lane's assets, for LANES: one asset for Odoo's products in each group of channels, and the channels' own."""
    own = [asset for channel in channels for asset in content_assets(channel, settings.owner)]
    return [*(products_asset(settings.owner, group) for group in by_group(channels)), *own]


def products_asset(owner: str, group: str = "") -> dg.AssetsDefinition:
    """What Odoo says of its products, for all channels at once."""

    @dg.asset(
        key=odoo_key(PRODUCTS, group),
        kinds={"odoo", "postgres"},
        retry_policy=RETRY,
        description="Titles, descriptions, translations, barcodes, weights, customs codes and checksums of pictures of "
        "every product with an internal reference. Every few minutes what was written to in Odoo, once a night "
        "everything: renamed attribute values and new documents leave no mark on their products.",
        **labels("odoo", owner, FLOW, "extract", NIGHTLY),
    )
    @in_our_words
    def products(context: dg.AssetExecutionContext, connections: dg.ResourceParam[Connections]) -> dg.MaterializeResult:
        from ..flows.content.inputs import take_all

        started = connections.instruments.clock()
        with failures():
            taken, problems = take_all(connections, whole=WHOLE_TAG in context.run.tags)
        for problem in problems:
            context.log.warning(problem)
        missing = sorted({field for reading in taken for field in reading.missing})
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": sum(reading.read for reading in taken),
                "dagster/uri": "postgresql:///commerce.content_products",
                "changed": sum(reading.changed for reading in taken),
                "everything was read": all(reading.whole for reading in taken),
                "companies": len(taken),
                "fields that this Odoo does not have": ", ".join(missing) or "none",
                "not read": " ".join(problems) or "none",
                "seconds": round(connections.instruments.clock() - started, 2),
            }
        )

    return products


def content_assets(channel: ChannelSettings, owner: str) -> list[dg.AssetsDefinition]:
    """The two stages of one channel's content. owner: an e-mail address or `team:NAME`."""
    return [changes_asset(channel, owner), published_asset(channel, owner)]


def changes_asset(channel: ChannelSettings, owner: str) -> dg.AssetsDefinition:
    """`<channel>/content_changes`: the plan that a person reads."""
    name, kind = channel.name, str(channel.__struct_config__.tag)

    @dg.asset(
        key=dg.AssetKey([name, "content_changes"]),
        deps=[odoo_key(PRODUCTS, channel.group)],
        kinds={kind, "postgres"},
        pool=f"{name}_content",
        retry_policy=RETRY,
        description=f"Field by field what listings of {name} show, what Odoo says, and what would change. Only fields "
        "in `content.owned` are compared; a field that is empty in Odoo changes nothing. Listings are read every "
        "night; in between our own changes say what is shown.",
        **labels(name, owner, FLOW, "transform"),
    )
    @in_our_words
    def content_changes(
        context: dg.AssetExecutionContext, connections: dg.ResourceParam[Connections]
    ) -> dg.MaterializeResult:
        from ..flows.content.new_listings import plan_new
        from ..flows.content.publish import refresh

        started = connections.instruments.clock()
        with failures():
            done = refresh(connections, name, context.run.run_id, read=WHOLE_TAG in context.run.tags)
            try:
                new = _describe_new(plan_new(connections, name, context.run.run_id))
            except SettingsError as error:  # the listings that exist go on; published_content fails by it at its end
                new = {"new listings": str(error)}
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": len(done.rows),
                "dagster/uri": "postgresql:///commerce.content_changes",
                **_describe_compared(done),
                **new,
                "seconds": round(connections.instruments.clock() - started, 2),
                "difference": build_difference(done),
            }
        )

    return content_changes


def published_asset(channel: ChannelSettings, owner: str) -> dg.AssetsDefinition:
    """`<channel>/published_content`: what was agreed to, told; and whether the channel is in line then."""
    name, kind = channel.name, str(channel.__struct_config__.tag)
    key = dg.AssetKey([name, "published_content"])
    waits = (
        f"A plan waits until a person agrees to it: `commerce-pipelines release {name} --flow content`, or materialise "
        "this with `release: true`."
        if channel.content.approve
        else "A plan that looks like a mistake waits for a person."
    )

    @dg.asset(
        key=key,
        deps=[dg.AssetKey([name, "content_changes"])],
        kinds={kind, "python"},
        pool=f"{name}_content",
        retry_policy=RETRY,
        check_specs=[
            dg.AssetCheckSpec(
                "in_line",
                asset=key,
                description="Every linked listing shows what Odoo says in the fields that Odoo owns.",
            )
        ],
        description=f"Tells {name} the fields that differ, and records what became of each. {waits} A field that the "
        "channel shows otherwise by then is left alone and planned anew.",
        **labels(name, owner, FLOW, "load", NIGHTLY),
    )
    @in_our_words
    def published_content(
        context: dg.AssetExecutionContext, config: ContentConfig, connections: dg.ResourceParam[Connections]
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        from ..flows.content.publish import publish

        started = connections.instruments.clock()
        how: Any = {"run_id": context.run.run_id, "release": config.release, "dry_run": config.dry_run}
        with failures():
            done = publish(connections, name, **how)
            created, wrong = _create_new(connections, name, how)
        seconds = round(connections.instruments.clock() - started, 2)
        yield dg.MaterializeResult(asset_key=key, metadata=_describe_published(done, seconds) | created)
        yield check(done, key)
        if wrong:  # of new listings alone: what is published is told before the run fails
            with failures():
                raise wrong

    return published_content


def _create_new(
    connections: Connections, name: str, how: dict[str, Any]
) -> tuple[dict[str, Any], SettingsError | None]:
    """The metadata of new listings, and what is wrong in their settings."""
    from ..flows.content.new_listings import create

    try:
        return _describe_created(create(connections, name, **how)), None
    except SettingsError as error:
        return {"new listings": str(error)}, error


def _describe_compared(done: "Compared") -> dict[str, Any]:
    oldest = min((row.since for row in done.rows if row.action == "change" and row.since), default=None)
    return {
        "listings": done.listings,
        "in line": done.in_line,
        "in line, percent of linked": round(100 * done.in_line / done.linked, 1) if done.linked else 100.0,
        **counts(done.actions, "fields"),
        **counts(done.left, "left alone"),
        "oldest difference": oldest.isoformat() if oldest else "none",
        "pictures that would change": draw_pictures(done.pictures),
        "fields by what happens": dg.MetadataValue.md(bars(_sort(done.actions), "fields")),
    }


def _sort(figures: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(figures.items()))


def draw_pictures(pictures: "Sequence[Pictures]") -> dg.MetadataValue:
    """Before and after side by side, as a browser shows them; those of Odoo are links."""
    if not pictures:
        return dg.MetadataValue.text("none")
    lines = ["| listing | shows | would show |", "| --- | --- | --- |"]
    for row in pictures[:PICTURES_SHOWN]:
        title = SPECIAL.sub(" ", row.title or row.key)
        lines.append(f"| {title} | {_draw(row.before)} | {_draw(row.after)} |")
    more = len(pictures) - PICTURES_SHOWN
    return dg.MetadataValue.md("\n".join([*lines, *([f"\n… and {more} more"] if more > 0 else [])]))


def _draw(pictures: "Sequence[Seen]") -> str:
    drawn = [
        f"[new picture {place} in Odoo]({picture.link})" if picture.link
        else f"![picture {place}]({picture.address})" if picture.address else f"picture {place}"
        for place, picture in enumerate(pictures, 1)
    ]  # fmt: skip
    return " ".join(drawn) or "none"


def build_difference(done: "Compared") -> dg.MetadataValue:
    """Before and after of each field, those that would change first."""
    return build_table(COLUMNS, (
        (row.title or row.key, row.sku, row.field, cut(row.before), cut(row.after), row.code or row.action,
         f"{row.since:%Y-%m-%d %H:%M}" if row.since else "")
        for row in done.rows[:ROWS_SHOWN]
    ))  # fmt: skip


def cut(text: str) -> str:
    """The beginning of a long text."""
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]} …"


def _describe_published(done: "Published", seconds: float) -> dict[str, Any]:
    return {
        "dagster/row_count": done.planned,
        "dagster/uri": "postgresql:///commerce.effects",
        "dry run": done.dry,
        "plan": done.plan_digest or "nothing to change",
        "waits for a person": f"{done.held} fields: {done.why}" if done.held else "nothing",
        **counts(done.outcomes, "changes"),
        **_describe_compared(done.after),
        "seconds": seconds,
        "difference": build_difference(done.before),
    }


def _describe_new(planned: "Planned") -> dict[str, Any]:
    """Nothing where the settings want no new listings."""
    if not planned.enabled:
        return {}
    return {**counts(planned.states, "new listings"), "new listings": build_new(planned)}


def build_new(planned: "Planned") -> dg.MetadataValue:
    """One row for each listing that a person chose products for."""
    from ..flows.content.new_listings import describe_new

    return build_table(NEW_COLUMNS, (
        (", ".join(plan.skus[:5]), cut(describe_new(plan.listing)), plan.reason.code if plan.reason else plan.state)
        for plan in planned.plans[:ROWS_SHOWN]
    ))  # fmt: skip


def _describe_created(created: "Created") -> dict[str, Any]:
    if not created.planned.enabled:
        return {}
    return {
        **counts(created.outcomes, "new listings made"),
        "new listings that wait for a person": f"{created.held}: {created.why}" if created.held else "none",
        **_describe_new(created.planned),
    }


def check(done: "Published", asset_key: dg.AssetKey) -> dg.AssetCheckResult:
    """A difference that waits for a person, or that the channel refuses, makes a warning: nothing is lost by it."""
    out = done.after.linked - done.after.in_line
    return dg.AssetCheckResult(
        check_name="in_line",
        asset_key=asset_key,
        passed=not out,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{out} of {done.after.linked} linked listings differ from Odoo"
        + (f"; {done.held} fields wait for a person." if done.held else "."),
        metadata={"waits for a person": done.held},
    )
