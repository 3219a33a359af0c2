"""What hangs on records by model and id: messages, followers, attachments; and the contacts' bank accounts.

What belongs here: the declarations, and what Odoo protects of it. What does not: activities (contacts.py). None of
it arises by itself: Odoo writes a message for most changes, the stand-in none.
"""

from __future__ import annotations

from collections.abc import Sequence

from .errors import AccessError, UserError
from .orm import Env, hook, method
from .schema import Model, boolean, char, integer, many2one, text

MODELS = (
    Model(
        "mail.message",
        {"model": char(index=True), "res_id": integer(index=True), "subject": char(), "body": text(),
         "email_from": char(), "message_type": char(default="comment"),
         "subtype_id": many2one("mail.message.subtype")},
        rec_name="subject", title="Message",
    ),
    Model("mail.message.subtype", {"name": char(required=True)}, title="Message subtypes"),
    Model(
        "mail.followers",
        {"res_model": char(required=True, index=True), "res_id": integer(index=True),
         "partner_id": many2one("res.partner", required=True)},
        rec_name="res_model", title="Document Followers",
    ),
    Model(
        "ir.attachment",
        {"name": char(required=True), "res_model": char(index=True), "res_id": integer(index=True), "mimetype": char(),
         "res_field": char(), "checksum": char(), "file_size": integer(), "datas": text(),
         "type": char(default="binary")},
        title="Attachment",
    ),
    Model(
        "res.partner.bank",
        {"partner_id": many2one("res.partner", required=True), "acc_number": char(required=True),
         "acc_holder_name": char(), "active": boolean(default=True)},
        rec_name="acc_number", title="Bank Accounts",
    ),
)  # fmt: skip


@hook("mail.message", "deleting")
def _message_deleting(env: Env, ids: Sequence[int]) -> None:
    """Notices about contacts in accounting are protected; about archived ones only where these are in sight."""
    invoiced = {row["partner_id"] for row in env.db.rows["account.move"].values()}
    for message in ids:
        row = env.db.rows["mail.message"][message]
        notice = row["message_type"] == "notification" and row["model"] == "res.partner" and row["res_id"] in invoiced
        seen = notice and not env.context.get("active_test", True)
        if seen or (notice and env.get("res.partner", row["res_id"], "active")):
            raise UserError("You cannot remove parts of a restricted audit trail. Archive the record instead.")


@hook("mail.followers", "deleting")
def _followers_deleting(env: Env, ids: Sequence[int]) -> None:
    """Odoo lets administrators do this; the pipelines' own user is none."""
    raise AccessError("You are not allowed to delete 'Document Followers' (mail.followers) records.")


@method("*", "message_unsubscribe")
def message_unsubscribe(env: Env, model: str, ids: Sequence[int], partner_ids: Sequence[int] = ()) -> bool:
    """Partners follow these records no longer."""
    env.check(model, "write")
    for number, row in list(env.db.rows["mail.followers"].items()):
        if row["res_model"] == model and row["res_id"] in ids and row["partner_id"] in partner_ids:
            env.db.delete("mail.followers", number)
    return True
