"""Pictures that a channel was given: no personal data."""

from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

TABLE = """
CREATE TABLE commerce.content_uploads (
    channel text NOT NULL,
    picture_id text NOT NULL,
    checksum text NOT NULL,
    address text NOT NULL,
    kept_at timestamptz NOT NULL,
    PRIMARY KEY (channel, picture_id)
);
"""


def upgrade() -> None:
    op.execute(TABLE)


def downgrade() -> None:
    op.execute("DROP TABLE commerce.content_uploads")
