# SPDX-License-Identifier: MIT
#
# Owns the check of `hakmem trim` and `hakmem set`: a process that allocates serves them, one that
# does not, or is stopped, is told of; a request that waits is served later.

source "$(dirname "$0")/lib.bash"
source "$SOURCE/tests/cli/targets.bash"

step "a process that allocates"
start_known_heap churn
hakmem trim $TARGET
expect_status 0 "hakmem trim"
expect_in out "^known_heap \[$TARGET\]: [0-9.]+ [KM]iB given back to the kernel\$" "hakmem trim"
hakmem set $TARGET ss_cache_max=2M
expect_status 0 "hakmem set"
[[ $(cat out) == "known_heap [$TARGET]: HAKMEM_SS_CACHE_MAX is 2097152 now" ]] || fail "$(cat out)"
hakmem set $TARGET HAKMEM_DECAY_MS=0
expect_status 0 "hakmem set"
hakmem set $TARGET SS_PREFAULT=auto
expect_in out "HAKMEM_SS_PREFAULT is 3 now" "hakmem set"

step "nothing is kept when DECAY_MS is 0"
wait_for "an empty warm pool" bash -c '
    '"$CLI"' stats '$TARGET' --metrics | grep -q "^hakmem_warm_bytes 0$"'

step "a stopped process: the request stands, and is served when it goes on"
kill -STOP $TARGET
hakmem set $TARGET DECAY_MS=77 --wait 0
expect_status 1 "hakmem set on a stopped process"
expect_in err "^hakmem set: known_heap \[$TARGET\] has not answered: it is stopped; the request " \
    "a stopped process"
expect_line 1 "hakmem trim: an earlier request waits in known_heap [$TARGET]: it is served at the\
 next slow path" trim $TARGET
kill -CONT $TARGET
served() { "$CLI" trim $TARGET >out 2>err; }
wait_for "the request's end" served
kill -KILL $TARGET

step "a process that does not allocate"
start_known_heap
hakmem trim --wait 0 $TARGET
expect_status 1 "hakmem trim on a process at rest"
[[ $(wc -l <err) == 1 ]] || fail "more than a line: $(cat err)"
