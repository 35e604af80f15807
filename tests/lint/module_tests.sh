# SPDX-License-Identifier: MIT
#
# Owns the check that each module of src/ has a unit test of its name, tests/unit/MODULE.c, and that
# this test, with the helpers of tests/unit that it includes, includes no header of a layer above
# the module's. That it links none is the build's to see (cmake/tests.cmake).

source "$(dirname "$0")/lib.bash"

# Modules that are tested elsewhere, and where. These are libc's names and the program's own
# interface: a test must be a program on the library, which a unit test is not.
ELSEWHERE='
api/bad_alloc      tests/api/new_failure.cpp
api/catch          tests/api/new_failure.cpp
api/confine        tests/preload/seccomp.sh
api/entry          tests/api/malloc_errors.c
api/hak            tests/api/hak_heaps.c
api/libc_chunk     tests/api/foreign.c
api/libc_handover  tests/api/foreign.c
api/malloc         tests/api/malloc_sizes.c
api/operator_new   tests/api/new_delete.cpp
api/publish        tests/api/reports.c
api/root           tests/cli/stats.sh
api/thread_exit    tests/api/thread_exit.c
'

has_test() {
    [[ -e tests/unit/$1.c ]]
}

check_modules() {
    local source module where
    for source in src/*/*.c; do
        module=${source#src/}
        module=${module%.c}
        where=$(awk -v module="$module" '$1 == module { print $2 }' <<<"$ELSEWHERE")
        if has_test "${module#*/}"; then
            [[ -z $where ]] || echo "$source:1: it has a unit test: it is not tested elsewhere alone"
        elif [[ -z $where ]]; then
            echo "$source:1: there is no tests/unit/${module#*/}.c"
        elif [[ ! -e $where ]]; then
            echo "$source:1: its test $where is not there"
        fi
    done
    awk 'NF { print $1 }' <<<"$ELSEWHERE" | while read -r module; do
        [[ -e src/$module.c ]] || echo "tests/lint/module_tests.sh:1: there is no module $module"
    done
}

# Print the headers that a test includes, also by way of helpers, each with its place.
includes_of() {
    local at name
    grep -HnoE '^#include "[^"]+"' "$1" | sed 's/#include "\(.*\)"/\1/' | while IFS=: read -r at line name; do
        if [[ $name == unit/* ]]; then
            includes_of "tests/$name"
        else
            echo "$at:$line $name"
        fi
    done
}

check_includes() {
    local test layer
    for test in tests/unit/*.c; do
        layer=$(echo src/*/"$(basename "$test")" | cut -d / -f 2)
        includes_of "$test" | awk -v own="$layer" -v layers="$LAYERS" -v test="$test" '
            BEGIN { for (i = split(layers, names, " "); i > 0; i--) rank[names[i]] = i }
            { split($2, part, "/") }
            part[1] in rank && rank[part[1]] > rank[own] {
                print $1 ": " test " tests a module of " own " and must not include " $2 }'
    done
}

{
    check_modules
    check_includes
} | report "modules and their unit tests"
