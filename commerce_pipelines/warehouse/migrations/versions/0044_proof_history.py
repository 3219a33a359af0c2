"""Proofs as they were: of each business day and currency a row for each span in which its figures stayed."""

from alembic import op

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # until: the proof that found other figures, NULL while they stay. proof: domain/sales/completeness.py, as JSON.
    op.execute("""
        CREATE TABLE commerce.proof_history (
            topic text NOT NULL,
            channel text NOT NULL,
            day date NOT NULL,
            currency text NOT NULL,
            since timestamptz NOT NULL,
            until timestamptz,
            proof text NOT NULL,
            PRIMARY KEY (topic, channel, day, currency, since)
        );
        CREATE INDEX proof_history_until ON commerce.proof_history (until);
    """)


def downgrade() -> None:
    op.execute("DROP TABLE commerce.proof_history")
