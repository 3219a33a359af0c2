"""What hangs on records by model and id: messages, followers, attachments; and the contacts' bank accounts.

What belongs here: the declarations. What does not: activities (contacts.py). None of it arises by itself: Odoo writes a
message for most changes, the stand-in none.
"""

from __future__ import annotations

from .schema import Model, boolean, char, integer, many2one, text

MODELS = (
    Model(
        "mail.message",
        {"model": char(index=True), "res_id": integer(index=True), "subject": char(), "body": text(),
         "email_from": char()},
        rec_name="subject", title="Message",
    ),
    Model(
        "mail.followers",
        {"res_model": char(required=True, index=True), "res_id": integer(index=True),
         "partner_id": many2one("res.partner", required=True)},
        rec_name="res_model", title="Document Followers",
    ),
    Model(
        "ir.attachment",
        {"name": char(required=True), "res_model": char(index=True), "res_id": integer(index=True), "mimetype": char()},
        title="Attachment",
    ),
    Model(
        "res.partner.bank",
        {"partner_id": many2one("res.partner", required=True), "acc_number": char(required=True),
         "acc_holder_name": char(), "active": boolean(default=True)},
        rec_name="acc_number", title="Bank Accounts",
    ),
)  # fmt: skip
