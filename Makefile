SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
# Tests start the command line hundreds of times; without cached bytecode each start takes twice the time.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
WORKERS ?= auto
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
RUN_STAMP := $(VENV)/.installed-run
UV := UV_PROJECT_ENVIRONMENT=$(VENV) $(BIN)/uv
DATA := socialsim-data
BI := .cache/bi
RUN ?= --users 10000 --days 56
AIRFLOW := .cache/airflow
SUPERSET := .cache/superset
CHROMIUM ?= chromium

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: install
install: $(STAMP) ## Create .venv with the locked dependencies and socialsim; quick if nothing changed

$(STAMP): $(RUN_STAMP)
	@# Exactly the locked packages: a stale package must not hide a missing dependency.
	$(UV) sync --quiet --frozen --all-extras
	@touch $@

.PHONY: install-run
install-run: $(RUN_STAMP) ## Create .venv with the run-time dependencies and charts, without development tools

$(RUN_STAMP): uv.lock requirements/uv.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "socialsim needs Python 3.11 or later, $(PYTHON) is $$($(PYTHON) -V 2>&1); try make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
	  || { echo "$(PYTHON) cannot create a virtual environment; on Debian, as root: apt-get install python3-venv" >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	$(UV) sync --quiet --frozen --inexact --no-default-groups --extra report
	@touch $@

.PHONY: services
services: install ## Download the servers' programs: Java, Kafka, MySQL, MariaDB, Apicurio Registry, docker-compose
	@$(BIN)/python -m compose.native install

.PHONY: check
check: lint docs-site audit test ## All checks before a commit: format, lint, types, documentation, audit, tests

.PHONY: lint
lint: install ## Check format, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

.PHONY: audit
audit: install ## Report known vulnerabilities in the locked dependencies, if advisories can be reached
	@$(BIN)/python -m tools.audit

.PHONY: test
test: services ## Run all tests except the slow faults on real Kafka, MySQL and MariaDB
	$(BIN)/pytest -n $(WORKERS) -m "not slow_faults and not bi"
	@echo "Slow faults and browser tests were skipped; make test-faults and make test-bi run them."

.PHONY: test-fast
test-fast: install ## Run the quick tests without servers, in under two minutes on two cores
	$(BIN)/pytest -n $(WORKERS) -m "not slow and not processes and not services and not kafka and not mysql and not registry and not faults and not bi" --durations 5
	@echo "Tests that need a server or take long were skipped; make test runs them."

#: Minimum coverage of kernel, consumer and warehouse, in per cent of lines and branches.
COVERED := kernel:98 consumer:90 warehouse:93

.PHONY: coverage
coverage: services ## Measure the coverage of kernel, consumer and warehouse on real services, with a minimum
	$(BIN)/pytest -n $(WORKERS) -m "not slow_faults and not bi" --cov --cov-report= \
	  tests/kernel tests/simulation tests/consumer tests/warehouse tests/events
	@failed=0; for each in $(COVERED); do \
	  echo "== $${each%:*}: at least $${each#*:} %"; \
	  $(BIN)/coverage report --show-missing --include "src/socialsim/$${each%:*}/*" --fail-under "$${each#*:}" || failed=1; \
	done; exit $$failed

.PHONY: test-pythons
test-pythons: install ## Check the golden digests with every installed Python from 3.11 on
	@$(BIN)/python -m tools.pythons

.PHONY: test-faults
test-faults: services ## Run every fault of processes, servers and connections, and check that nothing is lost
	$(BIN)/pytest -n $(WORKERS) -m faults tests/faults

.PHONY: test-bi
test-bi: $(BI)/.installed ## Open report and dashboard in a real Chromium, in a separate environment
	@command -v $(CHROMIUM) >/dev/null \
	  || { echo "there is no $(CHROMIUM); on Debian, as root: apt-get install chromium (or make test-bi CHROMIUM=PROGRAM)" >&2; exit 1; }
	CHROMIUM=$(CHROMIUM) $(BI)/bin/pytest -m bi tests/bi --ignore tests/bi/test_superset.py
	@$(MAKE) test-superset
	@$(MAKE) test-airflow

$(BI)/.installed: $(RUN_STAMP)
	UV_PROJECT_ENVIRONMENT=$(BI) $(BIN)/uv sync --quiet --frozen --all-extras --group bi --python $(BIN)/python
	@touch $@

.PHONY: test-airflow
test-airflow: services $(AIRFLOW)/.installed ## Run the daily DAG in a real Airflow, in a separate environment (minutes)
	$(BIN)/mypy --python-executable $(AIRFLOW)/bin/python compose/airflow/dags/socialsim_daily.py
	AIRFLOW=$(abspath $(AIRFLOW)/bin/airflow) $(BIN)/pytest -m bi tests/airflow

$(AIRFLOW)/.installed: requirements/airflow.txt
	@$(PYTHON) -m venv $(AIRFLOW)
	@# Without --no-deps older pips stumble over an extra of a package that is locked: sqlalchemy[asyncio].
	$(AIRFLOW)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/airflow.txt
	$(AIRFLOW)/bin/python -m pip --disable-pip-version-check check
	@touch $@

.PHONY: test-superset
test-superset: services $(BI)/.installed $(SUPERSET)/.installed ## Import the dashboard into a real Superset and open it in Chromium (minutes)
	CHROMIUM=$(CHROMIUM) $(BI)/bin/pytest -m bi tests/bi/test_superset.py

$(SUPERSET)/.installed: requirements/superset.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' \
	  || { echo "Superset 6.1 needs Python 3.11 or 3.12, $(PYTHON) is $$($(PYTHON) -V 2>&1); try make superset PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $(SUPERSET)
	$(SUPERSET)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/superset.txt
	@touch $@

.PHONY: pictures
pictures: services $(BI)/.installed $(SUPERSET)/.installed ## Take the pictures of docs/ again: make pictures RUN="--users 10000 --days 56"
	CHROMIUM=$(CHROMIUM) SOCIALSIM_PICTURES="$(abspath docs)" SOCIALSIM_PICTURES_RUN="$(RUN)" \
	  $(BI)/bin/pytest -m bi -k "run_that_was_computed_last or of_a_real_run" tests/bi
	CHROMIUM=$(CHROMIUM) $(BI)/bin/python -m tests.bi.live_picture docs/dashboard.png

.PHONY: superset
superset: install $(SUPERSET)/.installed ## Start Apache Superset with the KPI dashboard, after make up
	@$(BIN)/python -m compose.superset up

.PHONY: superset-down
superset-down: install ## Stop Superset; make down stops it too
	@$(BIN)/python -m compose.superset down

.PHONY: up
up: install ## Start Kafka and MySQL (by Docker if an engine answers, else natively), write .env, create tables and topics; REGISTRY=1 adds a schema registry
	@$(BIN)/python -m compose up $(if $(REGISTRY),--registry)
	@$(BIN)/socialsim migrate
	@$(BIN)/socialsim topics create

.PHONY: down
down: install ## Stop them and remove their lines from .env; the data are kept
	@$(BIN)/python -m compose down

.PHONY: status
status: install ## Show which services run, and their addresses
	@$(BIN)/python -m compose status

.PHONY: kpi-follow
kpi-follow: install ## Compute the KPIs of each day as it is closed, until stopped, in the warehouse of .env
	@exec $(BIN)/socialsim kpi --follow

.PHONY: demo
demo: $(RUN_STAMP) ## Simulate two thousand users for six weeks into ./socialsim-data, with a report; no service needed
	@$(BIN)/python -m compose.demo $(DATA)

.PHONY: bench
bench: install ## Run the benchmarks against SimPy, Kafka's own producer and LOAD DATA INFILE
	@$(BIN)/python -m benchmarks

.PHONY: soak
soak: install ## Sample the memory of a run and a consumer over several million events
	@$(BIN)/python -m benchmarks.soak

.PHONY: docs
docs: install ## Regenerate docs: DDL and diagrams, the SQL of the KPIs, the command line reference, AsyncAPI, data contract
	$(BIN)/python -m socialsim.warehouse.schema.ddl
	$(BIN)/python -m socialsim.warehouse.schema.er
	$(BIN)/python -m socialsim.kpi.sql_docs
	$(BIN)/python -m tools.cli_reference
	$(BIN)/python -m socialsim.contracts

.PHONY: docs-site
docs-site: install ## Build the documentation into build/site; a broken link is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

.PHONY: data
data: install ## Regenerate the packaged data from Faker and tzdata; other data need another stream version
	$(BIN)/python -m tools.make_names
	$(BIN)/python -m tools.make_clocks

COMPILE := $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock"
EXPORT := $(BIN)/uv export --quiet --frozen --no-emit-project --no-header

.PHONY: lock
lock: $(RUN_STAMP) ## Pin every dependency by hash: uv.lock, its exports, and the environments of Airflow and Superset
	$(BIN)/uv lock
	$(EXPORT) --no-default-groups --extra report -o requirements/run.txt >/dev/null
	$(EXPORT) --only-group uv -o requirements/uv.txt >/dev/null
	$(COMPILE) --exclude-newer 2026-09-20 requirements/airflow.in -o requirements/airflow.txt
	$(COMPILE) requirements/superset.in -o requirements/superset.txt

.PHONY: dist
dist: $(RUN_STAMP) ## Build the wheel and the source distribution into dist/
	@rm -rf dist
	$(BIN)/uv build --quiet --out-dir dist
	@ls dist

.PHONY: clean
clean: ## Stop the services, remove their data, .venv and caches; simulated data are kept
	@if [ -e $(STAMP) ]; then $(BIN)/python -m compose down --wipe; fi
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
