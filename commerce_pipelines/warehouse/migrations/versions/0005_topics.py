"""Landing and exceptions know topics: each flow lands its own records and waits for its own exceptions.

Existing rows belong to the topic `orders`. An exception with a `note` holds nothing up: it is a remark about a record
that went through. Before this migration, the spelling of its stage marked it.
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# A new column with a constant default does not rewrite the table, so a large landing migrates in a moment.
UP = """
ALTER TABLE commerce.order_snapshots RENAME TO snapshots;
ALTER TABLE commerce.snapshots RENAME order_id TO record_id;
ALTER TABLE commerce.snapshots RENAME placed_at TO created_at;
ALTER TABLE commerce.snapshots ADD topic text NOT NULL DEFAULT 'orders';
ALTER TABLE commerce.snapshots ALTER topic DROP DEFAULT;
ALTER TABLE commerce.snapshots DROP CONSTRAINT order_snapshots_pkey;
ALTER TABLE commerce.snapshots ADD CONSTRAINT snapshots_pkey PRIMARY KEY (channel, topic, record_id, digest);
DROP INDEX commerce.order_snapshots_day, commerce.order_snapshots_seen;
CREATE INDEX snapshots_day ON commerce.snapshots (channel, topic, day, record_id);
CREATE INDEX snapshots_seen ON commerce.snapshots (channel, topic, first_seen);
ALTER INDEX commerce.order_snapshots_subject RENAME TO snapshots_subject;

ALTER TABLE commerce.zstd_dictionaries ADD topic text NOT NULL DEFAULT 'orders';
ALTER TABLE commerce.zstd_dictionaries ALTER topic DROP DEFAULT;

ALTER TABLE commerce.exceptions RENAME order_id TO record_id;
ALTER TABLE commerce.exceptions ADD topic text NOT NULL DEFAULT 'orders';
ALTER TABLE commerce.exceptions ALTER topic DROP DEFAULT;
ALTER TABLE commerce.exceptions ADD note text NOT NULL DEFAULT '';
UPDATE commerce.exceptions SET note = code WHERE stage = 'flag:' || code;
ALTER TABLE commerce.exceptions DROP CONSTRAINT exceptions_pkey;
UPDATE commerce.exceptions SET stage = 'load' WHERE note <> '';
ALTER TABLE commerce.exceptions ADD PRIMARY KEY (channel, topic, record_id, stage, note);
DROP INDEX commerce.exceptions_open;
CREATE INDEX exceptions_open ON commerce.exceptions (channel, topic, stage, day) WHERE resolved_at IS NULL;
"""

DOWN = """
DELETE FROM commerce.snapshots WHERE topic <> 'orders';
DELETE FROM commerce.exceptions WHERE topic <> 'orders';
DELETE FROM commerce.zstd_dictionaries WHERE topic <> 'orders';

DROP INDEX commerce.exceptions_open;
ALTER TABLE commerce.exceptions DROP CONSTRAINT exceptions_pkey;
UPDATE commerce.exceptions SET stage = 'flag:' || note WHERE note <> '';
ALTER TABLE commerce.exceptions DROP note, DROP topic;
ALTER TABLE commerce.exceptions RENAME record_id TO order_id;
ALTER TABLE commerce.exceptions ADD PRIMARY KEY (channel, order_id, stage);
CREATE INDEX exceptions_open ON commerce.exceptions (channel, stage, day) WHERE resolved_at IS NULL;

ALTER TABLE commerce.zstd_dictionaries DROP topic;

ALTER INDEX commerce.snapshots_subject RENAME TO order_snapshots_subject;
DROP INDEX commerce.snapshots_day, commerce.snapshots_seen;
ALTER TABLE commerce.snapshots DROP CONSTRAINT snapshots_pkey;
ALTER TABLE commerce.snapshots DROP topic;
ALTER TABLE commerce.snapshots RENAME created_at TO placed_at;
ALTER TABLE commerce.snapshots RENAME record_id TO order_id;
ALTER TABLE commerce.snapshots RENAME TO order_snapshots;
ALTER TABLE commerce.order_snapshots ADD CONSTRAINT order_snapshots_pkey PRIMARY KEY (channel, order_id, digest);
CREATE INDEX order_snapshots_day ON commerce.order_snapshots (channel, day, order_id);
CREATE INDEX order_snapshots_seen ON commerce.order_snapshots (channel, first_seen);
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute(DOWN)
