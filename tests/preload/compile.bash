# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: MIT
#
# Owns what gcc.sh and clang.sh share: this project's sources and a large generated file compiled
# with the library and without it; assembly, objects and the linked program must be identical.
# Sourced after lib.bash.

PROJECT_FLAGS=(-std=gnu11 -O2 -g -w -fPIC -D_GNU_SOURCE -DHAK_SHARED=1 -DHAK_ASSERT=0)
PROJECT_FLAGS+=(-Isrc -Iinclude)

# A C file that keeps a compiler's heap busy: many functions, each with a loop and a switch.
generate_source() {
    awk 'BEGIN {
        print "#include <stdio.h>"
        for (f = 0; f < 40; f++) {
            printf "static unsigned f%d(unsigned x)\n{\n    unsigned s = %du;\n", f, f
            printf "    for (unsigned i = 0; i < (x & 15u) + %du; i++) {\n", f % 7
            print "        switch ((s ^ i) & 7u) {"
            for (c = 0; c < 8; c++)
                printf "        case %d: s = s * %du + (x >> %d); break;\n", c, f * 31 + c, c
            printf "        }\n    }\n    return s + (%s);\n}\n", f ? "f" f - 1 "(x ^ s)" : "s"
        }
        print "int main(void)\n{\n    printf(\"%u\\n\", f39(12345u));\n    return 0;\n}"
    }'
}

# compile_all OUT RUNNER...: the objects of SOURCES, assembly, and the linked program, into OUT.
compile_all() {
    local out=$1 source name
    shift
    mkdir -p "$out"
    for source in "${SOURCES[@]}"; do
        name=${source#src/}
        name=${name//\//_}
        "$@" "${PROJECT_FLAGS[@]}" -c "$source" -o "$out/$name.o"
    done
    "$@" -O2 -S large.c -o "$out/large.s"
    "$@" -O1 -g -c large.c -o "$out/large.o"
    "$@" -Wl,--build-id "$out/large.o" -o "$out/large"
}

# Every third source: enough of them to be compiled twice, with two compilers.
choose_sources() {
    local -a all=(src/*/*.c)
    local i
    SOURCES=()
    for ((i = 0; i < ${#all[@]}; i += 3)); do
        [[ ! -f ${all[i]} ]] || SOURCES+=("${all[i]}")
    done
    ((${#SOURCES[@]} > 0)) || fail "no source in $REPO/src"
}

# compare_compiler COMPILER PROCESS: PROCESS is the child of the driver that must map the library.
compare_compiler() {
    local compiler=$1 process=$2 file
    cp -r "$REPO/src" "$REPO/include" .
    choose_sources
    step "$("$compiler" --version | head -n 1)"
    assert_maps "$process" "$compiler" -x c -O2 -S -o /dev/null -
    generate_source >large.c
    compile_all plain "$compiler"
    compile_all preloaded under "$compiler"
    step "${#SOURCES[@]} sources of src/, large.c: objects, assembly, program"
    for file in plain/*; do
        same "$file" "preloaded/${file##*/}" "${file##*/} by $compiler"
    done
    equal "$(plain/large)" "$(preloaded/large)" "the linked program's output"
}
