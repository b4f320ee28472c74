# The front door: calls CMake presets and scripts, and holds no logic of its own.
# `make help` lists the targets.

SECONDS ?= 60
SEEDS ?= 100000
KILLS ?= 200
SDKS ?= plain go python javascript java rust raw
SDK_TARGETS := belfry-scheduler belfry-sidecar
STORED ?= 1000000
MINUTES ?= 30
BENCH_TARGETS := belfry-scheduler belfry-sidecar belfry-bench belfry_slow_disk
DEMO_TARGETS := belfry-scheduler belfry-sidecar belfry belfry-example-app

.DEFAULT_GOAL := help
.PHONY: help deps deps-dev configure build test test-sdk demo format format-check layering lint asan \
        tsan tidy fuzz sim soak crash bench bench-quick ci clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

deps: ## Install the Debian packages that build, test and demo need (only if some are missing)
	@cmake/install-packages.sh cmake/debian-packages.txt

deps-dev: ## As deps, and what lint and tidy need
	@cmake/install-packages.sh cmake/debian-packages.txt cmake/debian-packages-dev.txt

configure: deps
	cmake --preset release

build: configure ## Build everything into build/release/bin
	cmake --build --preset release

test: build ## Build and run all tests
	ctest --preset release
	@tests/sdk/skipped.sh build/sdk
	@tests/sdk/skipped.sh build/release/skipped

test-sdk: configure ## Run only the programs with Dapr's SDKs and protocol (SDKS=python: one of them)
	cmake --build --preset release --target $(SDK_TARGETS)
	python3 -B tests/sdk/run.py --bin build/release/bin --work build/sdk $(SDKS)

demo: configure ## Build the programs and show a job that survives a crash of the scheduler
	cmake --build --preset release --target $(DEMO_TARGETS)
	deploy/demo.sh build/release/bin

format: deps-dev ## Format the C++ sources in place
	cmake/format.sh

format-check: deps-dev ## Fail if a C++ source is not formatted
	cmake/format.sh --check

layering: deps ## Check the include arrows between folders, the rules for sources, links
	python3 -B tests/layering/check_layering.py .
	python3 -B tests/layering/check_links.py .

lint: format-check layering ## All checks that need no build

asan: deps ## Build and test with AddressSanitizer and UBSan (build/asan)
	cmake --preset asan
	cmake --build --preset asan
	ctest --preset asan

tsan: deps ## Build and test what links no gRPC with ThreadSanitizer (build/tsan)
	cmake --preset tsan
	cmake --build --preset tsan
	ctest --preset tsan

tidy: deps-dev ## Build with clang's thread-safety analysis, then run clang-tidy (build/tidy)
	cmake --preset tidy
	cmake --build --preset tidy
	run-clang-tidy-14 -quiet -p build/tidy '^$(CURDIR)/(tls|scheduler|storage|server|client)/.*'

sim: build ## Run the simulator over SEEDS=100000
	build/release/bin/belfry-sim --seeds=$(SEEDS)

fuzz: deps-dev ## Run each fuzz target for SECONDS=60 (build/fuzz)
	cmake --preset fuzz
	cmake --build --preset fuzz
	tests/fuzz/run.sh build/fuzz $(SECONDS)

soak: configure ## Run at half load with faults for MINUTES=30, and look whether anything grows (build/soak)
	cmake --build --preset release --target $(SDK_TARGETS)
	python3 -B tests/soak/soak.py build/release/bin build/soak --minutes=$(MINUTES)

crash: configure ## Let every call of the file system fail, and kill a scheduler KILLS=200 times
	cmake --build --preset release --target belfry_store_crash_tests belfry_kill_tests
	BELFRY_CRASH_STRIDE=1 build/release/bin/belfry_store_crash_tests -d yes
	BELFRY_CRASH_KILLS=$(KILLS) build/release/bin/belfry_kill_tests -d yes

bench: configure ## Measure against the limits of the machine, with STORED=1000000 jobs (build/bench)
	cmake --build --preset release --target $(BENCH_TARGETS)
	python3 -B tests/bench/bench.py build/release/bin build/bench --stored $(STORED)

bench-quick: configure ## The short part of bench, about three minutes
	cmake --build --preset release --target $(BENCH_TARGETS)
	python3 -B tests/bench/bench.py build/release/bin build/bench --quick

ci: ## What continuous integration runs: all tests, the demo, the short benchmark
	.ci/run

clean: ## Remove everything that was built
	rm -rf build
