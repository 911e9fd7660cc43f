# One word a task; each sets up what it needs.
SHELL := /bin/bash
VENV := .venv
# The newest Python that really runs and can make an environment; a version manager's shim may do neither.
PYTHON = $(shell for v in 3.14 3.13 3.12 3.11 3; do \
  python$$v -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo python$$v && break; done)
BIN := $(VENV)/bin
RUN := $(VENV)/.run-stamp
DEV := $(VENV)/.dev-stamp
SITE := $(VENV)/.site-stamp
ACTIONLINT := $(BIN)/actionlint
NODE := tests/node/node_modules/.package-lock.json
SCHEMA := $(BIN)/check-jsonschema --quiet --builtin-schema
# Tests wait for the processes they start, a third of their time.
WORKERS := $(shell echo $$((2 * $$(getconf _NPROCESSORS_ONLN))))
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check --no-input

.PHONY: try test thorough coverage container-test lint fmt bench fuzz chaos docs pictures lock clean

try: $(RUN)
	@echo '$$ cd examples/try && scorefly deploy --rehearse'
	@cd examples/try && ../../$(BIN)/scorefly deploy --rehearse

test: lint $(NODE)
	$(BIN)/pytest -q -n $(WORKERS) --dist worksteal

# The property tests with many examples, other ones each time.
thorough: $(DEV)
	$(BIN)/pytest -q -n $(WORKERS) --dist worksteal -m hypothesis --hypothesis-profile=thorough

# Twice as slow as the tests alone: every process they start is traced.
coverage: $(DEV) $(NODE)
	@rm -f .coverage .coverage.*
	$(BIN)/coverage run -m pytest -q -n auto --dist worksteal
	@$(BIN)/coverage combine -q && $(BIN)/coverage report

# Exit status 77 of the script says that nothing here can build an image.
container-test: $(DEV)
	@built=$$(container/build.sh) || { [ $$? = 77 ] && echo 'container-test was left out' && exit 0 || exit 1; }; \
	SCOREFLY_TEST_IMAGE="$$(tail -1 <<<"$$built")" $(BIN)/pytest -q tests/container

lint: $(DEV) $(ACTIONLINT)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python checks/plain_english.py
	$(BIN)/hadolint Dockerfile
	$(BIN)/zizmor --offline --pedantic --quiet . examples/workflows/*.yml
	$(SCHEMA) vendor.github-workflows {.github,examples}/workflows/*.yml scorefly/commands/samples/workflow.yml
	$(SCHEMA) vendor.github-actions action.yml
	$(SCHEMA) vendor.dependabot .github/dependabot.yml
	@if [ -x $(ACTIONLINT) ]; then $(ACTIONLINT) && \
	  $(ACTIONLINT) -ignore 'could not read reusable workflow file' examples/workflows/*.yml; else echo 'actionlint was left out: it is built with Go'; fi

fmt: $(DEV)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# `make bench BENCH=--short` leaves out the deploy of most workloads.
bench: $(DEV)
	@$(BIN)/python benchmarks/bench.py $(BENCH)
	@$(BIN)/python benchmarks/listen.py $(BENCH)
	@$(BIN)/python benchmarks/tree.py
	@built=$$(container/build.sh 2>/dev/null) || { echo 'the image was left out: nothing here can build it'; exit 0; }; \
	$(BIN)/python benchmarks/image.py $$(tail -1 <<<"$$built")

# Hostile files, for two minutes at most.
fuzz: $(DEV)
	@$(BIN)/python benchmarks/fuzz.py

# Faults and kills, for ten minutes at most: COUNT runs are broken off or given spoilt answers.
COUNT := 500
chaos: $(DEV)
	@$(BIN)/python benchmarks/chaos.py --count $(COUNT)

# Writes what is generated in docs/, builds the site in site/, and fails on a link that leads nowhere.
docs: $(SITE)
	$(BIN)/python docs/make_options.py
	$(BIN)/python docs/make_annotations.py
	$(BIN)/python docs/make_schemas.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# Makes docs/pictures anew, with chromium and tmux.
pictures: $(DEV) $(NODE)
	$(BIN)/python docs/make_pictures.py

lock: $(DEV)
	$(PIP) install uv
	$(BIN)/python requirements/lock.py

clean:
	rm -rf $(VENV) dist build site .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	rm -rf examples/*/.scorefly/{out,state,rehearsal}

$(ACTIONLINT): | $(VENV)/bin/python
	@! command -v go >/dev/null || \
	GOBIN=$(abspath $(BIN)) go install github.com/rhysd/actionlint/cmd/actionlint@v1.7.12 2>/dev/null || true

# GitHub's own parser and evaluator of workflows; tests that ask them are skipped where Node 20 or npm is missing.
$(NODE): tests/node/package.json tests/node/package-lock.json
	@if command -v node npm >/dev/null && node -e 'process.exit(process.versions.node.split(".")[0] < 20 ? 1 : 0)'; then \
	npm ci --prefix tests/node --ignore-scripts --no-audit --no-fund --loglevel=error && touch $@ || \
	echo "GitHub's own judges of workflows were left out: npm cannot install them"; \
	else echo "GitHub's own judges of workflows were left out: they need Node 20 and npm"; fi

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo 'scorefly needs Python 3.11 or newer with venv: on Debian, apt-get install python3-venv'; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(RUN): $(VENV)/bin/python pyproject.toml requirements/runtime.txt requirements/build.txt
	@echo 'Installing scorefly into $(VENV) …'
	@$(PIP) install --require-hashes --no-deps -r requirements/runtime.txt -r requirements/build.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV): $(RUN) requirements/develop.txt
	@echo 'Installing what tests and checks need …'
	@$(PIP) install --require-hashes --no-deps -r requirements/develop.txt
	@touch $@

$(SITE): $(DEV) requirements/docs.txt
	@echo 'Installing what the documentation site needs …'
	@$(PIP) install --require-hashes --no-deps -r requirements/docs.txt
	@touch $@
