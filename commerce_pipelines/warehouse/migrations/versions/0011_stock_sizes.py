"""What goods that settings count in a unit by its name take of their product, as the newest stock read knew it.

millionths: of the product's unit that stock is told in; null where Odoo cannot count the product so.
"""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE TABLE commerce.stock_sizes (product_id bigint NOT NULL, measure text NOT NULL, millionths bigint,"
        " PRIMARY KEY (product_id, measure))"
    )


def downgrade() -> None:
    op.execute("DROP TABLE commerce.stock_sizes")
