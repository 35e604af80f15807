#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Owns the check that the allocator makes no system call for which a seccomp filter ends the
# program. Whatever runs under a filter with libc's malloc runs under it on the allocator: filters in
# force before the program starts (each of systemd's sets, allowed and denied, with each action), and
# filters that the program puts on itself (the lists of OpenSSH, dhcpcd and Chromium, strict mode).

source "$(dirname "$0")/lib.bash"

need "${CC:=cc}"
CFLAGS=(-fno-builtin -std=gnu11 -O1 -Wall -Wextra -pthread)
"$CC" "${CFLAGS[@]}" "$PROGRAMS/seccomp.c" -o seccomp
"$CC" "${CFLAGS[@]}" "$PROGRAMS/seccomp.c" -o linked "$LIBRARY" -Wl,-rpath,"$BUILD"
# A static program's dlopen is not used: the linker warns of it.
"$CC" "${CFLAGS[@]}" -static "$PROGRAMS/seccomp.c" "$BUILD/libhakmem.a" -o static 2>/dev/null ||
    step "no static libc here: static programs are left out"
"$CC" "${CFLAGS[@]}" -static "$PROGRAMS/seccomp.c" -o static-libc 2>/dev/null || true
ulimit -c 0
# Pages are given back soon, so that a short program sees it happen.
export HAKMEM_DECAY_MS=20

# status COMMAND...: its exit status, as a word; what it writes is kept in last.txt.
status() {
    local status=0
    # The shell's own word on a program that was killed goes to the file too.
    { timeout --kill-after=5 60 "$@"; } >last.txt 2>&1 || status=$?
    echo "$status"
}

# ---- filters that a program puts on itself ----

step "self: OpenSSH, dhcpcd, Chromium, strict mode; installed in each way"
# dhcpcd's list and strict mode allow no threads.
while read -r list ways; do
    for how in $ways; do
        plain=$(status ./seccomp self "$list" "$how")
        ((plain != 77)) || { step "libseccomp.so.2 is not installed"; continue; }
        equal 0 "$plain" "libc's malloc, self $list $how"
        equal 0 "$(status env LD_PRELOAD="$LIBRARY" ./seccomp self "$list" "$how")" \
            "preloaded, self $list $how"
        equal 0 "$(status ./linked self "$list" "$how")" "linked, self $list $how"
        [[ $how == libseccomp || ! -x static ]] ||
            equal 0 "$(status ./static self "$list" "$how")" "static, self $list $how"
    done
done <<'LISTS'
openssh prctl syscall syscall-prctl tsync libseccomp
dhcpcd prctl syscall syscall-prctl libseccomp
chromium prctl syscall syscall-prctl tsync libseccomp
strict prctl syscall syscall-prctl
LISTS

step "TSYNC while 4 threads are at work, 60 times"
equal 0 "$(status env LD_PRELOAD="$LIBRARY" ./seccomp race 60)" "race: $(<last.txt)"

step "a question for filters without one is no filter"
equal 0 "$(status env LD_PRELOAD="$LIBRARY" ./seccomp question)" "question"

# number NAME: the figure in last.txt
number() {
    sed -n "s/.*\b$1=\([0-9]*\).*/\1/p" last.txt
}

# Of 150 MiB in small blocks one in 1,000 stays. 65,530 mappings is the kernel's limit.
for list in openssh dhcpcd chromium; do
    equal 0 "$(status env LD_PRELOAD="$LIBRARY" ./seccomp burst "$list" 150)" "burst $list"
    step "burst $list: $(paste -sd ' ' last.txt)"
    (($(number peak_rss) > 140)) || fail "burst $list: the peak is $(number peak_rss) MiB"
    (($(number end_rss) < 80)) || fail "burst $list: $(number end_rss) MiB stay"
    (($(number end_maps) < 6000)) || fail "burst $list: $(number end_maps) mappings"
done

# ---- filters in force before the program starts ----

command -v systemd-analyze >/dev/null || {
    step "systemd-analyze is not installed: its sets are left out"
    finish
    exit 0
}

"$CC" -E -dM -include sys/syscall.h -x c /dev/null |
    awk '$1 == "#define" && $2 ~ /^__NR_/ && $3 ~ /^[0-9]+$/ { print substr($2, 6), $3 }' >numbers

# calls SET...: the names in systemd's sets, with those of the sets within them
calls() {
    local name
    for name in "$@"; do
        if [[ $name == @* ]]; then
            # shellcheck disable=SC2046 # names, one a word
            calls $(systemd-analyze syscall-filter "$name" 2>/dev/null |
                sed -n 's/^ \+\([@a-z0-9_]\+\)$/\1/p')
        else
            echo "$name"
        fi
    done
}

# list NAME SET...: a file of numbers
list() {
    local name=$1
    shift
    calls "$@" | sort -u | awk 'NR == FNR { n[$1] = $2; next } $1 in n { print n[$1] }' numbers - \
        >"$name.list"
}

compared=0

# compare MODE ACTION LIST LIBC_PROGRAM PROGRAM PRELOAD: what runs with libc's malloc runs on ours;
# each part of the work by itself where not all do.
compare() {
    local mode=$1 action=$2 name=$3 libc=$4 ours=$5 preload=$6 parts ran
    local under=("$PWD/seccomp" exec "$mode" "$action" "$PWD/$name.list")
    for parts in sbivitf s b v t f; do
        [[ $(status "${under[@]}" "$PWD/$libc" work "$parts") == 0 ]] || continue
        ran=$(status env SECCOMP_PRELOAD="$preload" "${under[@]}" "$PWD/$ours" work "$parts")
        [[ $ran == 0 ]] ||
            fail "$ours${preload:+ preloaded}: $mode $name, $action, work $parts: status $ran"
        compared=$((compared + 1))
        [[ $parts != sbivitf ]] || break
    done
}

# A set that does not let `true` start says nothing about the work.
starts() {
    [[ $(status ./seccomp exec "$1" "$2" "$3.list" "$PWD/$4" work '') == 0 ]]
}

# compare_all MODE LIST ACTION...
compare_all() {
    local mode=$1 name=$2 action
    shift 2
    for action in "$@"; do
        ! starts "$mode" "$action" "$name" seccomp || {
            compare "$mode" "$action" "$name" seccomp seccomp "$LIBRARY"
            [[ $action != kill ]] || compare "$mode" "$action" "$name" seccomp linked ''
        }
        [[ ! -x static || ! -x static-libc || $action != kill ]] ||
            ! starts "$mode" "$action" "$name" static-libc ||
            compare "$mode" "$action" "$name" static-libc static ''
    done
}

mapfile -t SETS < <(systemd-analyze syscall-filter 2>/dev/null | grep -o '^@[a-z-]*' | sort -u)
((${#SETS[@]} > 10)) || fail "systemd-analyze names no sets"

step "${#SETS[@]} sets of systemd's, denied: kill, trap, EPERM, ENOSYS"
for set in "${SETS[@]}"; do
    list "${set#@}" "$set"
    compare_all deny "${set#@}" kill trap eperm enosys
done
step "$compared runs"

step "allowed: @system-service, all that is known, and @default with what a program needs to start"
list known @known
compare_all allow known kill
for set in "" "${SETS[@]}"; do
    list "start-${set#@}" @default @basic-io @file-system $set
    compare_all allow "start-${set#@}" kill
done
for name in start-system-service start-process start-io-event; do
    compare_all allow "$name" trap eperm enosys
done
list system-service @system-service
compare_all allow system-service kill trap eperm enosys
list hardened @default @basic-io @file-system @io-event @memlock @signal @sync @timer
compare_all allow hardened kill trap eperm enosys
step "$compared runs"
((compared > 100)) || fail "only $compared runs were possible with libc's malloc"

finish
