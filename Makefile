# Two commands are enough on a fresh machine: `make demo` and `make test`. Both set up everything they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
MODELS := smollm2-135m-instruct all-minilm-l6-v2
TESTS := OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder
TEST_MODELS := $(MODELS) gemma-3-270m

.PHONY: help setup demo test test-long check bench clean

help:
	@echo "make demo   set up, then the main job on real data: a bank's help-desk router, from a raw file to a verdict"
	@echo "make test   set up, then the tests"
	@echo "make test-long   set up, then the tests that take long: kills, load, whole lines again and again"
	@echo "make check  format, types and tests; silent unless something fails"
	@echo "make clean  remove the virtual environment (models and results stay in TUNESMITH_HOME)"

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $(READY)

demo: $(READY)
	@for model in $(MODELS); do $(BIN)/tunesmith models pull $$model || exit $$?; done
	$(BIN)/tunesmith run examples/router/project.toml

test: $(READY)
	@for model in $(TEST_MODELS); do $(BIN)/tunesmith models pull $$model || exit $$?; done
	$(TESTS) -m "not long and not network and not gpu"

test-long: $(READY)
	@for model in $(TEST_MODELS); do $(BIN)/tunesmith models pull $$model || exit $$?; done
	$(TESTS) -m "long and not network and not gpu"

check: $(READY)
	scripts/check

clean:
	rm -rf $(VENV) build dist *.egg-info
