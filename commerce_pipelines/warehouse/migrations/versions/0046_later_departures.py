"""Which countries the marketplace's ledger named later for orders that were decided otherwise."""

from alembic import op

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE commerce.order_departures ADD COLUMN later text[] NOT NULL DEFAULT '{}'")
    op.execute("CREATE INDEX order_departures_decided ON commerce.order_departures (channel, decided_at)")


def downgrade() -> None:
    op.execute("DROP INDEX commerce.order_departures_decided")
    op.execute("ALTER TABLE commerce.order_departures DROP COLUMN later")
