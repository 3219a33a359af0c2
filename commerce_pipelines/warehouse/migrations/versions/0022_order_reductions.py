"""What refunds took off orders before anything of it was delivered or invoiced, and the part of a refund that is set
off against other goods. No personal data.
"""

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE commerce.order_reductions (
    channel text NOT NULL,
    refund_id text NOT NULL,
    order_id text NOT NULL,
    currency text NOT NULL,
    total bigint NOT NULL,
    cuts text NOT NULL,
    planned_at timestamptz NOT NULL,
    applied_at timestamptz,
    PRIMARY KEY (channel, refund_id)
);
CREATE INDEX order_reductions_order ON commerce.order_reductions (channel, order_id);
ALTER TABLE commerce.refunds ADD COLUMN set_off bigint NOT NULL DEFAULT 0;
"""


def upgrade() -> None:
    op.execute(TABLES)


def downgrade() -> None:
    op.execute("DROP TABLE commerce.order_reductions; ALTER TABLE commerce.refunds DROP COLUMN set_off")
