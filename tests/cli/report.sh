# SPDX-License-Identifier: MIT
#
# Owns the check of the report's text against reports whose figures are known: the program writes
# them itself, as the library does at exit.

source "$(dirname "$0")/lib.bash"
without_allocator

cat >good <<'REPORT'
version 0.1.0
pid 1
program bash
reserved_bytes 1099511627776
mapped_bytes 67108864
warm_bytes 2097152
metadata_bytes 1258291
purged_bytes 10485760
threads 4
rss_bytes 42047897
peak_rss_bytes 52428800
lane_tiny_live_bytes 12897485
lane_tiny_live_blocks 123456
lane_tiny_cached_bytes 65536
lane_tiny_free_bytes 1023
lane_pool_live_bytes 1048576
lane_pool_live_blocks 300
lane_pool_cached_bytes 0
lane_pool_free_bytes 1048575
lane_ace_live_bytes 0
lane_ace_live_blocks 0
lane_ace_cached_bytes 1024
lane_ace_free_bytes 18446744073709551615
lane_huge_live_bytes 33554432
lane_huge_live_blocks 1
lane_huge_cached_bytes 0
lane_huge_free_bytes 0
fb_force_libc 0
fb_foreign_free 3
fb_foreign_realloc 0
fb_foreign_usable 1
fb_init_wait 0
end 1
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
  ACE              0 B            0    0.0 %      1.0 KiB     16.0 EiB
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
sed -E '/^(lane|fb)_/s/ .*/ 0/' good >empty
leave empty
expect_in err '^live      0 B \(0 bytes\) in 0 blocks at exit$' "an empty heap"
expect_in err '^  Huge +0 B +0 +- +0 B +0 B$' "an empty heap"
expect_in err '^libc      0 calls handed over$' "an empty heap"

step "names: another program at the end, a long one, bytes that are not printable"
sed 's/^program .*/program prog\x1b[2Jx y/' good >other
leave other
expect_in err '^program   bash, pid [0-9]+, ended as prog\?\[2Jx y$' "another name"
LONG=$SCRATCH/a-program-with-a-name-longer-than-a-line-of-the-report
cp "$(type -P bash)" "$LONG"
hakmem run "$LONG" -c "sed 's/^program .*/program a-program-with-/' good >\$HAKMEM_REPORT/\$\$.report"
expect_narrow err "a long name"
expect_in err '^program   .{27}\.\.\., pid [0-9]+$' "a long name"

step "wide figures stay within 80 columns"
sed -E '/^(lane|fb|[a-z]*_bytes|threads)/s/ .*/ 1097364144128/' good >wide
leave wide
expect_in err '^  Huge +1022\.0 GiB +1097364144128 +25\.0 %' "wide figures"

step "a newer library's keys are skipped, its version shown"
sed 's/^version .*/version 9.8.7/; s/^threads/new_key 12\nnew_text a b\nthreads/' good >newer
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
printf %s "$(cat good)" >broken
expect_incomplete "no newline after the end"
: >broken
expect_incomplete "an empty file"
sed '/^threads/d' good >broken
expect_incomplete "a key is missing"
sed 's/^threads .*/&\n&/' good >broken
expect_incomplete "a key twice"
for value in -1 4x "" 18446744073709551616 0x4 " 4"; do
    sed "s/^threads .*/threads $value/" good >broken
    expect_incomplete "threads '$value'"
done
(cat good; echo more 1) >broken
expect_incomplete "lines after the end"
(cat good; printf more) >broken
expect_incomplete "half a line after the end"
head -c 100000 /dev/zero >broken
expect_incomplete "a large file of zeros"

step "no report: one line"
hakmem run true
expect_in err '^report    none: it ended by _exit, or became a program without the library$' "no report"
hakmem run bash -c 'ln -s /etc/passwd $HAKMEM_REPORT/$$.report'
expect_in err '^report    none:' "a link as report"
hakmem run bash -c 'mkfifo $HAKMEM_REPORT/$$.report'
expect_in err '^report    none:' "a pipe as report"
expect_no_leftovers "no report"

step "reports of other processes are rows of the table; the largest has the rest"
# other PEAK NAME: the report `good` with these
other() {
    sed "s/^peak_rss_bytes .*/peak_rss_bytes $1/; s/^program .*/program $2/" good
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
expect_in err '^ +2 +0 B +- +-  bash$' "an incomplete one"
expect_in err '^RSS +600\.0 MiB peak, 40\.1 MiB at exit, of process 1$' "two others"
! grep -Eq '^ +3 ' err || fail "what is no report is a row: $(cat err)"
sed "s/^program .*/&\ncommand one two?$(printf 'x%.0s' {1..60})/" large >long
leave good 'cp long $HAKMEM_REPORT/1.report'
expect_in err '^ +1 +600\.0 MiB +45\.3 MiB +123757  one two\?x{18,21}\.\.\.$' "a command line"
sed 's/^peak_rss_bytes.*/peak_rss_bytes 1/' good >less
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
