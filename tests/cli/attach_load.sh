# SPDX-License-Identifier: MIT
#
# Owns the check that a process under load survives being profiled from outside again and again: with
# SIGPROF at 1 kHz, while libraries come and go, while exceptions are thrown, while handlers walk the
# stack, while it forks; and redis-server, also while it saves in a child. TIMES says how often.

source "$(dirname "$0")/lib.bash"
source "$SOURCE/tests/cli/targets.bash"
command -v c++ >/dev/null || { echo "SKIP: no C++ compiler"; exit 77; }
TIMES=${TIMES:-6}
c++ -O1 -g -pthread "$SOURCE/tests/cli/programs/adverse.cpp" -o adverse -ldl ||
    fail "adverse.cpp does not compile"
echo '#include <stdlib.h>
void *allocate_there(size_t size);
void *allocate_there(size_t size) { void *block = malloc(size); *(volatile char *)block = 1; return block; }' |
    cc -shared -fPIC -O1 -x c - -o there.so || fail "there.so does not compile"

# profile_often WHAT: of TARGET; each time it ends. On a busy machine it may be that nothing was
# sampled in the time, but not always.
profile_often() {
    local i good=0
    for ((i = 1; i <= TIMES; i++)); do
        hakmem profile "$TARGET" --for 150ms --interval 16K --allocated -o load.folded
        if [[ $STATUS == 0 ]]; then
            [[ -s load.folded ]] || fail "$1, time $i: an empty profile"
            good=$((good + 1))
        else
            grep -q 'nothing of .* was sampled in' err || fail "$1, time $i: status $STATUS: $(cat err)"
        fi
        wait_for "the end of time $i" is_off
    done
    echo "$good profiles"
    ((good > 0)) || fail "$1: nothing was ever sampled"
}

is_off() {
    "$CLI" sites "$TARGET" >sites.out 2>/dev/null
    grep -q ', off now$' sites.out
}

for kind in sigprof dlopen throw unwind fork; do
    step "$kind, $TIMES times"
    rm -f words
    mkfifo words
    LD_PRELOAD=$LIBRARY ./adverse $kind "$PWD/there.so" <words >adverse.out 2>adverse.err &
    TARGET=$!
    STARTED+=("$TARGET")
    exec 7>words
    wait_for "adverse" grep -qs '^ready' adverse.out
    profile_often $kind
    echo >&7
    wait "$TARGET"
    STATUS=$?
    [[ $STATUS == 0 ]] || fail "$kind: adverse ends with status $STATUS: $(cat adverse.err)"
    expect_in adverse.out '^rounds [1-9]' "$kind"
done

command -v redis-server >/dev/null && command -v redis-benchmark >/dev/null ||
    { echo "no redis-server"; exit 0; }

not() {
    ! "$@"
}

redis() {
    redis-cli -s "$SCRATCH/redis.sock" "$@"
}

answers() {
    [[ $(redis ping 2>/dev/null) == PONG ]]
}

for mode in alone saving; do
    step "redis-server under load, $mode, $TIMES times"
    start redis.out redis-server --port 0 --unixsocket "$SCRATCH/redis.sock" --dir "$SCRATCH" \
        --save '' --appendonly no
    wait_for "redis-server" answers
    redis-benchmark -s "$SCRATCH/redis.sock" -q -c 8 -n 100000000 -r 20000 -d 300 -t set \
        >benchmark.out 2>&1 &
    STARTED+=("$!")
    SAVER=
    if [[ $mode == saving ]]; then
        while redis bgsave >/dev/null 2>&1; do sleep 0.1; done &
        SAVER=$!
        STARTED+=("$SAVER")
    fi
    profile_often "redis-server $mode"
    answers || fail "redis-server does not answer"
    [[ $(redis info persistence | tr -d '\r' | sed -n 's/^rdb_last_bgsave_status://p') == ok ]] ||
        fail "a save has failed"
    [[ -z $SAVER ]] || [[ $(redis info stats | tr -d '\r' | sed -n 's/^total_forks://p') -gt 0 ]] ||
        fail "it has not forked"
    redis shutdown nosave 2>/dev/null
    wait_for "the end of redis-server" not answers
done
