#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Owns the check of limits in a real control group, one that this script makes and removes: near its
# limit free memory goes back though nothing decays; with HAKMEM_LIMIT calls fail before the kernel
# kills; a limit that changes while the program runs holds.

source "$(dirname "$0")/lib.bash"

need "${CC:=cc}"
"$CC" -fno-builtin -std=gnu11 -O1 -Wall -Wextra "$PROGRAMS/confined.c" -o confined

# ---- a group of our own, in version 1 or 2 ----

GROUP=

group_of() {
    awk -F: -v list="$1" '{ n = split($2, names, ",") }
        list == "" && $2 == "" { print $3 }
        { for (i = 1; i <= n; i++) if (list != "" && names[i] == list) print $3 }' /proc/self/cgroup
}

# make_group PARENT FILE
make_group() {
    local group=$1/hakmem-test-$$
    mkdir "$group" 2>/dev/null || return 1
    GROUP=$group
    LIMIT_FILE=$GROUP/$2
    [[ -w $LIMIT_FILE ]] && set_limit 300
}

# Programs of ours may still be ending.
restore() {
    local look
    [[ -z $GROUP ]] && return
    for ((look = 0; look < 3000; look++)); do
        xargs -r kill -KILL <"$GROUP/cgroup.procs"
        rmdir "$GROUP" && return
        sleep 0.02
    done 2>/dev/null
    echo "cgroup: $GROUP is still there" >&2
}

# set_limit MIB
set_limit() {
    echo "$(($1 << 20))" >"$LIMIT_FILE"
}

if ! make_group "/sys/fs/cgroup/memory$(group_of memory)" memory.limit_in_bytes 2>/dev/null; then
    restore
    make_group "/sys/fs/cgroup$(group_of '')" memory.max 2>/dev/null ||
        skip "no control group of our own with a limit on memory can be made here"
fi
step "the group is $GROUP"

# confined ARGUMENTS...: the program in the group.
confined() {
    under bash -c 'echo $$ >"$0/cgroup.procs" && exec ./confined "$@"' "$GROUP" "$@"
}

# The most that was charged to the group, in MiB, since the last look.
peak() {
    local file=$GROUP/memory.max_usage_in_bytes
    [[ -e $file ]] || file=$GROUP/memory.peak
    [[ -e $file ]] || { echo 0; return; }
    echo $(($(<"$file") >> 20))
}

reset_peak() {
    echo 0 >"$GROUP/memory.max_usage_in_bytes" || true
} 2>/dev/null

# value NAME TEXT: what NAME= says in it.
value() {
    sed -n "s/.*\b$1=\([^ ]*\).*/\1/p" <<<"$2"
}

# between LEAST NUMBER MOST WHAT
between() {
    (($1 <= $2 && $2 <= $3)) || fail "$4: expected $1 to $3, got $2"
}

# ---- by default: purged near the limit, never refused ----

step "live 140 MiB, and nothing decays: where there is no limit"
HAKMEM_DECAY_MS=-1 under ./confined shift 100 25 >out.txt
step "$(<out.txt)"
between 500 "$(value peak_rss "$(<out.txt)")" 4000 "peak RSS without a limit"

# in_group DECAY HUGE_PAGES: what of the group is charged beyond RSS are huge pages given back in part,
# which the kernel splits when the group is short; so only without them its peak tells.
in_group() {
    step "the same with HAKMEM_DECAY_MS=$1, HAKMEM_HUGE_PAGES=$2 in a group of 300 MiB"
    reset_peak
    HAKMEM_DECAY_MS=$1 HAKMEM_HUGE_PAGES=$2 confined shift 100 25 >out.txt ||
        fail "a program that could stay below the limit was refused or killed"
    step "$(<out.txt), peak of the group: $(peak) MiB"
    between 100 "$(value peak_rss "$(<out.txt)")" 280 "peak RSS in the group"
}
in_group -1 auto
in_group 1000 auto
in_group -1 off
between 0 "$(peak)" 290 "peak of the group"

# ---- with HAKMEM_LIMIT: the handler, then ENOMEM ----

# refused LIMIT LEAST MOST: the leak ends between these, its handler having been asked twice.
refused() {
    HAKMEM_LIMIT=$1 confined leak </dev/null >out.txt ||
        fail "HAKMEM_LIMIT=$1: the leak was not refused but ended"
    step "HAKMEM_LIMIT=$1: $(<out.txt)"
    between "$2" "$(value held "$(<out.txt)")" "$3" "held at HAKMEM_LIMIT=$1"
    equal 2 "$(value handler "$(<out.txt)")" "calls of the handler"
    equal ENOMEM "$(value errno "$(<out.txt)")" "errno"
}
refused 50% 140 150
refused 200M 190 200
refused 95% 275 285
# more than there is: a 32nd of what there is stays free
refused 100% 280 291
refused 1G 280 291

step "no limit but the group's, and a leak: it is killed, as ever"
status=0
confined leak </dev/null >out.txt || status=$?
equal 137 "$status" "status of a leak without HAKMEM_LIMIT"

# ---- limits that change ----

# expect_line: the next line of the running program, in LINE.
expect_line() {
    read -r -t "$HANG" LINE <&8 || fail "$1: no line from the program"
    step "$1: $LINE"
}

# A program in the group whose input is descriptor 9 and whose output is descriptor 8.
start_confined() {
    rm -f to from
    mkfifo to from
    confined "$@" <to >from &
    exec 9>to 8<from
}

end_confined() {
    exec 9>&-
    wait "$!" || fail "$1: the program was killed, or failed"
    exec 8<&-
}

set_limit 200
HAKMEM_LIMIT=50% HAKMEM_DECAY_MS=100 start_confined leak
expect_line "50 % of 200 MiB"
between 90 "$(value held "$LINE")" 100 "held at first"
set_limit 400
echo more >&9
expect_line "raised to 400 MiB"
between 190 "$(value held "$LINE")" 200 "held after the limit was raised"
set_limit 300
echo less >&9
expect_line "half freed, lowered to 300 MiB"
# room that was granted below the old limit may be used up first
between 140 "$(value held "$LINE")" 170 "held after the limit was lowered"
end_confined "limits that change"

# Its next question would come far above 120 MiB, had an epoch's work not taken the room back.
set_limit 300
HAKMEM_HUGE_PAGES=off HAKMEM_LIMIT=100% HAKMEM_DECAY_MS=100 start_confined grow 80
expect_line "100 % of 300 MiB"
set_limit 120
echo go >&9
expect_line "lowered to 120 MiB"
between 100 "$(value held "$LINE")" 118 "held after the limit was lowered"
end_confined "a limit that is lowered"

finish
