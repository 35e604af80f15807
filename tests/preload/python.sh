#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Owns the check that CPython's own test package passes on the allocator, with each object taken
# from malloc (PYTHONMALLOC=malloc), and a run of our own with threads, children and cycles.

source "$(dirname "$0")/lib.bash"

PYTHON=/usr/bin/python3
need "$PYTHON"
"$PYTHON" -c 'import test.test_dict' 2>/dev/null ||
    skip "CPython's test package is not installed (Debian: libpython3.11-testsuite)"

step "$("$PYTHON" --version), $("$PYTHON" -c 'import test; print(*test.__path__)')"
export PYTHONMALLOC=malloc
assert_maps "$(basename "$(realpath "$PYTHON")")" "$PYTHON" -

step "exercise.py: threads, fork, subprocess, gc, json, zlib, pickle; digest as without the library"
"$PYTHON" "$PROGRAMS/exercise.py" >plain.txt
under "$PYTHON" "$PROGRAMS/exercise.py" >preloaded.txt || fail "exercise.py"
same plain.txt preloaded.txt "exercise.py's output"

# These read their children's stderr, so the diagnostics are off.
TESTS=(test_subprocess test_threading test_fork1 test_weakref test_pickle test_json test_dict
    test_list test_set test_bytes test_unicode test_gc test_array test_re test_zlib test_struct
    test_memoryview test_mmap test_ctypes test_deque test_long test_collections test_itertools
    test_decimal test_xml_etree test_thread)
# Left out: tests of Python that want something done within a time, which a busy machine misses.
IGNORED=(-i '*imeout*' -i '*test_waitfor*' -i test_search_anchor_at_beginning)
step "python3 -m test -j2 ${TESTS[*]}"
under_silent "$PYTHON" -m test -j2 --timeout $((HANG * 40)) --tempdir "$SCRATCH" \
    "${IGNORED[@]}" "${TESTS[@]}" >tests.txt ||
    fail "python3 -m test: $(grep -E 'failed|crashed|timed out' tests.txt | head -n 1)"
grep -q "^All ${#TESTS[@]} tests OK" tests.txt || fail "not all tests ran: $(tail -n 3 tests.txt)"
step "$(grep '^All' tests.txt) $(grep '^Total duration' tests.txt)"

finish
