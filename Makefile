# make run: set up and run the quick start.  make test: set up and test.  make lint: style, types, layers.
# Nothing here needs anything but Python 3.11 or newer; everything is installed into .venv.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready

.PHONY: run test lint docs clean
.DEFAULT_GOAL := run

run: $(READY)
	@$(BIN)/cosim run scenarios/quickstart.yaml

test: $(READY)
	@$(BIN)/python -m pytest

lint: $(READY)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

docs: $(READY)  # docs/scenario.md and the schema that editors complete from
	@$(BIN)/python -m cosim.scenario.reference
	@$(BIN)/python -m cosim.results.document > docs/outputs.md

clean:
	rm -rf .venv

# Set-up once; again only when the requirements change.
$(READY): constraints.txt pyproject.toml
	@echo "Setting up .venv (once, takes some minutes) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "cosim needs Python 3.11 or newer: make PYTHON=python3.11 run"; exit 2; }
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt setuptools
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --no-build-isolation --editable '.[dev]'
	@touch $@
