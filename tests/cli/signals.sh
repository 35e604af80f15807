# SPDX-License-Identifier: MIT
#
# Owns the check of signals sent to `hakmem run` while its program runs: those that end or steer a
# program are passed on, those of the terminal are outlived, and the report still comes.

source "$(dirname "$0")/lib.bash"
without_allocator
mkfifo ready go
exec 3<>go # no one waits for the other end of it to be opened

# Says that it is ready, then waits for a line; ends with status 9 on the signals in its arguments,
# with 4 after the line, and of itself when the test has been given up.
cat >program.pl <<'PROGRAM'
alarm 600;
$SIG{$_} = sub { exit 9 } for @ARGV;
open my $ready, '>', 'ready';
print $ready "$$\n";
close $ready;
sysread STDIN, my $line, 1;
exit 4;
PROGRAM

# start SIGNAL...: run the program in the background, in a process group of its own and with every
# signal as it is by default (a shell's background commands ignore SIGINT); wait until it is ready.
start() {
    setsid env --default-signal "$CLI" run perl program.pl "$@" <&3 >out 2>err &
    RUN=$!
    read -r -t "$HANG" CHILD <>ready || fail "the program does not start: $(cat err)"
}

finish_with() {
    wait "$RUN"
    STATUS=$?
    expect_status "$1" "$2"
    expect_in err '^ended ' "$2"
    expect_no_leftovers "$2"
}

step "SIGTERM, SIGHUP, SIGUSR1 and SIGUSR2 go on to the program"
for signal in TERM HUP USR1 USR2; do
    start $signal
    kill -$signal "$RUN"
    finish_with 9 "SIG$signal, handled"
    start
    kill -$signal "$RUN"
    finish_with $((128 + $(kill -l $signal))) "SIG$signal, not handled"
    expect_in err "^ended     killed by SIG$signal " "SIG$signal, not handled"
done

step "SIGINT and SIGQUIT to hakmem alone: neither it nor the program ends"
start
kill -INT "$RUN"
kill -QUIT "$RUN"
echo >&3
finish_with 4 "SIGINT and SIGQUIT"

step "SIGINT to the whole group, as from a terminal: the program decides, the report comes"
start INT
kill -INT -- "-$RUN"
finish_with 9 "SIGINT to the group, handled"
start
kill -INT -- "-$RUN"
finish_with 130 "SIGINT to the group, not handled"

step "a program that is stopped and goes on"
start
stop "$CHILD"
kill -CONT "$CHILD"
echo >&3
finish_with 4 "stopped and continued"
