"""Stock and targets as they were: a row for each span in which a figure stayed, and when Odoo's stock was read."""

from alembic import op

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE commerce.stock_readings (
    company bigint NOT NULL,
    taken_at timestamptz NOT NULL,
    PRIMARY KEY (company, taken_at)
);

-- until: the reading that found other figures, NULL while they stay.
CREATE TABLE commerce.stock_level_history (
    company bigint NOT NULL,
    product_id bigint NOT NULL,
    warehouse text NOT NULL,
    since timestamptz NOT NULL,
    until timestamptz,
    code text NOT NULL,
    kind text NOT NULL,
    on_hand double precision NOT NULL,
    reserved double precision NOT NULL,
    demand double precision NOT NULL,
    free double precision NOT NULL,
    components text,
    PRIMARY KEY (company, product_id, warehouse, since)
);
CREATE INDEX stock_level_history_until ON commerce.stock_level_history (until);
CREATE INDEX stock_level_history_open ON commerce.stock_level_history (company, product_id, warehouse)
    WHERE until IS NULL;
CREATE INDEX stock_level_history_kits ON commerce.stock_level_history (company, since) WHERE kind = 'kit';

CREATE TABLE commerce.inventory_target_history (
    channel text NOT NULL,
    key text NOT NULL,
    since timestamptz NOT NULL,
    until timestamptz,
    company bigint NOT NULL,
    product_id bigint,
    free bigint,
    in_pipe bigint,
    target bigint,
    reason text NOT NULL,
    PRIMARY KEY (channel, key, since)
);
CREATE INDEX inventory_target_history_until ON commerce.inventory_target_history (until);
CREATE INDEX inventory_target_history_open ON commerce.inventory_target_history (channel, key) WHERE until IS NULL;
"""


def upgrade() -> None:
    op.execute(TABLES)


def downgrade() -> None:
    op.execute("DROP TABLE commerce.inventory_target_history, commerce.stock_level_history, commerce.stock_readings")
