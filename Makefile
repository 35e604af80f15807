# SPDX-License-Identifier: MIT
# A thin front of CMake. The release is built in build/, any other PRESET in build/PRESET.
#
#   make                    build/libhakmem.so, build/libhakmem.a, build/hakmem
#   make run CMD='prog args'    run a program on the allocator, with a report at its end
#   make test [PRESET=clang|debug|asan|tsan]    build and run the tests
#   make lint               the checks of tests/lint, and clang-tidy where it is installed
#   make bench [BENCH_ARGS=--quick]    compare with other allocators
#   make bench-report [BENCH_ARGS=--quick]    the same, and plots: build/bench/report.html
#   make fuzz [FUZZ_SECONDS=600]    run each fuzz target for long
#   make soak [SOAK_SECONDS=1800] [SOAK_LOAD=server|handover|shift|pins]    build/soak/soak.html
#   make install [PREFIX=/usr/local] [DESTDIR=]
#   make format | clean

PRESET ?= release
PREFIX ?= /usr/local
FUZZ_SECONDS ?= 600
SOAK_SECONDS ?= 1800
SOAK_LOAD ?= server
JOBS ?= $(shell nproc)
BUILD := $(if $(filter release,$(PRESET)),build,build/$(PRESET))

.PHONY: all run test tests lint bench bench-report bench-programs fuzz soak install format clean \
        setup setup-test configure-tests
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory

all: setup $(BUILD)/Makefile
	@cmake --build $(BUILD) -j $(JOBS)

run: all
	@$(if $(CMD),,echo "make run: say what to run: make run CMD='prog args'" >&2; exit 2;) \
	$(BUILD)/hakmem run -- $(CMD)

tests: configure-tests
	@cmake --build $(BUILD) -j $(JOBS) --target all tests

test: tests
	@ctest --preset $(PRESET) -j $(JOBS)

lint: configure-tests
	@cmake --build $(BUILD) -j $(JOBS)
	@ctest --preset $(PRESET) -j $(JOBS) -L '^lint$$'
	@bash scripts/clang_tidy.sh $(BUILD)

bench-programs: setup-test all
	@cmake --build $(BUILD) -j $(JOBS) --target bench_programs

bench: bench-programs
	@bench/run.py $(BUILD) $(BENCH_ARGS)

# Status 1 is a case that an allocator failed: the report names it, and is made all the same. The
# old runs go first, so that a runner that measured nothing is not followed by their report.
bench-report: bench-programs
	@rm -f $(BUILD)/bench/raw.csv
	@bench/run.py $(BUILD) $(BENCH_ARGS) || [ $$? -eq 1 ]
	@bench/report.py $(BUILD)/bench/raw.csv $(BUILD)/bench/report.html \
	    --text $(BUILD)/bench/bench.txt
	@echo "the report: $(BUILD)/bench/report.html"

fuzz: configure-tests
	@cmake --build $(BUILD) -j $(JOBS) --target fuzz_programs
	@for source in tests/fuzz/*.c; do \
	    name=$$(basename "$$source" .c); \
	    bash cmake/fuzz.sh $(BUILD)/fuzz/$$name tests/fuzz/corpus/$$name -max_total_time=$(FUZZ_SECONDS) \
	        $(BUILD)/fuzz/corpus/$$name || exit 1; \
	done

soak: configure-tests
	@cmake --build $(BUILD) -j $(JOBS) --target soak
	@tests/soak/soak.py $(BUILD) --seconds $(SOAK_SECONDS) --load $(SOAK_LOAD)

install: all
	@DESTDIR='$(DESTDIR)' cmake --install $(BUILD) --prefix $(PREFIX)

format: setup-test
	@git ls-files -co --exclude-standard -- '*.c' '*.h' '*.cpp' | xargs clang-format -i

clean:
	@rm -rf build

setup:
	@bash scripts/setup.sh

setup-test:
	@bash scripts/setup.sh --test

configure-tests: setup-test
	@cmake --preset $(PRESET) -DHAK_TESTS=ON >/dev/null

$(BUILD)/Makefile: CMakePresets.json | setup
	@cmake --preset $(PRESET) >/dev/null
	@touch $@
