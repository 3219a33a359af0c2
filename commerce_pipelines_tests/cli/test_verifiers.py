"""Every key of commerce.yaml is tried by somebody, or it is said why nobody needs to; and what each verifier finds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, get_args, get_type_hints

import msgspec
import pytest

from commerce_pipelines.channels.amazon.account import AmazonAccount
from commerce_pipelines.channels.ebay.account import EbayAccount
from commerce_pipelines.channels.ebay.settings import TRADING_SCOPE
from commerce_pipelines.channels.registry import settings_types
from commerce_pipelines.channels.settings import ChannelSettings
from commerce_pipelines.cli import odoo_verifiers, verifiers
from commerce_pipelines.cli.findings import Advice
from commerce_pipelines.core.errors import CredentialError, PermanentError
from commerce_pipelines.core.instruments import REAL
from commerce_pipelines.core.section import Secret, Section
from commerce_pipelines.settings.file import Settings, parse
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.cli.test_main import Shell, shell  # noqa: F401 - a fixture
from commerce_pipelines_tests.doubles.channel import SETTINGS, FakeChannel, some_settings
from commerce_pipelines_tests.doubles.doors import doors
from commerce_sandbox.catalogue import CATALOGUE

RUN = (*verifiers.OF_ALL, *verifiers.OF_DATABASE, *verifiers.OF_ODOO, *verifiers.OF_CHANNEL, *verifiers.OF_ACCOUNT)


def _list_keys(shape: Any, where: str) -> Iterator[str]:
    """Every key below a section, with its path; a channel's own keys stand without `channels`."""
    if isinstance(shape, type) and issubclass(shape, Section) and shape is not Secret:
        for key, inner in get_type_hints(shape).items():
            if key in shape.__struct_fields__:
                path = f"{where}.{key}" if where else key
                yield path
                if inner_is_channel(inner):
                    continue
                yield from _list_keys(inner, path)
    for inner in get_args(shape):
        yield from _list_keys(inner, where)


def inner_is_channel(shape: Any) -> bool:
    return shape is ChannelSettings or any(inner_is_channel(inner) for inner in get_args(shape))


def test_every_key_is_tried_or_needs_no_trial() -> None:
    keys = {*_list_keys(Settings, "")}
    for kind in settings_types():
        keys |= {*_list_keys(kind, "")}
    assert len(keys) > 90
    assert keys - verifiers.TRIED.keys() == set(), "say in cli/verifiers.py who tries these, or why nobody needs to"
    assert verifiers.TRIED.keys() - keys == set(), "no such key any more"


def test_every_verifier_of_the_table_is_run() -> None:
    named = {by for by in verifiers.TRIED.values() if callable(by)}
    assert named <= set(RUN)
    assert all(callable(by) or (isinstance(by, str) and by) for by in verifiers.TRIED.values())


def _find_wrong(shell: Shell, word: str) -> str:  # noqa: F811
    """The line of `check` about `word` that says what is wrong."""
    lines = [line for line in shell("check").output.splitlines() if line.startswith("✗") and word in line]
    return "\n".join(lines)


def test_a_start_date_in_the_future_loads_nothing(shell: Shell) -> None:  # noqa: F811
    shell.write(start_date=str(REAL.now().date() + timedelta(days=9)))
    assert "is not there yet" in _find_wrong(shell, "channels[shop_de].start_date")


def test_a_warehouse_that_feeds_nothing_and_an_alias_of_nothing(shell: Shell) -> None:  # noqa: F811
    shell.write(inventory={"enabled": True, "locations": {"": ["NOWHERE"]}}, skus={"OLD": "NONE-SUCH"})
    assert "Odoo has no warehouse 'NOWHERE'" in _find_wrong(shell, "inventory.locations")
    assert "internal reference NONE-SUCH" in _find_wrong(shell, "channels[shop_de].skus")


def test_a_unit_that_odoo_cannot_count_the_product_in(shell: Shell) -> None:  # noqa: F811
    mug = CATALOGUE[0].sku
    shell.write(skus={mug: {"unit": "Pack of 6"}, "HEAVY": {"product": mug, "quantity": 3, "unit": "kg"}})
    wrong = _find_wrong(shell, "skus")
    assert f"3 kg of {mug}: Odoo has no unit of measure kg" in wrong
    assert "Odoo has: Dozens, Pack of 6, Units" in wrong
    assert len(wrong.splitlines()) == 1


def test_deliveries_that_the_user_may_not_hold(shell: Shell) -> None:  # noqa: F811
    """Nothing is asked of who does not want it; with the operation type there, nobody has to create one."""
    every, some = ("read", "write", "create", "unlink"), ("read", "write")
    [user] = [row for row in shell.odoo.database.rows["res.users"].values() if row["login"] == "admin"]
    user["rights"] = {"*": every, "stock.picking.type": some}
    shell.write()
    assert _find_wrong(shell, "holding deliveries") == ""
    for asked in ({"on_payment_lost": "block"}, {"risky": "hold_delivery"}, {"risky": "wait"}):
        shell.write(**asked)
        assert "may not create stock.picking.type" in _find_wrong(shell, "holding deliveries")
    user["rights"] = {"*": every, "stock.picking": ("read",)}
    assert "may not write stock.picking: run `commerce-pipelines access`" in _find_wrong(shell, "holding deliveries")
    user["rights"] = None
    assert _find_wrong(shell, "holding deliveries") == ""


def test_targets_and_the_place_to_listen(
    shell: Shell,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shell.write()
    with (shell.folder / "commerce.yaml").open("a") as file:
        file.write("alerts: {targets: [{env: CHAT}]}\nlisten: {secret: {env: HINTS}, host: 192.0.2.1}\n")
    monkeypatch.setenv("CHAT", "nothing that Apprise knows")
    monkeypatch.setenv("HINTS", "a" * 24)
    assert "CHAT holds no URL" in _find_wrong(shell, "alerts.targets")
    assert "cannot be listened on" in _find_wrong(shell, "listen")
    monkeypatch.setenv("HINTS", "short")
    monkeypatch.setenv("CHAT", "json://localhost/x")
    assert "at least 24" in _find_wrong(shell, "listen")
    assert _find_wrong(shell, "alerts.targets") == ""


def test_scopes_that_stock_needs_of_shopify(
    shell: Shell,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shell.write(inventory={"enabled": True, "locations": {"": ["WH"]}})
    assert _find_wrong(shell, "scopes and roles") == ""
    monkeypatch.setattr(
        "commerce_pipelines.channels.shopify.account.WITHOUT_FOR_STOCK", {"write_everything": "nothing"}
    )
    assert "the app lacks write_everything" in _find_wrong(shell, "scopes and roles")


class Carriers:
    """The shipments of a marketplace that lists its carriers, or cannot be asked."""

    def __init__(self, *codes: str, error: Exception | None = None) -> None:
        self.codes, self.error = codes, error

    def list_carriers(self) -> tuple[str, ...]:
        if self.error:
            raise self.error
        return self.codes


@pytest.mark.parametrize(
    ("shipments", "finding"),
    [
        (Carriers("DHL", "Other"), "may refuse parcels"),
        (Carriers("DHL", "DHLL", "Other"), ""),
        (Carriers(), None),
        (Carriers(error=PermanentError("Not today.")), "Not today."),
        (None, None),
    ],
)
def test_carriers_that_the_marketplace_does_not_list(
    warehouse: Warehouse, shipments: Carriers | None, finding: str | None
) -> None:
    section = "fulfilment: {enabled: true, carriers: {Paket: DHL, Post: DHLL, Bote: {other: Bote}}}, "
    settings = parse(SETTINGS.replace("start_date:", f"{section}start_date:"))
    channel = FakeChannel()
    channel.shipments = shipments  # type: ignore[assignment]
    connections = doors(settings, warehouse, channels={channel.name: channel})
    findings = list(verifiers.carriers_known(connections, settings.channels[0]))
    if finding is None:
        assert findings == []
    else:
        ((_, problem),) = findings
        assert finding in problem
        assert not problem or isinstance(problem, Advice)
        assert ("DHLL is none" in problem) is (finding == "may refuse parcels")


def test_scopes_that_the_settings_of_ebay_need() -> None:
    def lacks(**changes: Any) -> list[str]:
        values = {"orders_api": "fulfillment", "scopes": (TRADING_SCOPE,), "name": "ebay_de", **changes}
        switches = {
            key: SimpleNamespace(enabled=values.pop(key, False))
            for key in ("inventory", "fulfilment", "returns", "refunding")
        }
        return EbayAccount(SimpleNamespace(settings=SimpleNamespace(**switches, **values))).lacks()  # type: ignore[arg-type]

    assert lacks(orders_api="trading") == []
    assert "sell.fulfillment" in lacks()[0]
    (problem,) = lacks(orders_api="trading", inventory=True)
    assert "channels[ebay_de].scopes lacks" in problem
    assert "sell.inventory" in problem
    whole = (TRADING_SCOPE, f"{TRADING_SCOPE}/sell.fulfillment", f"{TRADING_SCOPE}/sell.inventory")
    assert lacks(inventory=True, fulfilment=True, scopes=whole) == []
    assert "sell.fulfillment" in lacks(orders_api="trading", fulfilment=True)[0]
    assert "sell.fulfillment" in lacks(orders_api="trading", returns=True)[0]


@pytest.mark.parametrize(
    ("error", "word"), [(CredentialError("no"), "Product Listing"), (PermanentError("no"), "seller_id"), (None, "")]
)
def test_the_role_that_stock_needs_of_amazon(error: Exception | None, word: str) -> None:
    def call(operation: str, path: str, query: dict[str, str]) -> None:
        assert (operation, path, query["pageSize"]) == (
            "searchListingsItems", "/listings/2021-08-01/items/A1EXAMPLE", "1",
        )  # fmt: skip
        if error:
            raise error

    on, off = SimpleNamespace(enabled=True), SimpleNamespace(enabled=False)
    settings = SimpleNamespace(
        inventory=on,
        returns=off,
        refunding=off,
        inbound=off,
        seller_id="A1EXAMPLE",
        marketplace_ids=("M",),
        tells_unnumbered=False,
    )
    account = AmazonAccount(SimpleNamespace(settings=settings, call=call, name="amazon_eu"))  # type: ignore[arg-type]
    problems = account.lacks()
    assert len(problems) == bool(error)
    assert word in "".join(problems)


def test_names_of_returns_that_odoo_lacks(shell: Shell) -> None:  # noqa: F811
    rows = shell.odoo.database.rows
    inside = next(row for row in rows["stock.location"].values() if row["usage"] == "internal")["name"]
    wrong = {"quarantine": "Nowhere", "refund_journal": "Nowhere"}
    shell.write(returns={"enabled": True, **wrong})
    assert "The location Nowhere does not exist in Odoo" in _find_wrong(shell, "returns.quarantine")
    assert "no journal named Nowhere" in _find_wrong(shell, "returns.refund_journal")
    sales = next(row for row in rows["account.journal"].values() if row["type"] == "sale")["name"]
    shell.write(returns={"enabled": True, "quarantine": inside, "refund_journal": sales})
    assert "lies inside of a warehouse" in _find_wrong(shell, "returns.quarantine")
    assert "registers no payments" in _find_wrong(shell, "returns.refund_journal")
    bank = next(row for row in rows["account.journal"].values() if row["type"] == "bank")["name"]
    shell.write(returns={"enabled": True, "refund_journal": bank})
    assert _find_wrong(shell, "channels[shop_de].returns") == ""
    shell.write(returns={"enabled": False, **wrong})
    assert _find_wrong(shell, "channels[shop_de].returns") == ""


def test_the_scope_that_returns_need_of_shopify(
    shell: Shell,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("commerce_pipelines.channels.shopify.account.WITHOUT_FOR_RETURNS", {"read_them": "nothing"})
    shell.write()
    assert _find_wrong(shell, "scopes and roles") == ""
    shell.write(returns={"enabled": True})
    assert "the app lacks read_them, for returns" in _find_wrong(shell, "scopes and roles")


def test_the_role_that_refunds_need_of_amazon() -> None:
    asked = []

    def call(operation: str, path: str, query: dict[str, str]) -> None:
        asked.append((operation, path))
        raise CredentialError("no")

    on, off = SimpleNamespace(enabled=True), SimpleNamespace(enabled=False)
    for returns, count in ((off, 0), (on, 1)):
        settings = SimpleNamespace(inventory=off, returns=returns, refunding=off, inbound=off, tells_unnumbered=False)
        api = SimpleNamespace(settings=settings, call=call, name="amazon_eu", now=REAL.now)
        problems = AmazonAccount(api).lacks()  # type: ignore[arg-type]
        assert len(problems) == count
        assert "Finance and Accounting" in "".join(problems) or not count
    assert asked == [("listTransactions", "/finances/2024-06-19/transactions")]


@pytest.mark.parametrize(("actions", "problem"), [
    (None, None), ({}, ""), ({"action_create_refund": "manual_after_receipt"}, "of its own"),
])  # fmt: skip
def test_the_operation_of_claims_makes_nothing_itself(actions: dict[str, str] | None, problem: str | None) -> None:
    """None: Odoo lacks the module, and nothing is said of it."""

    def call(model: str, method: str, **named: Any) -> Any:
        if actions is None or method == "fields_get":
            assert model == "stock.move"
            return {} if actions is None else {"rma_receiver_ids": {"type": "one2many"}}
        return [{**dict.fromkeys(named["fields"], False), "id": 7, **actions}] if method == "search_read" else True

    channel = some_settings().channel("shop_de")
    rules = msgspec.structs.replace(channel.returns, enabled=True)
    channel = msgspec.structs.replace(channel, returns=rules)
    connections = SimpleNamespace(odoo_of=lambda name: SimpleNamespace(call=call))
    findings = list(odoo_verifiers.return_names(connections, channel))  # type: ignore[arg-type]
    assert [name for name, _ in findings] == ["channels[shop_de].returns.rma_operation"] * (problem is not None)
    assert all((problem or "") in str(text) and bool(text) == bool(problem) for _, text in findings)


@pytest.mark.parametrize(("there", "is_on"), [(False, False), (True, False), (True, True)])
def test_odoo_s_own_messages_about_deliveries_are_told_and_stop_nothing(there: bool, is_on: bool) -> None:
    field = "stock_move_email_validation"

    def call(model: str, method: str, **named: Any) -> Any:
        if method == "fields_get":
            return {field: {"type": "boolean"}} if there else {}
        return [{"id": 1, field: is_on}]

    channel = some_settings().channel("shop_de")
    odoo = SimpleNamespace(call=call, who=SimpleNamespace(company_id=1))
    connections = SimpleNamespace(odoo_of=lambda name: odoo)
    assert list(odoo_verifiers.delivery_messages(connections, channel)) == []  # type: ignore[arg-type]
    rules = msgspec.structs.replace(channel.fulfilment, enabled=True)
    channel = msgspec.structs.replace(channel, fulfilment=rules)
    findings = list(odoo_verifiers.delivery_messages(connections, channel))  # type: ignore[arg-type]
    advice = [(isinstance(problem, Advice), "Email Confirmation is on" in problem) for _, problem in findings]
    assert advice == [(True, True)] * is_on


def test_a_database_that_forgot_what_it_loaded(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    connections = doors(some_settings(), warehouse, odoo=object(), channels={"shop_de": FakeChannel()})
    holds = {"shop_de": True}
    monkeypatch.setattr("commerce_pipelines.odoo.sales.booked.holds_orders_of", lambda odoo, name: holds[name])
    channel = connections.settings.channel("shop_de")
    ((_, problem),) = verifiers.emptied(connections, channel)
    assert "restore the database's backup" in problem
    holds["shop_de"] = False
    assert list(verifiers.emptied(connections, channel)) == []


def test_where_data_goes_is_told_and_residency_makes_it_an_error(
    shell: Shell,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shell.write()
    monkeypatch.setenv("CHAT", "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ")
    file = shell.folder / "commerce.yaml"
    plain = file.read_text() + "alerts: {targets: [{env: CHAT}]}\n"
    file.write_text(plain)
    shown = shell("check").output
    assert "✓ data: hooks.slack.com gets order and tracking numbers" in shown
    assert "✓ data: 127.0.0.1 gets names, addresses and messages of buyers: this machine or its network" in shown
    assert "! data that Odoo sends: mail servers" in shown
    assert "T1JJ3T3L2" not in shown.upper()
    file.write_text(f"{plain}privacy: {{residency: eu}}\n")
    assert "nobody says where hooks.slack.com (alerts.targets (CHAT)) stands" in _find_wrong(shell, "hooks.slack.com")
    file.write_text(f"{plain}privacy: {{residency: eu, places: {{slack.com: DE}}}}\n")
    assert _find_wrong(shell, "data") == ""
