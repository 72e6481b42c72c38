# OneCard: every target sets up what it needs, on a fresh Debian 12 with Python 3.11.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
APT := $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get -y -qq -o DPkg::Lock::Timeout=300
# What the tests and the demo need that is not a Python package: the independent PN532 hosts, libusb (nfcpy
# imports it), a CJK font for screens, network namespaces (iproute2), and the venv module.
APT_PACKAGES := ca-certificates python3-venv libusb-1.0-0 libnfc-bin libnfc-examples libnfc-pn53x-examples libfreefare-bin mfoc fonts-wqy-microhei fuse3 e2fsprogs strace iproute2 systemd

.DEFAULT_GOAL := help
.PHONY: help setup demo test check bench soak lock clean

help:  ## what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.system: Makefile
	@missing=""; for p in $(APT_PACKAGES); do dpkg -s $$p >/dev/null 2>&1 || missing="$$missing $$p"; done; \
	if [ -n "$$missing" ]; then echo "installing:$$missing"; $(APT) update && $(APT) install --no-install-recommends $$missing; fi
	@mkdir -p $(VENV) && touch $@

$(VENV)/.installed: $(VENV)/.system requirements/dev.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/pip install -q --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $@

setup: $(VENV)/.installed  ## make .venv and install what is missing

demo: setup  ## a whole small chain on virtual hardware; stays until Ctrl-C
	$(BIN)/onecard demo

test: setup  ## all tests
	$(BIN)/pytest -n 2 --dist loadgroup tests

check: setup  ## ruff, mypy strict, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup  ## measure; prints a table and writes bench.json
	$(BIN)/python -m tools.bench

# A Python of another version than .venv's, with nfcpy in it: make soak lets it drive the virtual reader.
SECOND_PYTHON ?=
build/second-python/.installed: $(VENV)/.installed
	@rm -rf build/second-python; \
	for p in $(SECOND_PYTHON) 3.13 3.12 $(wildcard $(HOME)/.pyenv/versions/3.1[23].*/bin/python); do \
	  $(BIN)/uv venv -q --no-python-downloads --python $$p build/second-python 2>/dev/null && break; done; \
	test -x build/second-python/bin/python || { echo "make soak needs a Python 3.12 or 3.13 beside .venv's: install one" \
	  "(uv python install 3.13), or say where it is (make soak SECOND_PYTHON=/path/to/python3.13)"; exit 1; }
	$(BIN)/uv pip install -q --python build/second-python/bin/python -c requirements/terminal.txt nfcpy
	@touch $@

soak: setup build/second-python/.installed  ## the long searches; prints its seed
	$(BIN)/pytest -n 2 --dist loadgroup -m soak tests

lock: setup  ## renew the requirement locks from pyproject.toml
	for e in terminal server laptop dev; do $(BIN)/uv pip compile -q --python-version 3.11 --universal --generate-hashes \
	  --no-emit-index-url --no-annotate --no-header --extra $$e pyproject.toml -o requirements/$$e.txt; done

clean:  ## forget what was built
	rm -rf $(VENV) build bench.json .mypy_cache .ruff_cache .pytest_cache
