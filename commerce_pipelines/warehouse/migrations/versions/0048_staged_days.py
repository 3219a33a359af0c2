"""By what reading the staged rows of a day were made: a run of the sensor reads again what another made."""

from alembic import op

revision = "0048"
down_revision = "0047"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE TABLE commerce.staged_days (channel text NOT NULL, topic text NOT NULL, day date NOT NULL,"
        " reading text NOT NULL, PRIMARY KEY (channel, topic, day))"
    )
    op.execute(
        "COMMENT ON COLUMN commerce.staged_days.reading IS"
        " 'fingerprint of the release and the settings that read all staged rows of the day'"
    )
    for table in ("sale_orders", "credit_notes", "return_pickings"):
        op.execute(f"COMMENT ON COLUMN commerce.{table}.loaded_at IS 'when this row last changed'")


def downgrade() -> None:
    for table in ("sale_orders", "credit_notes", "return_pickings"):
        op.execute(f"COMMENT ON COLUMN commerce.{table}.loaded_at IS NULL")
    op.execute("DROP TABLE commerce.staged_days")
