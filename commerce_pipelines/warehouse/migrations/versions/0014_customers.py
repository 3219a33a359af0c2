"""Which partner in Odoo a marketplace's customer is.

customer: the vault's keyed hash of the marketplace's own id; odoo: address, database, its uuid and the company.
"""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE TABLE commerce.customers (odoo text NOT NULL, customer text NOT NULL, partner_id integer NOT NULL,"
        " kept_at timestamptz NOT NULL, PRIMARY KEY (odoo, customer))"
    )


def downgrade() -> None:
    op.execute("DROP TABLE commerce.customers")
