"""Of each budget: its limit as the vendor states it, who waits for it, and what was used and waited today.

`daily`: the limit comes back at midnight Pacific time. `learned_at`: seconds since 1970; NULL while the limit is our
own table's.
"""

from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

COLUMNS = """
ALTER TABLE commerce.buckets
    ADD COLUMN per_second double precision NOT NULL DEFAULT 0,
    ADD COLUMN capacity double precision NOT NULL DEFAULT 0,
    ADD COLUMN daily boolean NOT NULL DEFAULT false,
    ADD COLUMN learned_at double precision,
    ADD COLUMN claims text NOT NULL DEFAULT '[]',
    ADD COLUMN day date,
    ADD COLUMN used double precision NOT NULL DEFAULT 0,
    ADD COLUMN waited double precision NOT NULL DEFAULT 0
"""


def upgrade() -> None:
    op.execute(COLUMNS)


def downgrade() -> None:
    op.execute(
        "ALTER TABLE commerce.buckets DROP COLUMN per_second, DROP COLUMN capacity, DROP COLUMN daily,"
        " DROP COLUMN learned_at, DROP COLUMN claims, DROP COLUMN day, DROP COLUMN used, DROP COLUMN waited"
    )
