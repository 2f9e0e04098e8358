# Everything runs from a virtual environment in .venv, installed from the hashed locks in requirements/.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# The same with the SDK's newest pre-release.
NEXT := .venv-prerelease
NEXT_STAMP := $(NEXT)/.installed
SITE := .venv-site
AUDIT := .venv-audit
AUDIT_STAMP := $(AUDIT)/.installed
# Both halves' tests, without Meltano (which pins what the SDK needs) and without searches.
NEXT_TESTS := tests/tap tests/target tests/pair/test_pipe.py tests/pair/test_deletes.py \
	--ignore tests/tap/test_meltano_select.py -m "not long and not search and not hypothesis and not slow"
PYTHONS ?= python3.12 python3.13 python3.14
# Tests wait for servers and processes half of their time.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 2)
# uv reads the same registry settings as pip where a machine has them.
COMPILE := $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --quiet

.PHONY: help setup test coverage test-prerelease test-pythons test-newcomer test-wide test-long lint format demo package audit sbom pictures site site-version upgrades bench lock docs clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

$(STAMP): requirements/bootstrap.txt requirements/dev.txt pyproject.toml hatch_build.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name one with: make PYTHON=python3.12 ..." >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements/dev.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	$(BIN)/python -m compileall -q tap_sfsource target_sfwarehouse salesforce_simulator
	@touch $@

# --no-deps, as target-postgres does not allow the pre-release; the lock is complete.
$(NEXT_STAMP): $(STAMP) requirements/prerelease.txt
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(NEXT)
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(NEXT)/bin/python --require-hashes --no-deps \
		-r requirements/bootstrap.txt -r requirements/prerelease.txt
	$(BIN)/uv pip install --quiet --python $(NEXT)/bin/python --no-deps --no-build-isolation --editable .
	@touch $@

setup: $(STAMP) ## Create .venv and install the locked packages

demo: setup ## Load an example company, let it live a day, load again (under two minutes)
	$(BIN)/python -m demo

test: setup lint ## Lint, type-check and run the tests (under ten minutes on two cores)
	$(BIN)/python -m pytest -m "not long and not slow" -n $(WORKERS) --dist worksteal --durations 10

coverage: setup ## Run the tests once more and show which lines none of them reached
	rm -rf .coverage && mkdir .coverage
	$(BIN)/coverage run -m pytest -m "not long and not slow and not search and not hypothesis" -n auto --dist worksteal
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

test-prerelease: $(NEXT_STAMP) ## Both halves with the newest pre-release of the SDK (a few minutes)
	$(NEXT)/bin/python -m pytest -n auto --dist loadfile $(NEXT_TESTS)

test-pythons: setup ## Both halves on each newer Python that this machine has (name them: PYTHONS="python3.13 ...")
	@set -e; for python in $(PYTHONS); do \
		version=$$($$python -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || \
			{ echo "$$python is not on this machine"; continue; }; \
		echo "Python $$version"; \
		$(BIN)/uv venv --quiet --clear --python $$python .venv-$$version; \
		$(BIN)/uv pip install --quiet --python .venv-$$version/bin/python --require-hashes -r requirements/dev.txt; \
		$(BIN)/uv pip install --quiet --python .venv-$$version/bin/python --no-deps --no-build-isolation --editable .; \
		.venv-$$version/bin/python -m pytest -n $(WORKERS) --dist loadfile $(NEXT_TESTS); \
	done

test-newcomer: setup ## The first sync as docs/first-sync.md has it, from the built wheels alone (three minutes)
	SFSOURCE_TEST_LEVEL=wide $(BIN)/python -m pytest -rP --timeout 1500 tests/test_newcomer.py

test-wide: setup ## The searches with more examples and kills than in `test`, and what takes long (about 25 minutes)
	SFSOURCE_TEST_LEVEL=wide $(BIN)/python -m pytest -m "(search or hypothesis or slow) and not long" -n $(WORKERS) --dist worksteal \
		--timeout 1500

test-long: setup ## Longer searches: fuzzing, kill loops, histories
	SFSOURCE_TEST_LEVEL=long $(BIN)/python -m pytest -n auto --dist worksteal --timeout 3600

docs: setup ## Renew docs/erd.md and hub/ and the parts of docs/settings.md and meltano.yml that come from --about
	$(BIN)/python -m docs.generate
	$(BIN)/python -m docs.hub_plugins
	$(BIN)/python -m docs.erd

pictures: setup ## Draw the pictures of the docs again, into docs/pictures/
	$(BIN)/python -m docs.draw

upgrades: setup ## Keep the state and the tables that a release leaves: RELEASE=X.Y.Z
	$(BIN)/python -m tests.pair.upgrades $(RELEASE)

package: setup ## Build the wheel and the sdist of the pair and of the simulated org into dist/
	rm -rf dist
	$(BIN)/python -m hatchling build -d dist
	cd salesforce_simulator && $(CURDIR)/$(BIN)/python -m hatchling build -d $(CURDIR)/dist

$(AUDIT_STAMP): $(STAMP) requirements/audit.txt
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(AUDIT)
	$(BIN)/uv pip install --quiet --python $(AUDIT)/bin/python --require-hashes -r requirements/audit.txt
	@touch $@

audit: $(AUDIT_STAMP) ## Ask for known vulnerabilities of the locked packages; 2 where the data cannot be reached
	$(BIN)/python requirements/audit.py $(AUDIT)/bin/pip-audit requirements/dev.txt requirements/bootstrap.txt

sbom: $(AUDIT_STAMP) package ## Write what each wheel brings, with the locked versions, into sbom/
	rm -rf sbom && mkdir sbom
	@set -e; for project in sfsource salesforce-simulator; do \
		$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-sbom; \
		$(BIN)/uv pip install --quiet --python .venv-sbom/bin/python --constraint requirements/dev.txt \
			dist/$$(echo $$project | tr - _)-*.whl; \
		$(AUDIT)/bin/cyclonedx-py environment --output-reproducible --output-format JSON \
			--output-file sbom/$$project.cdx.json .venv-sbom/bin/python; \
	done

$(SITE)/.installed: $(STAMP) requirements/site.txt
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(SITE)
	$(BIN)/uv pip install --quiet --python $(SITE)/bin/python --require-hashes -r requirements/site.txt
	@touch $@

# Of the installed package, so that the site says what `--version` says.
DOCS_VERSION = $$($(BIN)/python -c 'from importlib.metadata import version; print(version("sfsource"))')
MKDOCS_SETTINGS = NO_MKDOCS_2_WARNING=1 SFSOURCE_DOCS_VERSION="sfsource $(DOCS_VERSION)"

site: $(SITE)/.installed ## Build the docs as a site, into site/
	$(MKDOCS_SETTINGS) $(SITE)/bin/mkdocs build --quiet --strict

site-version: $(SITE)/.installed ## Add this version's docs to the branch gh-pages, beside those of other versions
	version=$(DOCS_VERSION) && $(MKDOCS_SETTINGS) PATH="$$PWD/$(SITE)/bin:$$PATH" mike deploy --update-aliases $$version latest
	PATH="$$PWD/$(SITE)/bin:$$PATH" mike set-default latest

bench: setup ## Measure the pair beside its peers and what the machine can do (docs/benchmarks.md)
	$(BIN)/python -m benchmarks

lint: setup ## ruff, mypy --strict and the chapters' imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache --no-logo
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/bug.yml
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.compose-spec deploy/docker/compose.yaml
	$(BIN)/deptry . --no-ansi
	$(BIN)/zizmor --offline --quiet .github

format: setup ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: setup ## Renew the locks from pyproject.toml
	$(COMPILE) requirements/bootstrap.in --output-file requirements/bootstrap.txt
	$(COMPILE) pyproject.toml --extra embedded --extra ssh --group dev --output-file requirements/dev.txt
	$(COMPILE) pyproject.toml --extra embedded --extra ssh --group prerelease --override requirements/prerelease.in \
		--upgrade-package singer-sdk --output-file requirements/prerelease.txt
	$(COMPILE) requirements/target-jsonl.in --output-file requirements/target-jsonl.txt
	$(COMPILE) requirements/duckdb.in --output-file requirements/duckdb.txt
	$(COMPILE) requirements/target-duckdb.in --output-file requirements/target-duckdb.txt
	$(COMPILE) requirements/target-csv.in --output-file requirements/target-csv.txt
	$(COMPILE) requirements/target-s3.in --output-file requirements/target-s3.txt
	$(COMPILE) requirements/target-snowflake.in --output-file requirements/target-snowflake.txt
	$(COMPILE) requirements/sdk-taps.in --output-file requirements/sdk-taps.txt
	$(COMPILE) requirements/tap-postgres.in --output-file requirements/tap-postgres.txt
	$(COMPILE) requirements/tap-stripe.in --output-file requirements/tap-stripe.txt
	$(COMPILE) requirements/dagster.in --output-file requirements/dagster.txt
	$(COMPILE) requirements/dbt.in --output-file requirements/dbt.txt
	$(COMPILE) pyproject.toml --extra s3 requirements/s3.in --output-file requirements/s3.txt
	$(COMPILE) requirements/site.in --output-file requirements/site.txt
	$(COMPILE) requirements/audit.in --output-file requirements/audit.txt
	$(COMPILE) requirements/airflow.in --output-file requirements/airflow.txt
	for peer in requirements/peers/*.in; do $(COMPILE) $$peer --output-file $${peer%.in}.txt || exit 1; done

clean: ## Stop the demo's server and remove what the targets made
	-test ! -x $(BIN)/python || $(BIN)/python -m target_sfwarehouse.embedded remove .demo/warehouse
	rm -rf $(VENV) .venv-* site sbom .coverage .demo .bench .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist
