# SPDX-License-Identifier: MIT
#
# Owns the check of `hakmem report PID`: the page of a process that runs already has its known
# figures, the process is as it was, the looks end with their time, with the process or on Ctrl-C,
# and bad input gives one line.

source "$(dirname "$0")/lib.bash"
source "$SOURCE/tests/cli/targets.bash"
source "$SOURCE/tests/cli/browser.bash"

# What the kernel says of a process that may not change by being looked at.
state_of() {
    cat "/proc/$1/maps" && grep -E '^(TracerPid|Sig[^Q]|Shd|Threads|VmPeak|VmSize|VmRSS|VmHWM)' "/proc/$1/status"
}

step "a process at rest: its figures, and it stays as it was"
start_known_heap
state_of $TARGET >before
hakmem report $TARGET --for 300ms
expect_status 0 "hakmem report"
[[ $(head -n 1 err) == "hakmem report: process $TARGET is watched for 0.3 s, or until it ends,\
 or Ctrl-C" ]] || fail "how long it looks is not said first: $(cat err)"
expect_in err "^hakmem report: the report is in $TARGET\.html$" "where the page is"
[[ ! -s out ]] || fail "something on standard output: $(cat out)"
state_of $TARGET >after
cmp before after || fail "the process has changed: $(diff before after)"
expect_self_contained $TARGET.html
# 500 blocks of 208 bytes, a span and two Huge blocks
plain $TARGET.html |
    grep -Eq '<p class="answer">At the peak, [0-9.]+ s after the start of the looks, [0-9.]+ MiB was '\
'resident: 15\.[0-9] MiB in blocks that the program held' ||
    fail "the first sentence: $(grep answer $TARGET.html)"
expect_count 1 '<tr><th scope="row">208</th><td>500</td>' $TARGET.html
expect_count 1 '<tr><th scope="row">Huge</th><td>2</td>' $TARGET.html
expect_count 1 "<dt>Process</dt><dd>$TARGET, which was not started for this</dd>" $TARGET.html
expect_count 1 "<dt>Ended</dt><dd>no, it runs on</dd>" $TARGET.html
expect_count 1 '<code>./known_heap</code>' $TARGET.html
expect_count 0 'exit status' $TARGET.html

# nor does it allocate
expect_count 1 '<p class="note">Not known: it was asked to profile, but allocated nothing while' $TARGET.html

step "it ends early with the process"
"$CLI" report $TARGET --for 100h -o early.html >out 2>early &
REPORT=$!
wait_for "the first look" grep -qs 'RSS' early
kill -KILL $TARGET
wait $REPORT
STATUS=$?
expect_status 0 "a process that ends"
expect_count 1 "<dt>Ended</dt><dd>while it was looked at</dd>" early.html
expect_count 1 '<tr><th scope="row">208</th><td>500</td>' early.html

step "and on Ctrl-C"
start_known_heap
(trap - INT; exec "$CLI" report $TARGET -o interrupted.html) >out 2>interrupted &
REPORT=$!
wait_for "the first look" grep -qs 'RSS' interrupted
kill -INT $REPORT
wait $REPORT
STATUS=$?
expect_status 0 "Ctrl-C"
expect_count 1 "<dt>Ended</dt><dd>no, it runs on</dd>" interrupted.html
kill -0 $TARGET || fail "Ctrl-C has ended the process"

step "bad input: one line, and no file"
expect_line 2 "hakmem report: no process given (see hakmem report --help)" report
expect_line 2 "hakmem report: '7' is one word too many" report $TARGET 7
expect_line 2 "hakmem report: '--for' needs a value (see hakmem report --help)" report $TARGET --for
for word in "" x 60x -1 0 0s 0.1ms 169h 1e99 nan inf 0x10 " 5" 5,5 "5 s"; do
    expect_line 2 "hakmem report: --for cannot be '$word': expected a time from 1ms to 168h, such as\
 500ms, 60s, 5m or 1h" report $TARGET "--for=$word"
done
expect_line 2 "hakmem report: cannot write '/nowhere/x.html': No such file or directory" \
    report $TARGET -o /nowhere/x.html
expect_line 2 "hakmem report: cannot write '.': Is a directory" report $TARGET -o .
expect_line 1 "hakmem report: there is no process 99999999" report 99999999 -o new.html
HAKMEM_FORCE_LIBC_ALLOC=1 start libc sleep 99
wait_for "sleep" grep -q sleep "/proc/$TARGET/comm"
is_started() {
    "$CLI" stats $TARGET >out 2>err
}
wait_for "its library" is_started
expect_line 1 "hakmem report: sleep [$TARGET] does not use the heap of HAKMEM" report $TARGET -o new.html
[[ ! -e new.html ]] || fail "bad input left a file"
for time in 1ms 0.001 0.5s; do
    hakmem report "${STARTED[1]}" --for $time -o short.html
    expect_status 0 "--for $time"
done
hakmem report "${STARTED[1]}" --for 1ms -o /dev/full
expect_status 1 "a full disk"
expect_in err "^hakmem report: cannot write '/dev/full': No space left on device$" "a full disk"

step "who asked for it, in a process that profiles"
HAKMEM_PROFILE=1 start_known_heap
state_of $TARGET >before
hakmem report $TARGET --for 300ms -o stacks.html
expect_status 0 "a process that profiles"
state_of $TARGET >after
cmp before after || fail "the process has changed: $(diff before after)"
expect_self_contained stacks.html
plain stacks.html >plain.html
expect_in plain.html '<p class="answer most">Of 1[5-9]\.[0-9] MiB live, 10\.0 MiB \([56][0-9]\.[0-9] %\) was asked for '\
'by one stack of calls, in <code>written</code>' "the first sentence"
expect_count 1 'id="flame-data"' stacks.html

step "in one that is asked to profile, for as long as it is looked at"
start_known_heap churn
hakmem report $TARGET --for 2s -o asked.html
expect_status 0 "a process that is asked to profile"
plain asked.html >plain.html
expect_in plain.html '<summary><code>(main|written)</code>' "the stacks of churn"
expect_in plain.html ' Memory that was allocated before has no stacks here\.' "the stacks of churn"
hakmem sites $TARGET
expect_status 0 "the profile that is left"
expect_in out ', off now$' "profiling has ended in it"
start_known_heap churn
hakmem report $TARGET --for 300ms --no-profile -o asked.html
expect_status 0 "--no-profile"
expect_in asked.html '<p class="note">Not known: process .*: profiling is not on in it' "--no-profile"
hakmem sites $TARGET
expect_in err 'profiling is not on in it' "--no-profile leaves the process alone"
