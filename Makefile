# Each target sets up what it needs: on a fresh machine one command is enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
BENCH := .venv-bench
BENCH_STAMP := $(BENCH)/.installed
DOCS_STAMP := $(VENV)/.docs
PEERS := langchain langgraph langchain-openai langchain-openrouter llama-index-llms-openrouter llama-index-llms-openai-like matplotlib
RAY_STAMP := $(VENV)/.ray

.DEFAULT_GOAL := help

# Images often switch off that compiled modules are kept: every process of the tests would compile all anew.
export PYTHONDONTWRITEBYTECODE :=

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; set PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV) (about a minute the first time) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[dev]"
	@touch $@

$(BENCH_STAMP): pyproject.toml Makefile
	@test -x $(BENCH)/bin/python || $(PYTHON) -m venv $(BENCH)
	@echo "Installing the peers into $(BENCH) ..."
	@$(BENCH)/bin/python -m pip install --quiet --disable-pip-version-check --editable ".[all]" $(PEERS)
	@touch $@

$(DOCS_STAMP): $(STAMP)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[docs]"
	@touch $@

$(RAY_STAMP): $(STAMP)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[ray]"
	@touch $@

install: $(STAMP) ## Make the virtual environment with everything in it

demo: $(STAMP) ## Talk to a gateway through both frameworks (embedded unless KILOCODE_API_KEY is set)
	@$(BIN)/python examples/demo.py

test: $(STAMP) ## Run the tests: offline, no key
	@$(BIN)/python -m pytest -n auto --dist worksteal

test-ray: $(RAY_STAMP) ## Run the tests that need a Ray cluster, on this machine (some minutes)
	@$(BIN)/python -m pytest -p no:xdist tests/kilo_gateway/ray

bench-ray: $(RAY_STAMP) ## Measure the processor on a Ray cluster of this machine beside one process and Ray's own
	@$(BIN)/python -m benchmarks.cluster

browser: ## Install Chromium for the tests of the live page, where apt can (they are skipped without)
	@command -v chromium chromium-browser google-chrome >/dev/null || \
	  timeout 180 sh -c 'apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium' >/dev/null 2>&1 || \
	  echo "No Chromium: the tests of the page in a browser are skipped."

record: $(STAMP) ## Record the cassettes anew (embedded gateway unless KILOCODE_API_KEY is set)
	@$(BIN)/python -m pytest --kilo-record=rewrite tests/recorded

versions: $(STAMP) ## Run the tests with the lowest and the newest versions of everything, on Python 3.11 and 3.13
	@$(BIN)/python tools/versions.py

docs: $(DOCS_STAMP) ## Build the documentation site into site/; a broken link fails it
	@$(BIN)/zensical build --clean --strict

pictures: $(STAMP) ## Make the pictures of the documentation anew (the page's needs Chromium)
	@$(BIN)/python -m tools.pictures

docs-serve: $(DOCS_STAMP) ## Show the documentation site while you write
	@$(BIN)/zensical serve

release: $(STAMP) ## Build all distributions into dist/, check them, install each on Python 3.11 and 3.13
	@$(BIN)/python tools/release.py

audit: $(STAMP) ## Look for known holes in the dependencies (needs the network)
	@$(BIN)/python -m pip_audit --strict --skip-editable

error-messages: $(STAMP) ## Write docs/errors.md from the source
	@$(BIN)/python tools/error_messages.py

fields: $(STAMP) ## Write the fields of model objects from the tables of options and settings
	@$(BIN)/python tools/model_fields.py

check: $(STAMP) ## Lint, format, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy tests/type_cases.py
	$(BIN)/lint-imports --no-logo

format: $(STAMP) ## Mend what ruff can mend
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

serve: $(STAMP) ## Run the embedded gateway in the foreground
	@$(BIN)/python -m kilo_gateway.testing

bench: $(BENCH_STAMP) ## Measure us beside the nearest packages: tables and a picture (QUICK=1: two minutes)
	@$(BENCH)/bin/python -m benchmarks $(if $(QUICK),--quick) --png docs/performance.png
	@$(BENCH)/bin/python -m benchmarks.batch $(if $(QUICK),--quick) --png docs/batch-performance.png
	@$(if $(QUICK),true,$(BENCH)/bin/python -m benchmarks.chain_storm)

compare: $(BENCH_STAMP) ## Try every feature with us and with the nearest packages, write the tables of docs/comparison.md
	@$(BENCH)/bin/python -W ignore -m benchmarks.features

soak: $(STAMP) ## Call a gateway that breaks at random, thousands of times, and count what is left behind (10 minutes)
	@$(BIN)/python -m benchmarks.soak

models: $(STAMP) ## Renew the bundled catalog from the gateway's live list (needs the network)
	@$(BIN)/kilo-gateway renew-models shared/kilo_gateway/catalog/data/models.json

clean: ## Remove the virtual environment and caches
	@rm -rf dist site .cache $(VENV) $(BENCH) .venv-versions .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

.PHONY: help install demo test test-ray bench-ray browser versions docs pictures docs-serve release audit record error-messages check format serve bench compare models clean
