"""What Odoo has delivered of the channels' orders, and how far it is read.

A row is due while `settled` is not its `digest`. No table holds personal data: a delivery is ids, figures and tracking
numbers.
"""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE commerce.shipments (
    channel text NOT NULL,
    order_id text NOT NULL,
    odoo_id integer NOT NULL,
    name text NOT NULL,
    deliveries integer NOT NULL,
    shipped_at timestamptz NOT NULL,
    body jsonb NOT NULL,
    digest text NOT NULL,
    read_at timestamptz NOT NULL,
    tried text NOT NULL DEFAULT '',
    settled text NOT NULL DEFAULT '',
    settled_at timestamptz,
    PRIMARY KEY (channel, order_id)
);
CREATE INDEX shipments_due ON commerce.shipments (channel, shipped_at) WHERE settled <> digest;
CREATE TABLE commerce.shipment_readings (
    company integer PRIMARY KEY,
    written_at timestamptz NOT NULL,
    seen text NOT NULL,
    seen_at timestamptz NOT NULL
);
CREATE INDEX effects_of_order ON commerce.effects (target, (body->>'order_id')) WHERE kind IN ('shipment', 'tracking');
CREATE INDEX sale_orders_odoo_id ON commerce.sale_orders (odoo_id) WHERE odoo_id IS NOT NULL;
"""


def upgrade() -> None:
    op.execute(TABLES)


def downgrade() -> None:
    op.execute(
        "DROP INDEX commerce.sale_orders_odoo_id; DROP INDEX commerce.effects_of_order;"
        " DROP TABLE commerce.shipments, commerce.shipment_readings"
    )
