"""When a profile of answers was made, so that silence of the schedule that makes them is noticed."""

from alembic import op

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE commerce.schema_profiles ADD COLUMN made_at timestamptz NOT NULL DEFAULT now()")


def downgrade() -> None:
    op.execute("ALTER TABLE commerce.schema_profiles DROP COLUMN made_at")
