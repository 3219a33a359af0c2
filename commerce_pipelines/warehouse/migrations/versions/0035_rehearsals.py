"""Rehearsals of other settings, and the settings that people agreed to."""

from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """CREATE TABLE commerce.rehearsals (
            id serial PRIMARY KEY, made_at timestamptz NOT NULL, first date NOT NULL, last date NOT NULL,
            basis text NOT NULL, stamp text NOT NULL, records integer, differing integer
        );
        CREATE TABLE commerce.rehearsal_differences (
            rehearsal integer NOT NULL REFERENCES commerce.rehearsals ON DELETE CASCADE, number bigserial,
            channel text NOT NULL, topic text NOT NULL, record_id text NOT NULL, kinds text[] NOT NULL,
            before bytea, after bytea, PRIMARY KEY (rehearsal, number)
        );
        CREATE TABLE commerce.agreed_settings (
            stamp text PRIMARY KEY, agreed_by text NOT NULL, agreed_at timestamptz NOT NULL, rehearsal integer
        )"""
    )


def downgrade() -> None:
    op.execute("DROP TABLE commerce.agreed_settings, commerce.rehearsal_differences, commerce.rehearsals")
