"""The landing, the vault, the staged orders, the ledger of sale orders, the quarantine, shared limits and tokens.

Money is bigint minor units; `day` is the channel's business day; instants are timestamptz. No table holds personal
data in clear: payloads, dictionaries and tokens are sealed, subjects are keyed hashes.
"""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE commerce.zstd_dictionaries (
    id serial PRIMARY KEY,
    channel text NOT NULL,
    body bytea NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON commerce.zstd_dictionaries (channel, id);

CREATE TABLE commerce.subject_keys (
    subject_id bytea PRIMARY KEY,
    wrapped_key bytea,
    created_at timestamptz NOT NULL DEFAULT now(),
    destroyed_at timestamptz,
    CHECK ((wrapped_key IS NULL) = (destroyed_at IS NOT NULL))
);

CREATE TABLE commerce.order_snapshots (
    channel text NOT NULL,
    order_id text NOT NULL,
    digest bytea NOT NULL,
    day date NOT NULL,
    placed_at timestamptz NOT NULL,
    source_updated_at timestamptz NOT NULL,
    first_seen timestamptz NOT NULL,
    how text NOT NULL,
    subject_id bytea NOT NULL,
    dictionary_id integer REFERENCES commerce.zstd_dictionaries,
    payload bytea NOT NULL,
    PRIMARY KEY (channel, order_id, digest)
);
ALTER TABLE commerce.order_snapshots ALTER payload SET STORAGE EXTERNAL;
CREATE INDEX order_snapshots_day ON commerce.order_snapshots (channel, day, order_id);
CREATE INDEX order_snapshots_subject ON commerce.order_snapshots (subject_id);

CREATE TABLE commerce.orders (
    channel text NOT NULL,
    order_id text NOT NULL,
    day date NOT NULL,
    digest text NOT NULL,
    number text NOT NULL,
    placed_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    status text NOT NULL,
    fulfilled_by text NOT NULL,
    shipped text NOT NULL,
    currency text NOT NULL,
    total bigint NOT NULL,
    tax bigint NOT NULL,
    collected bigint NOT NULL,
    collected_as text NOT NULL,
    refunded bigint NOT NULL,
    prices_include_tax boolean NOT NULL,
    line_count integer NOT NULL,
    marketplace text NOT NULL,
    service text NOT NULL,
    departure_country text NOT NULL,
    destination_country text NOT NULL,
    destination_territory text NOT NULL,
    is_business boolean NOT NULL,
    is_other_channel boolean NOT NULL,
    is_test boolean NOT NULL,
    subject_id text NOT NULL,
    PRIMARY KEY (channel, order_id)
);
CREATE INDEX orders_day ON commerce.orders (channel, day);

CREATE TABLE commerce.order_lines (
    channel text NOT NULL,
    order_id text NOT NULL,
    day date NOT NULL,
    position integer NOT NULL,
    line_id text NOT NULL,
    kind text NOT NULL,
    sku text NOT NULL,
    title text NOT NULL,
    quantity bigint NOT NULL,
    amount bigint NOT NULL,
    tax bigint NOT NULL,
    rate integer,
    of_line text NOT NULL,
    PRIMARY KEY (channel, order_id, line_id)
);
CREATE INDEX order_lines_day ON commerce.order_lines (channel, day);

CREATE TABLE commerce.sale_orders (
    channel text NOT NULL,
    order_id text NOT NULL,
    day date NOT NULL,
    digest text NOT NULL,
    action text NOT NULL,
    odoo_id integer,
    name text NOT NULL,
    state text NOT NULL,
    currency text NOT NULL,
    total bigint NOT NULL,
    amount_total bigint NOT NULL,
    amount_tax bigint NOT NULL,
    expected_tax bigint,
    rounding bigint NOT NULL,
    regime text NOT NULL,
    tax_country text NOT NULL,
    warehouse text NOT NULL,
    evidence text NOT NULL,
    code text NOT NULL,
    message text NOT NULL,
    loaded_at timestamptz NOT NULL,
    PRIMARY KEY (channel, order_id)
);
CREATE INDEX sale_orders_day ON commerce.sale_orders (channel, day);

CREATE TABLE commerce.exceptions (
    channel text NOT NULL,
    order_id text NOT NULL,
    stage text NOT NULL,
    code text NOT NULL,
    message text NOT NULL,
    fix text NOT NULL,
    subject text NOT NULL,
    day date,
    run_id text NOT NULL,
    first_seen timestamptz NOT NULL,
    last_seen timestamptz NOT NULL,
    tries integer NOT NULL DEFAULT 1,
    digest text NOT NULL DEFAULT '',
    settings text NOT NULL DEFAULT '',
    odoo_id integer,
    retry_at timestamptz,
    resolved_at timestamptz,
    PRIMARY KEY (channel, order_id, stage)
);
CREATE INDEX exceptions_open ON commerce.exceptions (channel, stage, day) WHERE resolved_at IS NULL;

CREATE TABLE commerce.completeness (
    channel text NOT NULL,
    day date NOT NULL,
    currency text NOT NULL,
    orders_in_channel integer NOT NULL,
    sale_orders_in_odoo integer NOT NULL,
    exceptions integer NOT NULL,
    missing integer NOT NULL,
    surplus integer NOT NULL,
    channel_total bigint NOT NULL,
    odoo_total bigint NOT NULL,
    collected bigint NOT NULL,
    proved_at timestamptz NOT NULL,
    PRIMARY KEY (channel, day, currency)
);

CREATE TABLE commerce.buckets (
    key text PRIMARY KEY,
    tokens double precision NOT NULL,
    at double precision NOT NULL,
    closed_until double precision NOT NULL DEFAULT 0
);

CREATE TABLE commerce.tokens (
    key text PRIMARY KEY,
    sealed bytea NOT NULL,
    expires_at timestamptz NOT NULL
);
"""


def upgrade() -> None:
    op.execute(TABLES)


def downgrade() -> None:
    op.execute(
        "DROP TABLE commerce.tokens, commerce.buckets, commerce.completeness, commerce.exceptions,"
        " commerce.sale_orders, commerce.order_lines, commerce.orders, commerce.order_snapshots, commerce.subject_keys,"
        " commerce.zstd_dictionaries"
    )
