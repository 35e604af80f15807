#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Owns the check that lua runs on the allocator, with either of its garbage collectors; the sums as
# without the library.

source "$(dirname "$0")/lib.bash"

need lua5.4
step "$(lua5.4 -v | cut -d' ' -f1-2)"
assert_maps lua5.4 lua5.4 -

step "exercise.lua: tables, strings, coroutines, finalisers, both collectors"
lua5.4 "$PROGRAMS/exercise.lua" >plain.txt
under lua5.4 "$PROGRAMS/exercise.lua" >preloaded.txt || fail "exercise.lua"
same plain.txt preloaded.txt "exercise.lua's sums"
step "sums $(<preloaded.txt)"
finish
