"""Shipments to a marketplace's own warehouses: what was counted of them, and what Odoo has received.

Rows hold numbers of shipments, SKUs and figures, and no personal data.
"""

from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE commerce.fba_shipments (
    channel text NOT NULL,
    shipment_id text NOT NULL,
    status text NOT NULL,
    centre text NOT NULL,
    transfers text[] NOT NULL,
    arrived_on date,
    read_at timestamptz NOT NULL,
    PRIMARY KEY (channel, shipment_id)
);
CREATE TABLE commerce.fba_shipment_counts (
    channel text NOT NULL,
    shipment_id text NOT NULL,
    product bigint NOT NULL,
    code text NOT NULL,
    mskus text[] NOT NULL,
    shipped double precision NOT NULL,
    received double precision NOT NULL,
    booked double precision NOT NULL,
    on_road double precision NOT NULL,
    PRIMARY KEY (channel, shipment_id, product)
);
"""


def upgrade() -> None:
    op.execute(TABLES)


def downgrade() -> None:
    op.execute("DROP TABLE commerce.fba_shipment_counts, commerce.fba_shipments")
