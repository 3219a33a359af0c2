"""The audit: who did what to which record, append-only, without personal data.

The ledgers and the outbox write it by triggers, in the same transaction, so that no path can forget it. `actor` is what
the session says (`commerce.actor`), `role` who logged in. The column of the channel is not called so, because renaming
a channel changes no past row.
"""

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

TABLE = """
CREATE TABLE commerce.audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor text NOT NULL DEFAULT coalesce(nullif(current_setting('commerce.actor', true), ''), 'process'),
    role text NOT NULL DEFAULT session_user,
    action text NOT NULL,
    account text NOT NULL DEFAULT '',
    topic text NOT NULL DEFAULT '',
    record text NOT NULL DEFAULT '',
    details jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_record ON commerce.audit (record, account, topic, id DESC);
CREATE INDEX audit_at ON commerce.audit (at);

CREATE FUNCTION commerce.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'commerce.audit is append-only' USING ERRCODE = 'insufficient_privilege'; END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON commerce.audit
    FOR EACH STATEMENT EXECUTE FUNCTION commerce.refuse_change();
"""

# (table, what a row is called, its key, topic, actions that changed something in Odoo, what is told of it)
LEDGERS = (
    ("sale_orders", "sale order", "order_id", "orders", "'created', 'confirmed', 'changed', 'cancelled'", "odoo_id"),
    ("credit_notes", "credit note", "refund_id", "refunds", "'created', 'changed', 'recognised'", "odoo_id"),
    ("return_pickings", "return", "return_id", "returns", "'opened', 'received', 'cancelled'", "received"),
)
# A run that looks at a cancelled record again finds it cancelled again: that is told once. What changes a row without a
# load (another name of the channel, a stripped field) tells of nothing.
LEDGER = """
CREATE FUNCTION commerce.audit_{table}_{when}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO commerce.audit (action, account, topic, record, details)
    SELECT '{what} ' || f.action, f.channel, '{topic}', f.{key}, jsonb_build_object('{fact}', f.{fact})
    FROM {source} WHERE f.action IN ({actions}) AND ('{fact}' <> 'odoo_id' OR f.{fact} IS NOT NULL)
    AND NOT (f.action = 'cancelled' AND '{what} cancelled' IS NOT DISTINCT FROM (SELECT a.action FROM commerce.audit a
        WHERE a.record = f.{key} AND a.account = f.channel AND a.topic = '{topic}' ORDER BY a.id DESC LIMIT 1))
    ORDER BY f.{key};
    RETURN NULL;
END $$;
CREATE TRIGGER audited_{when} AFTER {when} ON commerce.{table} REFERENCING {referencing}
    FOR EACH STATEMENT EXECUTE FUNCTION commerce.audit_{table}_{when}();
"""
WRITES = {
    "insert": ("NEW TABLE AS fresh", "fresh f"),
    "update": (
        "NEW TABLE AS fresh OLD TABLE AS before",
        "fresh f JOIN before b ON b.channel = f.channel AND b.{key} = f.{key} AND b.loaded_at <> f.loaded_at",
    ),
}

# Quantities are counted, because thousands may go out at once; every other call is told by its record.
PUSHES = """
CREATE FUNCTION commerce.audit_attempts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO commerce.audit (action, account, topic, record, details)
    SELECT e.kind || ' ' || f.outcome, e.target, e.kind, CASE e.kind WHEN 'quantity' THEN '' ELSE e.key END,
        jsonb_build_object('count', count(*), 'code', min(f.code))
    FROM fresh f JOIN before b USING (effect, number) JOIN commerce.effects e ON e.sequence = f.effect
    WHERE f.outcome IS DISTINCT FROM b.outcome AND f.outcome IS NOT NULL
    GROUP BY e.kind, f.outcome, e.target, CASE e.kind WHEN 'quantity' THEN '' ELSE e.key END ORDER BY 2, 4;
    RETURN NULL;
END $$;
CREATE TRIGGER audited AFTER UPDATE ON commerce.attempts REFERENCING NEW TABLE AS fresh OLD TABLE AS before
    FOR EACH STATEMENT EXECUTE FUNCTION commerce.audit_attempts();
"""

# (table, when, condition, action, account, topic, record, details): one row tells of one event.
EVENTS = (
    ("invoices", "INSERT OR UPDATE", "NEW.invoiced <> 0 OR NEW.paid <> 0", "'invoiced'", "NEW.channel", "'invoicing'",
     "NEW.order_id", "jsonb_build_object('invoiced', NEW.invoiced, 'paid', NEW.paid)"),
    ("holds", "UPDATE OF released_at", "NEW.released_at IS NOT NULL", "'released'", "NEW.target", "NEW.kind",
     "NEW.id::text", "jsonb_build_object('by', NEW.released_by)"),
    ("accepted_orders", "INSERT", "true", "'accepted'", "NEW.channel", "'orders'", "NEW.order_id", "'{}'"),
    ("exceptions", "UPDATE OF retry_at", "NEW.retry_at IS NOT NULL AND NEW.resolved_at IS NULL"
     " AND current_setting('commerce.actor', true) LIKE 'person %'", "'replayed'", "NEW.channel", "NEW.topic",
     "NEW.record_id", "jsonb_build_object('code', NEW.code)"),
    ("erasures", "INSERT", "true", "'erasure asked'", "''", "'privacy'", "NEW.id::text",
     "jsonb_build_object('by', NEW.asked_by)"),
    ("erasures", "UPDATE OF state", "NEW.state = 'done'", "'erased'", "''", "'privacy'", "NEW.id::text",
     "jsonb_build_object('subjects', cardinality(NEW.subjects))"),
    ("master_key", "INSERT", "true", "'key rotation begun'", "''", "'privacy'", "NEW.fingerprint", "'{}'"),
    ("master_key", "UPDATE OF bridge", "NEW.bridge IS NULL", "'key rotation finished'", "''", "'privacy'",
     "NEW.fingerprint", "'{}'"),
    ("accounts", "UPDATE OF channel", "true", "'channel renamed'", "NEW.channel", "''", "NEW.channel", "'{}'"),
    ("accounts", "UPDATE OF agreed", "NEW.agreed", "'channel agreed'", "NEW.channel", "''", "NEW.channel", "'{}'"),
    ("order_reductions", "UPDATE OF applied_at", "NEW.applied_at IS NOT NULL", "'order reduced'", "NEW.channel",
     "'refunds'", "NEW.refund_id", "jsonb_build_object('order', NEW.order_id, 'total', NEW.total)"),
)  # fmt: skip
EVENT = """
CREATE FUNCTION commerce.{name}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF ({condition}) AND (TG_OP = 'INSERT' OR {changed}) THEN
        INSERT INTO commerce.audit (action, account, topic, record, details)
        VALUES ({action}, {account}, {topic}, {record}, {details});
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER {name} AFTER {when} ON commerce.{table} FOR EACH ROW EXECUTE FUNCTION commerce.{name}();
"""


def upgrade() -> None:
    op.execute(TABLE)
    for table, what, key, topic, actions, fact in LEDGERS:
        for when, (referencing, source) in WRITES.items():
            op.execute(LEDGER.format(
                table=table, what=what, key=key, topic=topic, actions=actions, fact=fact, when=when,
                referencing=referencing, source=source.format(key=key),
            ))  # fmt: skip
    op.execute(PUSHES)
    for number, (table, when, condition, action, account, topic, record, details) in enumerate(EVENTS):
        column = when.rpartition("UPDATE OF ")[2] if " OF " in when else ""
        changed = f"OLD.{column} IS DISTINCT FROM NEW.{column}" if column else "false"
        if table == "invoices":
            changed = "(OLD.invoiced, OLD.paid) IS DISTINCT FROM (NEW.invoiced, NEW.paid)"
        op.execute(EVENT.format(
            name=f"audit_{number}_{table}", table=table, when=when, condition=condition, changed=changed, action=action,
            account=account, topic=topic, record=record, details=details,
        ))  # fmt: skip


def downgrade() -> None:
    for number, (table, *_) in enumerate(EVENTS):
        op.execute(f"DROP FUNCTION commerce.audit_{number}_{table}() CASCADE")
    for name in ("attempts", *(f"{ledger[0]}_{when}" for ledger in LEDGERS for when in WRITES)):
        op.execute(f"DROP FUNCTION commerce.audit_{name}() CASCADE")
    op.execute("DROP TABLE commerce.audit; DROP FUNCTION commerce.refuse_change()")
