# SPDX-License-Identifier: MIT
#
# Owns the check of `hakmem compare`: what is wrong gives one line before anything runs; the figures
# are those of the runs; a program that fails is left out; a signal ends with what is there; and the
# page, by its text and in a browser. Nothing here depends on how fast a program runs. What follows
# from the figures is tests/cli/recommendation.c's.

source "$(dirname "$0")/lib.bash"
source "$SOURCE/tests/cli/browser.bash"
LIBRARY=$(dirname "$CLI")/libhakmem.so
[[ -f $LIBRARY ]] || { echo "SKIP: no $LIBRARY"; exit 77; }
command -v cc >/dev/null || { echo "SKIP: no C compiler"; exit 77; }
# the time is not to be reached: a warm-up that takes a quarter of it counts as a round
PAIR=(compare --only "glibc,hakmem" --runs 2 --time 100000)

# expect_error LINE WORDS...: this line, status 2, and the program has not run.
expect_error() {
    local line=$1
    shift
    expect_line 2 "hakmem compare: $line" compare "$@" touch ran
    [[ ! -e ran ]] || fail "hakmem compare $*: the program ran"
}

step "a wrong command line: one line, and nothing runs"
expect_line 2 "hakmem compare: no program given (see hakmem compare --help)" compare
expect_line 2 "hakmem compare: no program given (see hakmem compare --help)" compare --runs 3 --
expect_error "'--frob' is not an option (see hakmem compare --help)" --frob
expect_error "--runs '0': expected a number from 1 to 100000" --runs 0
expect_error "--runs '2x': expected a number from 1 to 100000" --runs 2x
expect_error "--precision 'fine': expected a number from 0.01 to 100" --precision fine
expect_error "--precision '0': expected a number from 0.01 to 100" --precision 0
expect_error "--time '-1': expected a number from 0.1 to 1e+06" --time=-1
expect_error "--time '': expected a number from 0.1 to 1e+06" --time=
expect_error "cannot read 'none': No such file or directory" --input none
expect_error "cannot read '.': not a regular file, to be read in each run" --input .
expect_error "cannot write 'none/page.html': No such file or directory" --html none/page.html
expect_error "cannot write '.': Is a directory" --json .
expect_error "--json and --html name the same file: expected two" --html same --json same
expect_error "cannot write 'none/x.json': No such file or directory" --html new --json none/x.json
[[ ! -e new ]] || fail "a file was left behind"
expect_error "--allocator 'mine': expected NAME=PATH, a name of 1 to 15 letters, digits, '.', '_' \
and '-'" --allocator mine
expect_error "--allocator 'glibc=x': glibc is libc's own: it has no other library" --allocator glibc=x
expect_error "--allocator mine: none.so: No such file or directory" --allocator mine=none.so
head -c 9999 /dev/zero >text.so
expect_error "--allocator mine: $SCRATCH/text.so cannot be preloaded: invalid ELF header" \
    --allocator mine=text.so
cp "$LIBRARY" "a space.so"
expect_line 125 "hakmem compare: LD_PRELOAD cannot name a path with a space or a colon: \
$SCRATCH/a space.so" compare --allocator "mine=a space.so" touch ran
hakmem compare --only glibc,none touch ran
expect_status 2 "an allocator that is not here"
expect_in err "^hakmem compare: --only: there is no allocator 'none' here: expected some of glibc, \
hakmem" "an allocator that is not here"
[[ $(wc -l <err) == 1 && ! -e ran ]] || fail "an allocator that is not here: $(cat err)"
expect_line 127 "hakmem compare: 'no-such-program': no such program" compare --html new \
    no-such-program
[[ ! -e new ]] || fail "a program that is not there left a page"

# touch MIB: touches as much. touch MIB LOOKS: so do two children, and when all have, they hold it until
# the command has looked so often.
cat >touch.c <<'C'
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "looks.h"
int main(int argc, char **argv)
{
    size_t size = (size_t)atoi(argv[1]) << 20;
    pid_t first = getpid();
    _Atomic int *ready = mmap(NULL, sizeof *ready, 3, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; argc > 2 && i < 2; i++)
        if (fork() == 0)
            break;
    char *block = malloc(size);
    memset(block, 1, size);
    pid_t parent = getppid();
    for (++*ready; argc > 2 && *ready < 3 && getppid() == parent;)
        usleep(1000);
    if (argc > 2 && getpid() == first) {
        wait_for_looks(atoi(argv[2]));
        ++*ready;
    }
    while (argc > 2 && *ready < 4 && getppid() == parent)
        usleep(1000);
    while (wait(NULL) > 0)
        ;
    return block[size / 2] != 1;
}
C
cc -I "$SOURCE/tests/cli/programs" -O1 -fno-builtin touch.c -o touch || fail "touch.c"

# The figures of the file out.json: `figure NAME METRIC` is a mean.
figure() {
    python3 - "$@" <<'PYTHON'
import json, sys
document = json.load(open("out.json"))
print([row["metrics"][sys.argv[2]]["mean"] for row in document["allocators"]
       if row["name"] == sys.argv[1]][0])
PYTHON
}

# expect_between LEAST VALUE MOST WHAT: MiB, and bytes for the value.
expect_between() {
    python3 -c 'import sys; a, b, c = map(float, sys.argv[1:]); sys.exit(not a <= b / 2**20 <= c)' \
        "$1" "$2" "$3" || fail "$4: $2 bytes"
}

step "the figures"
hakmem compare --only hakmem,glibc --runs 3 --time 100000 --json out.json ./touch 64 20
expect_status 0 "hakmem compare --json"
expect_narrow out "hakmem compare"
expect_in out '^3 rounds in .* s: as many as asked for$' "how it ended"
expect_in out '^hakmem +[0-9.]+ m?s +± .* 3$' "a row"
expect_in err '^hakmem compare: warm-up of 2 allocators: ' "progress by lines"
expect_in err '^hakmem compare: round 3: wall time to ' "progress by lines"
[[ $(wc -l <err) == 4 ]] || fail "progress: $(cat err)"
python3 - <<'PYTHON' || fail "out.json: $(cat out.json)"
import json, math, statistics
document = json.load(open("out.json"))
assert document["command"] == ["./touch", "64", "20"] and document["rounds"] == 3
assert document["confidence"] == 0.95 and len(document["conclusions"]) >= 4
assert [row["name"] for row in document["allocators"]] == ["hakmem", "glibc"]
assert document["allocators"][1]["library"] is None
for row in document["allocators"]:
    assert row["failure"] is None
    for key, metric in row["metrics"].items():
        runs = metric["runs"]
        half = 4.3027 * statistics.stdev(runs) / math.sqrt(3)
        assert len(runs) == 3 and math.isclose(metric["mean"], statistics.mean(runs)), key
        assert math.isclose(metric["high"] - metric["mean"], half, rel_tol=1e-3, abs_tol=1e-9), key
        assert math.isclose(metric["mean"] - metric["low"], half, rel_tol=1e-3, abs_tol=1e-9), key
    assert min(row["metrics"]["wall_seconds"]["runs"]) >= 0.1
    assert min(row["metrics"]["minor_faults"]["runs"]) >= 50
PYTHON
# three processes of 64 MiB at the same time
for name in glibc hakmem; do
    expect_between 192 "$(figure $name peak_rss_bytes)" 220 "$name: peak RSS of a tree"
    expect_between 64 "$(figure $name mean_rss_bytes)" 200 "$name: mean RSS of a tree"
done
hakmem "${PAIR[@]}" --json out.json ./touch 64
for name in glibc hakmem; do
    expect_between 64 "$(figure $name peak_rss_bytes)" 72 "$name: peak RSS of one process"
done
expect_in out '^Peak memory: ' "the conclusions"

# All of this is in the measured program only, with what the user preloads.
step "LD_PRELOAD, input and output"
cat >shell.sh <<'SH'
echo "preload=$LD_PRELOAD input=$(cat)" >>"$1"
echo shown
echo shown on error >&2
SH
printf 'a line' >line
hakmem "${PAIR[@]}" --input line sh shell.sh log
expect_status 0 "hakmem compare sh"
! grep -q shown out err || fail "the program's output was shown"
# the warm-up and two rounds, whose order moves on
printf 'preload=%s input=a line\n' "" "$LIBRARY" "$LIBRARY" "" "" "$LIBRARY" |
    diff - log || fail "LD_PRELOAD or the input"
LIBC=$(ldd "$CLI" | awk '$1 == "libc.so.6" { print $3 }')
LD_PRELOAD=$LIBC hakmem "${PAIR[@]}" --runs 1 --only hakmem,glibc --show-output sh shell.sh log2
expect_in log2 "^preload=$LIBRARY:$LIBC input=$" "what the user preloads"
expect_in log2 "^preload=$LIBC input=$" "what the user preloads"
expect_in out '^shown$' "--show-output"
expect_in err '^shown on error$' "--show-output"
expect_in out '^One run tells no difference from noise' "one run"
cp "$LIBRARY" copy.so
hakmem compare --allocator mine=copy.so --only glibc,mine --runs 2 --json out.json sh shell.sh log3
expect_in log3 "^preload=$SCRATCH/copy.so " "--allocator"
expect_in out.json "\"library\": \"$SCRATCH/copy.so\"" "--allocator"

step "precision and time"
hakmem compare --only glibc,hakmem --precision 100 --time 1000 true
expect_in out '^[0-9]+ rounds in .* s: wall time is known as precisely as asked$' "--precision"
hakmem compare --only glibc,hakmem --precision 0.01 --time 1 ./touch 1
expect_status 0 "--time"
expect_in out '^[0-9]+ rounds?( and a part of another)? in .* s: the time was spent$' "--time"

step "an allocator under which the program fails is left out"
cat >fail.sh <<'SH'
case $LD_PRELOAD in *libhakmem*) exit 3 ;; *copy.so*) kill -SEGV $$ ;; esac
SH
hakmem compare --only glibc,hakmem,tcopy,gcopy --allocator tcopy=copy.so --allocator gcopy="$LIBC" \
    --runs 2 --html page.html sh fail.sh
expect_status 1 "a program that fails"
expect_in err '^hakmem compare: hakmem failed, and is left out: exit status 3$' "a failure"
expect_in err '^hakmem compare: tcopy failed, and is left out: killed by signal 11' "a failure"
expect_in out '^left out: hakmem: exit status 3$' "a failure"
! grep -Eq '^(hakmem|tcopy) ' out || fail "what failed has figures: $(cat out)"
expect_in out '^gcopy +[0-9.]+ m?s .* 2$' "what did not fail"
expect_count 1 '<p class="failed">Left out: hakmem: exit status 3</p>' page.html
hakmem compare --only glibc,hakmem --runs 2 false
expect_status 1 "a program that fails everywhere"
expect_in out '^Nothing to compare: no allocator has been measured\.$' "all fail"
if cc -I "$SOURCE/tests/cli/programs" -O1 -static -w -o static touch.c 2>static.txt; then
    hakmem "${PAIR[@]}" ./static 1 10
    expect_status 1 "a static program"
    expect_in out '^left out: hakmem: never loaded: is the program static or set-user-ID\?$' static
fi

step "a signal ends it with what is there"
for signal in INT TERM; do
    rm -f out err
    setsid env --default-signal "$CLI" compare --only glibc,hakmem --precision 0.01 --time 1000 \
        --json out.json ./touch 1 10 >out 2>err &
    run=$!
    wait_for "the second round" grep -qs 'round 2:' err
    kill "-$signal" $run
    wait $run
    STATUS=$?
    expect_status $((128 + $(kill -l $signal))) "SIG$signal"
    expect_in out '^[2-9][0-9]* rounds( and a part of another)? in .* s: interrupted$' "SIG$signal"
    expect_in out.json '"ending": "interrupted"' "SIG$signal"
done
# a program that does not care for signals
setsid env --default-signal "$CLI" compare --only glibc --runs 2 perl -e \
    '$SIG{INT} = $SIG{TERM} = "IGNORE"; open my $f, ">", "deaf"; close $f; sleep 60' >out 2>err &
run=$!
wait_for "the program that ignores it" test -e deaf
kill -INT $run
wait $run
STATUS=$?
expect_status 130 "SIGINT, and a program that ignores it"

step "the bar of a terminal"
if command -v script >/dev/null; then
    script -qec "'$CLI' compare --only glibc,hakmem --runs 2 true" bar >/dev/null
    grep -q '\[#*\.*\] .* %  round 2, ' bar || fail "no bar: $(cat -v bar)"
fi

step "a page"
hakmem compare --only hakmem,glibc --runs 3 --time 100000 --html page.html ./touch 8 5 '<i>&' $'\xff'
expect_status 0 "hakmem compare --html"
expect_page() {
    expect_count 1 '<h1>Allocators compared</h1>' "$1"
    (($(grep -cE '<p class="answer">(Recommendation|No recommendation): ' "$1") == 1)) ||
        fail "$1: no recommendation"
    expect_count 3 '<h2>' "$1"
    # wall, CPU, peak, mean, minor faults; major ones where there are some
    (($(grep -c '<svg role="img"' "$1") >= 5)) || fail "$1: plots are missing"
    (($(grep -c '<path class="whisker"' "$1") >= 10)) || fail "$1: whiskers are missing"
    expect_count 1 '<table>' "$1"
    expect_count 2 '<tr><th scope="row">' "$1"
    expect_count 1 "./touch 8 5 '&lt;i&gt;&amp;' '?'" "$1"
    expect_count 1 "<li>hakmem: <code>$LIBRARY</code></li>" "$1"
}
expect_page page.html
expect_self_contained page.html
"$CLI" compare --only glibc,hakmem --runs 1 --html /dev/full true >out 2>err
STATUS=$?
expect_status 1 "a page on a full disk"
expect_in err "^hakmem compare: cannot write '/dev/full': No space left on device$" "a full disk"
expect_no_leftovers "hakmem compare"

if ! command -v chromium >/dev/null; then
    echo "SKIP: no chromium here, so the page was not seen in a browser"
    exit 0
fi
step "the document that a browser makes of it"
browse 1 --dump-dom "file://$SCRATCH/page.html" >dom
expect_page dom
expect_fits_phone page.html
