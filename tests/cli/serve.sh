# SPDX-License-Identifier: MIT
#
# Owns the check of `hakmem serve`: its options, each path with the answer that is known, who may
# ask, and that no process and no client can stop it. What other programs make of its answers is in
# serve_readers.sh.

source "$(dirname "$0")/lib.bash"
source "$SOURCE/tests/cli/targets.bash"
source "$SOURCE/tests/cli/serve.bash"

# a server that should have refused to begin would run for ever
hakmem() {
    timeout $HANG "$CLI" "$@" >out 2>err
    STATUS=$?
}

step "bad input: one line"
for address in "" 9475 :9475 127.0.0.1 127.0.0.1: 127.0.0.1:65536 127.0.0.1:x example.com:80 [::1:80 \
    '[]:80' 1.2.3:80 '[127.0.0.1]:80'; do
    expect_line 2 "hakmem serve: '$address' is not an address and a port, as 127.0.0.1:9475 or [::1]:9475" \
        serve --listen "$address"
done
expect_line 2 "hakmem serve: 'now' is one word too many" serve now
expect_line 2 "hakmem serve: '--listen' needs a value (see hakmem serve --help)" serve --listen
for address in 0.0.0.0 10.255.255.1 '[::]'; do
    expect_line 2 "hakmem serve: other machines can reach $address: it needs a --token-file, or --insecure to let \
them all read" serve --listen "$address:0"
done
expect_line 1 "hakmem serve: cannot listen on 198.51.100.1:0: Cannot assign requested address" \
    serve --insecure --listen 198.51.100.1:0

step "files of tokens"
# expect_token WHY: the file `token` is refused.
expect_token() {
    expect_line 2 "hakmem serve: the token file 'token' $1" serve --token-file token
}
expect_token "cannot be read: No such file or directory"
mkdir token
expect_line 2 "hakmem serve: the token file 'token' cannot be read: Is a directory" serve --token-file token
rmdir token
mkfifo -m 600 token
expect_token "is not a file"
rm token
TOKEN=0123456789abcdef-a.token
(umask 022 && echo $TOKEN >token)
expect_token "may be read or written by others: chmod 640, or 600"
chmod 620 token
expect_token "may be read or written by others: chmod 640, or 600"
chmod 600 token
for text in "" "short" "0123456789abcde" "two words in one line" $'two\nlines of it in all' \
    "$(printf '%257s' "" | tr ' ' x)" $'0123456789abcdef\t'; do
    echo "$text" >token
    expect_token "must hold one word of 16 to 256 characters"
done
if ((EUID == 0)); then
    echo $TOKEN >token
    chown 65534 token
    expect_token "is another user's"
fi
rm token

step "one line when it listens; the port may be taken; it ends by a signal"
start_server
[[ $(cat serve.out) == "hakmem serve: listening on $URL/" ]] || fail "says: $(cat serve.out)"
if ((EUID == 0)); then
    [[ $(cat serve.err) == "hakmem serve: all users of this machine can ask, and it reads what root may read: \
--token-file keeps them out" ]] || fail "says: $(cat serve.err)"
fi
expect_line 1 "hakmem serve: cannot listen on 127.0.0.1:$PORT: Address already in use" \
    serve --listen "127.0.0.1:$PORT"
end_server TERM
start_server
end_server INT
start_server
# a client that waits for a job of minutes, and one that has said nothing, do not hinder it
start_made_profile wait
python3 -c 'import socket, sys
a, b = (socket.create_connection(("127.0.0.1", int(sys.argv[1]))) for i in "ab")
a.sendall(b"GET /debug/pprof/heap?seconds=300&pid=%s HTTP/1.1\r\nHost: localhost\r\n\r\n" % sys.argv[2].encode())
print("asked", flush=True)
print(a.recv(12), b.recv(1))' "$PORT" $TARGET >waits 2>&1 &
wait_for "a request" grep -qs asked waits
has_child() {
    CHILDREN=$(children_of "$SERVER")
    [[ $CHILDREN ]]
}
wait_for "a child that looks" has_child
end_server TERM
wait_for "the end of the clients" grep -qs "b''" waits
expect_in waits "^b'HTTP/1.1 503' b''$" "a client that waits when the server ends"
are_gone() {
    local child
    for child in $CHILDREN; do
        [[ ! -e /proc/$child ]] || return 1
    done
}
wait_for "the end of its children" are_gone
kill -KILL $TARGET

start_server

step "no process"
if [[ $(ask GET /processes; python3 -c 'import json; print(len(json.load(open("body"))["processes"]))') == 0 ]]; then
    expect_says 400 "no process has a profile: start one with HAKMEM_PROFILE=1, or name one with ?pid=N (see /processes)" \
        /debug/pprof/heap
fi

step "a known heap"
start_known_heap
HEAP=$TARGET
wait_for "known_heap in the table" is_listed $HEAP
expect_in head '^Content-Type: application/json$' /processes
python3 - $HEAP <<'PYTHON' || fail "/processes: $(cat body)"
import json, sys
data = json.load(open("body"))
assert data["format"] == 1
row = next(p for p in data["processes"] if p["pid"] == int(sys.argv[1]))
assert row["program"] == "known_heap" and row["command"] == "./known_heap"
assert 15 << 20 <= row["live_bytes"] < 17 << 20 and row["limit_bytes"] == 0
assert row["limit_reached"] is False and row["profile"] is False
assert row["live_bytes"] + row["cached_bytes"] + row["free_bytes"] + row["others_bytes"] <= row["rss_bytes"]
PYTHON
expect_answer 200 GET /processes/$HEAP.json
cp body served.json
hakmem stats $HEAP --json
python3 - <<'PYTHON' || fail "/processes/N.json is not what stats prints"
import json
served, printed = (json.load(open(name)) for name in ("served.json", "out"))
served.pop("at"), printed.pop("at")
assert served == printed
PYTHON
expect_answer 200 GET /processes/$HEAP
expect_in head '^Content-Type: text/html; charset=utf-8$' "a process's page"
expect_in body "<title>Memory of known_heap \[$HEAP\]</title>" "a process's page"
expect_in body '<th scope="row">208 B</th><td>500</td>' "a process's page"
expect_in body "profiling is not on in it" "a process's page"

step "metrics: those of hakmem stats, for each process"
wait_for "metrics of known_heap" has_metrics $HEAP '/metrics?classes=1' \
    'Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5'
expect_in head '^Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8$' metrics
[[ $(tail -n 1 body) == "# EOF" ]] || fail "metrics without an end"
cp body open.txt
hakmem stats $HEAP --metrics
python3 - $HEAP <<'PYTHON' || fail "metrics: $(head -c 3000 open.txt)"
import re, sys
pid = sys.argv[1]
served = set(open("open.txt").read().splitlines())
labels = f'pid="{pid}",program="known_heap"'
for line in open("out"):
    if line.startswith("#"):
        assert line.startswith("# EOF") or line.rstrip() in served, line
        continue
    name, rest = re.match(r"(\w+)(.*)", line).groups()
    rest = "{" + labels + "," + rest[1:] if rest[0] == "{" else "{" + labels + "}" + rest
    assert name + rest in served, name + rest
for line in ("# UNIT hakmem_resident_bytes bytes", "# TYPE hakmem_purged_bytes counter",
             "# TYPE hakmem_serve_processes gauge",
             f"hakmem_limit_bytes{{{labels}}} 0", f"hakmem_limit_reached{{{labels}}} 0",
             f"hakmem_profiling{{{labels}}} 0"):
    assert line in served, line
assert any(line.startswith(f'hakmem_page_faults_total{{{labels},kind="minor"}} ') for line in served)
PYTHON
if python3 -c 'import prometheus_client' 2>/dev/null; then
    python3 - <<'PYTHON' || fail "OpenMetrics: a strict reader refuses it"
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read
families = {family.name: family for family in read(open("open.txt").read())}
assert families["hakmem_resident_bytes"].unit == "bytes" and families["hakmem_purged_bytes"].type == "counter"
assert all(family.documentation for family in families.values())
PYTHON
fi
wait_for "metrics of known_heap" has_metrics $HEAP /metrics
expect_in head '^Content-Type: text/plain; version=0.0.4; charset=utf-8$' "the older format"
expect_in body '^# TYPE hakmem_purged_bytes_total counter$' "the older format"
! grep -q '^# UNIT\|{size=\|,size=' body || fail "the older format: $(grep '^# UNIT\|size=' body)"
[[ $(grep -c '^# TYPE hakmem_rss_bytes ' body) == 1 ]] || fail "a family is in two places"

step "a limit that is reached"
HAKMEM_LIMIT=64M start limited python3 -c '
import sys, time
kept = []
try:
    while True: kept.append(bytearray(1 << 20))
except MemoryError:
    print("ready", flush=True)
time.sleep(9999)'
wait_for "a process at its limit" grep -qs '^ready' limited
wait_for "it in the table" is_listed $TARGET
expect_in body "\"pid\":$TARGET,.*\"limit_bytes\":67108864,\"limit_reached\":true" "a limit"
wait_for "metrics of a process at its limit" has_metrics $TARGET /metrics
expect_in body "^hakmem_limit_reached\{pid=\"$TARGET\",program=\"python3\"\} 1$" "a limit"
kill -KILL $TARGET

step "names that would end a label, a line or a tag"
cat >name.c <<'C'
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>
int main(void)
{
    prctl(PR_SET_NAME, "a\"}\n<b>\\");
    free(malloc(5));
    puts("ready");
    fflush(stdout);
    return pause();
}
C
cc -O1 -fno-builtin name.c -o 'n<i>"\' || fail "name.c does not compile"
start name.out './n<i>"\'
wait_for "a name" grep -qs '^ready' name.out
wait_for "it in the table" is_listed $TARGET
python3 -c 'import json, sys; assert any(p["pid"] == int(sys.argv[1]) and p["program"] == "a?}?<b>?"
    for p in json.load(open("body"))["processes"])' $TARGET || fail "a name in JSON: $(cat body)"
wait_for "metrics of a name" has_metrics $TARGET /metrics
expect_in body "^hakmem_rss_bytes\{pid=\"$TARGET\",program=\"a\?\}\?<b>\?\"\} [0-9]+$" "a name in metrics"
expect_answer 200 GET /processes/$TARGET
expect_in body "<title>Memory of a\?\}\?&lt;b&gt;\? \[$TARGET\]</title>" "a name in HTML"
kill -KILL $TARGET

step "profiles: which process"
expect_says 404 "there is no process 99999999" "/debug/pprof/heap?pid=99999999"
for pid in 0 -1 x 99999999999 "" 1x %20 ; do
    expect_answer 400 GET "/debug/pprof/heap?pid=$pid"
done
for seconds in 0 301 x "" -1 1.5; do
    expect_answer 400 GET "/debug/pprof/heap?pid=$HEAP&seconds=$seconds"
done
expect_says 400 "seconds=301 must be a number from 1 to 300" "/debug/pprof/heap?pid=1&seconds=301"
expect_says 400 "seconds=N is for /debug/pprof/heap and /debug/pprof/allocs only" "/pprof/heap?seconds=3"
off="profiling is not on in it: see hakmem profile --for, or start it with HAKMEM_PROFILE=1"
expect_says 409 "process $HEAP (known_heap): $off" "/debug/pprof/heap?pid=$HEAP"
expect_says 409 "process $HEAP (known_heap): $off" "/debug/pprof/allocs?pid=$HEAP&seconds=1"
expect_says 404 "process $SERVER (hakmem): no HAKMEM in it: libhakmem is neither loaded nor linked: start the program \
with hakmem run, or with libhakmem.so in LD_PRELOAD" "/processes/$SERVER"

step "profiles: what is in them"
cp made_profile "only$$" # the one of its name, whatever else runs here
start_made_profile wait "only$$"
MADE=$TARGET
wait_for "the program in the table" is_listed $MADE
for path in "heap?pid=$MADE" "allocs?pid=$MADE" "heap?program=only$$"; do
    wait_for "$path" answers 200 . "/debug/pprof/$path"
    python3 "$SOURCE/tests/cli/pprof.py" body >read || fail "$path: $(cat read)"
    cp body "${path%%\?*}.pb.gz"
    expect_in read 'load_orders' "$path"
done
hakmem profile $MADE -o made.pb.gz
expect_status 0 "hakmem profile"
python3 "$SOURCE/tests/cli/pprof.py" made.pb.gz >printed
for form in heap allocs; do
    python3 "$SOURCE/tests/cli/pprof.py" $form.pb.gz >read
    # the time of the look is another, and the figure that is shown first
    diff <(grep -v 'time\|duration\|default' printed) <(grep -v 'time\|duration\|default' read) >differs ||
        fail "/debug/pprof/$form is not what hakmem profile writes: $(cat differs)"
done
expect_says 400 "no process of the name 'no-such-name' has a profile (see /processes)" \
    "/debug/pprof/heap?program=no-such-name"
for path in "/pprof/heap?pid=$MADE" "/$MADE/pprof/heap"; do
    expect_answer 200 GET "$path"
    expect_in body '^heap profile: .* @ heapprofile$' "$path"
    expect_in body '^MAPPED_LIBRARIES:$' "$path"
done
expect_says 200 "num_symbols: 1" "/$MADE/pprof/symbol"
expect_says 200 "./only$$ wait" "/$MADE/pprof/cmdline"
expect_answer 404 GET "/x/pprof/heap"
expect_answer 404 GET "/0/pprof/heap"
expect_answer 404 GET "/$MADE/metrics"
start_made_profile jit
wait_for "the second in the table" is_listed $TARGET
wait_for "the question which of two processes" answers 400 \
    '^which process\? [0-9]+ have a profile: add \?pid=N, or /N before the path: [0-9]+ \(' /debug/pprof/heap
kill -KILL $TARGET

step "profiles: a difference"
cat >steps.c <<'C'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
__attribute__((noinline)) void *before(void)
{
    return memset(malloc(50 << 20), 1, 50 << 20);
}
__attribute__((noinline)) void *meanwhile(void)
{
    return memset(malloc(1 << 20), 1, 1 << 20);
}
int main(void)
{
    void *kept = before();
    puts("ready");
    fflush(stdout);
    for (;;) {
        free(meanwhile());
        usleep(1000);
    }
    free(kept);
}
C
cc -D_GNU_SOURCE -g -O1 -fno-builtin steps.c -o steps || fail "steps.c does not compile"
HAKMEM_PROFILE=1 HAKMEM_PROFILE_INTERVAL=16384 start steps.out ./steps
wait_for "steps" grep -qs '^ready' steps.out
expect_answer 200 GET "/debug/pprof/allocs?pid=$TARGET"
python3 "$SOURCE/tests/cli/pprof.py" body >read
expect_in read '^[0-9 ]+ before<main' "all that was allocated"
expect_answer 200 GET "/debug/pprof/allocs?pid=$TARGET&seconds=1"
python3 "$SOURCE/tests/cli/pprof.py" body >read || fail "a difference: $(cat read)"
expect_in read '^[0-9 ]+ meanwhile<main' "a difference"
! grep -E '^[0-9 ]+ before<' read || fail "a difference has what was allocated before"
kill -KILL $TARGET

step "pages and their headers"
for path in / /script.js /style.css /metrics /processes /nowhere; do
    ask GET $path
    expect_in head "^Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';" $path
    expect_in head '^X-Content-Type-Options: nosniff$' $path
    expect_in head '^Cache-Control: no-store$' $path
done
# a report has its scripts in it, and an origin of its own
expect_answer 200 GET /processes/$HEAP
expect_in head "^Content-Security-Policy: sandbox allow-scripts allow-downloads; default-src 'none'; " "a report"
expect_answer 200 HEAD /metrics
[[ ! -s body ]] || fail "HEAD has a body"

step "who may ask: methods and hosts"
for method in POST PUT DELETE OPTIONS PATCH TRACE; do
    expect_answer 405 $method /metrics
    expect_in head '^Allow: GET, HEAD$' $method
done
expect_answer 405 POST /processes/$HEAP
for host in localhost "localhost:$PORT" LOCALHOST:1 127.0.0.1 "[::1]:$PORT"; do
    expect_answer 200 GET / "Host: $host"
done
for host in evil.example "evil.example:$PORT" localhost.evil.example "127.0.0.1.evil.example:$PORT" \
    127.0.0.1x "[::2]" "" "localhost:1:2" 127.0.0.2; do
    expect_says 403 "the request names another host: ask for localhost or 127.0.0.1" /metrics "Host: $host"
done
expect_says 404 "there is no such path: see /, /metrics, /processes, /processes/N, /debug/pprof/heap, \
/debug/pprof/allocs, /pprof/heap" /../../etc/passwd

step "clients that do harm"
python3 "$SOURCE/tests/cli/serve_clients.py" "$PORT" $MADE || fail "clients that do harm"
(($(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' /proc/$SERVER/status) < 262144)) || fail "it takes much memory"
[[ $(ls /proc/$SERVER/task | wc -l) == 1 ]] || fail "it has threads"
is_idle() {
    [[ -z $(children_of "$SERVER") ]] && (($(ls /proc/$SERVER/fd | wc -l) < 16))
}
wait_for "the end of all connections and children" is_idle

step "processes that do harm"
cc -D_GNU_SOURCE -O1 -fno-builtin -w -I"$SOURCE/src" -I"$SOURCE/include" -DHAK_SHARED=0 \
    -DHAK_ASSERT=0 -DHAK_PREFIXED=0 "$SOURCE/tests/cli/programs/hostile.c" -o hostile -ldl ||
    fail "hostile.c does not compile"
for how in table-aliased "request stack" caches-in-metadata; do
    # shellcheck disable=SC2086
    HAKMEM_BACKGROUND=0 HAKMEM_DECAY_MS=-1 start hostile.out ./hostile $how
    wait_for "hostile $how" grep -qs '^ready' hostile.out
    expect_answer 502 GET /processes/$TARGET
    expect_in body "^process $TARGET \(hostile\): its heap is damaged: " "hostile $how"
    expect_answer 502 GET "/debug/pprof/heap?pid=$TARGET"
    is_bad() {
        ask GET /processes
        grep -q "\"pid\":$TARGET,.*\"why\":\".* its heap is damaged: " body
    }
    wait_for "hostile $how in the list of those that cannot be read" is_bad
    kill -KILL $TARGET
done
for how in wrong huge store; do
    start_made_profile $how
    ask GET "/debug/pprof/heap?pid=$TARGET"
    [[ $ANSWER == "$([[ $how == wrong ]] && echo 200 || echo 502)" ]] || fail "made_profile $how: $ANSWER"
    kill -KILL $TARGET
done
if ((EUID == 0)) && command -v setpriv >/dev/null; then
    end_server
    chmod 711 "$SCRATCH"
    cp "$CLI" ./copy
    chmod 755 copy
    rm -f serve.out
    setpriv --reuid=65534 --regid=65534 --clear-groups ./copy serve --listen 127.0.0.1:0 >serve.out 2>serve.err &
    SERVER=$!
    STARTED+=("$SERVER")
    wait_for "a server of another user" grep -qs '/$' serve.out
    [[ ! -s serve.err ]] || fail "another user's server says: $(cat serve.err)"
    PORT=$(sed -n 's|.*:\([0-9]*\)/$|\1|p' serve.out)
    expect_says 403 "process $HEAP (known_heap) is another user's: only that user or root may read it" /processes/$HEAP
    expect_answer 200 GET /processes
    expect_in body '"refused":[1-9]' "another user's"
fi
end_server

step "a look that does not end costs its own answer"
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
            for (;;) pause();
    }
    return real(directory, name, flags);
}
C
cc -D_GNU_SOURCE -O1 -w -include stdio.h -shared -fPIC slow.c -o slow.so -ldl || fail "slow.c does not compile"
start_known_heap
SLOW=$TARGET
export SLOW
LD_PRELOAD=$SCRATCH/slow.so start_server
expect_answer 200 GET /processes
is_late() {
    ask GET /processes
    grep -q "\"pid\":$SLOW,.*\"why\":\"process $SLOW (known_heap): a look at it takes too long\"" body
}
(expect_says 504 "a look takes too long" "/debug/pprof/heap?pid=$SLOW" && touch late) &
wait_for "it in the list of those that cannot be read" is_late
wait_for "the other one in the table" is_listed $MADE
expect_answer 200 GET "/debug/pprof/heap?pid=$MADE"
wait_for "the answer about it" test -e late
end_server

step "tokens"
echo $TOKEN >token
chmod 640 token
start_server --token-file token
[[ ! -s serve.err ]] || fail "a server with a token says: $(cat serve.err)"
for path in / /metrics /processes /nowhere /debug/pprof/heap; do
    expect_answer 401 GET $path
    expect_in head '^WWW-Authenticate: Bearer realm="hakmem"$' $path
    expect_in head '^WWW-Authenticate: Basic realm="hakmem"$' $path
    expect_answer 401 POST $path
done
for given in "Bearer" "Bearer " "Bearer ${TOKEN}x" "Bearer ${TOKEN%?}" "Bearer x$TOKEN" "$TOKEN" "Basic" \
    "Basic $(printf 'me:wrong' | base64)" "Basic x" "Bearer $(printf '%9000s' "" | tr ' ' x)"; do
    expect_answer 401 GET / "Authorization: $given"
done
expect_answer 200 GET / "Authorization: Bearer $TOKEN"
expect_answer 200 GET / "authorization: bearer $TOKEN"
expect_answer 200 GET / "Authorization: Basic $(printf 'me:%s' $TOKEN | base64)"
expect_answer 403 GET / "Authorization: Bearer $TOKEN" "Host: evil.example"
end_server
# other machines name this one as they like
"$CLI" serve --listen 0.0.0.0:0 --token-file token >serve.out 2>serve.err &
SERVER=$!
STARTED+=("$SERVER")
wait_for "a server for other machines" grep -qs '/$' serve.out
PORT=$(sed -n 's|^hakmem serve: listening on http://0\.0\.0\.0:\([0-9]*\)/$|\1|p' serve.out)
expect_answer 200 GET / "Authorization: Bearer $TOKEN" "Host: this.example"
expect_answer 401 GET / "Host: this.example"
end_server
if [[ -e /proc/net/if_inet6 ]] && grep -q '^0\{31\}1 ' /proc/net/if_inet6; then
    "$CLI" serve --listen '[::1]:0' >serve.out 2>serve.err &
    SERVER=$!
    STARTED+=("$SERVER")
    wait_for "a server on ::1" grep -qs '^hakmem serve: listening on http://\[::1\]:[0-9]*/$' serve.out
    end_server
fi
