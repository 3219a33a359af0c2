"""Refunds that cannot be read, with what is certain of them: a person credits them by hand.

A row goes when its refund can be read. It holds ids and figures, and no personal data.
"""

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

TABLE = """
CREATE TABLE commerce.unread_refunds (
    channel text NOT NULL,
    refund_id text NOT NULL,
    order_id text NOT NULL,
    day date NOT NULL,
    digest text NOT NULL,
    code text NOT NULL,
    currency text NOT NULL,
    total bigint,
    PRIMARY KEY (channel, refund_id)
);
CREATE INDEX unread_refunds_order ON commerce.unread_refunds (channel, order_id);
"""


def upgrade() -> None:
    op.execute(TABLE)


def downgrade() -> None:
    op.execute("DROP TABLE commerce.unread_refunds")
