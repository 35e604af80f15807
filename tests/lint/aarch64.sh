# SPDX-License-Identifier: MIT
#
# Owns the check that the library compiles for aarch64 without a warning, and, where qemu-aarch64 is
# installed, that it works there with pages of 4, 16 and 64 KiB: some programs of tests/api and
# tests/stress, in the emulator. No helper there: the emulator does not get over a fork beside a
# thread. Skipped without the cross compiler.

source "$(dirname "$0")/lib.bash"

CC=aarch64-linux-gnu-gcc
command -v $CC >/dev/null || skip "no $CC"
OUT=$(mktemp -d)
trap 'rm -rf "$OUT"' EXIT
FLAGS=(-std=c11 -O1 -D_GNU_SOURCE -DHAK_ASSERT=0 -pthread -Isrc -Iinclude -Itests)
$CC "${FLAGS[@]}" -DHAK_SHARED=1 -Wall -Wextra -Wundef -Werror -fPIC -fvisibility=hidden \
    -ftls-model=initial-exec -fno-builtin-{malloc,calloc,realloc,free} -shared \
    -o "$OUT/libhakmem.so" src/*/*.c || fail "it does not compile for aarch64"
command -v qemu-aarch64 >/dev/null || { echo "ok: compiles; no qemu-aarch64 to run it"; exit 0; }

# run PAGE SOURCE [ARGUMENT...]
run() {
    local page=$1 program=$OUT/$(basename "$2" .c)
    [[ -e $program ]] || $CC "${FLAGS[@]}" -fno-builtin -w -DHAK_PREFIXED=0 -DAPI_LINKED=1 \
        -o "$program" "$2" -Wl,--no-as-needed -L"$OUT" -lhakmem || return 1
    timeout 600 qemu-aarch64 -p "$page" -L /usr/aarch64-linux-gnu -E LD_LIBRARY_PATH="$OUT" \
        -E HAKMEM_BACKGROUND=0 "$program" "${@:3}" >"$OUT/text" 2>&1 ||
        echo "tests:1: $(basename "$2") with pages of $page bytes: $(tail -1 "$OUT/text")"
}

# A program takes 8 seconds in the emulator before its first step, so the second has one page size.
{
    for page in 4096 16384 65536; do
        run $page tests/stress/mixed.c 2 100
    done
    run 65536 tests/stress/thread_churn.c 2 20
    run 4096 tests/api/stacks.c
} | report "aarch64"
