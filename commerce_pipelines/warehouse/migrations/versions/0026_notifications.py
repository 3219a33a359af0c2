"""Messages that marketplaces sent: ids only, one row per message however often it comes.

A body that comes again under another delivery id is the same message, because delivery ids are not signed by Shopify.
"""

from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE TABLE commerce.notifications (channel text NOT NULL, delivery_id text NOT NULL, digest bytea NOT NULL,"
        " event text NOT NULL, topic text NOT NULL, record_id text NOT NULL, changed_at timestamptz,"
        " asks text NOT NULL, subjects text[] NOT NULL, orders text[] NOT NULL,"
        " received_at timestamptz NOT NULL DEFAULT clock_timestamp(), handled_at timestamptz,"
        " PRIMARY KEY (channel, delivery_id), UNIQUE (channel, digest))"
    )
    op.execute(
        "CREATE INDEX notifications_open ON commerce.notifications (channel, topic, received_at)"
        " WHERE handled_at IS NULL"
    )
    op.execute("CREATE INDEX notifications_event ON commerce.notifications (channel, event, received_at)")


def downgrade() -> None:
    op.execute("DROP TABLE commerce.notifications")
