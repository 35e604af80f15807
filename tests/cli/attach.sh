# SPDX-License-Identifier: MIT
#
# Owns the check of `hakmem profile PID --for`: a process that was not started for it is profiled,
# with known figures, and left as it was, however the profiling ends: in time, by a signal, by the
# death of the command, or of the process; beside another command, and beside profiling of its own.

source "$(dirname "$0")/lib.bash"
source "$SOURCE/tests/cli/targets.bash"
cc -D_GNU_SOURCE -O1 -g -fno-builtin -pthread "$SOURCE/tests/cli/programs/attached.c" -o attached ||
    fail "attached.c does not compile"

# start_attached [VARIABLE=VALUE]: the program, ready; it reads what is written to descriptor 7.
start_attached() {
    rm -f words answers
    mkfifo words
    env "$@" LD_PRELOAD="$LIBRARY" ./attached <words >answers 2>&1 &
    TARGET=$!
    disown
    STARTED+=("$TARGET")
    exec 7>words
    wait_for "attached" grep -qs '^ready' answers
}

# tell WORD...: and wait until it is done.
tell() {
    local word lines
    for word in "$@"; do
        lines=$(wc -l <answers)
        echo "$word" >&7
        wait_for "$word" more_than "$lines"
    done
}

more_than() {
    (($(wc -l <answers) > $1))
}

# profile WORDS...: in the background; it has begun. Its number is in PROFILER.
profile() {
    env --default-signal=INT "$CLI" profile "$TARGET" "$@" >profile.out 2>profile.err 7>&- &
    PROFILER=$!
    wait_for "profiling" is_on_when_kicked
}

# An idle process begins when it allocates.
is_on_when_kicked() {
    tell kick
    is_on
}

is_on() {
    "$CLI" sites "$TARGET" >sites.out 2>/dev/null && ! is_off
}

is_off_when_kicked() {
    tell kick
    is_off
}

is_off() {
    "$CLI" sites "$TARGET" >sites.out 2>/dev/null
    grep -q ', off now$' sites.out
}

# interrupt [SIGNAL]: as Ctrl-C does; the command ends by that, and well.
interrupt() {
    kill -"${1:-INT}" "$PROFILER"
    wait "$PROFILER"
    STATUS=$?
    [[ $STATUS == 0 ]] || fail "hakmem profile: exit status $STATUS: $(cat profile.err)"
}

# live FILE FUNCTION: bytes of a .folded file in it.
live() {
    awk -v name=";$2 " 'index($0, name) { sum += $NF } END { print sum + 0 }' "$1"
}

expect_live() {
    local found
    found=$(live "$1" "$2")
    [[ $found == "$3" ]] || fail "$4: $2 has $found, not $3: $(cat "$1")"
}

step "known figures, and Ctrl-C"
start_attached
tell ten # of before
profile --for 1h --interval 1 -o known.folded
expect_in profile.err "^hakmem profile: attached \[$TARGET\] is profiled for 3600 s, or until it ends, or Ctrl-C\$" "begin"
tell ten one one
interrupt
expect_in profile.err "^hakmem profile: the profile of attached \[$TARGET\] is in known\.folded\$" "end"
[[ $(grep -vcE ' (is|has become) idle: ' profile.err) == 2 ]] || fail "more than two lines: $(cat profile.err)"
expect_live known.folded take_ten 1024000 "interrupted"
expect_live known.folded take_one 204800 "interrupted"
wait_for "the end of profiling" is_off_when_kicked
expect_in sites.out '0 B live' "samples that are left"
expect_in sites.out '^no sampled block is left: --allocated shows the freed ones too$' "samples that are left"

step "once more: only what was allocated in that time; SIGTERM"
tell one
profile --for 1h --interval 1 -o again.pb.gz
tell ten free one
interrupt TERM
python3 "$SOURCE/tests/cli/pprof.py" again.pb.gz >decoded || fail "pprof.py: $(cat decoded)"
expect_in decoded '^1000 1024000 0 0 .* take_ten<' "again"
expect_in decoded '^100 102400 100 102400 .* take_one<' "again"
wait_for "the end of profiling" is_off_when_kicked

step "what blocks pin is seen at the end, not at the beginning"
profile --for 1h --interval 1 --pinned -o pinned.folded
tell comb
interrupt
(($(live pinned.folded take_comb) > 300000)) || fail "625 blocks pin $(live pinned.folded take_comb) B"
wait_for "the end of profiling" is_off_when_kicked

step "nothing is live at the end"
profile --for 1h --interval 1 -o gone.folded
tell ten free
interrupt
expect_in profile.err '^hakmem profile: nothing of it is live any more: gone\.folded shows what was allocated$' "nothing live"
(($(live gone.folded take_ten) == 1024000)) || fail "1,000 blocks of 1 KiB were allocated: $(live gone.folded take_ten) B"

step "in time; the interval of the settings"
tell busy
hakmem profile "$TARGET" --for 2s --allocated -o busy.folded
expect_status 0 "--for 2s"
expect_in busy.folded ';allocate [0-9]+$' "--for 2s"
expect_in sites.out '^sampled every 1 B on average' "the interval of before"
is_off || fail "it is on after --for: $(cat sites.out)"
expect_in sites.out '^sampled every 512\.0 KiB on average' "--for 2s"

step "two commands: the first to end does not end it for the other"
profile --for 1h --interval 64K -o first.folded
hakmem profile "$TARGET" --for 2s --interval 1 --allocated -o second.folded
expect_status 0 "the second command"
expect_in err '^hakmem profile: it was profiled already: --interval has no effect$' "the second command"
is_on || fail "the second command has ended the first one's profiling"
interrupt
sleep 4 # a command that has not renewed the lease for 3 s is gone
hakmem profile "$TARGET" --for 100ms --allocated -o third.folded
expect_status 0 "a third command"
is_off || fail "nobody has ended it"

step "a command that is killed"
profile --for 1h -o killed.folded
kill -KILL "$PROFILER"
wait "$PROFILER" 2>/dev/null
wait_for "the end of the lease" is_off

step "a child: its part ends with its first sample"
profile --for 1h -o parent.folded
tell fork
CHILD=$(sed -n 's/^fork //p' answers)
child_is_off() {
    "$CLI" sites "$CHILD" >child.out 2>/dev/null
    grep -q ', off now$' child.out
}
wait_for "the end in the child" child_is_off
kill -KILL "$CHILD"
is_on || fail "the child has ended its parent's"
interrupt
wait_for "the end in the parent" is_off_when_kicked

step "a process that ends meanwhile: what was read is kept"
profile --for 1h --interval 1 -o ended.folded
tell ten
sleep 3
kill -KILL "$TARGET"
wait "$PROFILER"
STATUS=$?
[[ $STATUS == 0 ]] || fail "a process that has ended: status $STATUS: $(cat profile.err)"
expect_in profile.err "^hakmem profile: process $TARGET \(attached\) has ended: the profile is of the [0-9.]+ s before\$" "a process that has ended"
expect_live ended.folded take_ten 1024000 "a process that has ended"

step "a process that executes another program"
start_attached
tell busy
profile --for 1h -o other.folded
tell again
wait "$PROFILER"
expect_in profile.err "^hakmem profile: process $TARGET \(attached\) is not the program that it was" "exec"
hakmem sites "$TARGET"
expect_in err 'profiling is not on in it' "after the exec"

step "threads that never come to a slow path, two of them"
tell pairs pairs
hakmem profile "$TARGET" --for 2s --allocated -o pairs.folded
expect_status 0 "pairs"
expect_in pairs.folded ';allocate [0-9]+$' "pairs"
wait_for "the end of profiling" is_off_when_kicked

step "its own profiling goes on, with its interval; --for is a difference"
kill -KILL "$TARGET"
start_attached HAKMEM_PROFILE=1 HAKMEM_PROFILE_INTERVAL=1
tell ten one
hakmem profile "$TARGET" --allocated -o all.folded
expect_status 0 "at once"
expect_live all.folded take_ten 1024000 "at once"
[[ ! -s err ]] || fail "at once: $(cat err)"
env --default-signal=INT "$CLI" profile "$TARGET" --for 1h --interval 2 --allocated -o part.folded 2>profile.err 7>&- &
PROFILER=$!
wait_for "its beginning" grep -qs 'has no effect' profile.err
sleep 1
tell one
interrupt
expect_live part.folded take_ten 0 "a difference"
expect_live part.folded take_one 102400 "a difference"
is_on || fail "its own profiling was ended"
expect_in sites.out '^sampled every 1 B on average' "its own interval"

step "without --for"
kill -KILL "$TARGET"
start_attached
env --default-signal=INT "$CLI" profile "$TARGET" -o default.folded --allocated 2>profile.err 7>&- &
PROFILER=$!
wait_for "its beginning" grep -qs 'is profiled for 30 s' profile.err
tell busy
wait_for "profiling" is_on
sleep 1
interrupt
expect_in default.folded ';allocate [0-9]+$' "without --for"

step "an idle process, a stopped one, one that allocates too little"
kill -KILL "$TARGET"
start_attached
hakmem profile "$TARGET" --for 1s -o idle.folded
expect_status 1 "an idle process"
expect_in err "^hakmem profile: attached \[$TARGET\] is idle: profiling begins when it next allocates\$" "idle"
expect_in err "^hakmem profile: attached \[$TARGET\] has allocated nothing in 1(\.[0-9]+)? s\$" "idle"
[[ ! -e idle.folded ]] || fail "an idle process: there is a file"
tell ten # the request was withdrawn
hakmem sites "$TARGET"
expect_in err 'profiling is not on in it' "after the attempt"
stop "$TARGET"
hakmem profile "$TARGET" --for 1s -o idle.folded
expect_status 1 "a stopped process"
expect_in err "^hakmem profile: attached \[$TARGET\] is stopped: there is nothing to profile\$" "stopped"
kill -CONT "$TARGET"
env --default-signal=INT "$CLI" profile "$TARGET" --for 2s --interval 1G -o little.folded 2>err 7>&- &
PROFILER=$!
tell ten ten ten ten
wait "$PROFILER"
expect_in err "^hakmem profile: nothing of attached \[$TARGET\] was sampled in [0-9.]+ s, at one sample every 1G: see --interval\$" "too little"

step "a program with an interval of its own"
hakmem profile --interval 1 -o program.folded --allocated -- ./attached <<<ten
expect_status 0 "-- PROGRAM"
expect_live program.folded take_ten 1024000 "-- PROGRAM"

step "bad words"
expect_line 2 "hakmem profile: --for cannot be '0': expected a time from 1ms to 168h, such as 500ms,\
 60s, 5m or 1h" profile "$TARGET" --for 0 -o x.folded
expect_line 2 "hakmem profile: --for cannot be 'soon': expected a time from 1ms to 168h, such as\
 500ms, 60s, 5m or 1h" profile "$TARGET" --for soon -o x.folded
expect_line 2 "hakmem profile: --interval cannot be '0': expected bytes (K, M or G may follow), 1 to\
 1024G" profile "$TARGET" --interval 0 -o x.folded
expect_line 2 "hakmem profile: --for is for a running process" profile --for 1s -o x.folded -- true
expect_line 2 "hakmem profile: --interval is for a process or a program" \
    profile --core x --interval 1 -o x.folded
hakmem profile "$TARGET" --for 1h -o "$SCRATCH/none/x.folded"
expect_status 2 "a path that cannot be written"
[[ $(wc -l <err) == 1 ]] || fail "a path that cannot be written: $(cat err)"
