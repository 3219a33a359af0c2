"""Returns and refunds: staged rows, the ledgers of what became of them in Odoo, and the daily proof. No personal data.

A backfill has a topic, so that old days of refunds are fetched without old days of orders.
"""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

UP = """
CREATE TABLE commerce.returns (
    channel text NOT NULL,
    return_id text NOT NULL,
    order_id text NOT NULL,
    day date NOT NULL,
    digest text NOT NULL,
    subject_id text NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    state text NOT NULL,
    rma text NOT NULL,
    fulfilled_by text NOT NULL,
    line_count integer NOT NULL,
    units bigint NOT NULL,
    received bigint NOT NULL,
    PRIMARY KEY (channel, return_id)
);
CREATE INDEX returns_day ON commerce.returns (channel, day);
CREATE INDEX returns_order ON commerce.returns (channel, order_id);

CREATE TABLE commerce.return_lines (
    channel text NOT NULL,
    return_id text NOT NULL,
    order_id text NOT NULL,
    day date NOT NULL,
    position integer NOT NULL,
    line_id text NOT NULL,
    order_line_id text NOT NULL,
    sku text NOT NULL,
    quantity bigint NOT NULL,
    received bigint NOT NULL,
    disposition text NOT NULL,
    reason text NOT NULL,
    unit text NOT NULL,
    PRIMARY KEY (channel, return_id, line_id)
);
CREATE INDEX return_lines_day ON commerce.return_lines (channel, day);

CREATE TABLE commerce.refunds (
    channel text NOT NULL,
    refund_id text NOT NULL,
    order_id text NOT NULL,
    day date NOT NULL,
    digest text NOT NULL,
    subject_id text NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    state text NOT NULL,
    currency text NOT NULL,
    total bigint NOT NULL,
    collected bigint NOT NULL,
    return_id text NOT NULL,
    reason text NOT NULL,
    line_count integer NOT NULL,
    PRIMARY KEY (channel, refund_id)
);
CREATE INDEX refunds_day ON commerce.refunds (channel, day);
CREATE INDEX refunds_order ON commerce.refunds (channel, order_id);

CREATE TABLE commerce.refund_lines (
    channel text NOT NULL,
    refund_id text NOT NULL,
    order_id text NOT NULL,
    day date NOT NULL,
    position integer NOT NULL,
    line_id text NOT NULL,
    kind text NOT NULL,
    amount bigint NOT NULL,
    tax bigint,
    order_line_id text NOT NULL,
    sku text NOT NULL,
    quantity bigint NOT NULL,
    is_returned boolean,
    PRIMARY KEY (channel, refund_id, line_id)
);
CREATE INDEX refund_lines_day ON commerce.refund_lines (channel, day);

CREATE TABLE commerce.credit_notes (
    channel text NOT NULL,
    refund_id text NOT NULL,
    order_id text NOT NULL,
    day date NOT NULL,
    digest text NOT NULL,
    action text NOT NULL,
    odoo_id integer,
    name text NOT NULL,
    state text NOT NULL,
    payment_state text NOT NULL,
    currency text NOT NULL,
    total bigint NOT NULL,
    amount_total bigint NOT NULL,
    amount_tax bigint NOT NULL,
    code text NOT NULL,
    message text NOT NULL,
    loaded_at timestamptz NOT NULL,
    PRIMARY KEY (channel, refund_id)
);
CREATE INDEX credit_notes_day ON commerce.credit_notes (channel, day);
CREATE INDEX credit_notes_order ON commerce.credit_notes (channel, order_id);

CREATE TABLE commerce.return_pickings (
    channel text NOT NULL,
    return_id text NOT NULL,
    order_id text NOT NULL,
    day date NOT NULL,
    digest text NOT NULL,
    action text NOT NULL,
    pickings text NOT NULL,
    received bigint NOT NULL,
    code text NOT NULL,
    message text NOT NULL,
    loaded_at timestamptz NOT NULL,
    PRIMARY KEY (channel, return_id)
);
CREATE INDEX return_pickings_day ON commerce.return_pickings (channel, day);
CREATE INDEX return_pickings_order ON commerce.return_pickings (channel, order_id);

CREATE TABLE commerce.refund_proofs (
    channel text NOT NULL,
    day date NOT NULL,
    currency text NOT NULL,
    refunds_in_channel integer NOT NULL,
    credit_notes_in_odoo integer NOT NULL,
    exceptions integer NOT NULL,
    missing text NOT NULL,
    surplus text NOT NULL,
    channel_total bigint NOT NULL,
    odoo_total bigint NOT NULL,
    collected bigint NOT NULL,
    proved_at timestamptz NOT NULL,
    PRIMARY KEY (channel, day, currency)
);

ALTER TABLE commerce.backfills ADD topic text NOT NULL DEFAULT 'orders';
ALTER TABLE commerce.backfills DROP CONSTRAINT backfills_pkey;
ALTER TABLE commerce.backfills ADD PRIMARY KEY (channel, topic, first_day, last_day);
"""

DOWN = """
DELETE FROM commerce.backfills WHERE topic <> 'orders';
ALTER TABLE commerce.backfills DROP CONSTRAINT backfills_pkey;
ALTER TABLE commerce.backfills DROP topic;
ALTER TABLE commerce.backfills ADD PRIMARY KEY (channel, first_day, last_day);
DROP TABLE commerce.refund_proofs, commerce.return_pickings, commerce.credit_notes, commerce.refund_lines,
    commerce.refunds, commerce.return_lines, commerce.returns;
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute(DOWN)
