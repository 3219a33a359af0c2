"""A row of the ledger may keep since when it says that an order is in Odoo, though it is written anew: an order that
one run created and the next found unchanged was held back a second time, until stock was read once more."""

from alembic import op

revision = "0051"
down_revision = "0050"
branch_labels = None
depends_on = None

STAMP = """
CREATE OR REPLACE FUNCTION commerce.stamp_recorded_at() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN {condition} NEW.recorded_at := clock_timestamp(); {end} RETURN NEW; END $$
"""


def upgrade() -> None:
    op.execute("ALTER TABLE commerce.sale_orders ALTER recorded_at DROP DEFAULT")
    op.execute(STAMP.format(condition="IF TG_OP = 'UPDATE' OR NEW.recorded_at IS NULL THEN", end="END IF;"))


def downgrade() -> None:
    op.execute(STAMP.format(condition="", end=""))
    op.execute("ALTER TABLE commerce.sale_orders ALTER recorded_at SET DEFAULT clock_timestamp()")
