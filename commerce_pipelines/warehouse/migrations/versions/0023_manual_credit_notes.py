"""Credit notes that people made of a channel's orders, and how far Odoo was read for them.

A row is due while it is not `settled`. No table holds personal data: a credit note is its number, ids and figures.
"""

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE commerce.manual_credit_notes (
    channel text NOT NULL,
    odoo_id integer NOT NULL,
    order_id text NOT NULL,
    sale_id integer NOT NULL,
    name text NOT NULL,
    day date NOT NULL,
    written_at text NOT NULL,
    state text NOT NULL DEFAULT '',
    code text NOT NULL DEFAULT '',
    currency text NOT NULL DEFAULT '',
    total bigint NOT NULL DEFAULT 0,
    settled boolean NOT NULL DEFAULT false,
    first_seen timestamptz NOT NULL,
    looked_at timestamptz NOT NULL,
    PRIMARY KEY (channel, odoo_id)
);
CREATE INDEX manual_credit_notes_due ON commerce.manual_credit_notes (channel, day) WHERE NOT settled;
CREATE INDEX manual_credit_notes_order ON commerce.manual_credit_notes (channel, order_id);
CREATE TABLE commerce.credit_note_readings (
    channel text PRIMARY KEY,
    written_at timestamptz NOT NULL
);
CREATE INDEX refunds_of_order ON commerce.effects (target, (body->>'order_id')) WHERE kind = 'refund';
"""


def upgrade() -> None:
    op.execute(TABLES)


def downgrade() -> None:
    op.execute(
        "DROP INDEX commerce.refunds_of_order; DROP TABLE commerce.manual_credit_notes, commerce.credit_note_readings"
    )
