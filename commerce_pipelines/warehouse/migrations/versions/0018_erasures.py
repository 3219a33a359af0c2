"""Erasures that were asked for. Subjects are keyed hashes; the certificate names records by number only."""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE TABLE commerce.erasures (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
        " asked_at timestamptz NOT NULL, asked_by text NOT NULL, state text NOT NULL, subjects text[] NOT NULL,"
        " partners integer[] NOT NULL, certificate jsonb NOT NULL, finished_at timestamptz)"
    )


def downgrade() -> None:
    op.execute("DROP TABLE commerce.erasures")
