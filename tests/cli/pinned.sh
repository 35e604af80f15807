# SPDX-License-Identifier: MIT
#
# Owns the check of what blocks pin: the free bytes in the pages of live blocks, by who asked for the
# blocks, against a program that computes them from its addresses: exactly where every block is
# sampled, within the bounds of chance where few are; of a process and of a core, in all forms.

source "$(dirname "$0")/lib.bash"
source "$SOURCE/tests/cli/targets.bash"

cc -g -O1 -fno-builtin "$SOURCE/tests/cli/programs/pins.c" -o pins || fail "pins.c does not compile"

# start_pins INTERVAL WORDS...
start_pins() {
    local interval=$1
    shift
    # free pages stay, whatever the machine does
    HAKMEM_PROFILE=1 HAKMEM_PROFILE_INTERVAL=$interval HAKMEM_PROFILE_MEMORY=256M \
        HAKMEM_DECAY_MS=-1 HAKMEM_BACKGROUND=0 start pins.out ./pins "$@"
    wait_for "pins" grep -qs '^ready' pins.out
}

# expect_pinned TOLERANCE: `out` is JSON with what the program says, with so great a relative error.
expect_pinned() {
    python3 - "$1" <<'PYTHON' || fail "pinned: $(cat pins.out)"
import json, sys
tolerance = float(sys.argv[1])
data = json.load(open("out"))
found, sum_of = {}, 0
for site in data["sites"]:
    name = [f["function"] for f in site["stack"] if "allocator" not in f][0]
    found[name] = found.get(name, 0) + site["pinned_bytes"]
    sum_of += site["pinned_bytes"]
    if name in ("keep_few", "keep_crossing") and tolerance < 0.01:
        print(name, site["pinned_blocks"], site["pinned_pages_full"])
for line in open("pins.out"):
    if line.startswith("ready"):
        break
    name, size, blocks = line.split()
    print(name, size, found.get(name))
    # of the second there are too few for a coarse interval
    if name == "keep_few" or tolerance < 0.01:
        assert abs(found[name] - int(size)) <= 1 + tolerance * int(size), name
assert found.get("fill", 0) == 0
print(sum_of, data["partly_used_free_bytes"])
assert abs(sum_of - data["partly_used_free_bytes"]) <= 4096 + tolerance * sum_of
PYTHON
}

step "every block is sampled: the exact figure"
start_pins 1
hakmem sites $TARGET --pinned --json
expect_status 0 "sites --pinned --json"
expect_pinned 0
[[ $(number '["figure"]') == pinned ]] || fail "sites --pinned --json: $(number '["figure"]')"
hakmem sites $TARGET --pinned
expect_narrow out "sites --pinned"
expect_in out '^pins \[[0-9]+\]: 9\.9 MiB free, but kept resident, by who asked for it$' "--pinned"
expect_in out '^partly used pages have 9\.9 MiB free; accounted for: 100\.0 % of it$' "--pinned"
expect_in out '^2100 blocks of keep_few pins\.c:[0-9]+$' "--pinned"
expect_in out '^keep 7\.9 MiB resident, in pages that are 3\.1 % full$' "--pinned"
expect_in out '^    7\.9 MiB +[0-9.]+ % +2100 +3\.9 KiB +3\.1 %$' "--pinned"
! grep -q ' fill ' out || fail "--pinned names who freed its blocks: $(cat out)"

step "a core, and the other forms"
if command -v gcore >/dev/null && gcore -o core $TARGET >/dev/null 2>&1; then
    hakmem sites --core core.$TARGET --pinned
    expect_in out '^2100 blocks of keep_few pins\.c:[0-9]+$' "--core --pinned"
fi
few=$(sed -n 's/^keep_few \([0-9]*\) .*/\1/p' pins.out)
hakmem profile $TARGET --pinned -o pins.folded
expect_in pins.folded "main;make;keep_few $few\$" ".folded --pinned"
hakmem profile $TARGET --pinned -o pins.json
expect_in pins.json '"name":"pinned","unit":"bytes"' ".json --pinned"
hakmem profile $TARGET --pinned -o pins.txt
expect_in pins.txt '^2100 blocks of keep_few /' ".txt --pinned"
hakmem profile $TARGET --pinned -o pins.pb.gz
python3 "$SOURCE/tests/cli/pprof.py" pins.pb.gz >decoded || fail "pprof.py: $(cat decoded)"
expect_in decoded '^types .* pinned_space/bytes$' ".pb.gz --pinned"
expect_in decoded ' default pinned_space$' ".pb.gz --pinned"
expect_in decoded "^2100 [0-9]+ 2100 [0-9]+ [0-9]+ [0-9]+ $few keep_few<make<main<" ".pb.gz"
kill -KILL $TARGET

step "of a process that is asked to profile"
HAKMEM_PROFILE_MEMORY=256M HAKMEM_DECAY_MS=-1 HAKMEM_BACKGROUND=0 start pins.out ./pins later
env --default-signal=INT "$CLI" profile $TARGET --for 1h --interval 1 --pinned -o later.folded >profile.out 2>&1 &
profiler=$!
wait_for "its beginning" eval '"$CLI" sites $TARGET >/dev/null 2>&1'
touch begin
wait_for "pins" grep -qs '^ready' pins.out
kill -INT $profiler
wait $profiler || fail "profile --for --pinned: $(cat profile.out)"
few=$(sed -n 's/^keep_few \([0-9]*\) .*/\1/p' pins.out)
expect_in later.folded "main;make;keep_few $few\$" "profile --for --pinned"
kill -KILL $TARGET

# The default interval sees one block in 250 of these: about 240 samples, a deviation of 6.5 %.
step "few blocks are sampled: an estimate"
start_pins 524288 large
hakmem sites $TARGET --pinned --json
expect_pinned 0.35
hakmem sites $TARGET --pinned
expect_in out '^[0-9]+ blocks of keep_few pins\.c:[0-9]+$' "an estimate"
expect_in out '^keep [0-9.]+ MiB resident, in pages that are 50\.0 % full$' "an estimate"
kill -KILL $TARGET
