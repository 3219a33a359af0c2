# Needs Python 3.11+ and make; everything else comes from the lock file.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
export UV_PROJECT_ENVIRONMENT := .venv
export UV_NO_PROGRESS := 1
# Where nothing compiled may be kept, each of the many processes that tests and demo start compiles the project anew.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test bench lint audit sbom clean install

install: .venv/installed

.venv/installed: pyproject.toml uv.lock uv.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed; none was found."; exit 1; }
	@echo "installing …"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r uv.txt
	@$(BIN)/uv sync --locked --inexact --quiet --compile-bytecode --python $(BIN)/python
	@touch $@

demo: install  ## sandbox marketplaces and Odoo, Dagster UI on 127.0.0.1:3000; ONCE=1: without UI, to the end; PORT=: another port
	@$(BIN)/python -m commerce_sandbox.demo $(if $(ONCE),--once) $(if $(PORT),--port $(PORT))

# Three at once also on two cores: tests wait for servers half of the time.
test: install
	@$(BIN)/pytest -n 3 --dist worksteal

bench: install
	@$(BIN)/uv sync --locked --inexact --quiet --python $(BIN)/python --group bench
	@$(BIN)/python -m bench

lint: install
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

audit: install  ## known weaknesses of the libraries in uv.lock, by OSV; fails where it cannot be asked
	@COMMERCE_AUDIT=1 $(BIN)/pytest -q -p no:randomly commerce_pipelines_tests/test_dependencies.py

sbom: install  ## the libraries in uv.lock as CycloneDX, with their hashes, into sbom.cdx.json
	@$(BIN)/uv export --locked --no-dev --quiet --format cyclonedx1.5 --output-file sbom.cdx.json

clean:
	rm -rf .venv .commerce .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
