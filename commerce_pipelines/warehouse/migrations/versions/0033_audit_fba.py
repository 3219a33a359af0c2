"""What was received of a shipment to a marketplace's warehouse is told by the audit."""

from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

CHANGE = """
ALTER TABLE commerce.fba_shipments ADD COLUMN booked double precision NOT NULL DEFAULT 0;
CREATE FUNCTION commerce.audit_fba_shipments() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.booked <> 0 AND (TG_OP = 'INSERT' OR OLD.booked IS DISTINCT FROM NEW.booked) THEN
        INSERT INTO commerce.audit (action, account, topic, record, details)
        VALUES ('goods received', NEW.channel, 'inbound', NEW.shipment_id, jsonb_build_object('received', NEW.booked));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER audited AFTER INSERT OR UPDATE OF booked ON commerce.fba_shipments
    FOR EACH ROW EXECUTE FUNCTION commerce.audit_fba_shipments();
"""


def upgrade() -> None:
    op.execute(CHANGE)


def downgrade() -> None:
    op.execute("DROP FUNCTION commerce.audit_fba_shipments() CASCADE")
    op.execute("ALTER TABLE commerce.fba_shipments DROP COLUMN booked")
