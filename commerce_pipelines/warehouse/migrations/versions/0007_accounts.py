"""Which account of a marketplace a channel is, and which Odoo belongs to it.

`label` is the name under which the account's answers are sealed and its records are known in Odoo; it never changes,
even if the channel is renamed.
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE TABLE commerce.accounts (channel text PRIMARY KEY, kind text NOT NULL, account_id text NOT NULL,"
        " label text NOT NULL UNIQUE, credentials text NOT NULL, odoo_place text NOT NULL DEFAULT '',"
        " odoo_uuid text NOT NULL DEFAULT '', odoo_company integer, agreed boolean NOT NULL DEFAULT true,"
        " first_used_at timestamptz NOT NULL DEFAULT now());"
        " CREATE UNIQUE INDEX accounts_account ON commerce.accounts (kind, account_id) WHERE account_id <> ''"
    )


def downgrade() -> None:
    op.execute("DROP TABLE commerce.accounts")
