# Needs Python 3.11 or newer with pip, make and git. Everything else goes into .venv.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help env lint test test-slow fuzz chaos demo docs lock

help:  ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

env: .venv/.done  ## set up .venv with the locked dependencies and this project, editable

.venv/.done: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("make env needs Python 3.11.4 or newer: make env PYTHON=…" if sys.version_info < (3, 11, 4) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -r requirements.lock
	$(BIN)/python -m pip install --no-deps --no-build-isolation -e .
	@touch $@

lint: env  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint  ## lint and the ordinary tests; COUNTING_DATA names the folder of real data, if any
	$(BIN)/python -m pytest -n auto --dist loadfile -m "not slow"

test-slow: env  ## the tests that take longer than half a minute (the chaos jobs)
	$(BIN)/python -m pytest -m slow

fuzz: env  ## try 20,000 damaged files of every kind: no traceback, no hang, bounded memory
	cd tests && COUNTING_DATA= ../$(BIN)/python -m fuzz --inputs 20000

chaos: env  ## kill training and predict at random moments, and go on
	$(BIN)/python -m pytest -m slow -s tests/chaos

demo: env  ## draw scenes, train three counters on them, write a report
	$(BIN)/python examples/demo.py

docs: env  ## build the manual into site/; a warning is an error
	$(BIN)/python docs/generate.py
	$(BIN)/zensical build --clean --strict

lock: env  ## bring requirements.lock in line with pyproject.toml
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --universal --python-version 3.11 --no-emit-index-url --no-annotate --extra dev --extra docs --extra export --extra video --extra web pyproject.toml -o requirements.lock
