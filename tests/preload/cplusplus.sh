#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Owns the check that g++ compiles a template-heavy file to the same assembly on the allocator, and
# that the program so made (operator new in every form, exceptions, threads) runs on it.

source "$(dirname "$0")/lib.bash"

need g++
step "$(g++ --version | head -n 1)"
assert_maps cc1plus g++ -x c++ -O2 -S -o /dev/null -

step "templates.cpp: regex, map, variant, pmr, shared_ptr, thread, aligned and nothrow new"
g++ -std=c++17 -w -pthread -S "$PROGRAMS/templates.cpp" -o plain.s
under g++ -std=c++17 -w -pthread -S "$PROGRAMS/templates.cpp" -o preloaded.s || fail "g++"
same plain.s preloaded.s "the assembly by g++"
under g++ -pthread preloaded.s -o templates || fail "g++ linking"

./templates >plain.txt || fail "templates without the library"
under ./templates >preloaded.txt || fail "templates"
same plain.txt preloaded.txt "the output of templates"
step "$(<preloaded.txt)"
finish
