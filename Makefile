# Keydesk. `make` or `make help` lists what can be done; up, demo and test need Python 3.11 or newer and nothing else.

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
RUN_STAMP := $(VENV)/.installed
DEV_STAMP := $(VENV)/.installed-dev
LOCK := uv pip compile --universal --generate-hashes --no-header --no-emit-index-url --no-emit-find-links

# An environment whose Python is gone (another machine, another user) is no environment: make it anew.
$(shell $(BIN)/python -c 0 2>/dev/null || rm -f $(BIN)/python $(RUN_STAMP) $(DEV_STAMP))

.DEFAULT_GOAL := help
.PHONY: help up demo test test-openid test-rt check format bench histories lock clean reset

help: ## Show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | awk -F '\t' '{ printf "  make %-11s %s\n", $$1, $$2 }'

up: $(RUN_STAMP) ## Start everything and print where to click; Ctrl-C stops it
	@$(BIN)/keydesk up

demo: $(RUN_STAMP) ## Show the whole story, against a running stack or one of its own
	@$(BIN)/keydesk demo

test: check ## Run the checks, then every test
	$(BIN)/python -m pytest -n auto --dist loadfile -m "not rt"

test-rt: $(DEV_STAMP) ## Install Request Tracker 5 if need be (Debian, root), and test against it
	.ci/install-request-tracker
	$(BIN)/python -m pytest -m rt

check: $(DEV_STAMP) ## Check format, lint, types and contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/architecture/test_contracts.py

test-openid: $(DEV_STAMP) ## Sign in with Glewlwyd, a real OpenID provider from Debian, installed if it is missing
	@command -v glewlwyd > /dev/null || DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends glewlwyd
	$(BIN)/python -m pytest tests/e2e/test_real_openid.py

format: $(DEV_STAMP) ## Put the code into its format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(DEV_STAMP) ## Measure the four ratios of docs/performance.md on this machine
	@$(BIN)/keydesk bench

histories: $(DEV_STAMP) ## Record the histories anew that tests replay, after a workflow was changed
	PYTHONPATH=. $(BIN)/python tests/workflows/record_histories.py

lock: ## Lock the requirements anew, with hashes (needs uv)
	$(LOCK) requirements.in -o requirements.txt
	$(LOCK) -c requirements.txt requirements-dev.in -o requirements-dev.txt

clean: ## Remove the environment and every cache; the data stay
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

reset: ## Remove the data of the stack in .keydesk; stop it first
	rm -rf .keydesk

$(BIN)/python:
	@deploy/make-venv.sh $(VENV)

$(RUN_STAMP): requirements.txt pyproject.toml | $(BIN)/python
	@echo "Installing what Keydesk runs on (requirements.txt, hash-locked) ..."
	@$(PIP) install --quiet --require-hashes -r requirements.txt
	@$(PIP) install --quiet --no-deps --no-build-isolation -e .
	@touch $@

$(DEV_STAMP): requirements-dev.txt pyproject.toml | $(BIN)/python
	@echo "Installing what Keydesk is run and tested with (requirements-dev.txt, hash-locked) ..."
	@$(PIP) install --quiet --require-hashes -r requirements-dev.txt
	@$(PIP) install --quiet --no-deps --no-build-isolation -e .
	@touch $@ $(RUN_STAMP)
