"""What pushes found out about listings; kept when the listings themselves are read anew and replaced."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE TABLE commerce.listing_references (channel text NOT NULL, key text NOT NULL, reference text NOT NULL,"
        " PRIMARY KEY (channel, key))"
    )


def downgrade() -> None:
    op.execute("DROP TABLE commerce.listing_references")
