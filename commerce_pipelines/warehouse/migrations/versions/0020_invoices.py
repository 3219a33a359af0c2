"""How far each order is invoiced and paid in Odoo. A row is looked at again while `settled` is not what its order's
answer and the settings say. No personal data.
"""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE commerce.invoices (
    channel text NOT NULL,
    order_id text NOT NULL,
    day date NOT NULL,
    sale_id integer NOT NULL,
    digest text NOT NULL,
    state text NOT NULL,
    code text NOT NULL,
    currency text NOT NULL,
    total bigint NOT NULL,
    invoiced bigint NOT NULL,
    paid bigint NOT NULL,
    documents jsonb NOT NULL,
    delivered_at timestamptz,
    settled text NOT NULL,
    looked_at timestamptz NOT NULL,
    PRIMARY KEY (channel, order_id)
);
CREATE INDEX invoices_day ON commerce.invoices (channel, day);
"""


def upgrade() -> None:
    op.execute(TABLES)


def downgrade() -> None:
    op.execute("DROP TABLE commerce.invoices")
