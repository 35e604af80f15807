# SPDX-License-Identifier: MIT
#
# Owns the check that what cannot be looked at is refused with one line: no such process, one
# without HAKMEM, the kernel's, another user's, one that has ended; wrong words; an output that
# cannot be written.

source "$(dirname "$0")/lib.bash"
source "$SOURCE/tests/cli/targets.bash"

step "processes that cannot be read"
for words in stats map report "why PID 0x10" trim "set PID DECAY_MS=1"; do
    verb=${words%% *}
    with() { # the words with this process
        [[ $words == *PID* ]] && echo "${words/PID/$1}" || echo "$words $1"
    }
    # shellcheck disable=SC2046
    {
        expect_line 1 "hakmem $verb: there is no process 99999999" $(with 99999999)
        expect_line 2 "hakmem $verb: '12x' is not a process number" $(with 12x)
        expect_line 2 "hakmem $verb: '0' is not a process number" $(with 0)
    }
done
sleep 99 &
other=$!
STARTED+=("$other")
disown
wait_for "sleep" grep -q sleep /proc/$other/comm
expect_line 1 "hakmem stats: process $other (sleep): no HAKMEM in it: libhakmem is neither loaded\
 nor linked: start the program \
with hakmem run, or with libhakmem.so in LD_PRELOAD" stats $other
if [[ -z $(cat /proc/2/maps 2>/dev/null) && -d /proc/2 && $(cat /proc/2/comm) == kthreadd ]]; then
    hakmem stats 2
    expect_status 1 "the kernel's process"
    expect_in err "hakmem stats: process 2 \(kthreadd\) " "the kernel's process"
fi

step "a process that has ended"
python3 -c '
import os, time
child = os.fork()
if child == 0:
    os._exit(0)
print(child, flush=True)
time.sleep(99)' >zombie &
STARTED+=($!)
disown
wait_for zombie grep -qs . zombie
wait_for "its end" grep -q '^State:.*Z' "/proc/$(cat zombie)/status"
expect_line 1 "hakmem stats: process $(cat zombie) (python3) has ended" stats "$(cat zombie)"

step "another user's process"
if ((EUID == 0)) && command -v setpriv >/dev/null; then
    start_known_heap
    chmod 711 "$SCRATCH"
    cp "$CLI" ./copy
    chmod 755 copy
    setpriv --reuid=65534 --regid=65534 --clear-groups ./copy stats $TARGET >out 2>err
    STATUS=$?
    expect_status 1 "another user"
    [[ $(cat err) == "hakmem stats: process $TARGET (known_heap) is another user's: only that user\
 or root may read it" ]] || fail "another user: $(cat err)"
else
    echo "not root here"
fi

step "root that lacks the right: it is not told to try as root"
if ((EUID == 0)) && setpriv --bounding-set=-sys_ptrace true 2>/dev/null; then
    start_known_heap
    setpriv --bounding-set=-sys_ptrace "$CLI" stats $TARGET >out 2>err
    STATUS=$?
    expect_status 1 "root without CAP_SYS_PTRACE"
    [[ $(cat err) == "hakmem stats: process $TARGET (known_heap) may not be read: that takes\
 CAP_SYS_PTRACE, and a number below 3 in /proc/sys/kernel/yama/ptrace_scope" ]] ||
        fail "root without CAP_SYS_PTRACE: $(cat err)"
fi

step "wrong words"
start_known_heap
expect_line 2 "hakmem stats: no process given (see hakmem stats --help)" stats
expect_line 2 "hakmem map: no process given (see hakmem map --help)" map
expect_line 2 "hakmem why: no process given (see hakmem why --help)" why
expect_line 2 "hakmem why: no address given (see hakmem why --help)" why $TARGET
expect_line 2 "hakmem why: no address given (see hakmem why --help)" why --core x
expect_line 2 "hakmem why: 'xyz' is not an address: expected hexadecimal digits" why $TARGET xyz
expect_line 2 "hakmem why: '0x' is not an address: expected hexadecimal digits" why $TARGET 0x
expect_line 2 "hakmem why: '12345678901234567' is not an address: expected hexadecimal digits" \
    why $TARGET 12345678901234567
expect_line 2 "hakmem why: '3' is one word too many" why $TARGET 1 3
expect_line 2 "hakmem stats: '3' is one word too many" stats $TARGET 3
expect_line 2 "hakmem stats: '--core' needs a value (see hakmem stats --help)" stats --core
expect_line 2 "hakmem set: no NAME=VALUE given (see hakmem set --help)" set $TARGET
expect_line 2 "hakmem set: 'DECAY_MS' is not of the form NAME=VALUE" set $TARGET DECAY_MS
expect_line 2 "hakmem set: 'NONE' is not a setting (see hakmem settings)" set $TARGET NONE=1
expect_line 2 "hakmem set: HAKMEM_DECAY_MS cannot be '-2': expected milliseconds, -1 to 3600000" \
    set $TARGET DECAY_MS=-2
expect_line 2 "hakmem set: HAKMEM_REPORT can be set at a process's start only, in its environment" \
    set $TARGET REPORT=/tmp
expect_line 2 "hakmem trim: --wait cannot be 'x': expected 0 to 86400 seconds" trim $TARGET --wait x
expect_line 2 "hakmem top: needs a terminal (hakmem stats prints the figures once)" top $TARGET
expect_line 2 "hakmem top: --delay cannot be '0': expected 0.1 to 3600 seconds" top --delay 0

step "outputs that cannot be written"
expect_line 2 "hakmem map: cannot write '/nowhere/x.svg': No such file or directory" \
    map $TARGET --svg /nowhere/x.svg
expect_line 2 "hakmem map: cannot write '.': Is a directory" map $TARGET --svg .
expect_line 1 "hakmem map: there is no process 999999999" map 999999999 --svg new.svg
[[ ! -e new.svg ]] || fail "a process that is not there left a picture"
"$CLI" map $TARGET --svg /dev/full >out 2>err
[[ $? == 1 && $(cat err) == "hakmem map: cannot write '/dev/full': No space left on device" ]] ||
    fail "a full disk: $(cat err)"
for words in "stats $TARGET" "stats $TARGET --json" "map $TARGET" "why $TARGET 10"; do
    # shellcheck disable=SC2086
    "$CLI" $words >/dev/full 2>err
    [[ $? == 1 && $(cat err) == "hakmem: cannot write to standard output: No space left on device" ]] ||
        fail "$words: $(cat err)"
done
