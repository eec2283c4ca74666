# Two commands: `make nightly` and `make test`. `make help` lists the rest; the work itself is
# in the `answerable` command line (.venv/bin/answerable --help), which each target calls.

.DEFAULT_GOAL := help
SHELL := /bin/sh
MAKEFLAGS += --no-print-directory
PYTHON ?=
# Files of our own beside the package and no installation step of the package itself.
export PYTHONPATH := $(CURDIR)/plugins
ANSWERABLE := .venv/bin/python -m answerable.cli
PYTEST := .venv/bin/python -m pytest
# a file at a time to each core, in the order of the folders: the long ones come first
PARALLEL := --numprocesses=logical --dist=loadfile --no-loadscope-reorder

.PHONY: help install nightly backfill test test-all fuzz up down status psql lint format bench clean system-packages report

help:  ## this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install:  ## the virtual environment .venv, as requirements.lock says (every target does it)
	@if [ -x .venv/bin/python ] && [ -z "$(PYTHON)" ] && .venv/bin/python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; \
	then .venv/bin/python scripts/bootstrap.py; \
	else python=$$(PYTHON="$(PYTHON)" scripts/find-python) && "$$python" scripts/bootstrap.py; fi

nightly: install  ## the next night: pull, build, check, publish, report (DATE=2026-03-01, FILES="a.yml=a.csv ...", REBUILD=raw)
	@exec $(ANSWERABLE) nightly $(if $(DATE),--date "$(DATE)") $(if $(FILES),--files "$(FILES)") $(if $(REBUILD),--rebuild "$(REBUILD)")

backfill: install  ## pull a window of the past again (SOURCE=zendesk FROM=2026-02-01 UNTIL=2026-02-08 [STREAM="tickets users"])
	@exec $(ANSWERABLE) backfill "$(SOURCE)" --from "$(FROM)" --until "$(UNTIL)" $(foreach stream,$(STREAM),--stream "$(stream)")

test: install  ## the tests (REQUIRE_ALL=1: a test that lacks a tool fails; ARGS= for pytest)
	@REQUIRE_ALL="$(REQUIRE_ALL)" exec $(PYTEST) -q $(PARALLEL) $(ARGS)

test-all: install  ## also the slow ones: full-size sandbox, ten nights, kills, other Pythons
	@REQUIRE_ALL="$(REQUIRE_ALL)" exec $(PYTEST) -q $(PARALLEL) -m "slow or not slow" $(ARGS)

fuzz: install  ## property tests with many more examples
	@HYPOTHESIS_PROFILE=fuzz exec $(PYTEST) -q -m fuzz $(ARGS)

up: install  ## Airflow's scheduler and web pages, on this machine only
	@exec $(ANSWERABLE) up

down: install  ## stop all that runs: Airflow and the database
	@exec $(ANSWERABLE) down

status: install  ## what runs, and what the last nights were
	@exec $(ANSWERABLE) status

psql: install  ## query the marts; SQL on standard input gives CSV (ROLE=private, owner, ...; EXACT=1 for programs)
	@exec $(ANSWERABLE) psql $(if $(ROLE),--role "$(ROLE)") $(if $(EXACT),--exact)

report: install  ## write the report of the published night again
	@exec $(ANSWERABLE) report

lint: install  ## ruff on Python, hadolint and a schema on container files, sqlfluff on SQL for PostgreSQL and Spark
	@exec $(ANSWERABLE) lint

format: install  ## let ruff put Python in shape
	@.venv/bin/ruff format . && .venv/bin/ruff check --fix .

bench: install  ## measure: a line per figure (ONLY=name for one)
	@exec $(ANSWERABLE) bench $(if $(ONLY),--only "$(ONLY)")

clean: install  ## stop all and remove what nights left behind (.local, reports), asking first
	@exec $(ANSWERABLE) clean $(if $(YES),--yes)

system-packages:  ## what some tests need of the system (apt, as root)
	@scripts/system-packages
