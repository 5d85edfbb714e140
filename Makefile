# The few commands of this project. `make` alone lists them.
PYTHON ?= python3
# Test files run side by side; each process has a PostgreSQL server and a browser of its own.
JOBS ?= 2
# In the order of tests/conftest.py.
DIST := --dist loadfile --no-loadscope-reorder
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# What `make run` needs is a part of it, and is enough where nobody tests.
RUNS := $(if $(wildcard $(READY)),$(READY),$(VENV)/.runs)

# Each server and command that a test starts would compile the whole package anew.
unexport PYTHONDONTWRITEBYTECODE

# A command that installs packages in a tenth of pip's time, where one is named (`make setup UV=uv`, and see
# `make uv`). What it cannot do pip does.
UV ?=

# $(call packages,FOLDER,LOCK): the packages that a lock file names, in an environment.
define packages
	@$(if $(UV),$(UV) pip install --quiet --python $(1)/bin/python --no-deps --require-hashes -r $(2) ||) \
	$(1)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $(2)
endef

# $(call apart,FOLDER,LOCK): a separate environment for the packages. uv needs no pip in it, which takes longer to
# install than all of them. Modules are compiled when they are first used.
define apart
	@$(if $(UV),$(PYTHON) -m venv --without-pip $(1) && \
	$(UV) pip install --quiet --python $(1)/bin/python --no-deps --require-hashes -r $(2) ||) \
	{ $(PYTHON) -m venv $(1) && $(1)/bin/python -m pip install --quiet --no-compile --disable-pip-version-check \
	--no-deps --require-hashes -r $(2); }
	@touch $@
endef

.DEFAULT_GOAL := help
.PHONY: help setup run demo-federation demo-cloud guest test test-whoosh-other openstack clients uv lint check sure bench bench-million bench-smoke soak cluster-test image format lock vendor clean

help: ## list these commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

setup: $(READY) ## make .venv and install everything the lock file names

# $(call install,LOCK): the packages that a lock file names, and this project in its own place.
define install
	@$(PYTHON) -c 'import sys; sys.exit(None if (3, 11) <= sys.version_info < (3, 14) else \
	  "Python 3.11, 3.12 or 3.13 is needed; this is %d.%d (choose one: make PYTHON=python3.12 ...)" % sys.version_info[:2])'
	@echo "making $(VENV) and installing the $$(grep -c '==' $(1)) packages of $(1) (once; about a minute)"
	@$(PYTHON) -m venv $(VENV)
	$(call packages,$(VENV),$(1))
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
endef

$(READY): requirements.lock setup.py pyproject.toml
	$(call install,requirements.lock)

$(VENV)/.runs: requirements-server.lock setup.py pyproject.toml
	$(call install,requirements-server.lock)

run: $(RUNS) ## start a marketplace with a demo catalogue on http://127.0.0.1:6543
	@$(BIN)/marketplace db upgrade
	@$(BIN)/marketplace demo
	@$(BIN)/python -m marketplace.demo.running

demo-federation: $(RUNS) ## three marketplaces on three ports that follow each other, in this terminal
	@$(BIN)/python -W "ignore:.*pkg_resources.*" -m marketplace.demo.federation

demo-cloud: $(RUNS) ## a marketplace and a cloud site that imports, boots and refuses, in this terminal
	@$(BIN)/python -W "ignore:.*pkg_resources.*" -m marketplace.demo.cloud

guest: ## fetch the kernel and the shell of the guest that tests of cloud sites boot (Debian, 27 MB)
	mkdir -p build/guest
	cd build/guest && rm -f *.deb && apt-get download -q -o APT::Sandbox::User=root busybox-static \
	  $$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: \(linux-image-.*\)/\1/p')

test: setup ## run every test that needs no root
	$(BIN)/pytest -n $(JOBS) $(DIST) --durations=25 --durations-min=5

test-whoosh-other: setup ## run the search contract on the Whoosh that was not chosen
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --upgrade \
	  --target build/whoosh-other -r tests/whoosh-other.txt
	PYTHONPATH=build/whoosh-other $(BIN)/pytest -q -k whoosh \
	  tests/contract/test_search_engines.py tests/contract/test_search_ranking.py \
	  tests/contract/test_search_indexer.py tests/contract/test_search_index_damage.py \
	  tests/unit/search/test_whoosh_engine.py

openstack: build/openstack/.ready ## make the environment of Glance, Keystone, Neutron and Swift that tests start

build/openstack/.ready: tests/openstack.txt
	$(call apart,build/openstack,tests/openstack.txt)

clients: build/clients/.ready ## make the environment of the programs that tests have read views

build/clients/.ready: tests/clients.txt
	$(call apart,build/clients,tests/clients.txt)

uv: build/uv/.ready ## fetch uv into build/uv/bin, which installs packages faster than pip

build/uv/.ready: tests/uv.txt
	$(PYTHON) -m venv build/uv
	build/uv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r tests/uv.txt
	touch $@

lint: setup ## format, lint, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

check: lint ## what lint does, and that migrations and models agree
	$(BIN)/pytest -q tests/contract/test_migrations.py

sure: check ## every check: check, tests with coverage, benchmark smoke
	$(BIN)/pytest -n $(JOBS) $(DIST) --cov --cov-report=term:skip-covered
	$(BIN)/python -m tests.benchmarks --smoke

bench: setup ## measure, each figure beside a floor of the same run (writes docs/benchmarks.md)
	$(BIN)/python -m tests.benchmarks --report docs/benchmarks.md

bench-million: setup ## measure a web node beside PostgreSQL and its starts at a million entries (half an hour)
	$(BIN)/python -m tests.benchmarks.bench_scale --sizes 10000,100000,1000000
	$(BIN)/python -m tests.benchmarks.bench_catalogue --sizes 10000,100000,1000000

soak: setup ## the long forms of the fault tests, or ONLY=some (writes docs/soak.md)
	$(BIN)/pytest -m "soak or fault" -k "$(ONLY)" --soak --soak-report=docs/soak.md

format: setup ## format and mend what can be mended by itself
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: ## resolve the dependencies anew (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	  --override tests/lock-overrides.txt --extra dev setup.py -o requirements.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	  --override tests/lock-overrides.txt --constraints requirements.lock --extra server --extra postgresql setup.py -o requirements-server.lock
	echo uv | uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate - -o tests/uv.txt

vendor: setup ## copy the modules below marketplace/_vendor anew, from the releases of the lock file
	$(BIN)/python -m tests.packaging.vendoring

cluster-test: setup ## kill and cut off machines of a cluster under uploads (Debian: patroni etcd-server haproxy)
	$(BIN)/python -W "ignore:.*pkg_resources.*" -m tests.cluster

image: ## build the container image into build/image (needs root; Debian: buildah mmdebstrap)
	deploy/build.sh

clean: ## remove what make made, except ./var
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .coverage *.egg-info
