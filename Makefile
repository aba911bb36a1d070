# make demo    the whole thing on a fresh machine: install, fetch the models, index, run an inbox
# make test    unit tests (network banned) and live tests on the real embedded models
# make check   format, lint, types, room rules, dependency hygiene, unit tests
# make gate    the SLM on 120 rows; fails where quality fell below evals/baseline.json
# make lock    resolve pyproject.toml anew (UPGRADE=1: to the newest versions)

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STATE  := .tandem
TIMES  := $(STATE)/demo-times.txt

SOURCES := tandem graphs nodes tools evals tests bench .ci
PIP     := $(BIN)/python -m pip --disable-pip-version-check --quiet
# Both builds use the setuptools of the lock: no isolated build, so nothing unpinned is fetched.
# A file's tests stay together: some share a trained head or a server.
PARALLEL := --numprocesses auto --dist loadfile
EDITABLE := $(PIP) install --no-deps --no-build-isolation --editable .
COMPILE  := $(BIN)/uv pip compile pyproject.toml --group build --universal --python-version 3.11 \
	--generate-hashes --no-header --no-emit-index-url --no-emit-find-links --quiet \
	$(if $(UPGRADE),--upgrade)

# $(call timed,name,command): run it, keep its exit code, note how long it took.
timed = start=$$(date +%s); $(2) && seconds=$$(( $$(date +%s) - start )) \
	&& printf '%-10s %5d s\n' '$(1)' "$$seconds" | tee -a $(TIMES)

.PHONY: help demo install dev models test test-unit test-live check gate lock clean
.DEFAULT_GOAL := help

help:
	@sed -n 's/^# make/make/p' Makefile

demo:
	@mkdir -p $(STATE) && : > $(TIMES)
	@$(call timed,install,$(MAKE) --no-print-directory install)
	@$(call timed,download,$(BIN)/tandem models pull)
	@$(call timed,index,$(BIN)/tandem --settings demo/tandem.toml index build)
	@$(call timed,run,$(BIN)/tandem --settings demo/tandem.toml run demo/inbox.jsonl \
		$(STATE)/demo-answers.jsonl --fresh --live)
	@printf '\nmake demo took:\n' && cat $(TIMES)

install: $(VENV)/.base
dev: $(VENV)/.dev

models: $(VENV)/.base
	$(BIN)/tandem models pull

test: test-unit test-live

test-unit: $(VENV)/.dev
	$(BIN)/python -m pytest tests/unit $(PARALLEL)

test-live: $(VENV)/.dev
	$(BIN)/python -m pytest tests/live

check: $(VENV)/.dev
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy --strict -p tandem
	$(BIN)/lint-imports --no-cache
	$(BIN)/deptry .
	$(BIN)/python -m pytest tests/unit $(PARALLEL)

gate: $(VENV)/.dev
	$(BIN)/tandem eval gate --policy slm_only --fresh --against evals/baseline.json

lock: $(VENV)/.dev
	$(COMPILE) --extra dev --extra eval --extra mcp --extra postgres --extra studio \
		--output-file requirements-dev.lock
	$(COMPILE) --constraint requirements-dev.lock --output-file requirements.lock
	$(BIN)/python .ci/licences.py

clean:
	rm -rf $(VENV) $(STATE) demo/$(STATE) build dist *.egg-info .langgraph_api
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps say what is installed, so that a second call installs nothing.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Tandem needs Python 3.11 or \
	newer; name one: make PYTHON=python3.11 ...")'
	@$(PYTHON) -m venv $(VENV)

# --no-deps: the locks are complete, and pip would look at newer releases of what has extras.
$(VENV)/.base: requirements.lock pyproject.toml | $(BIN)/python
	@echo 'Installing the packages of requirements.lock into $(VENV) ...'
	@$(PIP) install --no-deps --require-hashes --requirement requirements.lock
	@$(EDITABLE)
	@touch $@

$(VENV)/.dev: requirements-dev.lock pyproject.toml | $(BIN)/python
	@echo 'Installing the packages of requirements-dev.lock into $(VENV) ...'
	@$(PIP) install --no-deps --require-hashes --requirement requirements-dev.lock
	@$(EDITABLE)
	@touch $(VENV)/.base $@
