# SPDX-License-Identifier: MIT
#
# Owns the check of what `hakmem compare` says about the program as it is: which allocator it really
# uses, linked with it, inside it, preloaded by the user or in a child, and that the rows measure
# what they are called. The program says itself where its malloc and its operator new come from. It
# holds still until it has been looked at.

source "$(dirname "$0")/lib.bash"
[[ -f $(dirname "$CLI")/libhakmem.so ]] || { echo "SKIP: no libhakmem.so"; exit 77; }
command -v c++ >/dev/null || { echo "SKIP: no C++ compiler"; exit 77; }
LIBC=$(realpath "$(ldd "$CLI" | awk '$1 == "libc.so.6" { print $3 }')")

# program LOG: adds a line on where malloc and new come from, and waits for looks.
# program LOG child PROGRAM: a small process whose child is PROGRAM, with 20 MiB more.
cat >program.cc <<'CC'
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <new>
#include <sys/wait.h>
#include "looks.h"

static const char *file_of(const char *symbol)
{
    Dl_info info;
    void *address = dlsym(RTLD_DEFAULT, symbol);
    return address && dladdr(address, &info) ? info.dli_fname : "?";
}

static int hold(const char *log, const char *program)
{
    int up[2], down[2];
    char byte;
    if (pipe(up) || pipe(down))
        return 98;
    if (fork() == 0) {
        dup2(down[0], 0);
        dup2(up[1], 1);
        close(up[0]);
        close(down[1]);
        execl(program, program, log, "held", (char *)nullptr);
        _exit(97);
    }
    if (read(up[0], &byte, 1) != 1)
        return 96;
    wait_for_looks(20); /* children are looked for at each eighth */
    close(down[1]);
    return wait(nullptr) < 0;
}

int main(int argc, char **argv)
{
    if (argc > 3)
        return hold(argv[1], argv[3]);
    char byte = 1;
    char *block = static_cast<char *>(malloc(20 << 20));
    int *number = new int(7);
    memset(block, 1, 20 << 20);
    FILE *log = fopen(argv[1], "a");
    fprintf(log, "malloc=%s new=%s\n", file_of("malloc"), file_of("_Znwm"));
    fclose(log);
    if (argc > 2) {
        if (write(1, &byte, 1) != 1 || read(0, &byte, 1) != 0)
            return 95;
    } else {
        wait_for_looks(4);
    }
    delete number;
    free(block);
    return 0;
}
CC

# build NAME LINKER_WORDS...; false, with a line, when the package is not there.
build() {
    local name=$1
    shift
    c++ -I "$SOURCE/tests/cli/programs" -O1 -fno-builtin -Wno-unused-result program.cc -o "$name" \
        "$@" 2>"$name.txt" && return
    echo "SKIP: $name does not link here: $(tail -n 1 "$name.txt")"
    return 1
}

# compared WORDS...: three rows at most, in two rounds and a warm-up.
compared() {
    rm -f log
    hakmem compare --only glibc,hakmem --runs 2 --time 100000 --json out.json -- "$@"
}

# as_it_is KEY: what out.json says about the program as it is.
as_it_is() {
    python3 -c 'import json, sys; print(json.load(open("out.json"))["as_it_is"][sys.argv[1]])' "$1"
}

# expect_rows LABEL...: these rows in the first table, in this order.
expect_rows() {
    sed -n '/^allocator .*runs$/,/^$/p' out | sed 1d | sed '/^$/d' |
        sed -E 's/  .*//; s/ +$//' >rows
    printf '%s\n' "$@" | diff - rows >difference || fail "rows: $(cat difference out err)"
}

build none || fail "program.cc: $(cat none.txt)"

step "a program that uses glibc has one row for that"
compared ./none log
expect_status 0 "compare ./none"
expect_rows glibc hakmem
[[ $(as_it_is allocator) == glibc && $(as_it_is way) == linked ]] || fail "glibc: $(cat out.json)"
! grep -q 'The program uses' out || fail "a note: $(cat out)"

# an allocator, its word for the linker, and what its file is called
for row in jemalloc:-ljemalloc:libjemalloc mimalloc:-lmimalloc:libmimalloc \
    tcmalloc:-ltcmalloc_minimal:libtcmalloc tcmalloc:-ltcmalloc:libtcmalloc; do
    IFS=: read -r name word file <<<"$row"
    step "a program that is linked with $name ($word)"
    build linked -Wl,--no-as-needed "$word" || continue
    compared ./linked log
    expect_status 0 "compare ./linked"
    expect_narrow out "hakmem compare"
    expect_rows "as it is: $name (linked)" glibc hakmem
    [[ $(as_it_is allocator) == "$name" && $(as_it_is way) == linked ]] || fail "$(cat out.json)"
    [[ $(as_it_is library) == */$file*.so* ]] || fail "library: $(as_it_is library)"
    expect_in out "^The program uses $name as it is\. In the row glibc," "the note"
    # the warm-up and two rounds; the row of glibc is glibc's, and so is operator new
    [[ $(grep -c "^malloc=[^ ]*/$file" log) == 3 ]] || fail "as it is: $(cat log)"
    [[ $(grep -c '^malloc=[^ ]*/libc\.so\.6 new=[^ ]*/libstdc++\.so' log) == 3 ]] ||
        fail "glibc: $(cat log)"
    [[ $(grep -c '^malloc=[^ ]*/libhakmem\.so' log) == 3 ]] || fail "hakmem: $(cat log)"
    expect_in out "compared with $name as it is|stay with $name as it is|better than $name as it is" \
        "the recommendation"
done

step "what the program uses anyway is not measured twice"
if build linked -Wl,--no-as-needed -ljemalloc; then
    rm -f log
    hakmem compare --only jemalloc,glibc --runs 2 --time 100000 -- ./linked log
    if grep -q 'there is no allocator' err; then
        echo "SKIP: no libjemalloc.so.2 to preload"
    else
        expect_status 0 "jemalloc twice"
        expect_rows "as it is: jemalloc (linked)" glibc
        expect_in out '^jemalloc has no row of its own: ' "the note"
    fi
fi

step "an allocator inside the executable: nothing comes before it"
if archive=$(c++ -print-file-name=libjemalloc.a) && [[ -f $archive ]] &&
    build inside -Wl,--whole-archive "$archive" -Wl,--no-whole-archive -lm -pthread; then
    compared ./inside log
    expect_status 1 "compare ./inside"
    expect_rows "as it is: jemalloc (static)"
    expect_in out '^left out: hakmem: not used: malloc is in the executable itself \(jemalloc\)$' \
        "hakmem, which is loaded and not used"
    expect_in out 'There is no row of glibc: ' "the note"
fi
if build static -static -Wl,--whole-archive "$archive" -Wl,--no-whole-archive -lm -pthread \
    -Wl,--allow-multiple-definition; then
    compared ./static log
    expect_status 1 "compare ./static"
    expect_rows "as it is: jemalloc (static)"
    expect_in out '^left out: hakmem: never loaded: is the program static' "static"
fi
# an executable that only has jemalloc beside malloc, as redis has
cat >beside.c <<'C'
void *je_malloc(unsigned long size);
void *je_malloc(unsigned long size)
{
    return size ? 0 : 0;
}
C
if build beside -x c beside.c -x none; then
    compared ./beside log
    expect_rows glibc hakmem
    tr '\n' ' ' <out | grep -q 'also has a jemalloc of its own, which it calls by other names (je_mal' ||
        fail "no note on je_malloc: $(cat out)"
fi

step "preloaded by the user, in a child, and by a script"
if build linked -Wl,--no-as-needed -ljemalloc; then
    jemalloc=$(ldd ./linked | awk '$1 ~ /libjemalloc/ { print $3 }')
    LD_PRELOAD=$jemalloc compared ./none log
    expect_status 0 "LD_PRELOAD"
    expect_rows "as it is: jemalloc (preloaded)" glibc hakmem
    compared ./none log child ./linked
    expect_status 0 "a child"
    expect_rows "as it is: jemalloc (linked)" glibc hakmem
    printf 'exec "$@"\n' >script.sh
    compared sh script.sh ./linked log
    expect_status 0 "a script"
    expect_rows "as it is: jemalloc (linked)" glibc hakmem
fi

step "an allocator without a known symbol is called by its file's name"
cat >own.c <<'C'
#include <stddef.h>
extern void *__libc_malloc(size_t);
void *malloc(size_t size)
{
    return __libc_malloc(size);
}
C
cc -O1 -fno-builtin -shared -fPIC own.c -o libown.so || fail "own.c"
build linked -Wl,--no-as-needed ./libown.so || fail "libown.so"
compared ./linked log
expect_status 0 "libown.so"
expect_rows "as it is: libown.so (linked)" glibc hakmem
