#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Owns the check that a program linked with libhakmem.a, into a static program of glibc and into a
# dynamic one, has its malloc from there.

source "$(dirname "$0")/lib.bash"

need "${CC:=cc}"
ARCHIVE=$BUILD/libhakmem.a
[[ -f $ARCHIVE ]] || fail "$ARCHIVE does not exist"
step "$("$CC" --version | head -n 1), glibc $(getconf GNU_LIBC_VERSION | cut -d' ' -f2)"

echo 'int main(void) { return 0; }' | "$CC" -static -x c - -o probe 2>/dev/null ||
    skip "this tool chain cannot link static programs"

FLAGS=(-fno-builtin -std=gnu11 -O1 -Wall -Wextra -D_GNU_SOURCE -I"$REPO/include" -pthread)

step "$CC -static linked.c libhakmem.a"
"$CC" "${FLAGS[@]}" -static "$PROGRAMS/linked.c" "$ARCHIVE" -o static >build.txt 2>&1 ||
    fail "static linking: $(grep -m 1 -E 'error|undefined|multiple' build.txt)"
[[ $(readelf -d static) != *NEEDED* ]] || fail "the program is not static"
timeout "$HANG" ./static >out.txt || fail "the static program ended with status $?"
step "$(<out.txt)"

step "$CC linked.c libhakmem.a (dynamic program)"
"$CC" "${FLAGS[@]}" "$PROGRAMS/linked.c" "$ARCHIVE" -o dynamic >build.txt 2>&1 ||
    fail "linking: $(grep -m 1 -E 'error|undefined|multiple' build.txt)"
timeout "$HANG" ./dynamic >out.txt || fail "the dynamic program ended with status $?"
step "$(<out.txt)"

address_of() {
    nm templates | awk -v name="$1" '$3 == name { print $1 }'
}

step "g++ -static templates.cpp libhakmem.a"
if command -v g++ >/dev/null; then
    g++ -std=c++17 -w -static -pthread "$PROGRAMS/templates.cpp" "$ARCHIVE" -o templates \
        >build.txt 2>&1 || fail "g++ -static: $(grep -m 1 -E 'error|undefined|multiple' build.txt)"
    [[ $(address_of malloc) != "$(address_of __libc_malloc)" ]] ||
        fail "operator new is from libhakmem.a, but malloc is from libc.a"
    timeout "$HANG" ./templates >out.txt || fail "templates ended with status $?"
    step "$(<out.txt)"
fi

finish
