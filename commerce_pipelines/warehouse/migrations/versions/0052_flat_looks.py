"""What a look needs of old orders is found by an index, however many there are.

Each look at the stock and each run of it went through all orders that a company ever had, for two of a million that
Odoo does not have, and through all that was sent to a channel in ninety days, for the newest of each listing. Each look
at deliveries went through all orders that a channel ever shipped itself, and through all of ninety days for those that
it does not show as shipped."""

from alembic import op

revision = "0052"
down_revision = "0051"
branch_labels = None
depends_on = None

# in_odoo_since: since when the ledger says that Odoo has the order, confirmed, or cancelled by a person.
# is_taken_over: the channel's own shipping of just this answer is in Odoo. Both are said by other tables and kept here,
# where an index finds the few orders of which they are not true; an order's row is made anew where its staging differs.
# The tables that say it are locked first: what another process commits after their rows are read, and before their
# triggers are there, nobody would say.
ORDERS = """
LOCK TABLE commerce.sale_orders, commerce.channel_deliveries IN SHARE ROW EXCLUSIVE MODE;
ALTER TABLE commerce.orders ADD in_odoo_since timestamptz, ADD is_taken_over boolean NOT NULL DEFAULT false;
UPDATE commerce.orders o SET in_odoo_since = l.recorded_at FROM commerce.sale_orders l
    WHERE (l.channel, l.order_id) = (o.channel, o.order_id) AND l.state IN ('sale', 'done', 'cancel');
UPDATE commerce.orders o SET is_taken_over = true FROM commerce.channel_deliveries d
    WHERE (d.channel, d.order_id, d.settled) = (o.channel, o.order_id, o.digest);
CREATE INDEX orders_outside ON commerce.orders (channel, in_odoo_since)
    WHERE status IN ('paid', 'waiting') AND fulfilled_by = 'merchant' AND NOT is_test AND NOT is_other_channel;
CREATE INDEX orders_to_take_over ON commerce.orders (channel)
    WHERE status = 'paid' AND fulfilled_by = 'channel' AND shipped <> 'no' AND NOT is_test AND NOT is_other_channel
    AND NOT is_taken_over;
CREATE INDEX orders_unshipped ON commerce.orders (channel, placed_at)
    WHERE status = 'paid' AND fulfilled_by = 'merchant' AND shipped <> 'yes';
"""
# Of all rows of a statement at once, but for deleted ones. A plan is made each time: one that a session kept from when
# a table was small would go through all of it when it is large.
FUNCTION = """
CREATE FUNCTION commerce.{name}() RETURNS trigger LANGUAGE plpgsql SET plan_cache_mode = force_custom_plan AS
$$ BEGIN {body} RETURN NULL; END $$
"""
FUNCTIONS = {
    "mark_staged_orders": """
        UPDATE commerce.orders o SET in_odoo_since = l.recorded_at
            FROM fresh f JOIN commerce.sale_orders l USING (channel, order_id)
            WHERE o.channel = f.channel AND o.order_id = f.order_id AND l.state IN ('sale', 'done', 'cancel');
        UPDATE commerce.orders o SET is_taken_over = true
            FROM fresh f JOIN commerce.channel_deliveries d USING (channel, order_id)
            WHERE o.channel = f.channel AND o.order_id = f.order_id AND d.settled = f.digest;""",
    "mark_sold_orders": """
        UPDATE commerce.orders o SET in_odoo_since = s.since
            FROM (SELECT channel, order_id, CASE WHEN state IN ('sale', 'done', 'cancel') THEN recorded_at END AS since
                FROM fresh) s
            WHERE o.channel = s.channel AND o.order_id = s.order_id AND o.in_odoo_since IS DISTINCT FROM s.since;""",
    "mark_unsold_orders": """
        UPDATE commerce.orders o SET in_odoo_since = NULL
            WHERE o.channel = OLD.channel AND o.order_id = OLD.order_id AND o.in_odoo_since IS NOT NULL
            AND NOT EXISTS (SELECT FROM commerce.sale_orders l
                WHERE l.channel = OLD.channel AND l.order_id = OLD.order_id);""",
    "mark_delivered_orders": """
        UPDATE commerce.orders o SET is_taken_over = o.digest = f.settled FROM fresh f
            WHERE o.channel = f.channel AND o.order_id = f.order_id AND o.is_taken_over <> (o.digest = f.settled);""",
}
TRIGGERS = (
    ("orders", "INSERT", "NEW TABLE AS fresh", "mark_staged_orders"),
    ("sale_orders", "INSERT", "NEW TABLE AS fresh", "mark_sold_orders"),
    ("sale_orders", "UPDATE", "NEW TABLE AS fresh", "mark_sold_orders"),
    ("channel_deliveries", "INSERT", "NEW TABLE AS fresh", "mark_delivered_orders"),
    ("channel_deliveries", "UPDATE", "NEW TABLE AS fresh", "mark_delivered_orders"),
)
# At the commit, because a row of the ledger that differs is deleted and written again: the order's row stays then.
DELETED = """
CREATE CONSTRAINT TRIGGER marked_delete AFTER DELETE ON commerce.sale_orders DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION commerce.mark_unsold_orders()
"""

# What each listing shows, by its last reading and by what it was told, {newest} of which is joined.
BELIEFS = """
CREATE OR REPLACE VIEW commerce.inventory_beliefs AS
SELECT l.channel, l.key, l.sku, l.quantity, l.read_at, (p.body->>'quantity')::bigint AS last_quantity,
    CASE WHEN p.sequence IS NULL OR a.outcome IS NOT NULL AND a.outcome <> 'unknown' THEN a.outcome
        WHEN a.outcome IS NULL THEN 'sent' ELSE 'failed' END AS last_status,
    a.started_at AS last_at, u.unanswered_at, u.pending_at
FROM commerce.listings l
LEFT JOIN {newest}
LEFT JOIN commerce.attempts a ON a.effect = p.sequence AND a.number = p.attempt
LEFT JOIN (
    SELECT e.target, e.key,
        max(CASE WHEN f.outcome IS NULL THEN f.started_at WHEN f.outcome = 'unknown' THEN f.settled_at END)
            AS unanswered_at,
        max(CASE WHEN f.outcome = 'pending' THEN f.started_at END) AS pending_at
    FROM commerce.attempts f JOIN commerce.effects e ON e.sequence = f.effect
    WHERE e.kind = 'quantity' AND (f.outcome IS NULL OR f.outcome IN ('unknown', 'pending'))
    GROUP BY e.target, e.key
) u ON u.target = l.channel AND u.key = l.key
"""
BY_LISTING = """LATERAL (
    SELECT sequence, body, attempt FROM commerce.effects e
    WHERE e.target = l.channel AND e.kind = 'quantity' AND e.key = l.key AND attempt > 0 ORDER BY sequence DESC LIMIT 1
) p ON true"""
OF_ALL = """(
    SELECT DISTINCT ON (target, kind, key) target, key, sequence, body, attempt
    FROM commerce.effects WHERE kind = 'quantity' AND attempt > 0 ORDER BY target, kind, key, sequence DESC
) p ON p.target = l.channel AND p.key = l.key"""


def upgrade() -> None:
    op.execute(ORDERS)
    for name, body in FUNCTIONS.items():
        op.execute(FUNCTION.format(name=name, body=body))
    for table, when, referencing, function in TRIGGERS:
        op.execute(
            f"CREATE TRIGGER marked_{when.lower()} AFTER {when} ON commerce.{table} REFERENCING {referencing}"
            f" FOR EACH STATEMENT EXECUTE FUNCTION commerce.{function}()"
        )
    op.execute(DELETED)
    op.execute(BELIEFS.format(newest=BY_LISTING))


def downgrade() -> None:
    op.execute(BELIEFS.format(newest=OF_ALL))
    op.execute("DROP TRIGGER marked_delete ON commerce.sale_orders")
    for table, when, _, _ in TRIGGERS:
        op.execute(f"DROP TRIGGER marked_{when.lower()} ON commerce.{table}")
    for name in FUNCTIONS:
        op.execute(f"DROP FUNCTION commerce.{name}")
    op.execute("DROP INDEX commerce.orders_unshipped")
    op.execute("ALTER TABLE commerce.orders DROP in_odoo_since, DROP is_taken_over")
