"""The doors of the UI, tried by a real browser: its owner gets in, a page of another site does and reads nothing.

Needs PyQt6-WebEngine, which nothing else here does: `pip install PyQt6-WebEngine`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import dagster as dg
import pytest
from dagster._daemon.asset_daemon import get_auto_materialize_paused, set_auto_materialize_paused

from commerce_pipelines_tests.doubles.ports import find_port

TOKEN = "correct-horse-battery-staple"
PAUSE = "mutation{setAutoMaterializePaused(paused:true)}"  # an effect that Dagster's storage shows

pytestmark = pytest.mark.skipif(find_spec("PyQt6") is None, reason="needs a real browser: pip install PyQt6-WebEngine")

# What a page of another site can try; `answer` fills as the attempts end.
ATTACK = """<!doctype html><title>evil</title><iframe src="http://UI/"></iframe>
<iframe name="hidden"></iframe>
<form id="f" action="http://UI/graphql" method="post" enctype="text/plain" target="hidden">
<input name='{"query":"MUTATION","x":"' value='"}'></form>
<script>
const answer = {}, ui = "http://UI", mutation = "MUTATION";
const body = JSON.stringify({query: mutation});
const settle = (name, value) => { answer[name] = value; };
const image = new Image();
image.onload = () => settle("image", "loaded"); image.onerror = () => settle("image", "refused");
image.src = ui + "/graphql?query=" + encodeURIComponent(mutation);
document.getElementById("f").submit();
const read = (name, init, url) => fetch(ui + url, init).then(r => r.text())
  .then(text => settle(name, "read " + text.length)).catch(() => settle(name, "refused"));
read("simple", {method: "POST", mode: "no-cors", headers: {"content-type": "text/plain"}, body, credentials: "include"},
     "/graphql");
read("json", {method: "POST", headers: {"content-type": "application/json"}, body, credentials: "include"}, "/graphql");
read("query", {credentials: "include"}, "/graphql?query={version}");
read("page", {credentials: "include"}, "/");
const socket = new WebSocket("ws://UI/graphql", "graphql-ws");
socket.onopen = () => settle("socket", "open"); socket.onclose = () => { answer.socket ??= "refused"; };
</script>"""
DONE = "Object.keys(answer).length >= 6 ? JSON.stringify(answer) : null"
# What the UI's own page does: it is drawn, and its queries are answered.
SEEN = """(() => {
  if (!window.asked) {
    window.asked = true;
    fetch("/graphql", {method: "POST", headers: {"content-type": "application/json"}, body: '{"query": "{version}"}'})
      .then(r => r.text()).then(text => { window.answered = text; });
  }
  return document.body && document.body.innerText.includes("Lineage") && window.answered || null;
})()"""


@pytest.fixture
def ui(tmp_path: Path) -> Iterator[tuple[str, dg.DagsterInstance]]:
    """Dagster's web server behind the guard, with one sensor. (host:port, its instance)."""
    (tmp_path / "place.py").write_text(
        "import dagster as dg\n"
        "@dg.asset\ndef thing(): ...\n"
        "@dg.sensor(target=[thing])\ndef watched(): ...\n"
        "defs = dg.Definitions(assets=[thing], sensors=[watched])\n"
    )
    (tmp_path / "workspace.yaml").write_text("load_from:\n- python_file: {relative_path: place.py}\n")
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    host = f"127.0.0.1:{find_port()}"
    environ = {**os.environ, "DAGSTER_HOME": str(tmp_path), "COMMERCE_UI_TOKEN": TOKEN}
    command = [sys.executable, "-m", "commerce_pipelines.cli.webserver", "-w", str(tmp_path / "workspace.yaml")]
    command += ["-h", "127.0.0.1", "-p", host.rpartition(":")[2]]
    with open(tmp_path / "log", "wb") as log:
        server = subprocess.Popen(command, cwd=tmp_path, env=environ, stdout=log, stderr=log)
    try:
        _wait_for(host, server)
        with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
            set_auto_materialize_paused(instance, False)
            yield host, instance
    finally:
        server.terminate()
        server.wait()


def _wait_for(host: str, server: subprocess.Popen[bytes]) -> None:
    while server.poll() is None:
        try:
            urlopen(f"http://{host}/").close()
        except HTTPError:
            return  # it asks for the token
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise AssertionError("the web server ended")


@pytest.fixture
def evil(ui: tuple[str, dg.DagsterInstance]) -> Iterator[str]:
    """URL of a page of another origin on this machine."""
    page = ATTACK.replace("UI", ui[0]).replace("MUTATION", PAUSE).encode()

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}/"
        server.shutdown()


def browse(*pages: tuple[str, str]) -> list[str | None]:
    arguments = [text for page in pages for text in page]
    environ = {
        **os.environ, "PYTHONFAULTHANDLER": "1", "QT_QPA_PLATFORM": "offscreen", "QTWEBENGINE_DISABLE_SANDBOX": "1",
        "QTWEBENGINE_CHROMIUM_FLAGS": "--disable-gpu --no-proxy-server",
    }  # fmt: skip
    command = [sys.executable, str(Path(__file__).with_name("chromium.py")), *arguments]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    answers: list[str | None] = json.loads(done.stdout.strip().splitlines()[-1])
    return answers


def test_the_owner_gets_in_and_another_sites_page_does_nothing(ui: tuple[str, dg.DagsterInstance], evil: str) -> None:
    """The cookie is in the browser when the other page is opened."""
    host, instance = ui
    version, attack = browse((f"http://{host}/automation?token={TOKEN}", SEEN), (evil, DONE))
    assert dg.__version__ in (version or "")
    answer = json.loads(attack or "{}")
    assert answer == {
        "image": "refused", "simple": answer["simple"], "json": "refused", "query": "refused", "page": "refused",
        "socket": "refused",
    }  # fmt: skip
    assert answer["simple"] in ("refused", "read 0")  # an opaque answer, of which a page sees nothing
    assert not get_auto_materialize_paused(instance)


def test_without_the_token_nothing_is_shown(ui: tuple[str, dg.DagsterInstance]) -> None:
    host, _ = ui
    [text] = browse((f"http://{host}/automation", "document.body && document.body.innerText"))
    assert "watched" not in (text or "")
    assert "token" in (text or "").lower()
