#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Owns the check that the allocator compiles with musl's headers, and that a static musl program
# linked with it has its malloc from there. (musl's loader cannot load a library built on glibc, so
# there is no preload to check.)

source "$(dirname "$0")/lib.bash"

need musl-gcc gcc
FLAGS=(-fno-builtin -std=gnu11 -O2 -w -D_GNU_SOURCE -DHAK_SHARED=0 -DHAK_ASSERT=0 -Isrc -Iinclude)

# The kernel's headers are no libc's; Debian keeps them beside glibc's, out of musl-gcc's sight.
mkdir kernel
for folder in linux asm asm-generic; do
    found=$(ls -d "/usr/include/$folder" "/usr/include/$(gcc -dumpmachine)/$folder" 2>/dev/null) ||
        true
    [[ -z $found ]] || ln -s "${found%%$'\n'*}" "kernel/$folder"
done
FLAGS+=(-idirafter kernel)

step "$(musl-gcc --version | head -n 1)"
cp -r "$REPO/src" "$REPO/include" .
compgen -G 'src/*/*.c' >/dev/null || fail "no source in $REPO/src"

OBJECTS=()
for source in src/*/*.c; do
    object=${source//\//_}.o
    musl-gcc "${FLAGS[@]}" -c "$source" -o "$object" 2>build.txt ||
        fail "$source: $(grep -m 1 error build.txt)"
    OBJECTS+=("$object")
done
step "${#OBJECTS[@]} sources of src/ compiled"

musl-gcc "${FLAGS[@]}" -static "$PROGRAMS/linked.c" "${OBJECTS[@]}" -o linked 2>build.txt ||
    fail "linking: $(grep -m 1 -E 'error|undefined|multiple' build.txt)"
timeout "$HANG" ./linked >out.txt || fail "the static musl program ended with status $?"
step "linked.c, static: $(<out.txt)"

finish
