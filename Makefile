# Every target works the same on a laptop and in CI. `make` alone lists them.

PYTHON ?= python3
BIN := .venv/bin
# The CDK says on every run that Node 20 is old; it works, and CI must stay readable.
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := 20

.DEFAULT_GOAL := help
.PHONY: help install demo up down test check coverage bench soak fuzz mutants format docs lock clean

help: ## List the targets.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: .venv/.installed .venv-local/.installed node_modules/.installed ## Install what everything else needs.

.venv/.installed: requirements.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --require-hashes --requirement requirements.txt
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

.venv-local/.installed: local/requirements.txt
	$(PYTHON) -m venv .venv-local
	.venv-local/bin/pip install --quiet --require-hashes --requirement local/requirements.txt
	@touch $@

node_modules/.installed: package-lock.json
	npm ci --silent --no-progress
	@touch $@

demo: install ## Run the whole product on this machine; JSON=path writes the result for scripts.
	$(BIN)/python -m local demo $(if $(JSON),--json $(JSON))

up: install ## Start the local stack and keep it running.
	$(BIN)/python -m local up

down: install ## End the local stack.
	$(BIN)/python -m local down

test: install ## Check the code and run every test.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest --durations=15

check: install ## Check the code only: style and types.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: install ## Format the code.
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

docs: install ## Write the pages that are made from the code.
	$(BIN)/python -m pstream contract > docs/records.md

lock: ## Resolve the requirements anew, with hashes and without registry addresses.
	$(PYTHON) -m venv .build/lock
	.build/lock/bin/pip install --quiet uv==0.13.9
	for name in functions/ local/ tests/abuse/ tests/benchmarks/ tests/mutants/ ""; do \
		.build/lock/bin/uv pip compile --quiet --universal --python-version 3.11 \
			--generate-hashes --no-emit-index-url --no-emit-find-links \
			--custom-compile-command "make lock" \
			$${name}requirements.in --output-file $${name}requirements.txt || exit 1; \
	done
	npm install --package-lock-only --silent

coverage: install ## Show which branches of functions/ no test takes; there may be none.
	$(BIN)/coverage run -m pytest -q tests/unit tests/laws tests/contract tests/abuse
	$(BIN)/coverage report --fail-under=100

bench: .venv-bench/.installed ## Measure everything beside its peers into docs/benchmarks.md; QUICK=1 is shorter.
	PYTHONPATH=.:functions:tests/kit .venv-bench/bin/python -m tests.benchmarks $(if $(QUICK),--quick)

.venv-bench/.installed: tests/benchmarks/requirements.txt
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/pip install --quiet --require-hashes --requirement tests/benchmarks/requirements.txt
	@touch $@

soak: install ## Break everything for some minutes and account for every record; MINUTES=5.
	$(BIN)/python -m tests.soak

.venv-fuzz/.installed: tests/abuse/requirements.txt
	$(PYTHON) -m venv .venv-fuzz
	.venv-fuzz/bin/pip install --quiet --require-hashes --requirement tests/abuse/requirements.txt
	@touch $@

.venv-mutants/.installed: tests/mutants/requirements.txt
	$(PYTHON) -m venv .venv-mutants
	.venv-mutants/bin/pip install --quiet --require-hashes --requirement tests/mutants/requirements.txt
	@touch $@

fuzz: .venv-fuzz/.installed ## Look for bytes that break a promise; SECONDS=300.
	.venv-fuzz/bin/python tests/abuse/fuzz.py $(or $(SECONDS),300)

mutants: .venv-mutants/.installed ## Change the forwarder in small ways and see whether a test notices.
	rm -rf .build/mutants && mkdir -p .build/mutants
	cp -R functions .build/mutants/src && cp -R tests local .build/mutants && cp tests/mutants/pyproject.toml .build/mutants
	cd .build/mutants && ../../.venv-mutants/bin/mutmut run --max-children 2 && ../../.venv-mutants/bin/mutmut results

clean: ## Remove what building, testing and the local stack left behind.
	rm -rf .build .local cdk.out .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache mutants
