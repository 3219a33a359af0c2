"""A difference that a note explains no longer counts as a day's difference.

explained: minor units of channel less Odoo; flagged: the orders that they belong to.
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "ALTER TABLE commerce.completeness ADD COLUMN explained bigint NOT NULL DEFAULT 0,"
        " ADD COLUMN flagged integer NOT NULL DEFAULT 0"
    )


def downgrade() -> None:
    op.execute("ALTER TABLE commerce.completeness DROP COLUMN explained, DROP COLUMN flagged")
