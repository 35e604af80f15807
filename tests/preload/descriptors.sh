#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Owns the check of what the library writes unasked: never into a file or socket that the program
# has as descriptor 2 since standard error was closed, never with a signal that ends the program,
# and each process's report in a file of its own, whatever number the process has.

source "$(dirname "$0")/lib.bash"

need "${CC:=cc}"
"$CC" -fno-builtin -std=gnu11 -O1 -w "$PROGRAMS/descriptors.c" -o descriptors

run() {
    env LD_PRELOAD="$LIBRARY_REAL" "$@"
}

step "a file that was opened as descriptor 2"
status=0
run HAKMEM_STATS=exit HAKMEM_WRAP_DIAG=1 ./descriptors opened file.txt 2>/dev/null || status=$?
equal 0 "$status" "status"
equal 0 "$(stat -c %s file.txt)" "bytes in the program's file"
status=0
run ./descriptors misuse file.txt 2>/dev/null || status=$?
equal 134 "$status" "status of a misuse"
equal 0 "$(stat -c %s file.txt)" "bytes in the program's file after a misuse"
status=0
run HAKMEM_STATS=exit ./descriptors opened file.txt 2>&- || status=$?
equal 0 "$status" "status with standard error closed at the start"
equal 0 "$(stat -c %s file.txt)" "bytes in the program's file, standard error closed at the start"

step "a socket as descriptor 2"
run HAKMEM_STATS=exit ./descriptors socket 2>/dev/null || fail "something was sent: status $?"

step "standard error as it was is written to"
run HAKMEM_STATS=exit ./descriptors nothing 2>errors.txt
grep -q '^hakmem: ' errors.txt || fail "no statistics in a file that was there at the start"
run HAKMEM_STATS=exit ./descriptors nothing 2>&1 | grep -q '^hakmem: ' || fail "none in a pipe"

step "a pipe that nobody reads, a limit on files"
for settings in HAKMEM_STATS=exit HAKMEM_WRAP_DIAG=1 "HAKMEM_REPORT=$SCRATCH" \
    "HAKMEM_METRICS=$SCRATCH/metrics.txt"; do
    for what in pipe limit; do
        status=0
        run "$settings" ./descriptors $what 2>errors.txt || status=$?
        equal 0 "$status" "status of '$what' with $settings"
    done
done
status=0
run HAKMEM_STATS=interval HAKMEM_INTERVAL_MS=100 ./descriptors blocked 2>/dev/null || status=$?
equal 0 "$status" "a signal that was pending before stays pending"

step "reports of processes with one number"
mkdir reports
if unshare --user --map-root-user --pid --fork true 2>/dev/null; then
    for _ in 1 2 3; do
        unshare --user --map-root-user --pid --fork env LD_PRELOAD="$LIBRARY_REAL" \
            HAKMEM_REPORT="$SCRATCH/reports" ./descriptors nothing 2>errors.txt
        equal "" "$(<errors.txt)" "standard error"
    done
    equal "1.2.report 1.3.report 1.report" "$(cd reports && echo *)" "the reports' names"
    for report in reports/*; do
        equal "}}" "$(tail -c 3 "$report")" "the end of $report"
    done
    HAKMEM_REPORT="$SCRATCH/reports" "$BUILD/hakmem" run -- /bin/true 2>run.txt ||
        fail "hakmem run with reports of others"
fi

finish
