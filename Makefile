# make demo     the console on three embedded hosts: needs no root and no network but for the first installation
# make test     lint, then all tests with branch coverage; the lab of real hosts too where it can run (MAILTUI_LAB=0: never, =1: or fail)
# make lab      start the lab for a person, and say how to open the console on it; `make lab-down` stops it
# make lint, make bench, make soak, make clean
#
# DEMO_ARGS='--messages 100000' adds to the demo's command line.
# PYTHON=python3.12 chooses the interpreter, PYTEST_ARGS adds to every call of pytest, SOAK_MINUTES sets how long to soak.

PYTHON ?= python3
DEMO_ARGS ?=
PYTEST_ARGS ?=
BENCH_ARGS ?=
SOAK_MINUTES ?= 30
BIN = .venv/bin
# What the safety of all else rests on: every line and branch of it is tested.
WHOLE = mailtui/text.py,mailtui/transport/frames.py,mailtui/transport/gate.py,mailtui/mta/sendmail/ids.py
LAB = tests/lab/lab
SUDO = $(shell test `id -u` = 0 || echo sudo)

.PHONY: demo test lint bench soak lab lab-down clean

# --- what is installed: stamps in .venv, renewed when the locked versions change ---------------------------------------
# .venv/bin/mailtui is the program of this checkout: first a launcher, from `make test` on an editable installation.
# The interpreter's own pip serves .venv where there is one: giving .venv a pip takes longer than the console takes to open.
OUTER_PIP = $(PYTHON) -m pip --python $(BIN)/python --disable-pip-version-check
INSTALL = if test -x $(BIN)/pip; then set -- $(BIN)/pip --disable-pip-version-check; else set -- $(OUTER_PIP); fi; "$$@" install --quiet

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "mailtui needs Python 3.11 or newer, $(PYTHON) is `$(PYTHON) -V 2>&1`. Try: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@if $(PYTHON) -m venv --without-pip .venv 2>/dev/null && $(OUTER_PIP) --version >/dev/null 2>&1; then exit 0; fi; \
	if ! $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null; then \
	    rm -rf .venv; v=`$(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])'`; \
	    echo "$(PYTHON) cannot make virtual environments here. On Debian and Ubuntu:  sudo apt-get install python$$v-venv" >&2; exit 1; \
	fi; \
	$(PYTHON) -m venv .venv

.venv/run: requirements/run.txt | .venv/bin/python
	@$(INSTALL) --require-hashes -r requirements/run.txt
	@test -e $(BIN)/mailtui || { printf '%s\n' '#!/bin/sh' 'cd="$(CURDIR)"' \
	    'PYTHONPATH=$$cd$${PYTHONPATH:+:$$PYTHONPATH} exec "$$cd/$(BIN)/python" -P -m mailtui "$$@"' >$(BIN)/mailtui && chmod +x $(BIN)/mailtui; }
	@touch $@

.venv/dev: requirements/dev.txt pyproject.toml | .venv/bin/python
	@$(INSTALL) --require-hashes -r requirements/dev.txt
	@$(INSTALL) --no-deps --no-build-isolation -e .
	@touch $@ .venv/run

# --- what is done ------------------------------------------------------------------------------------------------------
demo: .venv/run
	$(BIN)/mailtui demo $(DEMO_ARGS)

lint: .venv/dev
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/mypy --explicit-package-bases tests
	$(BIN)/lint-imports --no-logo

test: lint
	$(BIN)/python -m pytest -n auto --maxprocesses 4 -rs -m "not bench and not soak" --cov --cov-report=term $(PYTEST_ARGS)
	@said=`$(BIN)/coverage report --include=$(WHOLE) --fail-under=100 2>&1` || { echo "$$said" >&2; exit 1; }

bench: .venv/dev
	$(BIN)/python -m pytest -rs -s -m bench tests/bench $(BENCH_ARGS) $(PYTEST_ARGS)

soak: .venv/dev
	MAILTUI_SOAK_MINUTES=$(SOAK_MINUTES) $(BIN)/python -m pytest -rs -s -m soak tests $(PYTEST_ARGS)

lab: .venv/run
	$(SUDO) env MAILTUI_LAB_DIR="`$(LAB) path`" $(LAB) up
	@echo
	@echo "The lab is up. Some mail for it:   $(SUDO) $(LAB) fill sm1 500"
	@echo "The console on it:                 $(BIN)/mailtui -C `$(LAB) path`/mailtui.yaml sm1 sm2 sm3"
	@echo "All it can do:                     $(LAB) help          and to stop it: make lab-down"

lab-down:
	$(SUDO) env MAILTUI_LAB_DIR="`$(LAB) path`" $(LAB) down

clean:
	rm -rf .venv build dist htmlcov *.egg-info .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
