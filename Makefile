# Two commands for newcomers, `make demo` and `make test`; the rest is in CONTRIBUTING.md.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
READY_BENCH := $(VENV)/.ready-bench
READY_BROWSER := $(VENV)/.ready-browser
READY_DOCS := $(VENV)/.ready-docs
READY_MUTATION := $(VENV)/.ready-mutation
SITE := build/site
OLD_KERNEL := $(VENV)/old-kernel
READY_OLD_KERNEL := $(OLD_KERNEL)/.ready
EXTRAS := $(VENV)/extras
READY_EXTRAS := $(EXTRAS)/.ready
FUZZ := $(VENV)/fuzz
READY_FUZZ := $(FUZZ)/.ready
FUZZ_MINUTES ?= 20

.DEFAULT_GOAL := help
.PHONY: help demo lab test test-browser test-extras mutation matrix soak fuzz lint docs bench clean

help: ## Show what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Made anew when it is missing, or older than what it is made from.
$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	@touch $@

# What only the benchmarks need is added when they are asked for.
$(READY_BENCH): $(READY)
	$(BIN)/python -m pip install --quiet --editable ".[bench]"
	@touch $@

# So it is with what only the tests in a browser need; Chromium itself comes from the system.
$(READY_BROWSER): $(READY)
	$(BIN)/python -m pip install --quiet --editable ".[browser]"
	@touch $@

# And what only the documentation's site needs.
$(READY_DOCS): $(READY)
	$(BIN)/python -m pip install --quiet --editable ".[docs]"
	@touch $@

# And what only breaks the code to see whether a test notices.
$(READY_MUTATION): $(READY)
	$(BIN)/python -m pip install --quiet --editable ".[mutation]"
	@touch $@

# The last kernel without subshells, as many still have it.
$(READY_OLD_KERNEL): pyproject.toml
	$(PYTHON) -m venv $(OLD_KERNEL)
	$(OLD_KERNEL)/bin/python -m pip install --quiet --upgrade pip
	$(OLD_KERNEL)/bin/python -m pip install --quiet --editable . "ipykernel==6.29.5"
	@touch $@

# Spark, which also needs a Java of 17 or newer, and what brings NumPy live apart: the
# other tests show that nothing else needs them.
$(READY_EXTRAS): pyproject.toml
	$(PYTHON) -m venv $(EXTRAS)
	$(EXTRAS)/bin/python -m pip install --quiet --upgrade pip
	$(EXTRAS)/bin/python -m pip install --quiet --editable ".[dev,spark,geo,bench]"
	@touch $@

# What only the fuzzer needs, and none of the tests.
$(READY_FUZZ): pyproject.toml
	$(PYTHON) -m venv $(FUZZ)
	$(FUZZ)/bin/python -m pip install --quiet --upgrade pip
	$(FUZZ)/bin/python -m pip install --quiet --editable ".[fuzz]"
	@touch $@

demo: $(READY) ## Record the simulated fleet for 30 s, and show what came
	$(BIN)/fleetlab capture --server demo --seconds 30 --rate-limit 1s

lab: $(READY_BROWSER) ## Open the notebooks in JupyterLab
	$(BIN)/jupyter lab --LabApp.default_url=/lab/tree/notebooks

test: $(READY) ## Run the tests
	$(BIN)/python -m pytest --ignore=tests/browser --ignore=tests/extras --ignore=tests/notebooks

test-browser: $(READY_BROWSER) $(READY_OLD_KERNEL) ## Run the tests in a real JupyterLab and Chromium, and the notebooks
	$(BIN)/python -m pytest -m "not alone" tests/browser tests/notebooks
	$(BIN)/python -m pytest -m alone -n0 tests/browser

test-extras: $(READY_EXTRAS) ## Run the detectors on Spark, and what goes to GeoPandas (about 6 minutes)
	$(EXTRAS)/bin/python -m pytest -n0 tests/extras

mutation: $(READY_MUTATION) ## Break the protocol and the queues in each way, and see that a test fails (about 15 minutes)
	rm -rf mutants
	$(BIN)/mutmut run
	$(BIN)/mutmut results

matrix: $(READY) ## Build it, and try it on each Python with the lowest and the newest (about 8 minutes)
	$(BIN)/python -m pip install --quiet build
	$(BIN)/python -m tests.matrix

soak: $(READY_BROWSER) ## Record 12,000 trackers for SOAK_MINUTES=10, then kill SOAK_KILLS=50 captures (SOAK_TROUBLES=1: faults)
	$(BIN)/python -m tests.soak
	LIVE_MINUTES=5 $(BIN)/python -m pytest -n0 -s tests/browser/test_load.py

fuzz: $(READY_FUZZ) ## Try hostile messages, then hostile journals, FUZZ_MINUTES=20 each
	$(FUZZ)/bin/python -m tests.fuzz messages --minutes $(FUZZ_MINUTES)
	$(FUZZ)/bin/python -m tests.fuzz journal --minutes $(FUZZ_MINUTES)

lint: $(READY) ## Check style, types and which room imports which
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

docs: $(READY_DOCS) ## Build the documentation's site into build/site, and check every link in it
	rm -rf $(SITE)
	$(BIN)/python -m sphinx --builder html --fresh-env --fail-on-warning --keep-going --nitpicky --quiet \
		--conf-dir docs --doctree-dir build/doctrees . $(SITE)
	$(BIN)/python docs/check_site.py $(SITE)

bench: $(READY_BENCH) ## Measure the speed, and compare (about 8 minutes)
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks.detect

clean: ## Remove the environment and what tools left behind
	rm -rf $(VENV) build dist mutants .mypy_cache .pytest_cache .ruff_cache .hypothesis
