# SPDX-License-Identifier: MIT
#
# Owns the check of the static probes as tracers use them: readelf reads their notes in the shared
# library, in the static one and in a program linked with it; a semaphore that is raised from outside
# switches sampling on, and off again; and bpftrace hears the probes, where the kernel permits that.

source "$(dirname "$0")/lib.bash"
source "$SOURCE/tests/cli/targets.bash"
case $(uname -m) in
    x86_64) ALLOC='8@%rdi 8@%rsi 8@%rdx' FREE='8@%rdi' ;;
    aarch64) ALLOC='8@x0 8@x1 8@x2' FREE='8@x0' ;;
    *) echo "SKIP: no probes on $(uname -m)"; exit 77 ;;
esac

# expect_notes FILE: one note of each probe, as the contract has it.
expect_notes() {
    readelf -n "$1" >notes
    [[ $(grep -c 'Provider: otel_memory$' notes) == 2 ]] || fail "$1: not two probes: $(cat notes)"
    [[ $(sed -n 's/^ *Name: //p' notes | sort | tr '\n' ' ') == 'alloc free ' ]] ||
        fail "$1: $(cat notes)"
    grep -A2 'Name: alloc$' notes | grep -qxF "    Arguments: $ALLOC" || fail "$1: alloc: $(cat notes)"
    grep -A2 'Name: free$' notes | grep -qxF "    Arguments: $FREE" || fail "$1: free: $(cat notes)"
}

# semaphore FILE PROBE: its address in the file.
semaphore() {
    readelf -n "$1" | grep -A1 "Name: $2\$" | sed -n 's/.*Semaphore: //p'
}

STATIC=$(dirname "$CLI")/libhakmem.a
cc -D_GNU_SOURCE -O1 -g -fno-builtin -pthread "$SOURCE/tests/cli/programs/attached.c" -o attached ||
    fail "attached.c does not compile"

step "the notes of the libraries, and of a program"
expect_notes "$LIBRARY"
mkdir objects
(cd objects && ar x "$STATIC") || fail "ar"
for object in objects/*.o; do
    ! readelf -n "$object" 2>/dev/null | grep -q otel_memory || expect_notes "$object"
done
[[ -s notes ]] || fail "no object of libhakmem.a has probes"
cc -D_GNU_SOURCE -O1 -fno-builtin -pthread "$SOURCE/tests/cli/programs/attached.c" "$STATIC" -ldl \
    -Wl,--gc-sections -o linked || fail "attached.c does not link with libhakmem.a"
expect_notes linked
for file in "$LIBRARY" linked; do
    [[ $((0x0$(semaphore "$file" alloc | cut -c3-))) -gt 0 ]] || fail "$file: no semaphore"
done

# A note of sys/sdt.h has the same form.
if echo '#include <sys/sdt.h>
unsigned short other_probe_semaphore __attribute__((section(".probes")));' | cc -fsyntax-only -x c - 2>/dev/null; then
    cat >other.c <<'PROGRAM'
#define _SDT_HAS_SEMAPHORES 1
#include <sys/sdt.h>
unsigned short other_probe_semaphore __attribute__((section(".probes")));
int main(int argc, char **argv)
{
    DTRACE_PROBE1(other, probe, (unsigned long)argv);
    return argc > 9;
}
PROGRAM
    cc -O1 other.c -o other || fail "a program with sys/sdt.h"
    form() {
        readelf -n "$1" | sed -n '/stapsdt/,$p' | sed -E 's/0x[0-9a-f]+/N/g; s/: .*/:/' | sed -n 1,5p |
            sed -E 's/^( *stapsdt *N).*/\1/'
    }
    [[ $(form other) == "$(form "$LIBRARY")" ]] || fail "not the form of sys/sdt.h: $(form other; form "$LIBRARY")"
fi

step "a semaphore that is raised from outside"
# raise PID PROBE NUMBER [FILE]: add to the probe's semaphore, as a tracer does; the probe is in the
# shared library, or in this program.
raise() {
    local file=${4:-$LIBRARY}
    python3 - "$1" "$(semaphore "$file" "$2")" "$3" "$(realpath "$file")" <<'PYTHON' || fail "raise $*"
import struct, sys
pid, offset, number, library = sys.argv[1], int(sys.argv[2], 16), int(sys.argv[3]), sys.argv[4]
base = next(int(line.split("-")[0], 16) for line in open(f"/proc/{pid}/maps") if library in line)
with open(f"/proc/{pid}/mem", "r+b", buffering=0) as memory:
    memory.seek(base + offset)
    value = struct.unpack("H", memory.read(2))[0]
    memory.seek(base + offset)
    memory.write(struct.pack("H", value + number))
PYTHON
}

off() {
    "$CLI" sites "$TARGET" >sites.out 2>/dev/null
    grep -q ', off now$' sites.out
}

on() {
    "$CLI" sites "$TARGET" >sites.out 2>/dev/null && ! off
}

mkfifo words
LD_PRELOAD=$LIBRARY ./attached <words >answers 2>&1 &
TARGET=$!
disown
STARTED+=("$TARGET")
exec 7>words
echo busy >&7
wait_for "attached" grep -qs '^busy' answers
hakmem sites "$TARGET"
expect_in err 'profiling is not on in it' "before"
raise "$TARGET" free 1
wait_for "sampling" on
raise "$TARGET" alloc 1
raise "$TARGET" free -1
sleep 0.5
on || fail "off, although alloc is listened to"
hakmem profile "$TARGET" --for 2s --allocated -o beside.folded
expect_status 0 "hakmem profile beside a tracer"
expect_in beside.folded ';allocate [0-9]+$' "beside a tracer"
sleep 0.5
on || fail "hakmem profile has ended the tracer's sampling"
raise "$TARGET" alloc -1
wait_for "its end" off
hakmem sites "$TARGET"
expect_in out '0 B live' "samples that are left"

step "the same in a program that is linked with the static library"
SHARED_TARGET=$TARGET
mkfifo linked_words
./linked <linked_words >answers 2>&1 &
TARGET=$!
disown
STARTED+=("$TARGET")
exec 8>linked_words
echo busy >&8
wait_for "linked" grep -qs '^busy' answers
raise "$TARGET" alloc 1 linked
wait_for "sampling" on
raise "$TARGET" alloc -1 linked
wait_for "its end" off
kill -KILL "$TARGET"
TARGET=$SHARED_TARGET

step "bpftrace"
timeout 60 bpftrace -p "$TARGET" -e "usdt:$LIBRARY:otel_memory:alloc { @bytes = sum(arg2); @count = count(); }
    usdt:$LIBRARY:otel_memory:free { @frees = count(); } interval:s:2 { exit(); }" >traced 2>traced.err
if [[ $? == 0 ]] && grep -q '@bytes' traced; then
    expect_in traced '^@bytes: [1-9]' bpftrace
    expect_in traced '^@frees: [1-9]' bpftrace
    echo "traced: $(grep -E "^@" traced | tr "\n" " ")"
    wait_for "the end of tracing" off
else
    echo "not traced: $(head -n 1 traced.err | cut -c1-200)"
fi
