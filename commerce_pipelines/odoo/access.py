"""The one group that the pipelines' user needs, right by right, and who makes it in Odoo.

    Commerce Pipelines ──inherits──▶ Sales / User: All Documents, Show Accounting Features - Readonly
           │                         and, where returns are taken over, Accounting / Invoicing, Inventory / User;
           │                         where orders are invoiced, Accounting / Invoicing; where the marketplace's own
           │                         deliveries are taken over, or its warehouse receives, Inventory / User
           └─ access rights of its own: OWN

What belongs here: which rights the lanes use and why, the group with its access rights, the user in it. What does not:
telling which rights a user lacks (readiness.py).

Why a group of its own: external ids, taxes and contacts come in Odoo only with groups that may do far more. Access
Rights may change everybody's groups, its own too; Contact Creation may enter the company's bank accounts.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

from ..core.errors import CredentialError, SettingsError
from ..domain.sales.draft import MODULE
from .rpc.client import OdooClient
from .rpc.load import load_one, names_of, read_ids

GROUP = "Commerce Pipelines"
INHERITED = "Sales / User: All Documents and Show Accounting Features - Readonly"
# The second may read accounting and nothing else: a delivery address takes over its contact's credit limit, which Odoo
# shows to no salesperson.
_INHERITED_XIDS = (("sales_team", "group_sale_salesman_all_leads"), ("account", "group_account_readonly"))
# Odoo lets nobody else post an invoice or a credit note, register a payment, or receive goods.
_INVOICING = ("Accounting / Invoicing", ("account", "group_account_invoice"))
_INVENTORY = ("Inventory / User", ("stock", "group_stock_user"))
FLOW_GROUPS = {"returns": (_INVOICING, _INVENTORY), "invoicing": (_INVOICING,), "take_over": (_INVENTORY,),
               "receiving": (_INVENTORY,), "refunding": ()}  # fmt: skip
_ROLE_XID = ("base", "group_user")
_FLOW_XIDS = (_INVOICING[1], _INVENTORY[1])
KEY_DAYS = 365  # Odoo lets keys of other users than administrators expire, after 90 days unless their group says more
OPERATIONS = {"r": "read", "w": "write", "c": "create", "u": "unlink"}
_ROW = "access_"


class Right(NamedTuple):
    """What the lanes do with one model.

    operations: letters of OPERATIONS. need: '' for what no order can do without, else what the settings have to ask
    for: create_missing, tags, activities (odoo.flags), page_links (odoo.page_links), hold (on_payment_lost, risky),
    shipments (fulfilment.enabled), returns (returns.enabled), take_over (fulfilment.take_over), receiving
    (inbound.receive), invoicing (invoicing.trigger, invoicing.journals), refunding (refunding.enabled), claims
    (returns.rma_operation, never missed: without it no claims are kept).
    """

    model: str
    operations: str
    reason: str
    need: str = ""

    @property
    def names(self) -> list[str]:
        return [OPERATIONS[letter] for letter in self.operations]


# Access rights of the group itself. Models that load() creates need `write`, because the same load is repeated after a
# lost answer.
OWN = (
    Right("ir.model.data", "r", "external ids tell which records are ours, so that nothing comes twice"),
    Right("res.partner", "rwc", "the buyers' contacts and addresses"),
    Right("product.product", "rwc", "products for shipping, discounts and the like", "create_missing"),
    Right("product.template", "rwc", "comes with each product", "create_missing"),
    Right("product.pricelist", "rwc", "an order in another currency needs a pricelist", "create_missing"),
    Right("account.tax", "rwc", "tax-included twins, and the VAT of other countries", "create_missing"),
    Right("account.tax.repartition.line", "rwc", "the accounts of such taxes", "create_missing"),
    Right("account.tax.group", "rwc", "how such taxes are shown on invoices", "create_missing"),
    Right("account.fiscal.position", "rwc", "one per country under OSS", "create_missing"),
    Right("account.fiscal.position.account", "rwc", "accounts that they replace", "create_missing"),
    Right("stock.picking.type", "rwc", "the operation types of held deliveries", "hold"),
    Right("stock.move.line", "r", "what of a delivery lies in which package", "shipments"),
    Right("stock.package", "r", "the names of packages", "shipments"),
    Right("delivery.carrier", "r", "the names of delivery methods", "shipments"),
    Right("rma", "rwc", "claims, where the module rma is installed", "claims"),
    Right("rma.operation", "rwc", "the operation under which they are kept", "claims"),
    Right("rma.team", "r", "the team that the module gives a claim", "claims"),
)
# What the inherited group gives.
GIVEN = (
    Right("sale.order", "rwc", "orders"),
    Right("sale.order.line", "rwcu", "their lines"),
    Right("product.product", "r", "articles by SKU"),
    Right("account.tax", "r", "taxes by name"),
    Right("account.fiscal.position", "r", "fiscal positions by name"),
    Right("stock.warehouse", "r", "the warehouse that ships"),
    Right("stock.move", "r", "what is reserved"),
    Right("stock.picking", "rw", "deliveries"),
    Right("stock.quant", "r", "stock"),
    Right("crm.tag", "rc", "flags as tags", "tags"),
    Right("mail.activity", "rcu", "flags as activities", "activities"),
    Right("mail.message", "rwc", "notes that link to the order's page", "page_links"),
    Right("account.move", "rwc", "credit notes", "returns"),
    Right("account.move", "rwc", "invoices", "invoicing"),
    Right("account.move", "r", "credit notes that people make", "refunding"),
    Right("account.payment", "rwcu", "what the channel took for them", "invoicing"),
    Right("account.journal", "r", "the journals that payments are booked in", "invoicing"),
    Right("stock.picking", "rwc", "transfers of what comes back", "returns"),
    Right("stock.move", "rwc", "the goods in them", "returns"),
    Right("stock.lot", "r", "their serial numbers", "returns"),
    Right("stock.scrap", "rwc", "what came back damaged", "returns"),
    Right("stock.move", "rw", "units that the marketplace shipped", "take_over"),
    Right("stock.move.line", "rwc", "where they lay", "take_over"),
    Right("stock.move", "rwc", "units that arrived in the marketplace's warehouse", "receiving"),
    Right("stock.move.line", "rwc", "where they lie", "receiving"),
    Right("stock.picking", "rwc", "transfers of what the marketplace sends back", "receiving"),
    Right("stock.package.type", "r", "the sizes of boxes that are sent there", "receiving"),
    Right("ir.attachment", "rc", "the labels of those boxes", "receiving"),
)
# What no lane uses, but credit notes where returns are taken over, invoices where orders are invoiced, and what whoever
# may do it can do: (model, operation, consequence).
EXCESSIVE = (
    ("res.groups", "write", "may make itself an administrator"),
    ("res.users", "create", "may create users"),
    ("ir.config_parameter", "read", "reads Odoo's secrets"),
    ("ir.actions.server", "write", "may run code in Odoo"),
    ("ir.rule", "write", "may lift Odoo's record rules"),
    ("res.partner.bank", "create", "may enter bank accounts, the company's own too"),
    ("account.move", "create", "may enter invoices and bills"),
)


def make_group(client: OdooClient, flows: Collection[str] = ()) -> list[str]:
    """Make the group and its access rights, or bring them up to date, as an administrator. flows: of `FLOW_GROUPS`, for
    which it needs more. Returns what was done, a sentence each. Repeating it changes nothing."""
    _ensure_administrator(client)
    new = not read_ids(client, "res.groups", ["group"])
    more = dict.fromkeys(group for flow in sorted(flows) for group in FLOW_GROUPS[flow])
    xids = (*_INHERITED_XIDS, *(names for _, names in more))
    inherited = [str(_read_reference(client, *names)) for names in xids]
    group_id = load_one(
        client, "res.groups", "group",
        {"name": GROUP, "implied_ids/.id": ",".join(inherited), "api_key_duration": str(KEY_DAYS),
         "comment": "Made by commerce-pipelines access: what the lanes of commerce_pipelines need, and no more."},
    )  # fmt: skip
    models = {row["model"]: row["id"] for row in client.call(
        "ir.model", "search_read", domain=[["model", "in", [right.model for right in OWN]]], fields=["model"], load=None
    )}  # fmt: skip
    for right in OWN:
        if right.model in models:
            load_one(client, "ir.model.access", _name_row(right), _build_row(right, models[right.model], group_id))
    removed = _remove_other_rows(client, group_id)
    return [
        f"The group {GROUP} {'was made' if new else 'is up to date'}: it inherits {INHERITED}"
        f"{_describe_more([title for title, _ in more], flows)} and may",
        *(f"  {right.model}: {', '.join(right.names)} ({right.reason})" for right in OWN if right.model in models),
        *(f"  {right.model}: left out, Odoo lacks its app" for right in OWN if right.model not in models),
        *([f"Removed {removed} access rights that it had besides."] if removed else []),
    ]


def _describe_more(titles: Sequence[str], flows: Collection[str]) -> str:
    return f", for {' and '.join(sorted(flows))} {' and '.join(titles)}," if titles else ""


def put_in_group(
    client: OdooClient, login: str, ask_password: Callable[[], str], companies: Sequence[str]
) -> list[str]:
    """Give the group to the user of this login, who may enter these companies (default: the administrator's own). A
    user that does not exist is created with the password that is asked for, and with no other group. Returns what was
    done, a sentence each."""
    group_id = read_ids(client, "res.groups", ["group"])["group"]
    allowed = [client.in_company(name, "--company").who.company_id for name in companies] or [client.who.company_id]
    rows = client.call(
        "res.users", "search_read", domain=[["login", "=", login]], fields=["active", "group_ids", "company_ids"],
        context={"active_test": False}, load=None,
    )  # fmt: skip
    if not rows:
        values = {
            "name": GROUP, "login": login, "email": login if "@" in login else False, "password": ask_password(),
            "group_ids": [[6, 0, [group_id]]], "company_id": allowed[0], "company_ids": [[6, 0, allowed]],
        }  # fmt: skip
        # Without this context Odoo mails an invitation.
        client.call("res.users", "create", context={"no_reset_password": True}, vals_list=[values])
        return [f"The user {login} was created in the group {GROUP} and no other."]
    [row] = rows
    if not row["active"]:
        raise SettingsError(f"The user {login} is archived in Odoo: unarchive it, or take another one.")
    if group_id not in row["group_ids"] or not set(allowed) <= set(row["company_ids"]):
        values = {"group_ids": [[4, group_id]], "company_ids": [[4, company] for company in allowed]}
        client.call("res.users", "write", ids=[row["id"]], vals=values)
    return [f"The user {login} is in the group {GROUP}.", *_list_other_groups(client, login, row["group_ids"])]


def _ensure_administrator(client: OdooClient) -> None:
    for model in ("res.groups", "ir.model.access", "res.users"):
        if not client.call(model, "has_access", ids=[], operation="create"):
            raise CredentialError(f"{client.settings.username} may not create {model}: log in as an administrator.")


def _read_reference(client: OdooClient, module: str, name: str) -> int:
    rows = client.call(
        "ir.model.data", "search_read", domain=[["module", "=", module], ["name", "=", name]], fields=["res_id"]
    )
    if not rows:
        raise SettingsError(f"Odoo lacks the group {module}.{name}: install the app Sales first.")
    return int(rows[0]["res_id"])


def _name_row(right: Right) -> str:
    return _ROW + right.model.replace(".", "_")


def _build_row(right: Right, model_id: int, group_id: int) -> dict[str, str]:
    allowed = {f"perm_{name}": str(int(letter in right.operations)) for letter, name in OPERATIONS.items()}
    return {"name": f"{MODULE} {right.model}", "model_id/.id": str(model_id), "group_id/.id": str(group_id), **allowed}


def _remove_other_rows(client: OdooClient, group_id: int) -> int:
    """Access rights of the group that OWN does not list, such as those of an earlier version."""
    ids = client.call("ir.model.access", "search", domain=[["group_id", "=", group_id]])
    wanted = {_name_row(right) for right in OWN}
    ours = names_of(client, "ir.model.access", ids)
    others = [row_id for row_id in ids if ours.get(row_id) not in wanted]
    if others:
        client.call("ir.model.access", "unlink", ids=others)
    return len(others)


def _list_other_groups(client: OdooClient, login: str, group_ids: Sequence[int]) -> list[str]:
    expected = [_read_reference(client, *names) for names in (_ROLE_XID, *_INHERITED_XIDS, *_FLOW_XIDS)]
    expected += read_ids(client, "res.groups", ["group"]).values()
    others = [group for group in group_ids if group not in expected]
    rows: list[dict[str, Any]] = client.call("res.groups", "read", ids=others, fields=["full_name"]) if others else []
    return [f"{login} has the group {row['full_name']} as well: take it away unless you know why." for row in rows]
