# Every target makes the virtual environment it needs and reuses it.
PYTHON ?= python3.11
VENV := .venv
PACKAGES := edgeroute_env agents baselines live
CLIENTS := .venv-clients
RLLIB := .venv-rllib
BIN := $(VENV)/bin
DOCS := .venv-docs
PIP := $(BIN)/python -m pip install --quiet --constraint constraints.txt
SOURCES := edgeroute_env baselines agents live validation website studies examples tests tests_clients
PRESETS := $(notdir $(basename $(wildcard configs/scenarios/*.yaml)))
WITHOUT_RECORDINGS := paper cr2
FAST := -m 'not slow and not thorough and not training'
# uv reads none of pip's settings: it is told the folder of wheels.
UV = UV_FIND_LINKS=$${UV_FIND_LINKS:-$$PIP_FIND_LINKS} $(@D)/bin/uv
JOBS ?= $(shell getconf _NPROCESSORS_ONLN)
RESUME ?= --overwrite

.DEFAULT_GOAL := help
.PHONY: help benchmark test test-fast test-slow test-lowest test-newest test-clients check speed fit pretrain results validation live-demo docs clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' Makefile

benchmark: $(VENV)/.cli  ## the main job: all routers on the usual scenarios
	$(BIN)/edgeroute benchmark

test: $(VENV)/.dev  ## all tests but the slow ones
	$(BIN)/python -m pytest -n 2 --dist worksteal

test-fast: $(VENV)/.dev  ## about a minute: no training, no BERT, nothing thorough
	$(BIN)/python -m pytest -n 2 --dist worksteal $(FAST)

test-slow: $(VENV)/.dev  ## the slow tests alone
	$(BIN)/python -m pytest -m slow

test-lowest:  ## the fast tests on a wheel, lowest versions; PYTHON=python3.13
test-newest:  ## the same with the newest versions

# Links to all but the packages, so that Python finds these in the wheel alone.
test-lowest test-newest: test-%: .venv-%-$(PYTHON)/.done
	rm -rf build/tested-$*
	mkdir -p build/tested-$*
	ln -s $(addprefix $(CURDIR)/,$(filter-out build $(PACKAGES),$(wildcard *))) build/tested-$*
	cd build/tested-$* && $(CURDIR)/.venv-$*-$(PYTHON)/bin/python -m pytest -n 2 --dist worksteal \
		$(if $(filter lowest,$*),-W ignore::DeprecationWarning) $(FAST) --ignore=tests/house

test-clients: $(CLIENTS)/.done $(RLLIB)/.done  ## other RL libraries, unmodified, in environments of their own
	$(CLIENTS)/bin/python -m pytest tests_clients/test_clients.py tests_clients/test_live.py
	$(RLLIB)/bin/python -m pytest $(FAST) tests/envs
	$(RLLIB)/bin/python -m pytest tests_clients/test_cluster.py

check: $(VENV)/.dev  ## lint and types
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy

speed: $(VENV)/.cli  ## steps per CPU-second beside CartPole-v1
	$(BIN)/python studies/speed.py

fit: $(VENV)/.cli  ## fit all routers again on all cores; RESUME=--resume goes on (an hour of CPU)
	$(BIN)/edgeroute fit -s all --packaged --traces synthetic $(RESUME) --jobs $(JOBS) > /dev/null
	$(BIN)/edgeroute fit $(addprefix -s ,$(filter-out $(WITHOUT_RECORDINGS),$(PRESETS))) --packaged --traces recorded $(RESUME) --jobs $(JOBS) > /dev/null

fit-%: $(VENV)/.cli
	$(BIN)/edgeroute fit -s $* --packaged --traces synthetic $(RESUME) --jobs $(JOBS) > /dev/null
	$(if $(filter $*,$(WITHOUT_RECORDINGS)),,$(BIN)/edgeroute fit -s $* --packaged --traces recorded $(RESUME) --jobs $(JOBS) > /dev/null)

pretrain: $(VENV)/.dev  ## train the packaged policies again on all cores (hours of CPU)
	$(BIN)/python -m edgeroute_agents.pretraining all all --jobs $(JOBS)

pretrain-%: $(VENV)/.dev
	$(BIN)/python -m edgeroute_agents.pretraining $* all --jobs $(JOBS)

results: $(VENV)/.dev  ## docs/results.md and the README's table (half an hour of CPU)
	$(BIN)/python -m studies.results_page --jobs $(JOBS)

validation: $(VENV)/.dev  ## docs/validation.md: the model beside figures, theory and recordings
	$(BIN)/python -m validation --out docs --overwrite

live-demo: $(VENV)/.live  ## two real small models (or fakes): checked, calibrated, routed to, compared
	$(BIN)/python -m edgeroute_live.demo

docs: $(DOCS)/.made  ## the documentation site: build/site/index.html
	$(DOCS)/bin/python -m website
	$(DOCS)/bin/zensical build --clean --strict
	$(DOCS)/bin/python -m website.built

clean:
	rm -rf $(VENV) $(DOCS) $(CLIENTS) $(RLLIB) .venv-lowest-* .venv-newest-* build website/node_modules .cache .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.cli: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) --editable '.[cli]'
	touch $@

$(VENV)/.live: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) --editable '.[cli,live]'
	touch $@

# Old versions build from source only, so wheels are asked for. torch stays at the version of
# constraints.txt: PyPI has its older ones only with CUDA, in gigabytes.
.venv-lowest-$(PYTHON)/.done: RESOLUTION := lowest-direct
.venv-newest-$(PYTHON)/.done: RESOLUTION := highest
.venv-lowest-$(PYTHON)/.done .venv-newest-$(PYTHON)/.done: pyproject.toml constraints.txt
	$(PYTHON) -m venv --clear $(@D)
	$(@D)/bin/python -m pip install --quiet uv
	$(@D)/bin/python -m pip wheel --quiet --no-deps --wheel-dir $(@D)/wheel .
	$(UV) pip compile --quiet --python $(@D)/bin/python --resolution $(RESOLUTION) --only-binary :all: \
		--extra dev --constraint constraints.txt --output-file $(@D)/versions.txt pyproject.toml
	$(UV) pip install --quiet --python $(@D)/bin/python --constraint $(@D)/versions.txt "$$(ls $(@D)/wheel/*.whl)[dev]"
	touch $@

# uv, since pip cannot override what d3rlpy asks for.
$(CLIENTS)/.done $(RLLIB)/.done: .venv-%/.done: tests_clients/requirements/%.txt tests_clients/requirements/overrides-clients.txt tests_clients/check_room.py pyproject.toml constraints.txt
	$(PYTHON) tests_clients/check_room.py $<
	$(PYTHON) -m venv --clear .venv-$*
	.venv-$*/bin/python -m pip install --quiet uv
	$(UV) pip install --quiet --python .venv-$*/bin/python --constraint constraints.txt \
		$(addprefix --override ,$(wildcard tests_clients/requirements/overrides-$*.txt)) --editable '.[cli,agents,render,video,live]' --requirement $<
	touch $@

$(VENV)/.dev: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) --editable '.[dev]'
	touch $@ $(VENV)/.cli

# Once: the builder from PyPI, KaTeX and Mermaid from npm. All later builds need no network.
$(DOCS)/.made: pyproject.toml constraints.txt website/package-lock.json
	$(PYTHON) -m venv $(DOCS)
	$(DOCS)/bin/python -m pip install --quiet --constraint constraints.txt --editable '.[docs]'
	npm ci --prefix website --ignore-scripts --no-audit --no-fund --loglevel=error
	touch $@
