# Each target does all its own set-up, in environments beside this file that are
# re-used until setup.cfg changes. `make PYTHON=/path/to/python3.11 test` names the
# interpreter; `make help` lists the targets.

PYTHON ?= python3.11
SHELL := /bin/bash
PIP := -m pip install --quiet --disable-pip-version-check

# Nothing is fetched while anything here runs: a test or an example that would need
# the network fails instead.
export HF_HUB_OFFLINE := 1
export TF_CPP_MIN_LOG_LEVEL := 3
export PYTHONUNBUFFERED := 1
unexport PYTHONPATH PYTHONHOME

# Flags for `make quickstart`, e.g. QUICKSTART="--quick"; where it writes.
QUICKSTART ?=
OUT ?= runs/quickstart
# Flags for pytest, e.g. TESTS="tests/export/test_export.py -x". One process a core, up to four,
# and a file's tests in one of them: they share what the file trains or exports.
TESTS ?=
PARALLEL := --numprocesses auto --maxprocesses 4 --dist loadfile

.PHONY: help quickstart test test-fast test-all test-suite
.PHONY: test-backends test-jax test-torch test-deployment lint clean

help:
	@echo "make quickstart     train, evaluate, export and look at a tiny TERAN ($(OUT))"
	@echo "make test           the tests on TensorFlow, offline, but for the slow ones"
	@echo "make test-fast      those without processes and real data: a minute or so"
	@echo "make test-all       every test there is, on every backend and runtime"
	@echo "make test-backends  the backend tests on JAX and on PyTorch"
	@echo "make test-deployment  the exported files without Keras: LiteRT, JavaScript"
	@echo "make lint           ruff: style and format"
	@echo "make clean          remove the environments and caches (runs/ stays)"

quickstart: .venv/.stamp
	KERAS_BACKEND=tensorflow .venv/bin/python examples/quickstart.py \
	    --out $(OUT) $(QUICKSTART)

PYTEST := KERAS_BACKEND=tensorflow .venv/bin/python -m pytest

test: .venv/.stamp
	$(PYTEST) $(PARALLEL) -m "not slow" $(TESTS)

test-fast: .venv/.stamp
	$(PYTEST) $(PARALLEL) -m "not slow and not seconds and not process and not data" $(TESTS)

test-suite: .venv/.stamp
	$(PYTEST) $(PARALLEL) $(TESTS)

test-all: test-suite test-deployment test-backends

test-backends: test-jax test-torch

test-jax test-torch: test-%: .venv-%/.stamp
	KERAS_BACKEND=$* .venv-$*/bin/python -m pytest tests/backends

# Fetches the runtimes by pip and npm; skips, and says so, what cannot be reached.
test-deployment: .venv/.stamp
	$(PYTEST) $(PARALLEL) -rs tests/deployment

lint: .venv/.stamp
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .

clean:
	rm -rf .venv .venv-jax .venv-torch build dist *.egg-info
	rm -rf .pytest_cache .ruff_cache examples/javascript/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# $(call environment,FOLDER): a virtual environment, or a line that says what is
# missing. `make` and a Python 3.11 are all that has to be there before.
define environment
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	    echo "Python 3.11 is missing: '$(PYTHON)' is not it. Install Python 3.11," \
	         "or name it: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; \
	    exit 1; }
	@echo "Installing what is needed into $(1)/ (some minutes, once) ..."
	@$(PYTHON) -m venv $(1) || { \
	    echo "Python's venv module is missing or incomplete for '$(PYTHON)'" \
	         "(on Debian: install python3.11-venv)" >&2; \
	    exit 1; }
endef

.venv/.stamp: setup.cfg pyproject.toml
	$(call environment,.venv)
	@.venv/bin/python $(PIP) --editable '.[dev]'
	@touch $@

.venv-jax/.stamp .venv-torch/.stamp: .venv-%/.stamp: setup.cfg pyproject.toml \
    tests/backends/install.py
	$(call environment,.venv-$*)
	@.venv-$*/bin/python tests/backends/install.py $*
	@touch $@
