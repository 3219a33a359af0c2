"""The files of deploy/ against the code: commands that exist, ports that meet, names of variables that something reads,
no secret in clear, nothing as root, and nothing open to the world but the proxy."""

from __future__ import annotations

import configparser
import importlib.util
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from click import Command
from click.testing import CliRunner

from commerce_pipelines.cli.main import main
from commerce_pipelines.resources.slots import broker_url
from commerce_pipelines.settings.file import Listen, Metrics
from commerce_pipelines.warehouse.server.server import database_url

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if service.get("image", "").startswith("${COMMERCE_IMAGE")]
ALWAYS = [name for name in OURS if "profiles" not in SERVICES[name]]
STATEFUL, SERVICE, POLICY = yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text())
POD: dict[str, Any] = {part["name"]: part for part in STATEFUL["spec"]["template"]["spec"]["containers"]}
UNITS = sorted(DEPLOY.glob("systemd/*.service"))
SECRET = re.compile(r"PASSWORD|SECRET|TOKEN|KEY|HASH")
REFERENCE = re.compile(r"\$\{[A-Z_]+:-\}")  # of a variable, without a default


def read_command(service: str) -> list[str]:
    """The words of a command; of a shell's, those of its last part."""
    words = [str(word) for word in SERVICES[service]["command"]]
    return shlex.split(words[2].rpartition(";")[2])[1:] if words[:2] == ["sh", "-c"] else words


def find_dagster_command(words: list[str]) -> tuple[Command, list[str]]:
    from dagster._cli.api import grpc_command
    from dagster._daemon.cli import run_command
    from dagster_webserver.cli import dagster_webserver

    if words[:3] == ["dagster", "api", "grpc"]:
        return grpc_command, words[3:]
    module, rest = words[2], [word.replace("/opt/commerce/home", str(DEPLOY)) for word in words[3:]]
    return (dagster_webserver, rest) if module.endswith("webserver") else (run_command, rest[1:])


def test_the_services_are_those_that_dev_runs() -> None:
    assert ALWAYS == ["code", "daemon", "webserver", "receiver", "metrics"]


@pytest.mark.parametrize("service", OURS)
def test_a_service_s_command_is_one_that_can_be_run(service: str) -> None:
    words = read_command(service)
    if words[0] == "commerce-pipelines":
        assert CliRunner().invoke(main, [*words[1:], "--help"]).exit_code == 0
        return
    if words[0] == "python":
        assert importlib.util.find_spec(words[2]) is not None
    command, arguments = find_dagster_command(words)
    command.make_context(words[0], arguments, resilient_parsing=False).close()


def test_a_command_that_is_wrong_would_be_found() -> None:
    command, arguments = find_dagster_command(read_command("code"))
    with pytest.raises(Exception, match="No such option"):
        command.make_context("dagster", [*arguments, "--no-such-option", "1"])


def test_before_the_daemon_dead_runs_are_ended() -> None:
    first = SERVICES["daemon"]["command"][2].partition(";")[0]
    name = first.split()[1]
    assert first.split()[0] == "commerce-pipelines"
    assert name in main.commands


def test_the_pod_runs_what_compose_runs() -> None:
    assert {name: part["command"] for name, part in POD.items()} == {name: SERVICES[name]["command"] for name in ALWAYS}
    spec = STATEFUL["spec"]
    [alias] = spec["template"]["spec"]["hostAliases"]
    assert (spec["replicas"], alias) == (1, {"ip": "127.0.0.1", "hostnames": ["code"]})
    ports = {port["name"]: port["containerPort"] for part in POD.values() for port in part.get("ports", ())}
    assert ports == {"ui": 3000, "notices": Listen().port, "metrics": Metrics().port}
    assert {port["name"]: port["port"] for port in SERVICE["spec"]["ports"]} == ports
    assert {port["port"] for port in POLICY["spec"]["ingress"][0]["ports"]} == set(ports.values())
    own = STATEFUL["spec"]["template"]["metadata"]["labels"]
    assert own == spec["selector"]["matchLabels"] == SERVICE["spec"]["selector"]
    assert POLICY["spec"]["podSelector"]["matchLabels"] == own


def test_the_pod_has_the_image_s_places_and_no_more_rights_than_it_needs() -> None:
    pod = STATEFUL["spec"]["template"]["spec"]
    assert (pod["securityContext"]["runAsNonRoot"], pod["securityContext"]["runAsUser"]) == (True, 10001)
    volumes = {volume["name"] for volume in pod["volumes"]} | {
        claim["metadata"]["name"] for claim in STATEFUL["spec"]["volumeClaimTemplates"]
    }
    for part in POD.values():
        assert {mount["name"] for mount in part["volumeMounts"]} == volumes
        places = {mount["mountPath"] for mount in part["volumeMounts"]}
        assert places == {"/etc/commerce", "/srv/commerce", "/tmp"}  # noqa: S108 - where the image lets them write
        assert part["securityContext"] == {
            "readOnlyRootFilesystem": True, "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]},
        }  # fmt: skip
        assert part["envFrom"] == [{"secretRef": {"name": "commerce-secrets"}}]
        assert not [variable for variable in part.get("env", ()) if SECRET.search(variable["name"])]


def test_ports_meet() -> None:
    [location] = [
        entry["grpc_server"] for entry in yaml.safe_load((DEPLOY / "workspace.yaml").read_text())["load_from"]
    ]
    instance = yaml.safe_load((ROOT / "commerce_pipelines/instance/workspace.yaml").read_text())
    code, webserver = read_command("code"), read_command("webserver")
    assert (location["host"], str(location["port"])) == ("code", code[code.index("-p") + 1])
    assert location["location_name"] == instance["load_from"][0]["python_module"]["location_name"]
    assert location["location_name"] == code[code.index("--location-name") + 1]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["dg"]["project"]
    assert location["location_name"] == project["code_location_name"]
    caddy = (DEPLOY / "Caddyfile").read_text()
    assert f"reverse_proxy webserver:{webserver[webserver.index('-p') + 1]}" in caddy
    assert f"reverse_proxy receiver:{Listen().port}" in caddy
    assert SERVICES["metrics"]["ports"] == [f"127.0.0.1:{Metrics().port}:{Metrics().port}"]


def test_only_the_proxy_is_open_and_the_ui_stands_behind_a_login() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if service.get("ports")}
    assert {name for name, ports in published.items() if not all(port.startswith("127.0.0.1:") for port in ports)} == {
        "proxy"
    }
    ui, hooks = (DEPLOY / "Caddyfile").read_text().split("\n}\n", 1)
    assert ui.index("basic_auth") < ui.index("reverse_proxy")
    assert "handle /notices/*" in hooks
    assert "respond 404" in hooks
    assert "listen_addresses=" in SERVICES["postgres"]["command"]


def test_the_database_is_reached_by_its_socket_alone() -> None:
    for name in OURS:
        url = SERVICES[name]["environment"]["COMMERCE_DATABASE_URL"].replace("${POSTGRES_PASSWORD:-}", "a")
        assert database_url({"COMMERCE_DATABASE_URL": url}) == url.replace("postgresql:", "postgresql+psycopg2:")
        assert "socket:/var/run/postgresql" in SERVICES[name]["volumes"]


def test_workers_are_an_addition_that_two_lines_switch_on() -> None:
    assert {name for name, service in SERVICES.items() if service.get("profiles") == ["scale"]} == {"redis", "worker"}
    redis = SERVICES["redis"]["command"]
    assert redis[redis.index("--port") + 1] == "0"  # the socket alone
    assert redis[redis.index("--unixsocket") + 1] == "/data/redis.sock"
    assert SERVICES["redis"]["volumes"] == ["broker:/data"]
    assert all("broker:/run/broker" in SERVICES[name]["volumes"] for name in OURS)
    lines = [line.split("`")[1] for line in (ROOT / "docs" / "scale.md").read_text().splitlines() if "- `" in line]
    environ = dict(line.split("=", 1) for line in lines if "=" in line)
    assert broker_url(environ) == "redis+socket:///run/broker/redis.sock"
    copied = [line.split() for line in (DEPLOY / "Dockerfile").read_text().splitlines() if line.startswith("COPY ")]
    homes = {words[-1].rstrip("/"): words[1] for words in copied if words[1].endswith("dagster.yaml")}
    assert homes == {
        "/opt/commerce/home": "commerce_pipelines/instance/dagster.yaml",
        environ["DAGSTER_HOME"]: "commerce_pipelines/instance/scaled/dagster.yaml",
    }
    assert (DEPLOY / "Dockerfile").read_text().count("--extra scale") == 2


def test_no_secret_stands_in_clear() -> None:
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            assert not SECRET.search(name) or REFERENCE.fullmatch(value), name
            for password in re.findall(r"://[^:/@]*:([^@]*)@", str(value)):
                assert REFERENCE.fullmatch(password), name
    lines = [line for line in (DEPLOY / "env.example").read_text().splitlines() if line and line[0] != "#"]
    assert [line for line in lines if not line.endswith("=")] == []
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert (ignored[0], [line for line in ignored if ".env" in line]) == ("*", [])


def test_every_variable_is_read_by_somebody() -> None:
    files = [*DEPLOY.glob("*"), *UNITS]
    named = {name for path in files if path.is_file() for name in re.findall(r"COMMERCE_[A-Z_]+", path.read_text())}
    code = "".join(path.read_text() for path in (ROOT / "commerce_pipelines").rglob("*.py"))
    of_compose = {"COMMERCE_IMAGE", "COMMERCE_UI_NAME", "COMMERCE_UI_USER", "COMMERCE_UI_PASSWORD_HASH",
                  "COMMERCE_HOOKS_NAME"}  # fmt: skip
    assert {name for name in named - of_compose if name not in code} == set()
    texts = (DEPLOY / "compose.yaml").read_text() + (DEPLOY / "Caddyfile").read_text()
    assert {name for name in of_compose if texts.count(name) < 1} == set()


def test_nothing_runs_as_root() -> None:
    stages: dict[str, list[str]] = {}
    for line in (DEPLOY / "Dockerfile").read_text().splitlines():
        if line.startswith("FROM "):
            words = line.split()
            name = words[3] if len(words) > 3 else "last"
            stages[name] = list(stages.get(words[1], []))
        elif line.startswith("USER "):
            stages[name].append(line.split()[1])
    assert {name: users[-1:] for name, users in stages.items() if name != "build"} == {
        name: ["10001:10001"] for name in ("runtime", "demo", "last")
    }
    for name in OURS:
        assert (SERVICES[name]["cap_drop"], SERVICES[name]["read_only"]) == (["ALL"], True)


def test_what_the_image_copies_is_there_and_not_ignored() -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for line in (DEPLOY / "Dockerfile").read_text().splitlines():
        if line.startswith("COPY ") and "--from" not in line:
            for source in line.split()[1:-1]:
                assert (ROOT / source).exists(), source
                assert any(source == path or source.startswith(f"{path}/") for path in kept), source
    assert (ROOT / "deploy/Dockerfile").read_text().count("--locked") == 2


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_a_unit_runs_a_command_of_ours_as_its_own_user(unit: Path) -> None:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(unit)
    service = parser["Service"]
    program, name, *options = service["ExecStart"].split()
    assert program.endswith("/commerce-pipelines")
    known_options = {option for parameter in main.commands[name].params for option in parameter.opts}
    assert set(options) <= known_options
    assert service["User"] == "commerce"
    assert service["EnvironmentFile"] == f"{service['WorkingDirectory']}/.env"
    assert not SECRET.search(service.get("Environment", ""))
