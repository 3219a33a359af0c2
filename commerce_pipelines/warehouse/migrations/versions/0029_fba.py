"""A marketplace's own warehouses: its ledger by whole days, what its stores show, and what Odoo differs by.

Rows hold SKUs, places, shipment numbers and figures, and no personal data.
"""

from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE commerce.fba_ledger_days (
    channel text NOT NULL,
    day date NOT NULL,
    read_at timestamptz NOT NULL,
    compared_at timestamptz,
    PRIMARY KEY (channel, day)
);
CREATE TABLE commerce.fba_ledger_events (
    channel text NOT NULL,
    day date NOT NULL,
    msku text NOT NULL,
    name text NOT NULL,
    quantity integer NOT NULL,
    fnsku text NOT NULL,
    asin text NOT NULL,
    reference text NOT NULL,
    centre text NOT NULL,
    country text NOT NULL,
    disposition text NOT NULL,
    reason text NOT NULL,
    is_known boolean NOT NULL,
    number integer NOT NULL
);
CREATE INDEX fba_ledger_events_day ON commerce.fba_ledger_events (channel, day, msku);
CREATE TABLE commerce.fba_ledger_balances (
    channel text NOT NULL,
    day date NOT NULL,
    msku text NOT NULL,
    fnsku text NOT NULL,
    disposition text NOT NULL,
    place text NOT NULL,
    starts integer NOT NULL,
    ends integer NOT NULL,
    in_transit integer NOT NULL,
    receipts integer NOT NULL,
    shipments integer NOT NULL,
    returns integer NOT NULL,
    removals integer NOT NULL,
    transfers integer NOT NULL,
    found integer NOT NULL,
    lost integer NOT NULL,
    damaged integer NOT NULL,
    disposed integer NOT NULL,
    other integer NOT NULL,
    unknown integer NOT NULL,
    PRIMARY KEY (channel, day, msku, fnsku, disposition, place)
);
CREATE TABLE commerce.fba_inventory (
    channel text NOT NULL,
    marketplace text NOT NULL,
    msku text NOT NULL,
    fnsku text NOT NULL,
    asin text NOT NULL,
    total integer NOT NULL,
    fulfillable integer NOT NULL,
    inbound_working integer NOT NULL,
    inbound_shipped integer NOT NULL,
    inbound_receiving integer NOT NULL,
    reserved integer NOT NULL,
    researching integer NOT NULL,
    unfulfillable integer NOT NULL,
    read_at timestamptz NOT NULL
);
CREATE INDEX fba_inventory_sku ON commerce.fba_inventory (channel, marketplace, msku);
CREATE TABLE commerce.fba_reconciliation (
    channel text NOT NULL,
    day date NOT NULL,
    product bigint NOT NULL,
    code text NOT NULL,
    mskus text[] NOT NULL,
    marketplace double precision NOT NULL,
    odoo double precision NOT NULL,
    difference double precision NOT NULL,
    agreed_on date NOT NULL,
    before double precision NOT NULL,
    by_event jsonb NOT NULL,
    details jsonb NOT NULL,
    is_open boolean NOT NULL,
    PRIMARY KEY (channel, day, product)
);
"""


def upgrade() -> None:
    op.execute(TABLES)


def downgrade() -> None:
    for table in ("fba_reconciliation", "fba_inventory", "fba_ledger_balances", "fba_ledger_events", "fba_ledger_days"):
        op.execute(f"DROP TABLE commerce.{table}")
