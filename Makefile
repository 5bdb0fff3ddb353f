# make demo   install, run the worked example unattended, show what it made
# make lab    open JupyterLab on the worked example
# make test   lint, type checks, unit tests, notebooks, TypeScript and browser tests, the documentation
# make lint   ruff, mypy, import-linter, tsc
# make docs   the reference and the site
# make bench  the benchmark suite          make soak  the long-running fault tests
# make fuzz   random input and random events, TIMES=50 times as long as in the tests and from new seeds

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help
.PHONY: help demo lab test lint types unit notebooks typescript browser bench bench-all fuzz soak docs clean

# The first Python that is recent enough; a name on the path may be a shim for a version that is not there.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
MINUTES ?= 10
TIMES ?= 50
STAMPS := .venv/stamps
LAB := labextension
# Root installs Debian packages itself; everybody else through sudo.
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)
APT = $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PYTHONDONTWRITEBYTECODE :=
MAKEFLAGS += --no-print-directory

# What an installation writes through the link of a built extension is left out of the next one, where it would stand twice.
WRITTEN = rm -f $(LAB)/cellmill_lab/labextension/install.json
EDITABLE = $(WRITTEN); SKIP_JUPYTER_BUILDER=1 $(BIN)/pip install -qq -e

help:
	@sed -n 's/^# //p' Makefile

# --- what the rest needs, each once -------------------------------------------------------------------------------------

$(STAMPS)/venv:
	@[ -n "$(PYTHON)" ] || { echo "cellmill needs Python 3.11 or later (make PYTHON=...)"; exit 1; }
	[ -x $(BIN)/pip ] || $(PYTHON) -m venv .venv || { $(APT) update; $(APT) install -y python3-venv; $(PYTHON) -m venv .venv; }
	mkdir -p $(STAMPS)
	# The pip that came with an older Python takes several times as long to find and install the same; it can do without.
	$(BIN)/python -m pip install -qq --upgrade 'pip>=25' || true
	touch $@

# The browser side is built by `make lab` and the browser tests, not here: running notebooks needs no Node.js.
$(STAMPS)/install: pyproject.toml $(STAMPS)/venv
	@echo "Installing cellmill into .venv …"
	mkdir -p $(LAB)/cellmill_lab/labextension
	$(EDITABLE) '.[lab,demo]'; $(WRITTEN)
	touch $@

$(STAMPS)/test-install: $(STAMPS)/install
	@echo "Installing what the tests need …"
	$(EDITABLE) '.[lab,demo,test,dask,duckdb,pandera,polars,postgres,s3,upath]'; $(WRITTEN)
	touch $@

$(LAB)/node_modules/.yarn-state.yml: $(LAB)/package.json $(LAB)/yarn.lock | $(STAMPS)/install
	@cd $(LAB) && $(CURDIR)/$(BIN)/python -m pip install -qq 'jupyter-builder>=1.0.2' && jlpm install --immutable >/dev/null
	touch node_modules/.yarn-state.yml

$(LAB)/cellmill_lab/static/standalone.js: $(shell find $(LAB)/src $(LAB)/style -type f 2>/dev/null) | $(LAB)/node_modules/.yarn-state.yml
	@cd $(LAB) && jlpm build >/dev/null && jupyter-builder develop --overwrite cellmill_lab >/dev/null

$(STAMPS)/chromium:
	@command -v chromium >/dev/null || { $(APT) update; $(APT) install -y chromium; }
	touch $@

$(STAMPS)/postgres:
	@ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || { $(APT) update; $(APT) install -y postgresql; }
	touch $@

# --- for people ----------------------------------------------------------------------------------------------------------

demo: $(STAMPS)/install
	@$(BIN)/cellmill run notebooks/flights.ipynb
	echo
	echo "Open it in JupyterLab:  make lab"

lab: $(STAMPS)/install $(LAB)/cellmill_lab/static/standalone.js
	@exec $(BIN)/jupyter lab notebooks/flights.ipynb

# --- for us --------------------------------------------------------------------------------------------------------------

# All that the steps need is made before. What takes one process is done two at a time; notebooks and docs do not meet:
# the gallery runs copies of them, with an instance of its own.
test: $(STAMPS)/docs-install $(STAMPS)/postgres $(STAMPS)/chromium $(LAB)/cellmill_lab/static/standalone.js
	@$(MAKE) -j2 -Otarget lint typescript
	$(MAKE) unit
	$(MAKE) -j2 -Otarget notebooks docs
	$(MAKE) browser

lint: types
	@$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports

types: $(STAMPS)/test-install
	@$(BIN)/mypy

unit: $(STAMPS)/test-install $(STAMPS)/postgres
	@$(BIN)/python tests/again.py tests -n 2 -m "not browser" -p no:nbval

notebooks: $(STAMPS)/test-install
	@$(BIN)/pytest --nbval-lax notebooks -p no:cacheprovider

typescript: $(LAB)/node_modules/.yarn-state.yml
	@cd $(LAB) && jlpm check && jlpm test

browser: $(STAMPS)/test-install $(STAMPS)/chromium $(LAB)/cellmill_lab/static/standalone.js
	@$(BIN)/python tests/again.py tests/e2e -n 2 --dist loadfile -m browser -p no:nbval

bench: $(STAMPS)/test-install
	@$(BIN)/python tests/benchmarks/suite.py --quick
	$(BIN)/python tests/benchmarks/instructions.py --lib floor,cellmill
	$(BIN)/python tests/benchmarks/report.py

bench-all: $(STAMPS)/test-install
	@$(BIN)/python tests/benchmarks/envs.py
	$(BIN)/python tests/benchmarks/suite.py
	$(BIN)/python tests/benchmarks/instructions.py
	$(BIN)/python tests/benchmarks/report.py

fuzz: $(STAMPS)/test-install
	@CELLMILL_FUZZ=$(TIMES) $(BIN)/pytest tests/security/test_fuzz.py tests/graphql/test_fuzz.py tests/planning/test_cron.py tests/faults/test_machines.py \
	  tests/faults/test_daemons_under_fire.py --timeout 3600

soak: $(STAMPS)/test-install $(STAMPS)/postgres
	@$(BIN)/python tests/faults/soak.py $(MINUTES)
	CELLMILL_FIRE_S=60 $(BIN)/pytest tests/faults tests/security --timeout 600

# The reference from the code, the gallery from its notebooks, then the site; any warning is an error.
docs: $(STAMPS)/docs-install
	@$(BIN)/python docs/generate_reference.py
	$(BIN)/python docs/generate_gallery.py
	$(BIN)/mkdocs build --quiet --strict -d test-artifacts/site

$(STAMPS)/docs-install: $(STAMPS)/test-install
	@$(EDITABLE) '.[docs]'; $(WRITTEN)
	touch $@

clean:
	rm -rf .venv $(LAB)/node_modules $(LAB)/lib $(LAB)/cellmill_lab/static $(LAB)/cellmill_lab/labextension test-artifacts
