"""commerce.yaml: what is wrong is said in one sentence, with the key's path and the fix."""

import re
from pathlib import Path

import pytest

from commerce_pipelines.core.errors import SettingsError
from commerce_pipelines.domain.sales.mapping import alias
from commerce_pipelines.domain.sales.rules import Pack
from commerce_pipelines.settings import file as settings

ODOO = "odoo: {url: 'http://127.0.0.1:8069', database: shop, username: bot, password: {env: ODOO_PASSWORD}}\n"
SHOP = "{name: %s, kind: shopify, shop: a.myshopify.com, credentials: {access_token: {env: TOKEN}}%s}"


def _write_one(extra: str = "", name: str = "shop_de") -> str:
    return f"{ODOO}channels:\n  - {SHOP % (name, extra)}\n"


def test_a_minimal_file_is_enough() -> None:
    loaded = settings.parse(_write_one())
    assert [channel.name for channel in loaded.channels] == ["shop_de"]
    assert loaded.odoo.transport == "jsonrpc"


def test_several_accounts_of_one_kind() -> None:
    text = f"{ODOO}channels:\n  - {SHOP % ('shop_de', '')}\n  - {SHOP % ('shop_uk', ', time_zone: Europe/London')}\n"
    assert [channel.time_zone for channel in settings.parse(text).channels] == ["Europe/Berlin", "Europe/London"]


@pytest.mark.parametrize(
    ("text", "path", "fix"),
    [
        (_write_one(", polling: 5"), "channels[0].polling", "see commerce.example.yaml"),
        (_write_one(", sales_tem: Web"), "channels[0].sales_tem", "did you mean sales_team?"),
        (_write_one(", time_zone: Europe/Berln"), "channels[shop_de].time_zone", "such as Europe/Berlin"),
        (_write_one(", poll_seconds: soon"), "channels[0].poll_seconds", "see commerce.example.yaml"),
        (_write_one(", analytic: {Shop: 60}"), "channels[shop_de].analytic", "add up to 100"),
        (_write_one(", endpoint: 'http://shop.example'"), "channels[shop_de].endpoint", "https"),
        (_write_one(name="Shop-DE"), "channels[Shop-DE].name", "[a-z][a-z0-9_]*"),
        (f"{ODOO}channels:\n  - {SHOP % ('a', '')}\n  - {SHOP % ('a', '')}\n", "channels[1].name", "name of its own"),
        (f"{ODOO}channels: [{{name: a, kind: etsy}}]", "channels[0].kind", "amazon, ebay, shopify"),
        (f"{ODOO}channels: [{{name: a}}]", "channels[0].kind", "missing"),
        ("channels: []", "odoo", "is missing"),
        (ODOO.replace("{env: ODOO_PASSWORD}", "hunter2"), "odoo.password", "{env: NAME}"),
        (ODOO.replace("username: bot", "username: bot, transport: xmlrpc"), "odoo.transport", "commerce.example.yaml"),
        (f"{ODOO}owner: nobody", "owner", "team:NAME"),
        (f"{ODOO}{ODOO}", "odoo", "given twice"),
        ("- a", "commerce.yaml", "must be a mapping"),
        ("a: [", "commerce.yaml", "not valid YAML"),
        (_write_one("\n\tsales_team: Web"), "line ", "cannot start any token"),
        (_write_one(", start_date: yesterday"), "channels[0].start_date", "such as 2026-01-31"),
        (_write_one(", start_date: 2026-02-31"), "channels[0].start_date", "such as 2026-01-31"),
        (_write_one(", start_date: 0001-01-01"), "channels[shop_de].start_date", "2000-01-01"),
        (_write_one(", skus: {A: X, 12: TEA}"), "channels[0].skus: the key 12", "quotes"),
        (_write_one(", skus: {A: X, B: 12}"), "channels[0].skus.B", "quotes"),
        (
            _write_one(", fiscal_positions: {export: X, oss_FR: X, oss-FR: X}"),
            "fiscal_positions.oss-FR",
            "as in oss_FR",
        ),
        (_write_one(name="odoo__north"), "channels[odoo__north].name", "must not begin with odoo__"),
        (_write_one(name="every"), "channels[every].name", "choose another"),
        (_write_one(", carriers: [a]"), "channels[0].carriers", "mapping"),
        (_write_one(", departure_country: Germany"), "channels[shop_de].departure_country", "such as DE"),
        (_write_one(", taxes: [{country: CH, rate: .nan, tax: X}]"), "channels[shop_de].taxes[0].rate", "0 and 100"),
        (_write_one(", analytic: {A: 150, B: -50}"), "channels[shop_de].analytic", "above 0"),
        (_write_one(", inventory: {breaker: {read_percent: .nan}}"), "breaker.read_percent", "0 and 100"),
        (_write_one(", endpoint: 'https://me:hunter2@shop.example'"), "channels[shop_de].endpoint", "user or password"),
        (_write_one(", endpoint: 'https://[x'"), "channels[shop_de].endpoint", "must be a URL"),
        (_write_one().replace("{env: TOKEN}", "{hunter2: x}"), "credentials.access_token", "{env: NAME}"),
        (ODOO.replace("ODOO_PASSWORD", "hunter2 !"), "odoo.password", "{env: NAME}"),
        (ODOO.replace("{env: ODOO_PASSWORD}", "*hunter2"), "line 1", "quotes"),
        (ODOO.replace("{env: ODOO_PASSWORD}", "!hunter2 x"), "line 1", "quotes"),
        (ODOO.replace("127.0.0.1:8069", "me:hunter2@127.0.0.1:8069"), "odoo.url", "user or password"),
        (ODOO.replace("8069", "99999"), "odoo.url", "must be a URL"),
        (ODOO.replace("database: shop", "database: shop, timeout_seconds: -1"), "odoo.timeout_seconds", "between 1"),
        (ODOO.replace("database: shop", "database: ''"), "odoo.database", "is empty"),
        (f"{ODOO}vat: {{seller_country: de}}", "vat.seller_country", "such as DE"),
        (f"{ODOO}vat: {{rates: {{FR: {{standard: 150}}}}}}", "vat.rates.FR", "0 and 100"),
        (f"{ODOO}[a, b]: c", "line 2", "must be text"),
        (f"{ODOO}5: c", "commerce.yaml: the key 5", "quotes"),
        (ODOO + "\0", "character", "delete it"),
    ],
)
def test_a_mistake_is_one_sentence_with_path_and_fix(text: str, path: str, fix: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings.parse(text)
    sentence = str(caught.value)
    assert path in sentence
    assert fix in sentence
    assert "\n" not in sentence, sentence
    assert "hunter2" not in sentence


def test_all_mistakes_are_told_at_once_and_none_that_only_follows_from_another() -> None:
    text = f"""{ODOO.replace("database: shop", "database: shop, batch: many, chatter: yes")}
owner: nobody
foo: 1
channels:
  - {SHOP % ("shop_de", ", regoin: eu, tags: Shop, time_zone: Mars/Base")}
  - {SHOP % ("shop_de", ", time_zone: Mars/Base, poll_seconds: 1, rounding_tolerance: -1, inventory: {reserve: -1}")}
  - {{name: a, kind: amazon, region: moon, marketplaces: [US]}}
"""
    with pytest.raises(SettingsError) as caught:
        settings.parse(text)
    assert [re.split(r" |: ", line)[0] for line in str(caught.value).splitlines()] == [
        "foo", "odoo.batch", "odoo.chatter", "channels[0].regoin", "channels[0].tags",
        "channels[shop_de].time_zone", "channels[shop_de].poll_seconds", "channels[shop_de].rounding_tolerance",
        "channels[shop_de].inventory.reserve", "channels[2].region", "channels[2].credentials", "owner",
    ]  # fmt: skip


def test_accounts_of_one_kind_may_share_their_keys_by_a_yaml_anchor() -> None:
    text = f"{ODOO}channels:\n  - &shop {SHOP % ('shop_de', '')}\n  - {{<<: *shop, name: shop_uk}}\n"
    assert [(channel.name, channel.shop) for channel in settings.parse(text).channels] == [  # type: ignore[attr-defined]
        ("shop_de", "a.myshopify.com"), ("shop_uk", "a.myshopify.com"),
    ]  # fmt: skip


def test_a_file_that_is_no_text_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "commerce.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="UTF-8"):
        settings.load(tmp_path / "commerce.yaml", {})


def test_a_missing_secret_is_named(tmp_path: Path) -> None:
    file = tmp_path / "commerce.yaml"
    file.write_text(_write_one())
    with pytest.raises(SettingsError, match=r"channels\[shop_de\]\.credentials\.access_token.*TOKEN is not set"):
        settings.load(file, {"ODOO_PASSWORD": "x"})
    with pytest.raises(SettingsError, match=r"(?s)ODOO_PASSWORD is not set.*\n.*TOKEN is not set"):
        settings.load(file, {"TOKEN": ""})
    assert settings.load(file, {"ODOO_PASSWORD": "x", "TOKEN": "y"}).channels


def test_a_missing_file_names_init(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="commerce-pipelines init"):
        settings.load(tmp_path / "none.yaml", {})


def test_a_file_of_aliases_adds_to_the_skus(tmp_path: Path) -> None:
    file = tmp_path / "commerce.yaml"
    file.write_text(_write_one(", sku_file: skus.csv, skus: {OWN: A}"))
    environment = {"ODOO_PASSWORD": "x", "TOKEN": "y"}
    (tmp_path / "skus.csv").write_text("\ufeffsku,product,quantity\nSIX,TEA,6\nONE,TEA,\nOWN,B,1\n", encoding="utf-8")
    skus = settings.load(file, environment).channels[0].skus
    assert skus == {"SIX": Pack(product="TEA", quantity=6), "ONE": Pack(product="TEA"), "OWN": "A"}
    (tmp_path / "skus.csv").write_text("sku,product,quantity\nSIX,TEA,none\n")
    with pytest.raises(SettingsError, match=r"channels\[shop_de\]\.sku_file: line 2"):
        settings.load(file, environment)
    (tmp_path / "skus.csv").write_text("sku,product,quantity,unit\nROPE-5,ROPE,5,m\n ROPE ,,,ft\n")
    skus = settings.load(file, environment).channels[0].skus
    assert skus["ROPE-5"] == Pack(product="ROPE", quantity=5, unit="m")
    assert skus["ROPE"] == Pack(product="ROPE", unit="ft"), "without a product it is the SKU's own"
    (tmp_path / "skus.csv").write_text("sku,product,quantity,unit\nROPE,,5,\n")
    with pytest.raises(SettingsError, match=r"sku_file: line 2 needs sku, product or unit"):
        settings.load(file, environment)


def test_aliases_are_kept_as_they_are_looked_up(tmp_path: Path) -> None:
    file = tmp_path / "commerce.yaml"
    file.write_text(_write_one(", sku_fold_case: true, sku_file: skus.csv, skus: {' Old-Tea ': TEA}"))
    (tmp_path / "skus.csv").write_text("sku,product,quantity\nOLD-TEA,SHADOWED,1\nSIX,TEA,6\n")
    (channel,) = settings.load(file, {"ODOO_PASSWORD": "x", "TOKEN": "y"}).channels
    assert alias("OLD-tea", channel) == ("TEA", 1)
    assert alias("Six", channel) == ("TEA", 6)


def test_norway_is_a_country() -> None:
    text = _write_one(", taxes: [{country: NO, rate: 25, tax: MVA}]")
    assert settings.parse(text).channels[0].taxes[0].country == "NO"


def test_the_example_documents_every_key_and_loads() -> None:
    text = (Path(settings.__file__).parents[2] / "commerce.example.yaml").read_text()
    loaded = settings.parse(text)
    assert {channel.__struct_config__.tag for channel in loaded.channels} == {"amazon", "ebay", "shopify"}
    keys = settings._list_known_keys()
    assert {"from_home", "refresh_token", "departure_country", "quantity", "zeroed_percent", "digest_hour"} <= set(keys)
    assert [key for key in keys if not re.search(rf"\b{key}:", text)] == []


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("channels: []", "nobody says where odoo.example.com (odoo.url) stands"),
        ("places: {odoo.example.com: DE}", ""),
        ("places: {odoo.example.com: US}", "odoo.example.com (odoo.url) stands in US"),
    ],
)
def test_residency_refuses_an_odoo_that_nobody_places(text: str, refused: str) -> None:
    places = f", {text}" if text.startswith("places") else ""
    odoo = ODOO.replace("http://127.0.0.1:8069", "https://odoo.example.com")
    whole = f"{odoo}privacy: {{residency: eu{places}}}\n"
    if not refused:
        assert settings.parse(whole).privacy.residency == "eu"
        return
    with pytest.raises(SettingsError, match=re.escape(refused)):
        settings.parse(whole)


def test_residency_refuses_a_region_of_amazon_outside() -> None:
    keys = "{client_id: {env: A}, client_secret: {env: B}, refresh_token: {env: C}}"
    text = f"{ODOO}privacy: {{residency: eu}}\nchannels: [{{name: am, kind: amazon, region: %s, credentials: {keys}}}]"
    assert settings.parse(text % "eu").channels[0].name == "am"
    with pytest.raises(SettingsError, match=r"sellingpartnerapi-na.*channels\[am\]\.region.*stands in US"):
        settings.parse(text % "na")
    with pytest.raises(SettingsError, match=r"elsewhere\.example.*channels\[am\]\.endpoint"):
        settings.parse((text % "eu").replace("region: eu", "endpoint: 'https://elsewhere.example'"))


def test_residency_leaves_marketplaces_that_have_one_host_for_all() -> None:
    assert settings.parse(f"{ODOO}privacy: {{residency: eu}}\nchannels: [{SHOP % ('a', '')}]").channels
