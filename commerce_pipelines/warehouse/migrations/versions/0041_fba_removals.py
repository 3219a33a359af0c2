"""Parcels that a marketplace sends back from its own warehouses; what Odoo moved of them is told by the audit.

Rows hold the merchant's own removal orders and tracking numbers, and no personal data.
"""

from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE commerce.fba_removals (
    channel text NOT NULL,
    key text NOT NULL,
    order_id text NOT NULL,
    shipped_on date NOT NULL,
    carrier text NOT NULL,
    tracking text NOT NULL,
    units integer NOT NULL,
    moved double precision NOT NULL,
    code text NOT NULL,
    read_at timestamptz NOT NULL,
    PRIMARY KEY (channel, key)
);
CREATE FUNCTION commerce.audit_fba_removals() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.moved <> 0 AND (TG_OP = 'INSERT' OR OLD.moved IS DISTINCT FROM NEW.moved) THEN
        INSERT INTO commerce.audit (action, account, topic, record, details)
        VALUES ('goods sent back', NEW.channel, 'inbound', NEW.order_id,
                jsonb_build_object('moved', NEW.moved, 'parcel', NEW.key));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER audited AFTER INSERT OR UPDATE OF moved ON commerce.fba_removals
    FOR EACH ROW EXECUTE FUNCTION commerce.audit_fba_removals();
"""


def upgrade() -> None:
    op.execute(TABLES)


def downgrade() -> None:
    op.execute("DROP TABLE commerce.fba_removals")
    op.execute("DROP FUNCTION commerce.audit_fba_removals()")
