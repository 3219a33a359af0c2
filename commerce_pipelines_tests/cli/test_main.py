"""The commands as a person types them: what they print, what they return, and never a traceback."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jsonschema
import pytest
import yaml
from click.testing import CliRunner, Result

from commerce_pipelines.cli.main import main
from commerce_pipelines.core.errors import SettingsError
from commerce_pipelines.flows.intake.pull import pull
from commerce_pipelines.resources.connections import open_connections
from commerce_pipelines.settings.file import load, parse
from commerce_pipelines.warehouse.tables.database import Warehouse, master_key
from commerce_pipelines_tests.conftest import MASTER_KEY
from commerce_sandbox.catalogue import CATALOGUE
from commerce_sandbox.odoo import OdooStandIn, demo_database, transports
from commerce_sandbox.server import Fault
from commerce_sandbox.shopify import ShopifyStandIn, demo_orders


class Shell:
    """A folder, its environment, and the stand-ins behind it."""

    def __init__(self, folder: Path, shop: ShopifyStandIn, odoo: OdooStandIn) -> None:
        self.folder, self.shop, self.odoo = folder, shop, odoo

    def __call__(self, *arguments: str, text: str = "") -> Result:
        result = CliRunner().invoke(main, list(arguments), input=text)
        assert "Traceback" not in result.output
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    def write(self, **changes: object) -> None:
        settings = {
            "odoo": {
                "url": self.odoo.url, "database": "demo", "username": "admin", "password": {"env": "ODOO_PASSWORD"},
            },
            "channels": [
                {
                    "name": "shop_de", "kind": "shopify", "shop": "demo.myshopify.com", "endpoint": self.shop.url,
                    "credentials": {"client_id": {"env": "ID"}, "client_secret": {"env": "SECRET"}},
                    "start_date": "2025-01-01", **changes,
                }
            ],
        }  # fmt: skip
        (self.folder / "commerce.yaml").write_text(yaml.safe_dump(settings))


@pytest.fixture
def shell(warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    monkeypatch.chdir(tmp_path)
    for name in ("ODOO_PASSWORD", "ID", "SECRET"):
        monkeypatch.setenv(name, "admin")
    monkeypatch.setenv("COMMERCE_MASTER_KEY", base64.urlsafe_b64encode(MASTER_KEY).decode())
    monkeypatch.setenv("COMMERCE_DATABASE_URL", warehouse.url)
    with ExitStack() as stack:
        yield Shell(
            tmp_path, stack.enter_context(ShopifyStandIn()), stack.enter_context(OdooStandIn(demo_database(CATALOGUE)))
        )


ASK = ("--database", "demo", "--username", "admin")


def test_init_writes_what_odoo_offers_and_a_master_key_and_no_password(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COMMERCE_MASTER_KEY")
    result = shell("init", "--url", shell.odoo.url, *ASK)
    assert result.exit_code == 0, result.output
    text = (shell.folder / "commerce.yaml").read_text()
    assert parse(text).odoo.username == "admin"
    assert re.search(r"#.*: .*(WH|FBA)", text)
    env = (shell.folder / ".env").read_text()
    assert len(master_key(dict([env.strip().split("=", 1)]))) == 32
    assert (shell.folder / ".env").stat().st_mode & 0o077 == 0
    assert "password: {env: ODOO_PASSWORD}" in text
    again = shell("init", "--url", shell.odoo.url, *ASK)
    assert (again.exit_code, "exists already" in again.output) == (1, True)


def test_init_adds_channels_that_publish_nothing_yet(shell: Shell) -> None:
    names = [("amazon", "amazon_eu"), ("ebay", "ebay_de"), ("shopify", "shop_de")]
    options = [option for kind, name in names for option in ("--channel", f"{kind}:{name}")]
    result = shell("init", "--url", shell.odoo.url, *ASK, *options, "--country", "AT", "--oss")
    assert result.exit_code == 0, result.output
    text = (shell.folder / "commerce.yaml").read_text()
    settings = parse(text)
    assert [channel.name for channel in settings.channels] == [name for _, name in names]
    assert (settings.vat.seller_country, settings.vat.oss) == ("AT", True)
    assert all(channel.inventory.dry_run and not channel.inventory.enabled for channel in settings.channels)
    assert "SHOP_DE_CLIENT_SECRET" in result.output
    wrong = shell("init", "--url", shell.odoo.url, *ASK, "--output", "other.yaml", "--channel", "etsy:x")
    assert (wrong.exit_code, "write KIND:NAME" in wrong.output) == (1, True)


def test_init_asks_odoo_for_what_it_is_not_told(shell: Shell) -> None:
    assert "seller in DE, OSS no" in shell("init", "--url", shell.odoo.url, *ASK).output
    rows = shell.odoo.database.rows["account.fiscal.position"]
    next(iter(rows.values()))["name"] = "OSS B2C France"
    assert "seller in DE, OSS yes" in shell("init", "--url", shell.odoo.url, *ASK, "--output", "other.yaml").output


def test_the_schema_that_editors_read_takes_what_the_program_takes(shell: Shell) -> None:
    shell("init", "--url", shell.odoo.url, *ASK)
    schema = json.loads((shell.folder / "commerce.schema.json").read_text())
    example = (shell.folder / "commerce.example.yaml").read_text()
    for text in (example, (shell.folder / "commerce.yaml").read_text()):
        document = json.loads(json.dumps(yaml.safe_load(text), default=str))
        jsonschema.validate(document, schema)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**document, "chanels": []}, schema)


def test_init_says_what_is_wrong_with_the_login(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ODOO_PASSWORD")
    result = shell("init", "--url", shell.odoo.url, *ASK, text="wrong\n")
    assert result.exit_code == 1
    assert "Odoo refuses the login of 'admin'" in result.output
    assert "wrong" not in result.output
    assert not (shell.folder / "commerce.yaml").exists()


def test_init_refuses_another_odoo(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(transports.VERSION, "server_version", "18.0")
    result = shell("init", "--url", shell.odoo.url, *ASK)
    assert result.exit_code == 1
    assert "is Odoo 18.0; this needs Odoo 19" in result.output
    assert not (shell.folder / "commerce.yaml").exists()


def test_check_tells_a_line_each_and_what_is_to_mend(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    shell.write()
    good = shell("check")
    assert good.exit_code == 0, good.output
    assert good.output.count("✓") >= 4
    assert "demo.myshopify.com" in good.output
    shell.write(sales_team="Nobody", warehouse="Nowhere")
    shell.shop.faults.append(Fault(match="access_token", status=401, times=9))
    bad = shell("check")
    assert bad.exit_code == 1
    # the credentials are tried anew, although the token of the first check is still valid
    for word in ("Nobody", "Nowhere", "it has: ", "shop_de: credentials"):
        assert any("✗" in line and word in line for line in bad.output.splitlines()), bad.output
    assert "to mend" in bad.output


def test_check_sends_a_test_alert_to_every_target(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    shell.write()
    assert "names no target" in shell("check", "--send-test-alert").output
    with (shell.folder / "commerce.yaml").open("a") as file:
        file.write("alerts: {targets: [{env: CHAT}, {env: PAGER}]}\n")
    monkeypatch.setenv("CHAT", f"json{shell.shop.url.removeprefix('http')}/alerts")
    monkeypatch.setenv("PAGER", "nothing that Apprise knows")
    lines = shell("check", "--send-test-alert").output.splitlines()
    assert next(line for line in lines if "alert sent to PAGER" in line).startswith("✗")
    assert any(call.path == "/alerts" and b"a test" in call.body for call in shell.shop.calls)


def test_check_without_a_file_or_a_secret_names_the_fix(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    result = shell("check")
    assert result.exit_code == 1
    assert "commerce-pipelines init" in result.output
    shell.write()
    monkeypatch.delenv("SECRET")
    result = shell("check")
    assert result.exit_code == 1
    assert "SECRET is not set" in result.output


def test_check_goes_on_without_a_database_and_without_odoo(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    shell.write()
    shell.odoo.faults.append(Fault(status=404, times=99))
    monkeypatch.delenv("COMMERCE_MASTER_KEY")
    lines = shell("check").output.splitlines()
    assert [line[0] for line in lines] == ["✓", "✗", "✗", "✗", "✓", *"✓✓✓✓", "3"]
    assert "COMMERCE_MASTER_KEY" in lines[1]
    assert "odoo.database" in lines[2]


def test_another_master_key_is_refused_before_anything_is_written(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell.write()
    today = datetime.now(UTC)
    for order in demo_orders(3, 1, today, CATALOGUE):
        shell.shop.add(order)
    span = today.date() - timedelta(days=2), today.date() + timedelta(days=2)
    assert pull(open_connections(load()), "shop_de", *span).new > 10
    monkeypatch.setenv("COMMERCE_MASTER_KEY", base64.urlsafe_b64encode(MASTER_KEY[::-1]).decode())
    assert "✗ database and master key: COMMERCE_MASTER_KEY is not the key" in shell("check").output
    with pytest.raises(SettingsError, match="set the old one again"):
        pull(open_connections(load()), "shop_de", *span)
    assert shell("dev", "--port", "1").output.count("set the old one again") == 1


MISTAKES = {
    "init --url http://127.0.0.1:1 --database x --username y --output nowhere/x.yaml": "correct odoo.url",
    "report --from 2026-02-02 --to 2026-01-01": "exchange them",
    "plan shop_de --from 2026-02-02 --to 2026-01-01": "exchange them",
    "report --from 2026-13-01": "does not match",
    "report --from 0001-01-01": "must lie between 2000-01-01",
    "dev --behind-proxy --host 192.0.2.1": "192.0.2.1:3000 cannot be listened on",
    "dev --port 99999": "not in the range",
    "exceptions list shop_uk": "configured: shop_de",
    "exceptions show shop_uk 1": "configured: shop_de",
    "exceptions replay shop_uk": "configured: shop_de",
    "inventory plan shop_uk": "configured: shop_de",
    "inventory plan shop_de": "inventory.enabled is not true",
    "inventory release shop_de": "inventory.enabled is not true",
    "shipments plan shop_uk": "configured: shop_de",
    "shipments release shop_de": "fulfilment.enabled is not true",
    "refunds plan shop_de": "refunding.enabled is not true",
    "trace shop_de 4711": "'4711'",
}


@pytest.mark.parametrize("command", MISTAKES)
def test_a_mistake_is_one_sentence_that_names_it(shell: Shell, command: str) -> None:
    shell.write()
    result = shell(*command.split())
    assert result.exit_code in (1, 2)
    assert MISTAKES[command] in result.output.splitlines()[-1]


def test_a_path_that_cannot_be_used_is_a_sentence(shell: Shell) -> None:
    result = shell("init", "--url", shell.odoo.url, *ASK, "--output", "nowhere/commerce.yaml")
    assert result.exit_code == 1
    assert "nowhere/commerce.yaml cannot be used" in result.output


def test_no_channel_yet_is_said(shell: Shell) -> None:
    shell.write()
    settings = yaml.safe_load((shell.folder / "commerce.yaml").read_text())
    (shell.folder / "commerce.yaml").write_text(yaml.safe_dump(settings | {"channels": []}))
    assert shell("check").exit_code == 0
    assert "no channel yet" in shell("check").output
    assert shell("report").exit_code == 1


def test_report_proves_and_fails_by_exit_code(shell: Shell) -> None:
    shell.write()
    for order in demo_orders(3, 1, datetime.now(UTC) - timedelta(hours=2), CATALOGUE):
        shell.shop.add(order)
    result = shell("report", "--json")
    assert result.exit_code == 1
    (shop,) = json.loads(result.output.splitlines()[-1])["channels"].items()
    assert shop[0] == "shop_de"
    assert shop[1]["orders_in_channel"] == len(shop[1]["missing"]) > 10
    assert shop[1]["sale_orders_in_odoo"] == shop[1]["exceptions"] == 0
    assert float(shop[1]["money_difference"]) > 0
    empty = shell("report", "shop_de", "--from", "2025-03-01", "--to", "2025-03-02")
    assert empty.exit_code == 0
    assert "0.00" in empty.output


def test_what_was_sold_a_moment_ago_is_on_the_way_and_not_missing(shell: Shell) -> None:
    shell.write()
    orders = [*demo_orders(3, 1, datetime.now(UTC), CATALOGUE)]
    order = next(order for order in orders if order["displayFinancialStatus"] == "PAID" and not order["cancelledAt"])
    moment = (datetime.now(UTC) - timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    shell.shop.add(order | {"createdAt": moment, "processedAt": moment, "updatedAt": moment})
    result = shell("report", "--json")
    assert result.exit_code == 0, result.output
    figures = json.loads(result.output.splitlines()[-1])["channels"]["shop_de"]
    assert (len(figures["on_the_way"]), figures["missing"], figures["money_difference"]) == (1, [], "0.00")
    assert "backfill" not in result.output


def test_an_unknown_channel_is_named_with_those_there_are(shell: Shell) -> None:
    shell.write()
    result = shell("report", "shop_uk")
    assert result.exit_code == 1
    assert "configured: shop_de" in result.output


def test_an_unreachable_odoo_is_a_sentence(shell: Shell) -> None:
    shell.write()
    for order in demo_orders(3, 1, datetime.now(UTC), CATALOGUE):
        shell.shop.add(order)
    shell.odoo.faults.append(Fault(status=404, times=99))
    result = shell("report")
    assert result.exit_code == 1
    assert result.output.startswith("commerce-pipelines: ")
    assert len(result.output.strip().splitlines()) == 1


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "example.com"])  # noqa: S104 - what is refused
def test_dev_refuses_to_show_an_open_ui_to_the_world(shell: Shell, host: str) -> None:
    shell.write()
    result = shell("dev", "--host", host)
    assert result.exit_code == 2
    assert "--behind-proxy" in result.output


def test_dev_says_when_its_port_is_taken(shell: Shell) -> None:
    shell.write()
    result = shell("dev", "--port", shell.odoo.url.rpartition(":")[2])
    assert result.exit_code == 1
    assert "is taken" in result.output


def test_help_and_version(shell: Shell) -> None:
    assert "report" in shell("-h").output
    assert shell("--version").exit_code == 0
    assert shell("nonsense").exit_code == 2


def test_limits_shows_what_is_used_and_left(shell: Shell) -> None:
    shell.write()
    assert "No marketplace was called yet." in shell("limits").output
    shell.shop.points, shell.shop.restore = 4_000, 200
    open_connections(load()).channel("shop_de").account.probe()
    shown = shell("limits", "shop_de")
    assert (shown.exit_code, "200 a second, 4,000 at once" in shown.output) == (0, True), shown.output
    assert "used today" in shown.output
    wrong = shell("limits", "shop_fr")
    assert (wrong.exit_code, "There is no channel" in wrong.output) == (1, True)
