# SPDX-License-Identifier: MIT
#
# Owns the check of the settings: the table as printed, and what --set lets through to the program.

source "$(dirname "$0")/lib.bash"
without_allocator

step "hakmem settings: every setting of src/base/config.h, at 80 columns"
mapfile -t NAMES < <(sed -n 's/^ *X([a-z_]*, "\([A-Z_]*\)",.*/\1/p' "$SOURCE/src/base/config.h")
[[ ${#NAMES[@]} -ge 8 ]] || fail "only ${#NAMES[@]} settings found in src/base/config.h"
for form in "" --markdown --man; do
    "$CLI" settings $form >"table$form" 2>err || fail "hakmem settings $form: $(cat err)"
    for name in "${NAMES[@]}"; do
        expect_in "table$form" "(^|[^A-Z_])HAKMEM_$name([^A-Z_]|$)" "hakmem settings $form"
    done
done
expect_narrow table "hakmem settings"
# each kind of the table is explained
"$CLI" settings -h >help || fail "hakmem settings -h"
expect_narrow help "hakmem settings -h"
for kind in $(awk '/^HAKMEM_/ { print $2 }' table | sort -u); do
    expect_in help "^  $kind  +[^ ]" "hakmem settings -h"
done
expect_in table '^HAKMEM_SS_PREFAULT +prefault +auto +0, 1, 2 or auto$' "hakmem settings"
expect_in table '^HAKMEM_HUGE_PAGES +pages +auto +off, auto or always$' "hakmem settings"
expect_in table '^HAKMEM_DECAY_MS +millis +[0-9]+ +-1 to 3600000$' "hakmem settings"
expect_in table '^HAKMEM_THREAD_CACHE_MAX +bytes +4M +0 to 1G$' "hakmem settings"
expect_in table--markdown '^\| `HAKMEM_WRAP_DIAG` \| flag \| 0 \| 0 or 1 \|' "settings --markdown"
[[ $(grep -c '^\.TP$' table--man) == "${#NAMES[@]}" ]] || fail "settings --man: not one .TP each"
[[ $(sed 's/\\-//g' table--man) != *-* ]] || fail "settings --man: a hyphen that is not \\-"

step "hakmem settings NAME: that one alone"
for name in DECAY_MS HAKMEM_DECAY_MS decay_ms; do
    hakmem settings $name
    expect_status 0 "hakmem settings $name"
    [[ $(cat out) == "$(sed -n 1p table; sed -n '/^HAKMEM_DECAY_MS/,+1p' table)" ]] ||
        fail "hakmem settings $name: $(cat out)"
done

# expect_set ASSIGNMENT VARIABLE VALUE: the program sees the variable with the value.
expect_set() {
    hakmem run --set "$1" printenv "$2"
    expect_status 0 "--set $1"
    [[ $(cat out) == "$3" ]] || fail "--set $1: the program sees $2=$(cat out), not $3"
}

step "--set: good ones reach the program"
expect_set SS_PREFAULT=2 HAKMEM_SS_PREFAULT 2
expect_set SS_PREFAULT=AUTO HAKMEM_SS_PREFAULT auto
expect_set HUGE_PAGES=Always HAKMEM_HUGE_PAGES always
expect_set HUGE_PAGES=Off HAKMEM_HUGE_PAGES off
expect_set HUGE_PAGES=1 HAKMEM_HUGE_PAGES auto
expect_set BACKGROUND=Auto HAKMEM_BACKGROUND auto
expect_set BACKGROUND=1 HAKMEM_BACKGROUND 1
expect_set HAKMEM_SS_PREFAULT=0 HAKMEM_SS_PREFAULT 0
expect_set hakmem_ss_prefault=1 HAKMEM_SS_PREFAULT 1
expect_set STATS=EXIT HAKMEM_STATS exit
expect_set stats=interval HAKMEM_STATS interval
expect_set Wrap_Diag=1 HAKMEM_WRAP_DIAG 1
expect_set DECAY_MS=-1 HAKMEM_DECAY_MS -1
expect_set DECAY_MS=3600000 HAKMEM_DECAY_MS 3600000
expect_set THREAD_CACHE_MAX=0 HAKMEM_THREAD_CACHE_MAX 0
expect_set THREAD_CACHE_MAX=3k HAKMEM_THREAD_CACHE_MAX 3K
expect_set THREAD_CACHE_MAX=5120k HAKMEM_THREAD_CACHE_MAX 5M
expect_set THREAD_CACHE_MAX=1G HAKMEM_THREAD_CACHE_MAX 1G
expect_set SS_CACHE_MAX=1024G HAKMEM_SS_CACHE_MAX 1024G
expect_set LIMIT=90% HAKMEM_LIMIT 90%
expect_set LIMIT=None HAKMEM_LIMIT none
hakmem run --set DECAY_MS=1 --set=WRAP_DIAG=1 --set DECAY_MS=2 -- \
    sh -c 'echo $HAKMEM_DECAY_MS $HAKMEM_WRAP_DIAG'
[[ $(cat out) == "2 1" ]] || fail "--set three times: the program sees $(cat out), not 2 1"

# expect_refused NAME VALUE EXPECTATION
expect_refused() {
    local guess=
    case ${2,,} in
        autos) guess=auto ;;
        alway | "always ") guess=always ;;
        exits) guess=exit ;;
    esac
    expect_line 2 "hakmem run: HAKMEM_$1 cannot be '$2': expected $3${guess:+: did you mean '$guess'?}" \
        run --set "$1=$2" touch started
    [[ ! -e started ]] || fail "--set $1=$2: the program ran"
}

step "--set: bad ones are named with what is expected, and nothing runs"
for value in banana "" 3 -1 00x autos " 1" "1 " 1K 0x1; do
    expect_refused SS_PREFAULT "$value" "0, 1, 2 or auto"
done
for value in on 3 -1 "" alway "always "; do
    expect_refused HUGE_PAGES "$value" "off, auto or always"
done
for value in 2 -1 yes AUTOS "" on 01x; do
    expect_refused BACKGROUND "$value" "auto, 0 or 1"
done
for value in 2 -1 yes "" 18446744073709551617; do
    expect_refused WRAP_DIAG "$value" "0 or 1"
done
for value in 0 65 1.5 4294967297 99999999999999999999 + -; do
    expect_refused TINY_REFILL_BATCH_SIZE "$value" "a number, 1 to 64"
done
for value in -1 1025M 2G 1T 1KB K "" 17179869185G 1kk; do
    expect_refused THREAD_CACHE_MAX "$value" "bytes (K, M or G may follow), 0 to 1G"
done
for value in never exits 3 -1 ""; do
    expect_refused STATS "$value" "exit, interval or 0"
done
for value in -2 3600001 1s never; do
    expect_refused DECAY_MS "$value" "milliseconds, -1 to 3600000"
done
expect_refused LIBRARY "" "a path"
expect_refused REPORT /nonexistent "a directory to write to"
expect_refused REPORT /bin/sh "a directory to write to"
expect_line 2 "hakmem run: 'BANANA' is not a setting (see hakmem settings)" run --set BANANA=1 true
expect_line 2 "hakmem run: 'HAKMEM_' is not a setting (see hakmem settings)" run --set HAKMEM_=1 true
expect_line 2 "hakmem run: 'SS_PREFAUL' is not a setting: did you mean 'SS_PREFAULT'?\
 (see hakmem settings)" \
    run --set SS_PREFAUL=1 true
expect_line 2 "hakmem run: '--set DECAY_MS' is not of the form NAME=VALUE" run --set DECAY_MS true
expect_line 2 "hakmem run: '--set =1' is not of the form NAME=VALUE" run --set =1 true
expect_line 2 "hakmem run: HAKMEM_WRAP_DIAG cannot be '?[2J': expected 0 or 1" \
    run --set $'WRAP_DIAG=\e[2J' true
expect_no_leftovers "--set"
