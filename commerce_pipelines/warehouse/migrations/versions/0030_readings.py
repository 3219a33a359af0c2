"""How each channel's records were last read between its runs, and why so, for people."""

from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE TABLE commerce.readings (channel text NOT NULL, topic text NOT NULL, how text NOT NULL,"
        " way text NOT NULL, read_at timestamptz NOT NULL, PRIMARY KEY (channel, topic, how))"
    )


def downgrade() -> None:
    op.execute("DROP TABLE commerce.readings")
