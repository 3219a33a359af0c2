"""Another try that a person asks for in Dagster is told by the audit, as one by a command is: with the job."""

from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None

BY_COMMAND = "current_setting('commerce.actor', true) LIKE 'person %'"
ASKED = "coalesce(current_setting('commerce.asked', true), '')"
DETAILS = "jsonb_build_object('code', NEW.code)"
FUNCTION = """
CREATE OR REPLACE FUNCTION commerce.audit_3_exceptions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.retry_at IS NOT NULL AND NEW.resolved_at IS NULL AND ({condition})
        AND (TG_OP = 'INSERT' OR OLD.retry_at IS DISTINCT FROM NEW.retry_at) THEN
        INSERT INTO commerce.audit (action, account, topic, record, details)
        VALUES ('replayed', NEW.channel, NEW.topic, NEW.record_id, {details});
    END IF;
    RETURN NULL;
END $$;
"""


def upgrade() -> None:
    by = f"CASE WHEN {ASKED} = '' THEN '{{}}'::jsonb ELSE jsonb_build_object('by', {ASKED}) END"
    op.execute(FUNCTION.format(condition=f"{BY_COMMAND} OR {ASKED} <> ''", details=f"{DETAILS} || {by}"))


def downgrade() -> None:
    op.execute(FUNCTION.format(condition=BY_COMMAND, details=DETAILS))
