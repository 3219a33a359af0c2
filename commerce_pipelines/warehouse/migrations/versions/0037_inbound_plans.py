"""Inbound plans: goods that a transfer takes to a marketplace's own warehouses, and how far the marketplace's plan is.

Rows hold SKUs, figures, ids and names of transfers, and no personal data. A plan that a person agreed to, that was made
or was cancelled is told by the audit; its steps are told by the outbox.
"""

from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE commerce.inbound_plans (
    channel text NOT NULL,
    name text NOT NULL,
    picking bigint NOT NULL,
    transfer text NOT NULL,
    goods text NOT NULL,
    consignment jsonb NOT NULL,
    progress jsonb NOT NULL,
    plan_id text NOT NULL,
    state text NOT NULL,
    code text NOT NULL,
    tries integer NOT NULL,
    retry_at timestamptz,
    is_over boolean NOT NULL,
    made_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (channel, name)
);
CREATE INDEX inbound_plans_open ON commerce.inbound_plans (channel) WHERE NOT is_over;
CREATE INDEX inbound_plans_picking ON commerce.inbound_plans (channel, picking);
CREATE FUNCTION commerce.audit_inbound_plans() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' OR OLD.state IS DISTINCT FROM NEW.state THEN
        INSERT INTO commerce.audit (action, account, topic, record, details)
        VALUES ('inbound plan', NEW.channel, 'inbound', NEW.name,
                jsonb_build_object('state', NEW.state, 'transfer', NEW.transfer));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER audited AFTER INSERT OR UPDATE OF state ON commerce.inbound_plans
    FOR EACH ROW EXECUTE FUNCTION commerce.audit_inbound_plans();
"""


def upgrade() -> None:
    op.execute(TABLES)


def downgrade() -> None:
    op.execute("DROP TABLE commerce.inbound_plans")
    op.execute("DROP FUNCTION commerce.audit_inbound_plans()")
