#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Owns the check that a program linked with -lhakmem, not preloaded, has its malloc from there, and
# that libraries it loads later do too.

source "$(dirname "$0")/lib.bash"

need "${CC:=cc}"
step "$("$CC" --version | head -n 1)"
FLAGS=(-fno-builtin -std=gnu11 -O1 -Wall -Wextra -D_GNU_SOURCE -I"$REPO/include" -pthread)

step "$CC linked.c -lhakmem"
"$CC" "${FLAGS[@]}" "$PROGRAMS/linked.c" -L"$BUILD" -lhakmem -Wl,-rpath,"$BUILD" -o linked \
    >build.txt 2>&1 || fail "linking: $(grep -m 1 -E 'error|undefined' build.txt)"
[[ $(ldd linked) == *"$BUILD/libhakmem.so"* ]] || fail "the program does not load libhakmem.so"
timeout "$HANG" ./linked >out.txt || fail "the program ended with status $?"
step "$(<out.txt)"

step "the same, linked and preloaded at once"
under ./linked >again.txt || fail "linked and preloaded"
same out.txt again.txt "the output"

step "the same with no environment and with lazy or immediate binding"
timeout "$HANG" env -i ./linked >again.txt || fail "with an empty environment: status $?"
same out.txt again.txt "the output"
LD_BIND_NOW=1 timeout "$HANG" ./linked >again.txt || fail "with LD_BIND_NOW: status $?"
same out.txt again.txt "the output"

finish
