"""Messages by the record they name: how long an order took from its message to Odoo."""

from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE INDEX notifications_record ON commerce.notifications (channel, topic, record_id)")


def downgrade() -> None:
    op.execute("DROP INDEX commerce.notifications_record")
