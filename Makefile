SHELL := /usr/bin/env bash
.DEFAULT_GOAL := help
# The lock holds wheels of Python 3.11.
PYTHON ?= $(firstword $(shell command -v python3.11 python3))
BIN := .venv/bin
# `make MACHINE=gpu …` installs CUDA builds. By default an NVIDIA driver decides.
MACHINE ?= $(if $(shell command -v nvidia-smi),gpu,cpu)
# PyPI has no CPU build of torch for Linux. A wheelhouse of pip's own settings stands in for PyTorch's page of wheels.
TORCH_WHEELS ?= $(or $(PIP_FIND_LINKS),https://download.pytorch.org/whl/cpu/torch/)
UV := $(BIN)/uv pip
LOCKED := $(UV) install --quiet --python $(BIN)/python --require-hashes $(if $(filter cpu,$(MACHINE)),--find-links $(TORCH_WHEELS))
# Tools that are found by name (dbt by sqlfluff, dagster by dg) come from the environment too.
export PATH := $(CURDIR)/$(BIN):$(PATH)
export DAGSTER_DISABLE_TELEMETRY := 1
# What is imported is compiled once and kept, also where the environment says otherwise: a start costs a third of it then.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## List what can be made.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | sort | awk -F'\t' '{printf "  make %-14s %s\n", $$1, $$2}'

# LightGBM needs OpenMP, Debian keeps venv in a package of its own, and tests start a PostgreSQL server and a browser.
# Nothing is asked of apt where they are there.
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
		&& { command -v chromium || command -v google-chrome; } >/dev/null 2>&1 \
		|| { $(call apt-install,postgresql chromium); }

.venv/bin/uv: requirements/uv.txt | system
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { \
		echo "$(PYTHON) is $$($(PYTHON) --version), and requirements/ locks wheels of Python 3.11. Install it, or name one: make PYTHON=…"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@

.venv/installed: requirements/$(MACHINE).txt pyproject.toml | .venv/bin/uv
	$(LOCKED) -r requirements/$(MACHINE).txt
	$(UV) install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

.venv/installed-dev: .venv/installed requirements/dev.txt | system-dev
	$(LOCKED) -r requirements/$(MACHINE).txt -r requirements/dev.txt
	@touch $@

# What is locked already stays as it is, unless UPGRADE=--upgrade (or --upgrade-package NAME) says otherwise.
COMPILE := $(UV) compile --quiet --generate-hashes --no-annotate --no-emit-find-links --python-version 3.11 \
	--python-platform x86_64-manylinux_2_28 --custom-compile-command 'make lock' $(UPGRADE)
.PHONY: lock
lock: | .venv/bin/uv ## Resolve requirements/*.txt again, every wheel with its hashes.
	$(COMPILE) pyproject.toml --find-links $(TORCH_WHEELS) -c requirements/torch-cpu.in -o requirements/cpu.txt
	sed -E 's/ \\$$//; /--hash/d; s/\+cpu//' requirements/cpu.txt > .venv/pins.txt
	$(COMPILE) pyproject.toml --extra gpu -c .venv/pins.txt -o requirements/gpu.txt
	$(COMPILE) pyproject.toml --extra dev --find-links $(TORCH_WHEELS) -c requirements/cpu.txt -o requirements/dev.txt \
		$$(sed -nE 's/^([a-z0-9._-]+)==.*/--no-emit-package \1/p' requirements/cpu.txt)
	$(COMPILE) pyproject.toml --extra bench --find-links $(TORCH_WHEELS) -c requirements/cpu.txt -o requirements/bench.txt \
		$$(sed -nE 's/^([a-z0-9._-]+)==.*/--no-emit-package \1/p' requirements/cpu.txt)
	echo uv | $(COMPILE) - -o requirements/uv.txt

.PHONY: install
install: .venv/installed-dev ## Make .venv with everything, tools for development too.

.PHONY: demo
demo: .venv/installed ## Load the demo data, run the main job, print what came out.
	$(BIN)/basemodel run

.PHONY: ui
ui: .venv/installed ## Open Dagster at http://127.0.0.1:3000.
	$(BIN)/basemodel ui

.PHONY: test
test: .venv/installed-dev ## All checks, then pytest in two processes.
	@$(MAKE) --no-print-directory --jobs 2 --output-sync check kernels
	$(BIN)/pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

.PHONY: check
check: .venv/installed-dev sqlfluff docs ## Format, lint, types, import rules, SQL, documents, dbt and Dagster.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/dbt --quiet parse --project-dir dbt --profiles-dir dbt
	$(BIN)/dg check defs

.PHONY: demo-test
demo-test: .venv/installed-dev ## The tests of the demo on all of its households and rows: `make test` takes a fifth and fewer.
	WHOLE_DEMO=1 $(BIN)/pytest tests/dagster_project/test_demo_job.py

# Otherwise each of the processes of pytest would compile them for itself.
.PHONY: kernels
kernels: .venv/installed
	$(BIN)/python -m basemodel_ops.warming

.PHONY: sqlfluff
sqlfluff: .venv/installed-dev
	$(BIN)/sqlfluff lint dbt/models benchmarks/projects

.PHONY: docs
docs: .venv/installed-dev ## Build the site of the documents in .site/.
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

.PHONY: faults
faults: .venv/installed-dev ## Kill, cut, stall and fill whatever a warehouse stands on; a table, then a line of JSON.
	$(BIN)/python -m tests.faults

BENCHMARKS := extract cleora cold stream represent attributes kernel sketch_kernel decode gpu
.PHONY: bench
bench: .venv/installed-dev ## Benchmarks against peers and limits, one line of JSON each.
	$(LOCKED) -r requirements/$(MACHINE).txt -r requirements/bench.txt
	@for name in $(BENCHMARKS); do echo "$$name"; $(BIN)/python -m benchmarks $$name --json || exit 1; done

.PHONY: format
format: .venv/installed-dev ## Format and mend what can be mended.
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# With a Docker engine its own builder builds; without one, Debian's buildah does, on a base made of Debian's packages.
IMAGE ?= localhost/basemodel:$(MACHINE)
ENGINE ?= $(if $(shell docker info >/dev/null 2>&1 && echo yes),docker,buildah)
SUDO = $(if $(filter 0,$(shell id -u)),,sudo)
WHEELHOUSE = $(wildcard $(PIP_FIND_LINKS))
# A machine behind a proxy that signs by itself names its certificates here; they are mounted, never copied.
CERTIFICATES ?= $(wildcard $(PIP_CERT))
comma := ,
BUILD = --file docker/Dockerfile --target $(MACHINE) --tag $(IMAGE) \
	--build-arg REVISION=$(shell git rev-parse HEAD 2>/dev/null || echo unknown) \
	$(if $(WHEELHOUSE),--build-context wheels=$(WHEELHOUSE) --build-arg TORCH_WHEELS=/wheels) \
	$(if $(CERTIFICATES),--secret id=certificates$(comma)src=$(CERTIFICATES))
.PHONY: image image-base image-tools image-check
image: ## Build the image, with Docker or without.
	@$(MAKE) --no-print-directory image-$(ENGINE)

.PHONY: image-docker image-buildah
image-docker:
	docker buildx build --load $(BUILD) .
image-buildah: image-base
	$(SUDO) buildah bud --format docker --isolation chroot --build-arg BASE=localhost/debian:bookworm $(BUILD) .

image-tools:
	@command -v buildah mmdebstrap bwrap setpriv >/dev/null && [ "$$(command -v buildah mmdebstrap bwrap setpriv | wc -l)" = 4 ] \
		|| { $(call apt-install,buildah mmdebstrap bubblewrap util-linux); }
image-base: image-tools
	@$(SUDO) buildah inspect --type image localhost/debian:bookworm >/dev/null 2>&1 || { \
		echo "Making a base of Debian's packages"; set -e; tar=$$(mktemp --suffix .tar); \
		$(SUDO) mmdebstrap --quiet --variant=minbase bookworm $$tar; c=$$($(SUDO) buildah from scratch); \
		$(SUDO) buildah add --quiet $$c $$tar / >/dev/null; $(SUDO) buildah commit --quiet --rm $$c localhost/debian:bookworm; \
		$(SUDO) rm -f $$tar; }

image-check: image-tools ## Run the demo on 60 households in the image, confined; then look through its files.
	$(if $(filter docker,$(ENGINE)),docker save $(IMAGE) | $(SUDO) buildah pull --quiet docker-archive:/dev/stdin)
	$(SUDO) $(PYTHON) -m docker.check $(IMAGE)

.PHONY: image-services
image-services: image-tools system-dev ## Start the composition's processes from the image, run a job through them.
	$(SUDO) $(PYTHON) -m docker.services $(IMAGE)

# Readable inside of containers, whose users differ; the directory keeps it from others on this machine.
docker/secrets/dagster_pg_password:
	@install -d -m 700 docker/secrets
	@head -c 24 /dev/urandom | base64 > $@ && chmod 644 $@
.PHONY: up
up: docker/secrets/dagster_pg_password image ## Start Dagster in containers: http://127.0.0.1:3000. Needs Docker.
	BASEMODEL_IMAGE=$(IMAGE) docker compose --file docker/compose.yaml up --detach --wait

.PHONY: sbom licences audit
sbom: .venv/installed ## Write sbom.json: a CycloneDX list of all that is installed.
	$(BIN)/python -m docker.sbom requirements/$(MACHINE).txt > sbom.json
licences: .venv/installed ## Check the licences of all dependencies, and list them in docs/licences.md.
	$(BIN)/python -m docker.licences requirements/$(MACHINE).txt > docs/licences.md
audit: .venv/bin/uv ## Ask PyPI's advisories about everything that is locked. Needs a network.
	$(BIN)/python -m docker.audit requirements/$(MACHINE).txt
