# SPDX-License-Identifier: MIT
#
# Owns the check of the report's text against reports whose figures are known: the program writes
# them itself, as the library does at exit.

source "$(dirname "$0")/lib.bash"
without_allocator

cat >good <<'REPORT'
{"hakmem":"0.1.0",
"format":2,
"pid":1,
"rss_bytes":42047897,
"peak_rss_bytes":52428800,
"program":"bash",
"lanes":[
{"name":"tiny","live_blocks":123456,"live_bytes":12897485,"cached_bytes":65536,"free_bytes":1023},
{"name":"pool","live_blocks":300,"live_bytes":1048576,"cached_bytes":0,"free_bytes":1048575},
{"name":"ace","live_blocks":0,"live_bytes":0,"cached_bytes":1024,"free_bytes":1152921504606846975},
{"name":"huge","live_blocks":1,"live_bytes":33554432,"cached_bytes":0,"free_bytes":0}],
"classes":[],
"thread_count":4,
"reserved_bytes":1099511627776,
"mapped_bytes":67108864,
"warm_bytes":2097152,
"metadata_used_bytes":1258291,
"thread_cached_bytes":65536,
"depots_bytes":1024,
"huge_waste_bytes":0,
"purged_bytes":10485760,
"libc_calls":{"force_libc":0,"foreign_free":3,"foreign_realloc":0,"foreign_usable":1,"init_wait":0}}
REPORT
cat >heap <<'TEXT'
live      45.3 MiB (47500493 bytes) in 123757 blocks at exit
addresses 64.0 MiB in use, of 1.0 TiB reserved; only pages take memory
          2.0 MiB of them in free slabs, which may have pages
records   1.2 MiB in use, in the pages of metadata
purged    10.0 MiB given back to the kernel
threads   4 with a cache at exit
lane              live       blocks    share       cached         free
  Tiny        12.3 MiB       123456   27.2 %     64.0 KiB       1023 B
  Pool         1.0 MiB          300    2.2 %          0 B      1.0 MiB
  ACE              0 B            0    0.0 %      1.0 KiB      1.0 EiB
  Huge        32.0 MiB            1   70.6 %          0 B          0 B
  (live, cached and free are addresses: free ones may have no pages)
libc      4 calls handed over
  foreign_free               3
  foreign_usable             1
TEXT

# leave FILE COMMANDS...: run a shell that leaves the file as its report, after other commands.
leave() {
    hakmem run bash -c "${2:-:}; cat '$SCRATCH/$1' >\$HAKMEM_REPORT/\$\$.report"
    expect_status 0 "a program that leaves $1"
    expect_narrow err "a program that leaves $1"
    expect_no_leftovers "a program that leaves $1"
}

step "a complete report, word for word"
leave good
[[ $(sed -n '/^live/,$p' err) == "$(cat heap)" ]] || fail "the heap's part: $(cat err)"
[[ $(sed -n 1p err) == "==== hakmem 0.1.0 ====" ]] || fail "first line: $(head -n 1 err)"
expect_in err '^program   bash, pid [0-9]+$' "program"
expect_in err '^ended     exit status 0$' "exit status"
T='[0-9]+\.[0-9]{3} s'
expect_in err "^time      $T wall; CPU: $T in the program,\$" "time"
expect_in err "^          $T in the kernel \(system calls, page faults\)\$" "system time"
expect_in err '^RSS       50\.0 MiB peak, 40\.1 MiB at exit(, of process [0-9]+)?$' "RSS"
expect_in err '^faults    [0-9]+ minor, [0-9]+ major$' "faults"

step "figures of the kernel: pages touched, time used"
hakmem run perl -e '$text = "x" x (64 << 20)'
PEAK=$(sed -n 's/^RSS  *\([0-9]*\)\.[0-9] MiB peak$/\1/p' err)
[[ -n $PEAK && $PEAK -ge 64 && $PEAK -lt 1000 ]] || fail "64 MiB used, peak RSS: $(grep RSS err)"
FAULTS=$(sed -n 's/^faults  *\([0-9]*\) minor.*/\1/p' err)
[[ -n $FAULTS && $FAULTS -gt 100 ]] || fail "faults: $(grep faults err)"
hakmem run perl -e '$i += $_ for 1 .. 3e6'
awk '$1 == "time" { wall = $2; user = $6 } / in the kernel / { exit !(user > $1 && wall >= $1) }' err || fail "only user time used: $(grep time err)"

step "empty heap: no share of nothing"
sed -E '/^(\{"name"|"libc)/s/:[0-9]+/:0/g' good >empty
leave empty
expect_in err '^live      0 B \(0 bytes\) in 0 blocks at exit$' "an empty heap"
expect_in err '^  Huge +0 B +0 +- +0 B +0 B$' "an empty heap"
expect_in err '^libc      0 calls handed over$' "an empty heap"

step "names: another program at the end, a long one, bytes that are not printable"
sed 's/^"program".*/"program":"prog\\u001b[2Jx y",/' good >other
leave other
expect_in err '^program   bash, pid [0-9]+, ended as prog\?\[2Jx y$' "another name"
LONG=$SCRATCH/a-program-with-a-name-longer-than-a-line-of-the-report
cp "$(type -P bash)" "$LONG"
hakmem run "$LONG" -c "sed 's/^.program.*/\"program\":\"a-program-with-\",/' good >\$HAKMEM_REPORT/\$\$.report"
expect_narrow err "a long name"
expect_in err '^program   .{27}\.\.\., pid [0-9]+$' "a long name"

step "wide figures stay within 80 columns"
sed -E '/^(\{"name"|"libc|"[a-z_]*_(bytes|count))/s/:[0-9]+/:1097364144128/g' good >wide
leave wide
expect_in err '^  Huge +1022\.0 GiB +1097364144128 +25\.0 %' "wide figures"

step "a newer library's keys are skipped, its version shown"
sed 's/"0\.1\.0"/"9.8.7"/; s/^"thread_count/"new_key":12,\n"new_list":["a",{"b":1.5}],\n&/' good >newer
leave newer
expect_in err '^==== hakmem 9\.8\.7 ====$' "a newer library"
expect_in err '^live      45\.3 MiB' "a newer library"

step "incomplete ones are said to be, and none of their figures shown"
expect_incomplete() {
    leave broken
    expect_in err '^report    incomplete: the program ended while it wrote it$' "$1"
    expect_in err '^RSS       [0-9.]+ MiB peak(, of process [0-9]+)?$' "$1"
    ! grep -Eq '^(live|addresses|lane|libc)' err || fail "$1: figures in: $(cat err)"
}
head -n -1 good >broken
expect_incomplete "no end"
head -c 300 good >broken
expect_incomplete "cut inside a line"
: >broken
expect_incomplete "an empty file"
for key in thread_count purged_bytes lanes libc_calls; do
    sed "s/^\"$key\"/\"other\"/" good >broken
    expect_incomplete "no $key"
done
sed '/"pool"/d' good >broken
expect_incomplete "a lane is missing"
sed 's/"foreign_usable":1,//' good >broken
expect_incomplete "a reason is missing"
for value in -1 4x '' 18446744073709551616 0x4 '"4"' 4.5 true null; do
    sed "s/^\"thread_count.*/\"thread_count\":$value,/" good >broken
    expect_incomplete "threads '$value'"
done
(cat good; echo more) >broken
expect_incomplete "lines after the end"
head -c 100000 /dev/zero >broken
expect_incomplete "a large file of zeros"
printf '[%.0s' {1..50000} >broken
expect_incomplete "brackets without an end"
echo '[]' >broken
expect_incomplete "no object"

step "no report: one line"
hakmem run true
expect_in err '^report    none: it ended by _exit, or executed a program without the library$' "no report"
hakmem run bash -c 'ln -s /etc/passwd $HAKMEM_REPORT/$$.report'
expect_in err '^report    none:' "a link as report"
hakmem run bash -c 'mkfifo $HAKMEM_REPORT/$$.report'
expect_in err '^report    none:' "a pipe as report"
expect_no_leftovers "no report"

step "reports of other processes are rows of the table; the largest has the rest"
# other PEAK NAME: the report `good` with these
other() {
    sed "s/^.peak_rss_bytes.*/\"peak_rss_bytes\":$1,/; s/^.program.*/\"program\":\"$2\",/" good
}
other 5242880 small >small
other 629145600 large >large
leave good 'cp small $HAKMEM_REPORT/1.report'
expect_in err '^processes [0-9]+; the looks saw at most [0-9]+ at a time$' "one other"
expect_in err '^ +1 +40\.1 MiB +45\.3 MiB +123757  small$' "one other"
expect_in err '^RSS +50\.0 MiB peak, 40\.1 MiB at exit, of process [0-9]+$' "one other"
leave good 'cp large $HAKMEM_REPORT/1.report; head -n 3 good >$HAKMEM_REPORT/2.report
    touch $HAKMEM_REPORT/x.report $HAKMEM_REPORT/3.reports $HAKMEM_REPORT/3'
expect_in err '^ +1 +600\.0 MiB +45\.3 MiB +123757  large$' "two others"
expect_in err '^ +2 +0 B +- +-  \?$' "an incomplete one"
expect_in err '^RSS +600\.0 MiB peak, 40\.1 MiB at exit, of process 1$' "two others"
! grep -Eq '^ +3 ' err || fail "what is no report is a row: $(cat err)"
sed "s/^.program.*/&\n\"command\":\"one two?$(printf 'x%.0s' {1..60})\",/" large >long
leave good 'cp long $HAKMEM_REPORT/1.report'
expect_in err '^ +1 +600\.0 MiB +45\.3 MiB +123757  one two\?x{18,21}\.\.\.$' "a command line"
sed 's/^"peak_rss_bytes.*/"peak_rss_bytes":1,/' good >less
leave less
expect_in err '^RSS       [0-9.]+ MiB peak, 40\.1 MiB at exit' "a peak below the RSS"

step "a directory of the user's: kept, made absolute, older reports in it not counted"
mkdir mine
cp good mine/1.report
touch -d yesterday mine/1.report
HAKMEM_REPORT=mine hakmem run bash -c 'cat good >$HAKMEM_REPORT/$$.report; echo $HAKMEM_REPORT'
[[ $(cat out) == "$SCRATCH/mine" ]] || fail "HAKMEM_REPORT=mine: the program sees $(cat out)"
expect_in err '^live      45\.3 MiB' "HAKMEM_REPORT=mine"
! grep -Eq '^ +1 ' err || fail "an old report is counted: $(cat err)"
[[ $(find mine -name '*.report' | wc -l) == 2 ]] || fail "HAKMEM_REPORT=mine: $(ls mine)"
hakmem run --set REPORT=mine bash -c 'cat good >$HAKMEM_REPORT/$$.report
    cp good $HAKMEM_REPORT/2.report'
expect_in err '^ +2 +50\.0 MiB +45\.3 MiB +123757  bash$' "--set REPORT=mine"
[[ $(find mine -name '*.report' | wc -l) == 4 ]] || fail "--set REPORT=mine: $(ls mine)"
HAKMEM_REPORT='' hakmem run sh -c 'echo $HAKMEM_REPORT'
[[ $(cat out) == "$TMPDIR"/hakmem.* ]] || fail "HAKMEM_REPORT empty: the program sees $(cat out)"

step "the private directory is the user's alone, and goes with whatever is in it"
hakmem run sh -c 'stat -c %a "$HAKMEM_REPORT"; touch "$HAKMEM_REPORT/a" "$HAKMEM_REPORT/.b"'
[[ $(cat out) == 700 ]] || fail "the private directory has mode $(cat out)"
expect_no_leftovers "the private directory"
TMPDIR=/nonexistent hakmem run sh -c 'echo $HAKMEM_REPORT'
[[ $(cat out) == /tmp/hakmem.* && ! -e $(cat out) ]] || fail "TMPDIR=/nonexistent: $(cat out)"
