"""Tables that grow by records are looked at after some thousands of changes, however large they are.

By itself PostgreSQL waits until a tenth has changed. Until then a channel that is new beside a million orders of others
has no row by its statistics, and what is read of it was compared row by row, four times as long for twice as many
orders."""

from alembic import op

revision = "0050"
down_revision = "0049"
branch_labels = None
depends_on = None

TABLES = (
    "snapshots", "subject_keys", "orders", "order_lines", "sale_orders", "exceptions", "effects", "returns", "refunds",
    "credit_notes", "return_pickings", "invoices", "shipments", "listings", "inventory_targets",
)  # fmt: skip
ROWS = 2_000


def upgrade() -> None:
    for table in TABLES:
        often = f"autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = {ROWS}"
        op.execute(f"ALTER TABLE commerce.{table} SET ({often})")


def downgrade() -> None:
    for table in TABLES:
        op.execute(
            f"ALTER TABLE commerce.{table} RESET (autovacuum_analyze_scale_factor, autovacuum_analyze_threshold)"
        )
