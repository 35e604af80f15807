# SPDX-License-Identifier: MIT
#
# Owns what the tests of the verbs that look at a process share: programs that run as targets and
# are ended when the test ends. Sourced after lib.bash.

LIBRARY=$(dirname "$CLI")/libhakmem.so
[[ -f $LIBRARY ]] || { echo "SKIP: no $LIBRARY"; exit 77; }
command -v cc >/dev/null || { echo "SKIP: no C compiler"; exit 77; }

STARTED=()
# Those that are still children of ours: the number of one that has ended may be a stranger's now.
end_targets() {
    local pid
    for pid in "${STARTED[@]}"; do
        ! grep -qs "^PPid:[[:space:]]*$$\$" "/proc/$pid/status" || kill -KILL "$pid" 2>/dev/null
    done
    rm -rf "$SCRATCH"
}
trap end_targets EXIT

# start FILE COMMAND...: run it on the allocator, its output in FILE; its number goes to TARGET.
start() {
    local file=$1
    shift
    rm -f "$file" # it is truncated later: who waits for a line must not find an old one
    LD_PRELOAD=$LIBRARY "$@" >"$file" 2>"$file.err" </dev/null &
    TARGET=$!
    disown
    STARTED+=("$TARGET")
}

build_known_heap() {
    cc -D_GNU_SOURCE -O1 -fno-builtin -pthread "$SOURCE/tests/cli/programs/known_heap.c" -o known_heap "$@" ||
        fail "known_heap.c does not compile"
}

# start_known_heap [WORD]: the program of that name, ready; its lines are in the file `heap`.
start_known_heap() {
    [[ -x known_heap ]] || build_known_heap
    # nothing that is free may go, not even when the machine is short of memory
    HAKMEM_DECAY_MS=-1 HAKMEM_BACKGROUND=0 start heap ./known_heap "$@"
    wait_for "known_heap" grep -qs '^ready' heap
}

# address NAME: what known_heap printed.
address() {
    sed -n "s/^$1 //p" heap
}

# number PATH: a number of the JSON in `out`, by its path as python writes it.
number() {
    python3 -c 'import json, sys; print(eval("(data" + sys.argv[1] + ")", {"data": json.load(open("out"))}))' "$1"
}
