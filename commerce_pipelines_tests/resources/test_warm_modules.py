"""What the server of runs holds of our own code: everything a run needs, and never an old version of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import commerce_pipelines
from commerce_sandbox.world import running

PACKAGE = Path(commerce_pipelines.__file__).parent
SCRIPT = """
import os, sys, threading
from pathlib import Path
from commerce_pipelines.resources import warm_modules
import commerce_pipelines
package = Path(commerce_pipelines.__file__).parent
modules = len([name for name in sys.modules if name.startswith("commerce_pipelines.")])
definitions = sys.modules["commerce_pipelines.definitions"]
print(modules > 300, len(definitions._built), threading.active_count())
from commerce_pipelines.resources import lasting_schema, run_history
engines = run_history._engines._engines.values()
print(any(question.endswith(".has_run_stats_index_cols") for _, question, *_ in lasting_schema._seen))
print([(engine.pool.checkedin(), len(engine._compiled_cache) > 5) for engine in engines])
for edit in (False, True):
    if edit:
        lanes = package / "core" / "lanes.py"
        lanes.write_text(lanes.read_text() + "\\nEDITED = True\\n")
    if not os.fork():
        warm_modules.forget_if_changed()
        from commerce_pipelines.core import lanes
        import commerce_pipelines.definitions
        print(hasattr(lanes, "EDITED"), commerce_pipelines.definitions is definitions, flush=True)
        os._exit(0)
    os.wait()
"""


def _run_script(folder: Path, database: str) -> list[str]:
    with running() as world:
        (folder / "commerce.yaml").write_text(world.settings(), encoding="utf-8")
        shutil.copy(PACKAGE.parent / "dagster.yaml", folder)
        environ = {**os.environ, **world.environment(folder), "PYTHONPATH": str(folder), "DAGSTER_HOME": str(folder)}
        environ["COMMERCE_DATABASE_URL"] = database
        run = subprocess.run(
            [sys.executable, "-c", SCRIPT], cwd=folder, env=environ, capture_output=True, text=True, check=False
        )
    assert run.returncode == 0, run.stderr
    return run.stdout.splitlines()


def test_a_run_finds_everything_built_and_executes_the_code_on_disk(tmp_path: Path, database: str) -> None:
    shutil.copytree(PACKAGE, tmp_path / "commerce_pipelines", ignore=shutil.ignore_patterns("__pycache__"))
    assert _run_script(tmp_path, database) == [
        "True 1 1",  # all modules, the definitions, and no thread, because a fork would lose it
        "True",  # what a run would ask the catalogue
        "[(0, True)]",  # the SQL of Dagster's storage, and no open session
        "False True",  # nothing changed: all is there
        "True False",  # an edit: the run imports it
    ]
