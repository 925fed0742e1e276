SHELL := /usr/bin/env bash
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
# Tools that are found by name (dbt by sqlfluff, dagster by dg) come from the environment too.
export PATH := $(CURDIR)/$(BIN):$(PATH)
export DAGSTER_DISABLE_TELEMETRY := 1

.PHONY: help
help: ## List what can be made.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | sort | awk -F'\t' '{printf "  make %-10s %s\n", $$1, $$2}'

# LightGBM needs OpenMP, Debian keeps venv in a package of its own, and tests start a PostgreSQL server. Nothing is asked
# of apt where they are there.
define apt-install
	echo "Installing $(1)"; sudo=$$([ "$$(id -u)" = 0 ] || echo sudo); \
	$$sudo apt-get update -q && $$sudo apt-get install -q -y --no-install-recommends $(1)
endef
.PHONY: system system-dev
system:
	@ldconfig -p | grep -q libgomp.so.1 && $(PYTHON) -c 'import venv, ensurepip' 2>/dev/null \
		|| { $(call apt-install,libgomp1 python3-venv); }
system-dev:
	@{ ls /usr/lib/postgresql/*/bin/initdb || command -v initdb; } >/dev/null 2>&1 \
		|| { $(call apt-install,postgresql); }

.venv/bin/python: | system
	$(PYTHON) -m venv .venv

.venv/installed: constraints.txt pyproject.toml | .venv/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

.venv/installed-dev: .venv/installed | system-dev
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

.PHONY: install
install: .venv/installed-dev ## Make .venv with everything, tools for development too.

.PHONY: demo
demo: .venv/installed ## Load the demo data, run the main job, print what came out.
	$(BIN)/basemodel run

.PHONY: ui
ui: .venv/installed ## Open Dagster at http://127.0.0.1:3000.
	$(BIN)/basemodel ui

.PHONY: test
test: check ## All checks, then pytest in two processes.
	$(BIN)/pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

.PHONY: check
check: .venv/installed-dev sqlfluff ## Format, lint, types, import rules, SQL, dbt and Dagster.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/dbt --quiet parse --project-dir dbt --profiles-dir dbt
	$(BIN)/dg check defs

.PHONY: sqlfluff
sqlfluff: .venv/installed-dev
	$(BIN)/sqlfluff lint dbt/models benchmarks/projects

.PHONY: faults
faults: .venv/installed-dev ## Kill, cut, stall and fill whatever a warehouse stands on; a table, then a line of JSON.
	$(BIN)/python -m tests.faults

BENCHMARKS := extract cleora cold stream represent attributes kernel sketch_kernel decode gpu
.PHONY: bench
bench: .venv/installed-dev ## Benchmarks against peers and limits, one line of JSON each.
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]'
	@for name in $(BENCHMARKS); do echo "$$name"; $(BIN)/python -m benchmarks $$name --json || exit 1; done

.PHONY: format
format: .venv/installed-dev ## Format and mend what can be mended.
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
