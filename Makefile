SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
WORKERS ?= auto
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
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

$(STAMP): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "socialsim needs Python 3.11 or later, $(PYTHON) is $$($(PYTHON) -V 2>&1); try make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
	  || { echo "$(PYTHON) cannot make a virtual environment; on Debian, as root: apt-get install python3-venv" >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

.PHONY: services
services: install ## Fetch the servers' programs: Java, Kafka, MySQL, MariaDB, docker-compose
	@$(BIN)/python -m compose.native install

.PHONY: check
check: lint audit test ## All that must hold before a commit: format, lint, types, known vulnerabilities, tests

.PHONY: lint
lint: install ## Format, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy -p compose -p benchmarks -p tools -p tests.support -p tests.faults

.PHONY: audit
audit: install ## Look for known vulnerabilities in the locked dependencies, where advisories can be reached
	@$(BIN)/python -m tools.audit

.PHONY: test
test: services ## The tests, on real Kafka, MySQL and MariaDB, all but the slow faults
	$(BIN)/pytest -n $(WORKERS) -m "not slow_faults and not bi"
	@echo "The slow faults and the browser were left out; make test-faults runs every fault, make test-bi opens the pages."

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

$(BI)/.installed: requirements/bi.txt pyproject.toml
	@$(PYTHON) -m venv $(BI)
	$(BI)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bi.txt
	$(BI)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
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
demo: install ## 10,000 people for a week into ./socialsim-data, no service needed
	@$(BIN)/python -m compose.demo $(DATA)

.PHONY: bench
bench: install ## Measure against SimPy, Kafka's own producer and LOAD DATA INFILE
	@$(BIN)/python -m benchmarks

.PHONY: soak
soak: install ## Watch the memory of a run and a consumer over several million events
	@$(BIN)/python -m benchmarks.soak

.PHONY: docs
docs: install ## Generate docs anew: DDL and diagrams from the tables, the SQL of the key figures
	$(BIN)/python -m socialsim.warehouse.schema.ddl
	$(BIN)/python -m socialsim.warehouse.schema.er
	$(BIN)/python -m socialsim.kpi.sql_docs

.PHONY: data
data: install ## Make the stream's own data anew, from Faker and tzdata: other data are another stream version
	$(BIN)/python -m tools.make_names
	$(BIN)/python -m tools.make_clocks

.PHONY: lock
lock: install ## Pin every dependency by hash, for development and for the image
	$(BIN)/uv pip compile pyproject.toml --group dev --universal --generate-hashes --no-emit-index-url --custom-compile-command "make lock" -o requirements/dev.txt
	$(BIN)/uv pip compile pyproject.toml --universal --generate-hashes --no-emit-index-url --custom-compile-command "make lock" -c requirements/dev.txt -o requirements/run.txt
	$(BIN)/uv pip compile pyproject.toml --group dev --group bi --extra report --universal --generate-hashes --no-emit-index-url --custom-compile-command "make lock" -c requirements/dev.txt -o requirements/bi.txt
	$(BIN)/uv pip compile --group airflow --universal --python-version 3.11 --exclude-newer 2026-09-20 --generate-hashes --no-emit-index-url --custom-compile-command "make lock" -o requirements/airflow.txt
	$(BIN)/uv pip compile --group superset --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock" -o requirements/superset.txt

.PHONY: clean
clean: ## Stop the services, remove their data, .venv and caches; your simulated data stay
	@if [ -e $(STAMP) ]; then $(BIN)/python -m compose down --wipe; fi
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
