"""What the other side said in its own words lies sealed beside our sentence, and no longer in it.

words: the newest of each record, under the key of its subject. Sentences that quoted the other side are replaced by
ones that do not; what they quoted is not kept.
"""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE commerce.words (
            channel text NOT NULL,
            topic text NOT NULL,
            record_id text NOT NULL,
            subject_id bytea NOT NULL,
            said_at timestamptz NOT NULL,
            sealed bytea NOT NULL,
            PRIMARY KEY (channel, topic, record_id)
        );
        UPDATE commerce.attempts SET message = '' WHERE message <> '';
        UPDATE commerce.exceptions SET message = 'Odoo refuses the order.' WHERE code = 'refused_by_odoo';
        UPDATE commerce.sale_orders SET message = 'Odoo refuses the order.' WHERE code = 'refused_by_odoo';
    """)


def downgrade() -> None:
    op.execute("DROP TABLE commerce.words")
