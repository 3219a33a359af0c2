"""What of each parcel that came back Odoo has moved, SKU by SKU, and how many of its transfers are dated; and when each
part of the daily look at a marketplace's own warehouses was done last.

Parcels on record have one transfer in most cases, which is dated.
"""

from alembic import op

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "ALTER TABLE commerce.fba_removals ADD COLUMN goods jsonb NOT NULL DEFAULT '[]',"
        " ADD COLUMN transfers integer NOT NULL DEFAULT 0"
    )
    op.execute("UPDATE commerce.fba_removals SET transfers = 1 WHERE moved <> 0")
    op.execute(
        "CREATE TABLE commerce.fba_parts_done (channel text NOT NULL, part text NOT NULL, done_at timestamptz NOT NULL,"
        " PRIMARY KEY (channel, part))"
    )


def downgrade() -> None:
    op.execute("DROP TABLE commerce.fba_parts_done")
    op.execute("ALTER TABLE commerce.fba_removals DROP COLUMN goods, DROP COLUMN transfers")
