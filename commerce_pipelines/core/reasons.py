"""Why a record waits, or what a person should look at: the one shape of a reason, and the table of all codes.

Rules look a code up in this table and never read its spelling. docs/exceptions.md explains every code; a test compares
the table with that page, and both with the codes that the product raises.

What belongs here: codes, and what follows from each. What does not: who raises them (their rooms), carrying out a retry
(domain/sales/lifecycle.py, flows/*/heal.py).
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

EXCEPTIONS_PAGE = "docs/exceptions.md"


class Reason(msgspec.Struct, frozen=True):
    """One reason in words. code: a row of the table. message: one plain sentence without personal data. fix: what a
    person does about it. subject: the SKU, line or field that it is about."""

    code: str
    message: str
    fix: str
    subject: str = ""


class Effect(StrEnum):
    BLOCKS = "blocks"  # the record stops and waits in the exceptions
    NOTE = "note"  # the record went through, but a person should look at it


class Retry(StrEnum):
    """When a waiting record is tried again without a person, or a note is removed. A new answer, a changed setting, a
    person's command and the nightly run try every record again."""

    CHANGE = "change"  # only when something changes
    # A person adds a name in Odoo, of which Odoo sends no sign: after 15, 30, 60 … minutes, at most ten times.
    NAME = "name"
    PRODUCT = "product"  # when the product that it waits for can be sold
    ORDER = "order"  # when its order is in Odoo
    INVOICE = "invoice"  # when an invoice of its order is posted
    STOCK = "stock"  # a note that is removed when Odoo has reserved the whole order


class Rule(msgspec.Struct, frozen=True):
    """What follows from a code. page: where the code is explained."""

    code: str
    effect: Effect
    retry: Retry

    @property
    def blocks(self) -> bool:
        return self.effect is Effect.BLOCKS

    @property
    def page(self) -> str:
        return f"{EXCEPTIONS_PAGE}#{self.code}"


_CODES = {
    (Effect.BLOCKS, Retry.CHANGE): (
        # what the channel sends
        "bad_payload", "bad_amount", "bad_quantity", "duplicate_line", "mixed_currency", "tax_basis", "unbalanced",
        "missing_proceeds", "unknown_tax_model", "unknown_charge", "unknown_edit", "no_sku", "no_destination",
        # VAT and its settings
        "not_registered", "untaxed", "mixed_collection",
        # what Odoo answers
        "total_differs", "wrong_currency", "refused_by_odoo", "partner_refused", "other_company",
        # refunds and returns
        "negative_refund", "unknown_refund_line", "credited_already", "exceeds_invoice", "exchange_in_doubt",
        "unknown_return_line", "no_quarantine", "lot_needed",
        # refunds out
        "unmapped_credit_line", "credit_of_several_orders", "credit_changed", "exceeds_payment", "refund_unsettled",
        "refund_refused", "refund_failed", "refund_in_doubt",
        # invoices and payments
        "sale_differs", "invoice_differs", "unmapped_payment_method",
        # the marketplace's own warehouses
        "unknown_ledger_event", "ledger_unsound", "fba_stock_differs", "fba_count_differs", "unknown_shipment",
        "fba_prep_unknown", "fba_box_full", "fba_box_mixed", "fba_box_unmeasured", "fba_partly_packed",
        "fba_not_offered", "fba_transfer_changed", "fba_plan_refused", "fba_no_address", "fba_removal_differs",
        "fba_removal_kind",
        # product content
        "content_too_long", "bad_barcode", "content_refused", "picture_changed", "price_tax", "price_currency",
        "price_basis", "new_listing_incomplete", "new_listing_unsuited", "new_listing_there", "new_listing_refused",
        # what we stored
        "forgotten", "past_age_limit", "corrupt_snapshot",
        # what the marketplace is still reviewing
        "under_review",
        # shipments
        "no_tracking", "unmapped_carrier", "refused_by_channel", "held_by_channel", "confirmation_in_doubt",
        "not_taken_over",
    ),
    (Effect.BLOCKS, Retry.NAME): (
        "no_channel_warehouse", "unknown_departure", "unknown_import", "unknown_tax", "unknown_rate", "unknown_team",
        "unknown_warehouse", "unknown_carrier", "unknown_tag", "unknown_analytic_account", "unknown_pricelist",
        "unknown_guest", "unknown_fiscal_position", "unknown_service", "unknown_country", "inactive_currency",
        "unknown_unit", "unknown_currency_rate", "unknown_journal", "exceeds_delivery", "unknown_location",
    ),
    (Effect.BLOCKS, Retry.ORDER): ("order_not_in_odoo",),
    (Effect.BLOCKS, Retry.INVOICE): ("not_invoiced", "order_past_age_limit"),
    (Effect.BLOCKS, Retry.PRODUCT): ("unknown_sku", "ambiguous_sku", "archived_product", "unsellable_product"),
    (Effect.NOTE, Retry.STOCK): ("oversold",),
    (Effect.NOTE, Retry.CHANGE): (
        "edited_after_shipping", "edited_after_invoicing", "cancelled_after_shipping",
        "cancelled_after_invoicing", "cancelled_after_picking", "cancelled_in_odoo", "changed_in_odoo", "order_locked",
        "address_withheld", "not_followed", "payment_lost", "refused_after_loading", "held_for_review",
        "refund_due", "duplicate_partner", "invalid_vat_number", "vat_number_of_another",
        "content_not_shown", "credit_cancelled", "credit_differs", "accounting_date_moved", "exchange_by_hand",
        "no_claims", "credited_unsent", "departure_unclear",
    ),
}  # fmt: skip
RULES = {code: Rule(code, effect, retry) for (effect, retry), codes in _CODES.items() for code in codes}


# Notes that explain why an order's money, or the order itself, differs between the channel and Odoo.
EXPLAINS = frozenset(
    ("edited_after_shipping", "edited_after_invoicing", "cancelled_after_shipping", "cancelled_after_invoicing",
     "cancelled_after_picking", "cancelled_in_odoo", "changed_in_odoo", "order_locked", "payment_lost",
     "refused_after_loading")
)  # fmt: skip


def rule(code: str) -> Rule:
    """The rule of a code. An unknown code, of another version, blocks and is tried again when something changes."""
    return RULES.get(code) or Rule(code, Effect.BLOCKS, Retry.CHANGE)
