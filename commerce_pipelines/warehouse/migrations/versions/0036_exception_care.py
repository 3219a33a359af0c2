"""Who looks after what waits, and until when it is ignored; both are told by the audit."""

from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

TABLE = """
CREATE TABLE commerce.exception_care (
    channel text NOT NULL,
    topic text NOT NULL,
    record_id text NOT NULL,
    code text NOT NULL,
    person text NOT NULL DEFAULT '',
    ignored_until timestamptz,
    at timestamptz NOT NULL,
    PRIMARY KEY (channel, topic, record_id, code)
);
CREATE FUNCTION commerce.audit_exception_care() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE had_person text := ''; had_until timestamptz;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        had_person := OLD.person; had_until := OLD.ignored_until;
    END IF;
    IF NEW.person <> had_person THEN
        INSERT INTO commerce.audit (action, account, topic, record, details)
        VALUES ('assigned', NEW.channel, NEW.topic, NEW.record_id,
            jsonb_build_object('code', NEW.code, 'to', NEW.person));
    END IF;
    IF NEW.ignored_until IS DISTINCT FROM had_until THEN
        INSERT INTO commerce.audit (action, account, topic, record, details)
        VALUES (CASE WHEN NEW.ignored_until IS NULL THEN 'heeded' ELSE 'ignored' END, NEW.channel, NEW.topic,
            NEW.record_id, jsonb_build_object('code', NEW.code, 'until', NEW.ignored_until));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER audited AFTER INSERT OR UPDATE OF person, ignored_until ON commerce.exception_care
    FOR EACH ROW EXECUTE FUNCTION commerce.audit_exception_care();
"""


def upgrade() -> None:
    op.execute(TABLE)


def downgrade() -> None:
    op.execute("DROP TABLE commerce.exception_care; DROP FUNCTION commerce.audit_exception_care()")
