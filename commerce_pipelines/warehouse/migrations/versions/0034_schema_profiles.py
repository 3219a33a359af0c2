"""The shape of each day's answers, and what differed."""

from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """CREATE TABLE commerce.schema_profiles (
            channel text NOT NULL, topic text NOT NULL, day date NOT NULL, landed integer NOT NULL,
            version text NOT NULL, profile bytea NOT NULL, PRIMARY KEY (channel, topic, day)
        );
        CREATE TABLE commerce.schema_changes (
            channel text NOT NULL, topic text NOT NULL, day date NOT NULL, field text NOT NULL, change text NOT NULL,
            what text NOT NULL, word text NOT NULL, is_alarm boolean NOT NULL, was double precision NOT NULL,
            answers_before integer NOT NULL, has integer NOT NULL, answers integer NOT NULL, example text NOT NULL,
            version text NOT NULL, seen_at timestamptz NOT NULL,
            PRIMARY KEY (channel, topic, day, field, change, what)
        )"""
    )


def downgrade() -> None:
    op.execute("DROP TABLE commerce.schema_changes, commerce.schema_profiles")
