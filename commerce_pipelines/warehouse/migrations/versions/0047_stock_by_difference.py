"""When stock was read is kept once for a company and once for a channel's targets, so that a reading writes only rows
that differ from the one before."""

from alembic import op

revision = "0047"
down_revision = "0046"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE commerce.target_readings (channel text PRIMARY KEY, taken_at timestamptz NOT NULL)")
    op.execute(
        "INSERT INTO commerce.target_readings SELECT channel, max(taken_at) FROM commerce.inventory_targets GROUP BY 1"
    )
    op.execute("ALTER TABLE commerce.inventory_targets DROP COLUMN taken_at")
    op.execute("ALTER TABLE commerce.stock_levels DROP COLUMN taken_at")


def downgrade() -> None:
    for table in ("inventory_targets", "stock_levels"):
        op.execute(f"ALTER TABLE commerce.{table} ADD COLUMN taken_at timestamptz")
    op.execute(
        "UPDATE commerce.inventory_targets t SET taken_at = coalesce(r.taken_at, t.changed_at)"
        " FROM commerce.inventory_targets o LEFT JOIN commerce.target_readings r USING (channel)"
        " WHERE (o.channel, o.key) = (t.channel, t.key)"
    )
    op.execute(
        "UPDATE commerce.stock_levels l SET taken_at = coalesce((SELECT max(w.taken_at)"
        " FROM commerce.stock_warehouses w WHERE w.company = l.company), clock_timestamp())"
    )
    for table in ("inventory_targets", "stock_levels"):
        op.execute(f"ALTER TABLE commerce.{table} ALTER COLUMN taken_at SET NOT NULL")
    op.execute("DROP TABLE commerce.target_readings")
