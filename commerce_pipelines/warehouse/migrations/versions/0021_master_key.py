"""The master key's own row, once it is changed. `bridge` and `root` are keys, sealed by a master key."""

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE TABLE commerce.master_key (fingerprint text PRIMARY KEY, bridge bytea, root bytea NOT NULL,"
        " damaged integer NOT NULL, pending boolean NOT NULL)"
    )


def downgrade() -> None:
    op.execute("DROP TABLE commerce.master_key")
