# Everything CI does is a target here; `make` alone says what there is.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
.DEFAULT_GOAL := help

.PHONY: help
help: ## say what there is
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST)

PIP := $(BIN)/pip install --quiet --disable-pip-version-check

# The stamps are newer than the locks they were made from, so that an unchanged lock costs nothing the second time.
$(VENV)/run.stamp: requirements/run.txt requirements/build.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Trailsight needs Python 3.11 or newer; name one: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) --require-hashes -r requirements/run.txt -r requirements/build.txt
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/dev.stamp: $(VENV)/run.stamp requirements/dev.txt requirements/spark.txt requirements/ministack.txt \
		policies/requirements.txt
	$(PIP) --require-hashes -r requirements/dev.txt
	$(PIP) --require-hashes --no-build-isolation -r requirements/spark.txt
	$(PYTHON) -m venv $(VENV)/ministack
	$(VENV)/ministack/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/ministack.txt
	@# The policy pack's own environment, only where its test can run: with the CLI.
	@if command -v pulumi >/dev/null; then $(PYTHON) -m venv $(VENV)/policies && \
		$(VENV)/policies/bin/pip install --quiet --disable-pip-version-check --require-hashes -r policies/requirements.txt; fi
	@touch $@

DEMO := demo

.PHONY: demo
demo: $(VENV)/run.stamp ## a sample, its lake and its dashboard, in ./demo
	@test -d $(DEMO)/logs || $(BIN)/trailsight sample $(DEMO)/logs
	@$(BIN)/trailsight local $(DEMO)/logs --lake $(DEMO)/lake

# Two at a time, a file's tests together: they share a Spark session or a lake.
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile

.PHONY: test test-fast test-long docs lint types format lock bench
test: $(VENV)/dev.stamp ## the tests that every change must pass, Spark and the emulated pipeline included
	$(PYTEST) -m "not long"

test-fast: $(VENV)/dev.stamp ## the same without Spark and the emulator
	$(PYTEST) -m "not long" --ignore tests/glue --ignore tests/pipeline

test-long: $(VENV)/dev.stamp ## all tests, the long ones too
	$(PYTEST)

bench: $(VENV)/run.stamp ## ratios against what a user would do instead (ARGS=--json for machines)
	$(PIP) --require-hashes -r requirements.txt -r requirements/bench.txt
	$(PIP) --require-hashes --no-build-isolation -r requirements/spark.txt
	@$(BIN)/python -m benchmarks $(ARGS)

docs: $(VENV)/dev.stamp ## make all pages anew that are made from code, configs/schema.json and the view's SQL too
	$(BIN)/python -m configs
	$(BIN)/python -m runtime.athena.named > docs/queries.md
	$(BIN)/python -m runtime.local.dialect.reference > docs/sql.md
	$(BIN)/python -m runtime.athena.view > runtime/athena/views/cloudtrail_logs.sql

lint: $(VENV)/dev.stamp ## ruff: lint and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/dev.stamp ## mypy, strict
	$(BIN)/mypy

format: $(VENV)/dev.stamp ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

LOCK := uv pip compile -q --generate-hashes --no-emit-index-url --no-header --python-version 3.11

lock: ## make the hashed locks in requirements/ anew (needs uv)
	$(LOCK) pyproject.toml -o requirements/run.txt
	$(LOCK) --group deploy -c requirements/run.txt -o requirements.txt # at the top, where `pulumi install` looks
	$(LOCK) pyproject.toml --group dev -c requirements/run.txt -c requirements.txt -o requirements/dev.txt
	$(LOCK) pyproject.toml --group bench -o requirements/bench.txt
	$(LOCK) pyproject.toml --group spark -o requirements/spark.txt
	printf "ministack==1.5.33\nboto3\n" | $(LOCK) - --no-annotate -o requirements/ministack.txt
	echo "pulumi-policy" | $(LOCK) - --no-annotate -o policies/requirements.txt
	echo "setuptools>=77" | $(LOCK) - -o requirements/build.txt
	printf "isal\nmsgspec\n" | $(LOCK) - -c requirements/run.txt --no-annotate -o requirements/lambda.txt

ARCH ?= arm64

.PHONY: bundle
bundle: $(VENV)/run.stamp ## the flattener's zip for Lambda, build/flattener.zip (ARCH=arm64|x86_64)
	$(BIN)/python -m tools.bundle --arch $(ARCH) build/flattener.zip
