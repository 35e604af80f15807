# SPDX-License-Identifier: MIT
#
# Owns the check of `hakmem leaks`: what it says of programs whose leaks are known, its exit status,
# suppressions, and what it refuses.

source "$(dirname "$0")/lib.bash"
source "$SOURCE/tests/cli/targets.bash"

cc -D_GNU_SOURCE -g -O1 -fno-builtin -pthread "$SOURCE/tests/cli/programs/leaking.c" -o leaking ||
    fail "leaking.c does not compile"

# leaks STATUS WORDS...: the report is in `err`, without the number of the process.
leaks() {
    local status=$1
    shift
    hakmem leaks "$@"
    sed -i 's/ \[[0-9]*\]: /: /' err
    expect_status "$status" "hakmem leaks $*"
    [[ ! -s out ]] || fail "hakmem leaks $*: wrote to standard output: $(cat out)"
    expect_narrow err "hakmem leaks $*"
    ! grep -q 'looked at\|not known\|no room for' err || fail "hakmem leaks $*: $(cat err)"
}

none='^leaking: 0 blocks, 0 B lost: not reachable any more$'

step "nothing lost"
leaks 0 ./leaking
expect_in err "$none" "no leaks"
[[ $(wc -l <err) == 2 ]] || fail "no leaks: $(cat err)"

step "blocks to which nothing leads"
leaks 23 ./leaking lost global
expect_in err '^leaking: 2 blocks, 200 B lost: not reachable any more$' lost
expect_in err '^      200 B  100\.0 %            2       100 B$' lost
expect_in err '^    filled leaking\.c:[0-9]+$' lost
expect_in err '^        lose_two leaking\.c:[0-9]+$' lost
! grep -q 'keep_global\|__libc_start' err || fail "lost: $(cat err)"
leaks 23 -- ./leaking list
expect_in err '^leaking: 10 blocks, 480 B lost' "a lost list"
leaks 23 ./leaking ring
expect_in err '^leaking: 4 blocks, 192 B lost' "a lost ring"
leaks 23 ./leaking past
expect_in err '^leaking: 1 block, 512 B lost' "a block with the address behind it in a global"
leaks 23 ./leaking main
expect_in err '^leaking: 1 block, 444 B lost' "a block that only main's stack had"
leaks 23 ./leaking span
expect_in err '^leaking: 1 block, 300\.0 KiB lost' "a span"

step "stacks that differ only in an address are one row"
cat >twice.c <<'PROGRAM'
#include <stdlib.h>
char *last;
static __attribute__((noinline)) void lose(void) { last = malloc(100); last = malloc(100); last = NULL; }
int main(void)
{
    lose(); lose();
    return 0;
}
PROGRAM
cc -g -O1 -fno-builtin twice.c -o twice || fail "twice.c does not compile"
leaks 23 ./twice
expect_in err '^twice: 4 blocks, 400 B lost' "two calls in one line"
expect_in err '^      400 B  100\.0 %            4       100 B$' "two calls in one line"
[[ $(grep -c '^    lose twice\.c:3$' err) == 1 ]] || fail "two calls in one line: $(cat err)"

step "blocks that can be reached"
for word in global inner thread register exit; do
    leaks 0 ./leaking $word
    expect_in err "$none" "$word"
done
leaks 23 --all ./leaking lost global
expect_in err '^leaking: 2 blocks, 200 B lost' "--all"
expect_in err '^still reachable: [0-9]+ blocks, ' "--all"
expect_in err '^      240 B +[0-9.]+ % +5 +48 B$' "--all"
expect_in err '^        +keep_global leaking\.c:[0-9]+$' "--all"
leaks 23 --all ./leaking global

step "threads that run"
leaks 23 ./leaking busy lost
expect_in err '^leaking: 2 blocks, 200 B lost' "busy threads"

step "the exit status"
leaks 7 ./leaking lost status
expect_in err '^leaking: 2 blocks' "a program that fails"
leaks 7 ./leaking status
leaks 99 --exit-status 99 ./leaking lost
leaks 0 --exit-status=0 ./leaking lost
expect_in err '^leaking: 2 blocks' "--exit-status 0"
leaks 99 --exit-status 99 ./leaking fork
expect_in err '^leaking: 1 block, 555 B lost' "a child"
leaks 23 sh -c './leaking lost; true'
expect_in err '^leaking: 2 blocks, 200 B lost' "a child of a shell"
! grep -q '^sh: ' err || fail "a process without leaks beside one with: $(cat err)"

step "suppressions"
printf '# what we know of\n\n  lose_t*\t\nno_such_function\n' >known
leaks 23 --suppress known ./leaking lost list
expect_in err '^leaking: 10 blocks, 480 B lost' "--suppress"
expect_in err '^lost, but suppressed: 2 blocks, 200 B$' "--suppress"
! grep -q lose_two err || fail "--suppress: $(cat err)"
leaks 0 --suppress known --suppress-function 'lose_[kl]*' ./leaking lost list
expect_in err "$none" "--suppress-function"
expect_in err '^lost, but suppressed: 12 blocks, 680 B$' "--suppress-function"
leaks 23 --suppress-function lose ./leaking lost
expect_in err '^leaking: 2 blocks' "a pattern is of the whole name"
if command -v c++ >/dev/null; then
    printf 'namespace ns { struct s { __attribute__((noinline)) void lose(int n) { new char[n]; new char[n]; } }; }\nint main() { ns::s().lose(50); }' >lose.cpp
    c++ -g -O0 -fno-builtin lose.cpp -o lose || fail "lose.cpp does not compile"
    leaks 23 ./lose
    expect_in err '^    ns::s::lose\(int\) lose\.cpp:1$' "C++"
    leaks 0 --suppress-function 'ns::s::lose' ./lose
    leaks 0 --suppress-function 'ns::*(int)' ./lose
    leaks 23 --suppress-function 'ns::*(char)' ./lose
fi

step "few blocks are sampled: all are counted nevertheless"
leaks 23 --interval 1G ./leaking lost
expect_in err '^estimated from samples; exact, with suppressed ones: 2 lost blocks, 224 B$' "--interval"
leaks 0 --interval 1G ./leaking global

step "into a file"
leaks 23 -o report.txt ./leaking lost
expect_in report.txt ': 2 blocks, 200 B lost' "-o FILE"
[[ ! -s err ]] || fail "-o FILE: $(cat err)"
leaks 23 -o out.json ./leaking lost global
python3 - <<'PYTHON' || fail "-o FILE.json: $(cat out.json)"
import json
data = json.load(open("out.json"))
assert data["format"] == 1 and len(data["processes"]) == 1
process = data["processes"][0]
assert process["program"] == "leaking" and not process["partial"] and process["dropped"] == 0
assert (process["lost_blocks"], process["lost_bytes"], process["heap_lost_blocks"]) == (2, 200, 2)
stacks = [(s["lost_bytes"], [f["function"] for f in s["stack"]]) for s in process["sites"]]
assert [size for size, names in stacks if "lose_two" in names] == [200]
assert [size for size, names in stacks if "keep_global" in names] == [0]
PYTHON

step "a program of others"
if [[ -x /usr/bin/python3 ]]; then
    hakmem leaks -o report.txt /usr/bin/python3 -c 'print(len([str(i) for i in range(1000)]))'
    [[ $(cat out) == 1000 && ($STATUS == 0 || $STATUS == 23) ]] || fail "python3: $STATUS, $(cat err)"
    grep -q 'still reachable: [0-9]' report.txt || fail "python3: $(cat report.txt)"
fi

step "what cannot be done"
expect_line 2 "hakmem leaks: no program given (see hakmem leaks --help)" leaks
expect_line 2 "hakmem leaks: --exit-status cannot be '256': expected 0 to 255" leaks --exit-status 256 true
expect_line 2 "hakmem leaks: --interval cannot be '0': expected bytes (K, M or G may follow), 1 to 1024G" leaks --interval 0 true
expect_line 2 "hakmem leaks: cannot read 'nowhere': No such file or directory" leaks --suppress nowhere true
expect_line 2 "hakmem leaks: cannot read '.': Is a directory" leaks --suppress . true
expect_line 2 "hakmem leaks: cannot write '/nowhere/x': No such file or directory" leaks -o /nowhere/x true
expect_line 127 "hakmem leaks: './nowhere': no such program" leaks ./nowhere
expect_line 125 "hakmem leaks: nothing known of './leaking': it has not come to its end with HAKMEM in it" \
    leaks ./leaking lost _exit
expect_line 137 "hakmem leaks: nothing known of 'sh': signal 9 (Killed) has ended it" leaks sh -c 'kill -KILL $$'
expect_no_leftovers "hakmem leaks"
