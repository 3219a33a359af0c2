"""What the proof found by id, how far each backfill has come, which alerts were sent, how the pollers are doing."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TABLES = """
ALTER TABLE commerce.completeness
    ADD COLUMN missing_orders text NOT NULL DEFAULT '[]',
    ADD COLUMN surplus_orders text NOT NULL DEFAULT '[]',
    ADD COLUMN afresh boolean NOT NULL DEFAULT true;

CREATE TABLE commerce.backfills (
    channel text NOT NULL,
    first_day date NOT NULL,
    last_day date NOT NULL,
    started_at timestamptz NOT NULL,
    done_through date,
    finished_at timestamptz,
    PRIMARY KEY (channel, first_day, last_day)
);

CREATE TABLE commerce.conditions (
    key text PRIMARY KEY,
    subject text NOT NULL,
    message text NOT NULL,
    since timestamptz NOT NULL,
    told_at timestamptz,
    gone_at timestamptz,
    times integer NOT NULL DEFAULT 0,
    attempts integer NOT NULL DEFAULT 0,
    next_try timestamptz
);

CREATE TABLE commerce.heartbeats (
    name text PRIMARY KEY,
    ticked_at timestamptz NOT NULL,
    succeeded_at timestamptz,
    failures integer NOT NULL DEFAULT 0,
    problem text NOT NULL DEFAULT ''
);
"""


def upgrade() -> None:
    op.execute(TABLES)


def downgrade() -> None:
    op.execute("DROP TABLE commerce.heartbeats, commerce.conditions, commerce.backfills")
    op.execute(
        "ALTER TABLE commerce.completeness DROP COLUMN missing_orders, DROP COLUMN surplus_orders, DROP COLUMN afresh"
    )
