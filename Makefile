SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

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
help: ## Print what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: install
install: $(STAMP) ## Make .venv with the locked dependencies and socialsim itself; quick if nothing changed

$(STAMP): $(RUN_STAMP)
	@# Exactly what is locked: a package that is no dependency any more must not hide a missing one.
	$(UV) sync --quiet --frozen --all-extras
	@touch $@

.PHONY: install-run
install-run: $(RUN_STAMP) ## Make .venv with what the program needs to run, charts included, and no developer's tool

$(RUN_STAMP): uv.lock requirements/uv.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "socialsim needs Python 3.11 or later, $(PYTHON) is $$($(PYTHON) -V 2>&1); try make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
	  || { echo "$(PYTHON) cannot make a virtual environment; on Debian, as root: apt-get install python3-venv" >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	$(UV) sync --quiet --frozen --inexact --no-default-groups --extra report
	@touch $@

.PHONY: services
services: install ## Fetch the servers' programs: Java, Kafka, MySQL, MariaDB, docker-compose
	@$(BIN)/python -m compose.native install

.PHONY: check
check: lint docs-site audit test ## All that must hold before a commit: format, lint, types, known vulnerabilities, tests

.PHONY: lint
lint: install ## Format, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

.PHONY: audit
audit: install ## Look for known vulnerabilities in the locked dependencies, where advisories can be reached
	@$(BIN)/python -m tools.audit

.PHONY: test
test: services ## The tests, on real Kafka, MySQL and MariaDB, all but the slow faults
	$(BIN)/pytest -n $(WORKERS) -m "not slow_faults and not bi"
	@echo "The slow faults and the browser were left out; make test-faults runs every fault, make test-bi opens the pages."

.PHONY: test-fast
test-fast: install ## The tests that need no server and are quick, in under two minutes on two cores
	$(BIN)/pytest -n $(WORKERS) -m "not slow and not processes and not services and not kafka and not mysql and not faults and not bi" --durations 5
	@echo "What needs a server or takes long was left out; make test runs it."

#: What kernel, consumer and warehouse must have covered, in per cent of lines and branches.
COVERED := kernel:98 consumer:90 warehouse:93

.PHONY: coverage
coverage: services ## Measure what the tests of kernel, consumer and warehouse cover, on real services, and hold a floor
	$(BIN)/pytest -n $(WORKERS) -m "not slow_faults and not bi" --cov --cov-report= \
	  tests/kernel tests/simulation tests/consumer tests/warehouse tests/events
	@failed=0; for each in $(COVERED); do \
	  echo "== $${each%:*}: at least $${each#*:} %"; \
	  $(BIN)/coverage report --show-missing --include "src/socialsim/$${each%:*}/*" --fail-under "$${each#*:}" || failed=1; \
	done; exit $$failed

.PHONY: test-pythons
test-pythons: install ## Hold the stream's golden digests against every Python from 3.11 on that is here
	@$(BIN)/python -m tools.pythons

.PHONY: test-faults
test-faults: services ## Break processes, servers and connections in every way, and look whether anything is lost
	$(BIN)/pytest -n $(WORKERS) -m faults tests/faults

.PHONY: test-bi
test-bi: $(BI)/.installed ## Open report and dashboard in a real Chromium, with an environment of its own
	@command -v $(CHROMIUM) >/dev/null \
	  || { echo "there is no $(CHROMIUM); on Debian, as root: apt-get install chromium (or make test-bi CHROMIUM=PROGRAM)" >&2; exit 1; }
	CHROMIUM=$(CHROMIUM) $(BI)/bin/pytest -m bi tests/bi --ignore tests/bi/test_superset.py
	@$(MAKE) test-superset
	@$(MAKE) test-airflow

$(BI)/.installed: $(RUN_STAMP)
	UV_PROJECT_ENVIRONMENT=$(BI) $(BIN)/uv sync --quiet --frozen --all-extras --group bi --python $(BIN)/python
	@touch $@

.PHONY: test-airflow
test-airflow: services $(AIRFLOW)/.installed ## Run the daily DAG in a real Airflow, with an environment of its own (minutes)
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
pictures: services $(BI)/.installed $(SUPERSET)/.installed ## Take the pictures of docs/ anew: make pictures RUN="--users 10000 --days 56"
	CHROMIUM=$(CHROMIUM) SOCIALSIM_PICTURES="$(abspath docs)" SOCIALSIM_PICTURES_RUN="$(RUN)" \
	  $(BI)/bin/pytest -m bi -k "run_that_was_computed_last or of_a_real_run" tests/bi
	CHROMIUM=$(CHROMIUM) $(BI)/bin/python -m tests.bi.live_picture docs/dashboard.png

.PHONY: superset
superset: install $(SUPERSET)/.installed ## Start Apache Superset with the dashboard of the KPIs, after make up
	@$(BIN)/python -m compose.superset up

.PHONY: superset-down
superset-down: install ## Stop it; make down does so too
	@$(BIN)/python -m compose.superset down

.PHONY: up
up: install ## Start Kafka and MySQL (Docker where an engine answers, else natively), write .env, make tables and topics
	@$(BIN)/python -m compose up
	@$(BIN)/socialsim migrate
	@$(BIN)/socialsim topics create

.PHONY: down
down: install ## Stop them and take their lines out of .env; the data stay
	@$(BIN)/python -m compose down

.PHONY: status
status: install ## Say which services run, and where
	@$(BIN)/python -m compose status

.PHONY: kpi-follow
kpi-follow: install ## Compute the KPIs of each day as it is closed, until told to end, in the warehouse that .env names
	@exec $(BIN)/socialsim kpi --follow

.PHONY: demo
demo: $(RUN_STAMP) ## Two thousand people for six weeks into ./socialsim-data, and a report of them; no service needed
	@$(BIN)/python -m compose.demo $(DATA)

.PHONY: bench
bench: install ## Measure against SimPy, Kafka's own producer and LOAD DATA INFILE
	@$(BIN)/python -m benchmarks

.PHONY: soak
soak: install ## Watch the memory of a run and a consumer over several million events
	@$(BIN)/python -m benchmarks.soak

.PHONY: docs
docs: install ## Generate docs again: DDL and diagrams, the SQL of the KPIs, the reference of the command line
	$(BIN)/python -m socialsim.warehouse.schema.ddl
	$(BIN)/python -m socialsim.warehouse.schema.er
	$(BIN)/python -m socialsim.kpi.sql_docs
	$(BIN)/python -m tools.cli_reference

.PHONY: docs-site
docs-site: install ## Build the documentation into build/site; a broken link is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

.PHONY: data
data: install ## Make the stream's own data anew, from Faker and tzdata: other data are another stream version
	$(BIN)/python -m tools.make_names
	$(BIN)/python -m tools.make_clocks

COMPILE := $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock"
EXPORT := $(BIN)/uv export --quiet --frozen --no-emit-project --no-header

.PHONY: lock
lock: $(RUN_STAMP) ## Pin every dependency by hash: uv.lock, what is exported from it, and the two foreign environments
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
clean: ## Stop the services, remove their data, .venv and caches; your simulated data stay
	@if [ -e $(STAMP) ]; then $(BIN)/python -m compose down --wipe; fi
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
