#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Owns the check that a shortage of memory speeds the decay: in a mount namespace where a file of
# ours says how short memory is. With a decay time of an hour, free memory goes back if that file
# says that tasks wait, and stays if it does not; the group's own file comes first.

source "$(dirname "$0")/lib.bash"

need "${CC:=cc}" unshare
"$CC" -fno-builtin -std=gnu11 -O1 -Wall -Wextra "$PROGRAMS/confined.c" -o confined
[[ -e /proc/pressure/memory ]] || skip "the kernel has no /proc/pressure/memory"
unshare -m mount -t tmpfs none /sys/fs/cgroup 2>/dev/null ||
    skip "no mount namespace can be made here"

pressure() {
    printf 'some avg10=%s avg60=0.00 avg300=0.00 total=1\n' "$1"
}

# under_pressure SYSTEM GROUP SECONDS: what becomes of 100 MiB that were freed.
under_pressure() {
    pressure "$1" >system.txt
    [[ -z $2 ]] || pressure "$2" >group.txt
    # shellcheck disable=SC2016 # expanded in the namespace
    HAKMEM_DECAY_MS=3600000 under unshare -m bash -c '
        mount -t tmpfs none /sys/fs/cgroup && mount --bind system.txt /proc/pressure/memory &&
        echo 0::/group >cgroup.txt && mount --bind cgroup.txt /proc/$$/cgroup &&
        mkdir /sys/fs/cgroup/group && { [[ -z $1 ]] || cp group.txt \
            /sys/fs/cgroup/group/memory.pressure; } && exec ./confined idle 100 "$2"' \
        bash "$2" "$3" >out.txt
    step "pressure: system $1 %, group ${2:-has none} %: $(<out.txt)"
}

under_pressure 0.00 '' 3
equal kept "$(<out.txt)" "without pressure"
under_pressure 20.00 '' $HANG
equal returned "$(<out.txt)" "with pressure in the system"
under_pressure 0.00 20.00 $HANG
equal returned "$(<out.txt)" "with pressure in the group"
under_pressure 20.00 0.00 3
equal kept "$(<out.txt)" "with pressure elsewhere in the system"

finish
