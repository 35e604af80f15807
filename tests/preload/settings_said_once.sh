#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Owns the check that a wrong setting is named once, by the first process that has it, and not by
# each child of that one (an exec in its place knows nothing of it, and says it again); and that HAKMEM_LIMIT in percent says so where no group has a limit.

source "$(dirname "$0")/lib.bash"

# said WANTED COMMAND...: run it on the library; so many lines of the library come.
said() {
    local wanted=$1
    shift
    env LD_PRELOAD="$LIBRARY" "$@" >out 2>err || fail "$* ended with status $?"
    equal "$wanted" "$(grep -c '^hakmem: \[' err)" "lines of: $*"
}
# children of the shell, and of these, each another program
TREE='/bin/ls / >out; bash -c "/bin/ls / | /bin/cat; :"; (/bin/true; /bin/true); :'

step "an unknown setting, a bad value: one line, whatever children there are"
said 1 HAKMEM_FROB=1 bash -c "$TREE"
grep -qx "hakmem: \[[0-9]*\] HAKMEM_FROB=1: no such setting; 'hakmem settings' lists them" err ||
    fail "$(cat err)"
said 1 HAKMEM_DECAY_MS=soon bash -c "$TREE"
said 2 HAKMEM_DECAY_MS=soon HAKMEM_FROB=1 bash -c "$TREE"

said 1 HAKMEM_$'FR\e[2J\xe2\x80\xaeOB\xc2\x9b'=1 bash -c "$TREE"
grep -qx "hakmem: \[[0-9]*\] HAKMEM_FR?\[2J?OB?=1: no such setting; .*" err || fail "$(cat err)"

step "what a child is given of its own is said by the child"
said 1 bash -c "$TREE; export HAKMEM_FROB=1; bash -c '$TREE'; :"
said 2 HAKMEM_FROB=1 bash -c "$TREE; HAKMEM_FROB=2 bash -c '$TREE'; :"

step "a percentage of no limit"
cat >limited.c <<'C'
#include "os/os.h"
int main(void)
{
    return os_memory_limit() == UINT64_MAX;
}
C
if command -v cc >/dev/null && cc -D_GNU_SOURCE -DHAK_SHARED=0 -DHAK_ASSERT=0 -w -I"$REPO/src" \
    -I"$REPO/include" -o limited limited.c "$REPO"/src/os/*.c "$REPO"/src/base/*.c && ! ./limited; then
    said 1 HAKMEM_LIMIT=50% bash -c "$TREE"
    grep -qx "hakmem: \[[0-9]*\] HAKMEM_LIMIT=50%: there is no limit, since no control group limits\
 this process's memory" err || fail "$(cat err)"
else
    step "not here: a group has a limit, or there is no compiler"
fi
said 0 HAKMEM_LIMIT=none bash -c "$TREE"
finish
