"""Product content: what Odoo says, what listings show, what was told to them, and the difference.

No table holds personal data. `content_products` is one reading of Odoo for each company; `content_listings` one of each
channel, kept up to date by our own changes.
"""

from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE commerce.content_products (
    company integer NOT NULL,
    product_id integer NOT NULL,
    template_id integer NOT NULL,
    code text NOT NULL,
    digest text NOT NULL,
    body text NOT NULL,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (company, product_id)
);
CREATE TABLE commerce.content_readings (
    company integer PRIMARY KEY,
    wanted text NOT NULL,
    read_at timestamptz NOT NULL,
    whole_at timestamptz NOT NULL
);
CREATE TABLE commerce.content_listings (
    channel text NOT NULL,
    key text NOT NULL,
    body text NOT NULL,
    read_at timestamptz NOT NULL,
    PRIMARY KEY (channel, key)
);
CREATE TABLE commerce.content_told (
    channel text NOT NULL,
    key text NOT NULL,
    field text NOT NULL,
    told text NOT NULL,
    before text NOT NULL,
    shown text,
    times integer NOT NULL,
    refused text NOT NULL DEFAULT '',
    told_at timestamptz NOT NULL,
    PRIMARY KEY (channel, key, field)
);
CREATE TABLE commerce.content_pictures (
    channel text NOT NULL,
    key text NOT NULL,
    place integer NOT NULL,
    checksum text NOT NULL,
    picture_id text NOT NULL,
    PRIMARY KEY (channel, key, place)
);
CREATE TABLE commerce.content_changes (
    channel text NOT NULL,
    key text NOT NULL,
    field text NOT NULL,
    sku text NOT NULL,
    title text NOT NULL,
    template_id integer NOT NULL,
    action text NOT NULL,
    before text NOT NULL,
    after text NOT NULL,
    code text NOT NULL DEFAULT '',
    since timestamptz NOT NULL,
    PRIMARY KEY (channel, key, field)
);
"""


def upgrade() -> None:
    op.execute(TABLES)


def downgrade() -> None:
    op.execute(
        "DROP TABLE commerce.content_products, commerce.content_readings, commerce.content_listings,"
        " commerce.content_told, commerce.content_pictures, commerce.content_changes"
    )
