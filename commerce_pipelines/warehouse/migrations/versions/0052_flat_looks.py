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
ORDERS = """
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

CREATE FUNCTION commerce.mark_order() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    NEW.in_odoo_since := (SELECT recorded_at FROM commerce.sale_orders l
        WHERE l.channel = NEW.channel AND l.order_id = NEW.order_id AND l.state IN ('sale', 'done', 'cancel'));
    NEW.is_taken_over := NEW.fulfilled_by = 'channel' AND EXISTS (SELECT FROM commerce.channel_deliveries d
        WHERE d.channel = NEW.channel AND d.order_id = NEW.order_id AND d.settled = NEW.digest);
    RETURN NEW;
END $$;
CREATE TRIGGER marked BEFORE INSERT ON commerce.orders FOR EACH ROW EXECUTE FUNCTION commerce.mark_order();

CREATE FUNCTION commerce.mark_sold_order() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    since timestamptz;
    sale commerce.sale_orders;
BEGIN
    IF TG_OP = 'DELETE' THEN
        sale := OLD;
    ELSE
        sale := NEW;
        since := CASE WHEN sale.state IN ('sale', 'done', 'cancel') THEN sale.recorded_at END;
    END IF;
    UPDATE commerce.orders o SET in_odoo_since = since
        WHERE o.channel = sale.channel AND o.order_id = sale.order_id AND o.in_odoo_since IS DISTINCT FROM since;
    RETURN NULL;
END $$;
CREATE TRIGGER marked AFTER INSERT OR DELETE OR UPDATE OF state ON commerce.sale_orders
    FOR EACH ROW EXECUTE FUNCTION commerce.mark_sold_order();

CREATE FUNCTION commerce.mark_delivered_order() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    UPDATE commerce.orders o SET is_taken_over = o.digest = NEW.settled
        WHERE o.channel = NEW.channel AND o.order_id = NEW.order_id AND o.is_taken_over <> (o.digest = NEW.settled);
    RETURN NULL;
END $$;
CREATE TRIGGER marked AFTER INSERT OR UPDATE OF settled ON commerce.channel_deliveries
    FOR EACH ROW EXECUTE FUNCTION commerce.mark_delivered_order();
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
    op.execute(BELIEFS.format(newest=BY_LISTING))


def downgrade() -> None:
    op.execute(BELIEFS.format(newest=OF_ALL))
    for table, function in (
        ("orders", "mark_order"), ("sale_orders", "mark_sold_order"), ("channel_deliveries", "mark_delivered_order"),
    ):  # fmt: skip
        op.execute(f"DROP TRIGGER marked ON commerce.{table}; DROP FUNCTION commerce.{function}")
    op.execute(
        "DROP INDEX commerce.orders_unshipped; ALTER TABLE commerce.orders DROP in_odoo_since, DROP is_taken_over"
    )
