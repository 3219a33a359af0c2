"""Hints that something changed elsewhere: one row per topic, however many come."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE commerce.hints (topic text PRIMARY KEY, hinted_at timestamptz NOT NULL)")


def downgrade() -> None:
    op.execute("DROP TABLE commerce.hints")
