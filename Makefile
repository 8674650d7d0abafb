# Two commands matter: `make demo` and `make test`. Both set up all that they need.

# The first Python of a version that we support; `make PYTHON=...` decides otherwise.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	"$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	&& echo "$$python" && break; done)
SETUP = $(or $(PYTHON),$(error Halfpenny needs Python 3.11, 3.12 or 3.13, and none was found on PATH)) scripts/setup.py
BIN = .venv/bin

# Where this is set, each program that starts compiles all that it imports again: twice the time, a hundred times a run.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test train check lint format schema docs requirements clean bench chaos monitor mutants

help:  ## List what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

demo:  ## Start everything on this machine; ARGS=--journey drives a loan, ARGS=--reset starts afresh
	@$(SETUP) runtime
	@exec $(BIN)/halfpenny demo --end-with-parent $(ARGS)

test:  ## Run every test; ARGS="tests/ledger -x" runs some
	@$(SETUP) dev
	@exec $(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

train:  ## Train and judge the risk models from a bare machine (about ten minutes); see docs/guides/risk-training.md
	@$(SETUP) train
	@exec .venv-train/bin/python -m halfpenny_training.pipeline_steps $(ARGS)

bench:  ## Measure investing beside the Express peer and pgbench; ARGS=--quick is short
	@$(SETUP) dev
	@exec $(BIN)/python -m bench.investing $(ARGS)

chaos:  ## Kill, hang and cut off what investing stands on, many times, and count what was lost or doubled
	@$(SETUP) dev
	@HALFPENNY_CHAOS=long exec $(BIN)/python -m pytest -s --timeout 36000 tests/chaos tests/funding/test_model_machine.py $(ARGS)

monitor:  ## Start a demo with Prometheus beside it, break what can break, and show which alert fires and when it ends
	@$(SETUP) dev
	@exec $(BIN)/halfpenny monitor

mutants:  ## Change one rule at a time, those of tests/mutants/mutants.toml, and see a test fail for each; ARGS="--only cursor" tries some
	@$(SETUP) dev
	@exec $(BIN)/python tests/mutants/run.py $(ARGS)

check:  ## Everything that must hold before a change is merged
	@.ci/run

lint:  ## Style, types and directions, without the tests
	@$(SETUP) dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format:  ## Format the code
	@$(SETUP) dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

schema:  ## Write docs/schema.sql anew, after a change in migrations/
	@$(SETUP) dev
	@exec $(BIN)/halfpenny check schema --write

# Each document, and the module that prints it.
GENERATED = docs/settings.md:entrypoints.settings_document docs/permissions.md:entrypoints.permissions \
	docs/errors.md:entrypoints.error_codes docs/loan-lifecycle.md:loans.diagram \
	ops/prometheus/rules.yml:entrypoints.alert_rules ops/grafana/halfpenny.json:entrypoints.dashboard
docs:  ## Write anew what is generated: settings, permissions, errors, the states of a loan, alert rules, the dashboard
	@$(SETUP) dev
	@for each in $(GENERATED); do \
		$(BIN)/python -m halfpenny.$${each#*:} > docs/.new && mv docs/.new $${each%%:*} || exit 1; done

requirements:  ## Pin the newest packages that pyproject.toml allows
	@$(SETUP) dev
	scripts/pin

clean:  ## Remove the environment and caches; the demo's data stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
