"""Which country orders were decided to leave from by the marketplace's ledger; rows hold no personal data."""

from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE TABLE commerce.order_departures (channel text NOT NULL, order_id text NOT NULL, country text NOT NULL,"
        " countries text[] NOT NULL, source text NOT NULL, decided_at timestamptz NOT NULL,"
        " PRIMARY KEY (channel, order_id))"
    )


def downgrade() -> None:
    op.execute("DROP TABLE commerce.order_departures")
