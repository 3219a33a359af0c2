"""Stock is stored per company of Odoo.

company: its id in Odoo, 0 where commerce.yaml names no company. Two companies may have warehouses with the same code.
"""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_KEYS = {
    "stock_warehouses": "code",
    "stock_levels": "product_id, warehouse",
    "stock_sizes": "product_id, measure",
}


def upgrade() -> None:
    for table, key in _KEYS.items():
        op.execute(f"ALTER TABLE commerce.{table} ADD COLUMN company integer NOT NULL DEFAULT 0")
        op.execute(f"ALTER TABLE commerce.{table} DROP CONSTRAINT {table}_pkey, ADD PRIMARY KEY (company, {key})")


def downgrade() -> None:
    for table, key in _KEYS.items():
        op.execute(f"DELETE FROM commerce.{table} WHERE company <> 0")  # the next reading stores it again
        op.execute(f"ALTER TABLE commerce.{table} DROP CONSTRAINT {table}_pkey, ADD PRIMARY KEY ({key})")
        op.execute(f"ALTER TABLE commerce.{table} DROP COLUMN company")
