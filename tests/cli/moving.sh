# SPDX-License-Identifier: MIT
#
# Owns the check that a look tells the truth whatever the process does meanwhile: programs that grow,
# shrink, map, fork, exit and execute themselves while they are looked at. `moving.sh BUILD_DIR LOOKS`
# looks more often than the suite does.

source "$(dirname "$0")/lib.bash"
source "$SOURCE/tests/cli/targets.bash"
command -v python3 >/dev/null || { echo "SKIP: no python3"; exit 77; }
LOOKS=${2:-16}

cc -D_GNU_SOURCE -O1 -fno-builtin "$SOURCE/tests/cli/programs/moving.c" -o moving ||
    fail "moving.c does not compile"

has_begun() {
    ! cmp -s -n 16 shared /dev/zero
}

# look_at WORD MIB [NAME=VALUE]: at the program of that name.
look_at() {
    step "a program that does nothing but $1"
    rm -f shared
    truncate -s 4096 shared
    start moving.out env ${3:-NOTHING=} ./moving shared "$1" "$2"
    wait_for "moving $1" has_begun
    python3 "$SOURCE/tests/cli/moving.py" "$CLI" shared "$1" "$2" "$LOOKS" || fail "looks at $1"
    kill -KILL $TARGET
}

# else what is free, and goes back to the kernel meanwhile, is no growth
look_at grow 1200 HAKMEM_DECAY_MS=-1
look_at shrink 1200 HAKMEM_DECAY_MS=0
look_at map 1200
look_at fork 100
look_at exit 400
look_at exec 400
