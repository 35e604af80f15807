# SPDX-License-Identifier: MIT
#
# Owns the check that the program behind `hakmem run` is the one that was meant: its arguments, its
# input and output, its signal state, and its exit status, or why it could not run.

source "$(dirname "$0")/lib.bash"
without_allocator

step "exit statuses"
for status in 0 1 2 77 126 127 255; do
    hakmem run sh -c "exit $status"
    expect_status $status "exit $status"
    expect_in err "^ended     exit status $status\$" "exit $status"
done
for signal in HUP INT QUIT KILL SEGV TERM; do
    hakmem run env --default-signal sh -c "ulimit -c 0; kill -$signal \$\$"
    expect_status $((128 + $(kill -l $signal))) "killed by SIG$signal"
    expect_in err "^ended     killed by SIG$signal \(.*\); status $STATUS\$" "killed by SIG$signal"
    expect_in err '^report    none: killed before it could write one$' "killed by SIG$signal"
done
hakmem run bash -c 'kill -40 $$'
expect_status 168 "killed by a real-time signal"
expect_in err '^ended     killed by signal 40; status 168$' "killed by a real-time signal"

step "programs that cannot run: one line"
expect_line 127 "hakmem run: 'no-such-program': no such program" run no-such-program -x
expect_line 127 "hakmem run: './missing': no such program" run ./missing
expect_line 127 "hakmem run: '': no such program" run ""
expect_line 126 "hakmem run: cannot execute '/': Permission denied" run /
echo data >data
expect_line 126 "hakmem run: cannot execute './data': Permission denied" run ./data
printf '#!/no/such/interpreter\n' >script
chmod +x script
expect_line 126 "hakmem run: cannot execute './script': no such interpreter" run ./script
# opened before the limit: the shell itself needs descriptors to redirect
(exec >out 2>err 3>&- && ulimit -n 4 && "$CLI" run true)
STATUS=$?
expect_status 125 "no file descriptors"
[[ $(cat err) == "hakmem run: cannot start a process: Too many open files" ]] ||
    fail "no file descriptors: $(cat err)"
expect_no_leftovers "programs that cannot run"

step "arguments, input and output"
hakmem run printf '<%s>' --set a=b -- --help '' 'x y'
[[ $(cat out) == '<--set><a=b><--><--help><><x y>' ]] || fail "arguments: $(cat out)"
hakmem run -- printf '<%s>' -- --version
[[ $(cat out) == '<--><--version>' ]] || fail "arguments after --: $(cat out)"
printf 'echo no interpreter line: $1\n' >plain
chmod +x plain
hakmem run ./plain fine
[[ $(cat out) == "no interpreter line: fine" ]] || fail "script without #!: $(cat out)"
seq 1000 >numbers
"$CLI" run sort -rn <numbers >out 2>err
[[ $(cat out) == "$(sort -rn numbers)" ]] || fail "standard input: sort -rn gave $(head -n 1 out)"
"$CLI" run sh -c 'exit 3' 2>&-
[[ $? == 3 ]] || fail "a closed standard error changes the exit status"
"$CLI" run sh -c 'exit 3' 2>/dev/full
[[ $? == 3 ]] || fail "a full standard error changes the exit status"
mkfifo go
{
    "$CLI" run timeout "$HANG" sh -c 'read -r line <go; exit 3' 2>&1 >out
    echo $? >status
} | {
    exec <&-
    timeout "$HANG" sh -c 'echo >go'
}
[[ $(cat status) == 3 ]] || fail "standard error's reader is gone: exit status $(cat status), not 3"

step "signal state: the program has what the caller had"
grep -E '^(SigBlk|SigIgn)' /proc/self/status >state
hakmem run grep -E '^(SigBlk|SigIgn)' /proc/self/status
cmp -s state out || fail "signals: the program has $(tr '\n' ' ' <out), not $(tr '\n' ' ' <state)"
(
    trap '' CHLD HUP INT
    grep -E '^(SigBlk|SigIgn)' /proc/self/status >state
    hakmem run grep -E '^(SigBlk|SigIgn)' /proc/self/status
    cmp -s state out || fail "ignored signals: $(tr '\n' ' ' <out), not $(tr '\n' ' ' <state)"
    hakmem run sh -c 'exit 5'
    expect_status 5 "with SIGCHLD ignored"
) || exit 1
expect_no_leftovers "hakmem run"
