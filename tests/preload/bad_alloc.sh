#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Owns the check that std::bad_alloc is thrown, and can be caught, wherever the C++ library is: a
# shared one, one inside the program, one inside a plugin; and that a program's own operator new
# links with libhakmem.a.

source "$(dirname "$0")/lib.bash"

need "${CC:=cc}" g++
FLAGS=(-std=c++17 -O1 -w -pthread)
SHARED=(-L"$BUILD" -lhakmem "-Wl,-rpath,$BUILD")

# try WHAT PROGRAM ARGUMENT...: it ends well, and says so.
try() {
    local what=$1
    shift
    timeout 60 "$@" >out.txt 2>&1 || fail "$what: status $?, $(tail -n 1 out.txt)"
    equal caught "$(<out.txt)" "$what"
}

# build SOURCE FLAG...: into ./program; false when this tool chain cannot.
build() {
    g++ "${FLAGS[@]}" "$PROGRAMS/$1" -o program "${@:2}" >build.txt 2>&1
}

CATCHES=("" "-DCATCH=const std::exception &" "-DCATCH=...")
for catch in "${CATCHES[@]}"; do
    step "bad_alloc.cpp $catch"
    extra=(${catch:+"$catch"})
    build bad_alloc.cpp "${extra[@]}" || fail "$(grep -m 1 error build.txt)"
    try "preloaded" env LD_PRELOAD="$LIBRARY_REAL" ./program
    build bad_alloc.cpp "${extra[@]}" "${SHARED[@]}" || fail "$(grep -m 1 error build.txt)"
    try "linked" ./program
    build bad_alloc.cpp "${extra[@]}" "$BUILD/libhakmem.a" || fail "$(grep -m 1 error build.txt)"
    try "archive" ./program
    if build bad_alloc.cpp "${extra[@]}" -static-libstdc++ -static-libgcc "${SHARED[@]}"; then
        try "linked, -static-libstdc++ -static-libgcc" ./program
        build bad_alloc.cpp "${extra[@]}" -static-libstdc++ "${SHARED[@]}"
        try "linked, -static-libstdc++" ./program
    fi
    if build bad_alloc.cpp "${extra[@]}" -static "$BUILD/libhakmem.a"; then
        try "archive, -static" ./program
    fi
    if command -v clang++ >/dev/null &&
        clang++ "${FLAGS[@]}" -stdlib=libc++ "$PROGRAMS/bad_alloc.cpp" "${extra[@]}" \
            -o program >build.txt 2>&1; then
        try "libc++, preloaded" env LD_PRELOAD="$LIBRARY_REAL" ./program
    fi
done

step "bad_alloc_plugin.cpp in a C program"
"$CC" -O1 "$PROGRAMS/bad_alloc_host.c" -o host -ldl
for flags in "" "-static-libstdc++" "-static-libstdc++ -static-libgcc" \
    "-static-libstdc++ -Wl,--exclude-libs,ALL" "-static-libstdc++ ${SHARED[*]}"; do
    read -ra extra <<<"$flags"
    g++ "${FLAGS[@]}" -shared -fPIC "$PROGRAMS/bad_alloc_plugin.cpp" -o plugin.so "${extra[@]}" ||
        fail "the plugin cannot be linked: $flags"
    try "plugin $flags" env LD_PRELOAD="$LIBRARY_REAL" ./host ./plugin.so
done

step "a program's own operators, and libhakmem.a"
for mode in "" -static; do
    if g++ "${FLAGS[@]}" $mode -I"$REPO/tests" -I"$REPO/include" "$REPO/tests/api/replaced_basic.cpp" \
        "$BUILD/libhakmem.a" -DAPI_LINKED=1 -o program >build.txt 2>&1; then
        timeout 60 ./program || fail "replaced_basic $mode: status $?"
    else
        fail "replaced_basic $mode: $(grep -m 1 -E 'error|multiple' build.txt)"
    fi
done

finish
