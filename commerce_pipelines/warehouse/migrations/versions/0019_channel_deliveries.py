"""Which orders that a channel ships itself are taken over into Odoo, as far as it has shipped them.

The table holds no personal data.
"""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE TABLE commerce.channel_deliveries (channel text NOT NULL, order_id text NOT NULL,"
        " tried text NOT NULL DEFAULT '', settled text NOT NULL DEFAULT '', tried_at timestamptz NOT NULL,"
        " PRIMARY KEY (channel, order_id))"
    )


def downgrade() -> None:
    op.execute("DROP TABLE commerce.channel_deliveries")
