#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Owns the check that libraries loaded by dlopen allocate from the library that is preloaded, and
# that the library itself can be loaded that way into a program that already uses libc's heap.

source "$(dirname "$0")/lib.bash"

need "${CC:=cc}"
FLAGS=(-fno-builtin -std=gnu11 -O1 -Wall -Wextra -D_GNU_SOURCE -I"$REPO/include" -pthread)
step "$("$CC" --version | head -n 1)"
"$CC" "${FLAGS[@]}" -shared -fPIC "$PROGRAMS/plugin.c" -o plugin.so
"$CC" "${FLAGS[@]}" "$PROGRAMS/host.c" -o host -ldl
"$CC" "${FLAGS[@]}" "$PROGRAMS/late_load.c" -o late_load -ldl

step "host.c: dlopen and dlclose of plugin.c by 4 threads, libstdc++, a second libc by dlmopen"
under ./host "$SCRATCH/plugin.so" "$LIBRARY_REAL" >host.txt || fail "host"
step "$(<host.txt)"
! ./host "$SCRATCH/plugin.so" "$LIBRARY_REAL" >host.txt 2>&1 || fail "host maps without LD_PRELOAD"

step "python3 ctypes: dlopen of the plugin"
if [[ -x /usr/bin/python3 ]]; then
    under /usr/bin/python3 - "$SCRATCH/plugin.so" <<'PYTHON' || fail "ctypes"
import ctypes
import sys
plugin = ctypes.CDLL(sys.argv[1])
libc = ctypes.CDLL(None)
plugin.plugin_make.restype = ctypes.c_void_p
plugin.plugin_make.argtypes = [ctypes.c_size_t, ctypes.c_int]
libc.free.argtypes = [ctypes.c_void_p]
for size in range(1, 200000, 997):
    block = plugin.plugin_make(size, 65)
    assert ctypes.string_at(block, size) == b"A" * size
    libc.free(block)
PYTHON
fi

step "late_load.c: dlopen of libhakmem.so in a program on libc's malloc"
timeout "$HANG" ./late_load "$LIBRARY" >late.txt || fail "late_load ended with status $?"
step "$(<late.txt)"

finish
