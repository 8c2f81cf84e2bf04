# make serve   install into .venv, start the server, print the link to set it up
# make demo    the same with an account to play with
# make test    all tests that need no system package, on the oldest and the newest Python found
# make check   lint, types, layers and tests: what a change must pass
# make fuzz    100,000 hostile inputs to a running server (INPUTS=...)
# make crash   200 kills under load (KILLS=...)
# make crash-out the same while mail leaves for other servers
# make torture  4,000 states of a disk after power cuts (STATES=...)
# make households  20,000 random sequences of administration beside a plain model (HOUSEHOLDS=...)
# make bench   Posthouse beside Postfix and Dovecot (BENCH='--quick')
# make docs    the settings page of the manual and the client's calls, from the declarations
# make package a Debian package in dist/
# make translations   the catalogues of the web pages, after a text has changed
# make lock    new lock files
# make clean   removes what the above made, but not data/

.PHONY: translations serve demo test check lint lock package fuzz crash crash-out torture households bench docs clean help
.DEFAULT_GOAL := help

export PIP_DISABLE_PIP_VERSION_CHECK = 1
export PIP_NO_INPUT = 1

# What pytest is given besides; e.g. make test TESTS=tests/unit/mail PYTEST='-x -q'
TESTS ?= tests
PYTEST ?= -q
DATA ?= data
INPUTS ?= 100000
KILLS ?= 200
STATES ?= 4000
HOUSEHOLDS ?= 20000

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

# --- running -----------------------------------------------------------------------------------------------------------

serve: .venv/installed
	@sh tools/in-foreground .venv/bin/posthouse serve --data $(DATA)

demo: .venv/installed
	@sh tools/in-foreground .venv/bin/posthouse serve --demo --data $(DATA)

.venv/installed: requirements.lock requirements-build.lock pyproject.toml
	@python=$$(sh tools/find-python) && \
		sh tools/make-venv .venv "$$python" requirements.lock requirements-build.lock

# --- testing -----------------------------------------------------------------------------------------------------------

test:
	@sh tools/run-tests "$(TESTS)" $(PYTEST)

check: lint test

lint:
	@sh tools/lint

# The long forms of the campaigns that `make test` runs short.
fuzz: .venv-oldest/installed
	@PYTHONPATH=tests/doubles .venv-oldest/bin/python tests/fuzz/hostile.py --inputs $(INPUTS)

crash: .venv-oldest/installed
	@PYTHONPATH=tests/doubles .venv-oldest/bin/python tests/crash/campaign.py --kills $(KILLS)

crash-out: .venv-oldest/installed
	@PYTHONPATH=tests/doubles .venv-oldest/bin/python tests/crash/out_campaign.py --kills $(KILLS)

torture: .venv-oldest/installed
	@PYTHONPATH=tests/doubles .venv-oldest/bin/python tests/crash/power_cuts.py --states $(STATES)

households: .venv-oldest/installed
	@HOUSEHOLDS=$(HOUSEHOLDS) .venv-oldest/bin/python -m pytest -q tests/unit/manage/test_random_households.py

bench: .venv-oldest/installed
	@.venv-oldest/bin/python -m bench $(BENCH)

.venv-oldest/installed: requirements-dev.lock pyproject.toml
	@python=$$(sh tools/find-python --oldest) && \
		sh tools/make-venv .venv-oldest "$$python" requirements-dev.lock

# --- upkeep ------------------------------------------------------------------------------------------------------------

package: .venv/installed
	@sh tools/package.sh

lock:
	@sh tools/lock.sh

translations: .venv-oldest/installed
	@BIN=.venv-oldest/bin sh tools/translations.sh

docs: .venv-oldest/installed
	@.venv-oldest/bin/python tools/settings_page.py
	@.venv-oldest/bin/python tools/client_calls.py

clean:
	rm -rf .venv .venv-oldest .venv-newest .venv-lock dist build
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find src tests bench -name __pycache__ -type d -prune -exec rm -rf {} +
