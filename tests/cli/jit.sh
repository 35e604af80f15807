# SPDX-License-Identifier: MIT
#
# Owns the check that functions of a language with a compiler of its own have names in a profile:
# those of JavaScript in node, which writes them to /tmp/perf-PID.map.

source "$(dirname "$0")/lib.bash"
source "$SOURCE/tests/cli/targets.bash"
command -v node >/dev/null || { echo "SKIP: no node"; exit 77; }

cat >orders.js <<'JS'
const kept = [];
function makeOrders(size) { kept.push(Buffer.alloc(size)); return kept.length; }
function loadAll() { let sum = 0; for (let i = 0; i < 4000; i++) sum += makeOrders(10000); return sum; }
loadAll();
console.log("ready");
setTimeout(() => {}, 1 << 30);
JS
trap 'rm -f "/tmp/perf-${TARGET:-0}.map"; end_targets' EXIT
# fine: what is left of chance is far below the bounds
HAKMEM_PROFILE=1 HAKMEM_PROFILE_INTERVAL=65536 start node.out node --perf-basic-prof --interpreted-frames-native-stack orders.js
wait_for "node" grep -qs '^ready' node.out

step "node: most of the memory was asked for below functions that have their names"
hakmem profile $TARGET -o node.folded
expect_status 0 "profile of node"
[[ -f /tmp/perf-$TARGET.map ]] || fail "node has written no map"
# optimised code has makeOrders in loadAll, so that not all stacks name it
awk '/JS:[^;]*loadAll [^;]*orders\.js/ { named += $NF } /JS:[^;]*makeOrders [^;]*orders\.js/ { inner += $NF }
    { all += $NF } END { print named, inner, all; exit !(named > 30e6 && named > 0.8 * all && inner > 0) }' \
    node.folded || fail "frames without names: $(cut -c 1-3000 node.folded | head -n 3)"
hakmem profile $TARGET -o node.html
expect_status 0 "the page of node"
expect_in node.html '"JS:[^"]*makeOrders [^"]*orders\.js' "the page of node"
