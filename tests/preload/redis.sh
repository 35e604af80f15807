#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Owns the check that redis-server keeps its data on the allocator: load from redis-benchmark, a
# background save (fork), a reload, an append-only rewrite (fork), a restart, the data's digest the
# same each time.

source "$(dirname "$0")/lib.bash"

need redis-server redis-cli redis-benchmark
SOCKET=$SCRATCH/redis.sock

cli() {
    redis-cli -s "$SOCKET" "$@"
}

answers() {
    [[ $(cli ping) == PONG ]]
}

info() {
    cli info "$1" | tr -d '\r' | sed -n "s/^$2://p"
}

saved() {
    [[ $(info persistence rdb_bgsave_in_progress) == 0 ]]
}

rewritten() {
    [[ $(info persistence aof_rewrite_in_progress) == 0 ]]
}

start_redis() {
    start_under redis redis-server --port 0 --unixsocket "$SOCKET" --dir "$SCRATCH" --save '' \
        --appendonly no --enable-debug-command yes \
        --loglevel warning
    eventually "redis-server answers" answers
}

digest() {
    cli debug digest
}

step "$(redis-server --version | cut -d' ' -f1-3)"
start_redis
assert_mapped "$SERVER_PID" "$(basename "$(realpath "$(command -v redis-server)")")"

step "redis-benchmark: 20000 requests each of 11 commands, 20 clients, pipelines of 8"
redis-benchmark -s "$SOCKET" -q -n 20000 -c 20 -P 8 -d 600 -r 5000 \
    -t set,get,incr,lpush,rpush,lpop,sadd,hset,spop,zadd,mset >benchmark.txt 2>&1 ||
    fail "redis-benchmark: $(tail -n 3 benchmark.txt)"
! grep -qi error benchmark.txt || fail "redis-benchmark: $(grep -i error benchmark.txt | head -n 1)"

step "30000 keys of 1..4000 bytes written, a third deleted, lists, hashes, an expiry"
awk 'BEGIN {
    for (i = 0; i < 30000; i++) {
        n = 1 + (i * 7919) % 200; if (i % 50 == 0) n = 4000
        s = sprintf("%0*d", n, i); printf "SET key:%d %s\r\n", i, s
        if (i % 3 == 1) printf "DEL key:%d\r\n", i - 1
        if (i % 10 == 0) {
            printf "APPEND grow %s\r\n", s
            printf "HSET h:%d f%d %s\r\nRPUSH l:%d %s\r\n", i % 97, i, s, i % 89, s
        }
    }
}' | cli --pipe >pipe.txt 2>&1 || fail "redis-cli --pipe: $(tail -n 1 pipe.txt)"
grep -q 'errors: 0' pipe.txt || fail "redis-cli --pipe: $(tail -n 1 pipe.txt)"
equal "$(printf '%0200d' 20321 | sha256sum)" "$(cli get key:20321 | tr -d '\n' | sha256sum)" \
    "the value of key:20321"
COUNT=$(cli dbsize)
DIGEST=$(digest)
step "$COUNT keys, digest $DIGEST"

step "memory: used_memory $(info memory used_memory), doctor: $(cli memory doctor | head -c 60)"
(($(info memory used_memory) > 10000000)) ||
    fail "used_memory, which redis sums from malloc_usable_size, is less than the data"
cli memory usage key:20321 >usage.txt
(($(<usage.txt) >= 200)) || fail "MEMORY USAGE of a 200 byte value is $(<usage.txt)"

step "BGSAVE (fork) while clients write, SAVE, DEBUG RELOAD"
cli bgsave >/dev/null
redis-benchmark -s "$SOCKET" -q -n 20000 -c 10 -d 900 -r 3000 -t set >benchmark.txt 2>&1
eventually "the background save ends" saved
equal ok "$(info persistence rdb_last_bgsave_status)" "BGSAVE"
DIGEST=$(digest)
equal OK "$(cli save)" SAVE
equal OK "$(cli debug reload)" "DEBUG RELOAD"
equal "$DIGEST" "$(digest)" "digest after DEBUG RELOAD"
redis-check-rdb dump.rdb >check.txt || fail "redis-check-rdb: $(tail -n 1 check.txt)"

step "BGREWRITEAOF (fork), DEBUG LOADAOF"
equal OK "$(cli config set appendonly yes)" "CONFIG SET appendonly"
eventually "the first rewrite ends" rewritten
cli bgrewriteaof >/dev/null
eventually "the rewrite ends" rewritten
equal ok "$(info persistence aof_last_bgrewrite_status)" BGREWRITEAOF
equal OK "$(cli debug loadaof)" "DEBUG LOADAOF"
equal "$DIGEST" "$(digest)" "digest after DEBUG LOADAOF"
equal OK "$(cli config set appendonly no)" "CONFIG SET appendonly"

step "restart from dump.rdb, FLUSHALL ASYNC"
COUNT=$(cli dbsize)
equal OK "$(cli save)" SAVE
stop_server redis TERM
start_redis
equal "$COUNT" "$(cli dbsize)" "keys after the restart"
equal "$DIGEST" "$(digest)" "digest after the restart"
equal OK "$(cli flushall async)" "FLUSHALL ASYNC"
equal 0 "$(cli dbsize)" "keys after FLUSHALL"
equal OK "$(cli memory purge)" "MEMORY PURGE"
stop_server redis TERM

step "redis-cli, redis-benchmark and redis-check-rdb on the allocator"
under redis-check-rdb dump.rdb >/dev/null || fail "redis-check-rdb"
start_redis
equal "$DIGEST" "$(under redis-cli -s "$SOCKET" --raw debug digest)" "digest after two restarts"
under redis-benchmark -s "$SOCKET" -q -n 5000 -c 10 -t set,get,lpush >/dev/null ||
    fail "redis-benchmark"
stop_server redis TERM

finish
