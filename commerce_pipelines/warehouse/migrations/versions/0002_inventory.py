"""Stock, listings, targets and what was published: snapshots of now, not partitioned; only pushes keep their history.

Quantities of Odoo are double precision as Odoo gives them, those of listings bigint. No table holds personal data.
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE commerce.stock_warehouses (
    code text PRIMARY KEY,
    name text NOT NULL,
    taken_at timestamptz NOT NULL
);

CREATE TABLE commerce.stock_levels (
    product_id bigint NOT NULL,
    code text NOT NULL,
    kind text NOT NULL,
    warehouse text NOT NULL,
    on_hand double precision NOT NULL,
    reserved double precision NOT NULL,
    demand double precision NOT NULL,
    incoming double precision NOT NULL,
    free double precision NOT NULL,
    negative boolean NOT NULL,
    components text,
    category text NOT NULL,
    taken_at timestamptz NOT NULL,
    PRIMARY KEY (product_id, warehouse)
);

CREATE TABLE commerce.listings (
    channel text NOT NULL,
    key text NOT NULL,
    sku text NOT NULL,
    location text NOT NULL,
    title text NOT NULL,
    quantity bigint,
    fulfilled_by text NOT NULL,
    active boolean NOT NULL,
    reference text NOT NULL,
    read_at timestamptz NOT NULL,
    PRIMARY KEY (channel, key)
);

CREATE TABLE commerce.inventory_targets (
    channel text NOT NULL,
    key text NOT NULL,
    sku text NOT NULL,
    location text NOT NULL,
    product_id bigint,
    code text NOT NULL,
    units bigint NOT NULL,
    free bigint,
    in_pipe bigint,
    reserve bigint,
    share bigint,
    cap bigint,
    end_below bigint,
    target bigint,
    reason text NOT NULL,
    changed_at timestamptz NOT NULL,
    taken_at timestamptz NOT NULL,
    PRIMARY KEY (channel, key)
);

CREATE SEQUENCE commerce.push_sequence;
CREATE TABLE commerce.published_inventory (
    channel text NOT NULL,
    key text NOT NULL,
    sequence bigint NOT NULL,
    sku text NOT NULL,
    location text NOT NULL,
    before bigint,
    quantity bigint NOT NULL,
    free bigint NOT NULL,
    token text NOT NULL,
    status text NOT NULL,
    code text NOT NULL DEFAULT '',
    message text NOT NULL DEFAULT '',
    run_id text NOT NULL,
    taken_at timestamptz NOT NULL,
    started_at timestamptz NOT NULL,
    settled_at timestamptz,
    unsure_at timestamptz,
    PRIMARY KEY (channel, key, sequence)
);
CREATE INDEX published_inventory_started ON commerce.published_inventory (channel, started_at);

CREATE TABLE commerce.inventory_runs (
    channel text NOT NULL,
    at timestamptz NOT NULL,
    run_id text NOT NULL,
    taken_at timestamptz NOT NULL,
    listings bigint NOT NULL,
    changed bigint NOT NULL,
    zeroed bigint NOT NULL,
    read bigint NOT NULL,
    outcomes text NOT NULL,
    PRIMARY KEY (channel, at)
);

CREATE TABLE commerce.inventory_stops (
    channel text NOT NULL,
    stopped_at timestamptz NOT NULL,
    run_id text NOT NULL,
    reasons text NOT NULL,
    read bigint NOT NULL,
    plan text NOT NULL,
    released_at timestamptz,
    released_by text,
    used_at timestamptz,
    PRIMARY KEY (channel, stopped_at)
);

CREATE VIEW commerce.inventory_beliefs AS
SELECT l.channel, l.key, l.sku, l.quantity, l.read_at, p.quantity AS last_quantity, p.status AS last_status,
    p.started_at AS last_at, u.unanswered_at, u.pending_at
FROM commerce.listings l
LEFT JOIN (
    SELECT DISTINCT ON (channel, key) channel, key, quantity, status, started_at
    FROM commerce.published_inventory ORDER BY channel, key, sequence DESC
) p USING (channel, key)
LEFT JOIN (
    SELECT channel, key, max(greatest(unsure_at, CASE WHEN status = 'sent' THEN started_at END)) AS unanswered_at,
        max(CASE WHEN status = 'pending' THEN started_at END) AS pending_at
    FROM commerce.published_inventory WHERE status IN ('sent', 'pending') OR unsure_at IS NOT NULL GROUP BY channel, key
) u USING (channel, key);

CREATE INDEX order_snapshots_seen ON commerce.order_snapshots (channel, first_seen);

-- When a row of the ledger was written, by the database's clock: an order counts as in Odoo for a stock read only if
-- the ledger knew it before that read began.
ALTER TABLE commerce.sale_orders ADD recorded_at timestamptz NOT NULL DEFAULT clock_timestamp();
CREATE FUNCTION commerce.stamp_recorded_at() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN NEW.recorded_at := clock_timestamp(); RETURN NEW; END $$;
CREATE TRIGGER recorded_at BEFORE INSERT OR UPDATE ON commerce.sale_orders
    FOR EACH ROW EXECUTE FUNCTION commerce.stamp_recorded_at();
"""


def upgrade() -> None:
    op.execute(TABLES)


def downgrade() -> None:
    op.execute(
        "DROP TRIGGER recorded_at ON commerce.sale_orders; DROP FUNCTION commerce.stamp_recorded_at;"
        " ALTER TABLE commerce.sale_orders DROP recorded_at; DROP INDEX commerce.order_snapshots_seen;"
        " DROP VIEW commerce.inventory_beliefs; DROP TABLE commerce.inventory_stops, commerce.inventory_runs,"
        " commerce.published_inventory, commerce.inventory_targets, commerce.listings, commerce.stock_levels,"
        " commerce.stock_warehouses; DROP SEQUENCE commerce.push_sequence"
    )
