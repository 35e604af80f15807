# SPDX-License-Identifier: MIT
#
# Owns the check that no process can stall `hakmem top`: one whose heap is damaged, and one at which
# a look does not end, are shown as not readable beside the others, and the list goes on.

source "$(dirname "$0")/lib.bash"
source "$SOURCE/tests/cli/targets.bash"
source "$SOURCE/tests/cli/terminal.bash"

cc -D_GNU_SOURCE -O1 -fno-builtin -w -I"$SOURCE/src" -I"$SOURCE/include" -DHAK_SHARED=0 \
    -DHAK_ASSERT=0 -DHAK_PREFIXED=0 "$SOURCE/tests/cli/programs/hostile.c" -o hostile -ldl ||
    fail "hostile.c does not compile"

# A process that makes a look hang in the kernel needs a file system of its own; here the command's
# own call hangs, for the process SLOW.
cat >slow.c <<'C'
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int openat(int directory, const char *name, int flags, ...)
{
    char link[64], path[64] = "";
    int (*real)(int, const char *, int, ...) = dlsym(RTLD_NEXT, "openat");
    if (strcmp(name, "pagemap") == 0) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", directory);
        if (readlink(link, path, sizeof path - 1) > 6 && strcmp(path + 6, getenv("SLOW")) == 0)
            pause();
    }
    return real(directory, name, flags);
}
C
cc -D_GNU_SOURCE -O1 -w -include stdio.h -shared -fPIC slow.c -o slow.so -ldl ||
    fail "slow.c does not compile"

step "a damaged heap beside a good one"
start_known_heap
good=$TARGET
HAKMEM_BACKGROUND=0 start heap.bad ./hostile table-one-record
bad=$TARGET
wait_for "hostile" grep -qs '^ready' heap.bad
terminal "$CLI" top --delay 0.2
expect_screen "^ +$bad hostile +not readable: its heap is damaged: its superslabs have no records"
expect_screen "^ +$good sleeps"
key q
expect_screen "^ended 0"
in_terminal kill-server

step "a look that does not end"
HAKMEM_DECAY_MS=-1 start heap.slow ./known_heap churn
slow=$TARGET
wait_for "known_heap" grep -qs '^ready' heap.slow
terminal "SLOW=$slow LD_PRELOAD=$SCRATCH/slow.so $CLI top --delay 0.2"
expect_screen "^ +$slow known_heap +not readable: a look at it takes more than a second"
expect_screen "^ +$good sleeps"
key n
expect_screen "on the allocator, by name"
stop $good
expect_screen "^ +$good stopped" # the list goes on
key q
expect_screen "^ended 0"
in_terminal kill-server
