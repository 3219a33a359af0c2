"""Orders that a person has let go on although the marketplace calls them risky."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE TABLE commerce.accepted_orders (channel text NOT NULL, order_id text NOT NULL,"
        " accepted_at timestamptz NOT NULL, PRIMARY KEY (channel, order_id))"
    )


def downgrade() -> None:
    op.execute("DROP TABLE commerce.accepted_orders")
