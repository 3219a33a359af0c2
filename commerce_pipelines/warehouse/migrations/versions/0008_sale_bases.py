"""What the channel said of an order at its last load: later answers are compared with that, not with Odoo."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE commerce.sale_orders ADD base text NOT NULL DEFAULT ''")


def downgrade() -> None:
    op.execute("ALTER TABLE commerce.sale_orders DROP base")
