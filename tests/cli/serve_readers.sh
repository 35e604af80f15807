# SPDX-License-Identifier: MIT
#
# Owns the check that others read what `hakmem serve` answers: promtool and prometheus, go's pprof,
# google-pprof and a browser; and that the files of contrib/ are right for them. Each is left out
# where it is not installed.

source "$(dirname "$0")/lib.bash"
source "$SOURCE/tests/cli/targets.bash"
source "$SOURCE/tests/cli/serve.bash"
source "$SOURCE/tests/cli/browser.bash"
export HOME=$SCRATCH no_proxy=127.0.0.1 NO_PROXY=127.0.0.1
unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY

has() {
    command -v "$1" >/dev/null || { echo "no $1: left out"; return 1; }
}

start_server
start_known_heap
HEAP=$TARGET
start_made_profile wait
MADE=$TARGET
wait_for "known_heap in the table" is_listed $HEAP
wait_for "made_profile in the table" is_listed $MADE

step "pprof of go"
if has go; then
    export GOFLAGS=-mod=mod
    go tool pprof -top "$URL/debug/pprof/heap?pid=$MADE" >top 2>err || fail "go tool pprof: $(cat err)"
    expect_in top '^Type: inuse_space$' "go tool pprof"
    expect_in top '^ +300MB +[0-9.]+% +[0-9.]+% +300MB +[0-9.]+% +load_orders$' "go tool pprof"
    go tool pprof -top "$URL/debug/pprof/allocs?pid=$MADE&seconds=1" >top 2>err ||
        fail "go tool pprof: $(cat err)"
    expect_in top '^Type: alloc_space$' "go tool pprof of a difference"
    expect_in top '^Duration: .* Total samples = 0' "go tool pprof of a difference"
fi

step "google-pprof"
if has google-pprof && has curl; then
    google-pprof --text --inuse_space "$URL/$MADE/pprof/heap" >top 2>err || fail "google-pprof: $(cat err)"
    # it has no file of the program here: the names come from the server
    expect_in top '^ +300\.0 +[0-9.]+% +[0-9.]+% +300\.0 +[0-9.]+% load_orders$' "google-pprof"
    expect_in top '^ +0\.0 +0\.0% .* parse_lines$' "google-pprof"
    expect_in top '^ +100\.0 .* take_line \(inline\)$' "google-pprof: an inlined function"
    rm -rf pprof
fi

step "promtool"
if has promtool; then
    for path in /metrics '/metrics?classes=1'; do
        expect_answer 200 GET "$path"
        promtool check metrics <body >checked 2>&1 || fail "promtool check metrics: $(cat checked)"
        [[ ! -s checked ]] || fail "promtool says of $path: $(cat checked)"
    done
    promtool check rules "$SOURCE/contrib/prometheus/hakmem.rules.yml" >checked 2>&1 ||
        fail "promtool check rules: $(cat checked)"
    # each alert is raised by what it is for, and by nothing else
    cat >alerts.yml <<YAML
rule_files: [ "$SOURCE/contrib/prometheus/hakmem.rules.yml" ]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - { series: 'hakmem_limit_reached{pid="1",program="full"}', values: '1x600' }
      - { series: 'hakmem_limit_reached{pid="2",program="fine"}', values: '0x600' }
      - { series: 'hakmem_limit_bytes{pid="3",program="near"}', values: '1000x600' }
      - { series: 'hakmem_rss_bytes{pid="3",program="near"}', values: '950x600' }
      - { series: 'hakmem_limit_bytes{pid="2",program="fine"}', values: '0x600' }
      - { series: 'hakmem_rss_bytes{pid="2",program="fine"}', values: '600000000x600' }
      - { series: 'hakmem_resident_bytes{pid="2",program="fine",term="live"}', values: '600000000x600' }
      - { series: 'hakmem_resident_bytes{pid="2",program="fine",term="partly_used"}', values: '200000000x600' }
      - { series: 'hakmem_resident_bytes{pid="4",program="leaks",term="live"}', values: '300000000+1000000x600' }
      - { series: 'hakmem_resident_bytes{pid="5",program="breathes",term="live"}', values: '300000000 900000000 300000000x600' }
      - { series: 'hakmem_rss_bytes{pid="6",program="holes"}', values: '600000000x600' }
      - { series: 'hakmem_resident_bytes{pid="6",program="holes",term="partly_used"}', values: '400000000x600' }
      - { series: 'hakmem_page_faults_total{pid="7",program="swaps",kind="major"}', values: '0+6000x600' }
      - { series: 'hakmem_page_faults_total{pid="2",program="fine",kind="major"}', values: '0+60x600' }
      - { series: 'hakmem_page_faults_total{pid="2",program="fine",kind="minor"}', values: '0+60000x600' }
      - { series: 'hakmem_serve_unread_processes{reason="bad"}', values: '2x600' }
      - { series: 'hakmem_serve_unread_processes{reason="refused"}', values: '9x600' }
    promql_expr_test:
      - expr: sort_desc(count by (alertname, program, reason) (ALERTS{alertstate="firing"}))
        eval_time: 9h
        exp_samples:
          - { labels: '{alertname="HakmemLimitReached", program="full"}', value: 1 }
          - { labels: '{alertname="HakmemLimitNear", program="near"}', value: 1 }
          - { labels: '{alertname="HakmemLiveMemoryGrows", program="leaks"}', value: 1 }
          - { labels: '{alertname="HakmemMemoryIsFreeInSlabs", program="holes"}', value: 1 }
          - { labels: '{alertname="HakmemMajorFaults", program="swaps"}', value: 1 }
          - { labels: '{alertname="HakmemProcessUnreadable", reason="bad"}', value: 1 }
YAML
    promtool test rules alerts.yml >checked 2>&1 || fail "the alerts: $(cat checked)"
fi
end_server

step "prometheus"
TOKEN=0123456789abcdef0123456789abcdef
echo $TOKEN >token
chmod 600 token
start_server --token-file token
# query EXPRESSION: the answer is in `answer`; false if prometheus cannot be asked yet.
query() {
    python3 - "$PROMETHEUS" "$1" >answer 2>query.err <<'PYTHON'
import sys, urllib.parse, urllib.request
print(urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}/api/v1/query?" +
                             urllib.parse.urlencode({"query": sys.argv[2]}), timeout=600).read().decode())
PYTHON
}
# has_series EXPRESSION
has_series() {
    query "$1" && grep -q '"metric":{' answer
}
# expect_series EXPRESSION PID PROGRAM: prometheus has exactly one such series.
expect_series() {
    wait_for "$1" has_series "$1"
    python3 - "$2" "$3" <<'PYTHON' || fail "$1: $(cat answer)"
import json, sys
result = json.load(open("answer"))["data"]["result"]
labels = result[0]["metric"]
assert len(result) == 1 and labels["pid"] == sys.argv[1] and labels["program"] == sys.argv[2]
print("value", result[0]["value"][1])
PYTHON
}
if has prometheus; then
    cat >prometheus.yml <<YAML
global: { scrape_interval: 10s, scrape_timeout: 10s, evaluation_interval: 1s }
rule_files: [ "$SOURCE/contrib/prometheus/hakmem.rules.yml" ]
scrape_configs:
  - job_name: hakmem
    authorization: { credentials_file: $SCRATCH/token }
    params: { classes: ['1'] }
    static_configs: [ { targets: [ '127.0.0.1:$PORT' ] } ]
YAML
    promtool check config prometheus.yml >checked 2>&1 || fail "promtool check config: $(cat checked)"
    PROMETHEUS=$(python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
    prometheus --config.file=prometheus.yml --storage.tsdb.path="$SCRATCH/data" \
        --web.listen-address="127.0.0.1:$PROMETHEUS" >prometheus.log 2>&1 </dev/null &
    PROMETHEUS_PID=$!
    disown
    STARTED+=("$PROMETHEUS_PID")
    wait_for "prometheus" query up
    expect_series "hakmem_rss_bytes{pid=\"$HEAP\"}" $HEAP known_heap
    expect_series "hakmem_resident_bytes{pid=\"$HEAP\",term=\"live\"}" $HEAP known_heap
    expect_series "hakmem_class_blocks{pid=\"$HEAP\",size=\"208\",state=\"live\"} == 500" $HEAP known_heap
    expect_series "hakmem_purged_bytes_total{pid=\"$HEAP\"} >= 0" $HEAP known_heap
    expect_series "hakmem_profiling{pid=\"$MADE\"} == 1" $MADE made_profile
    # it knows the types: that of a counter, by its name in OpenMetrics
    python3 - "$PROMETHEUS" <<'PYTHON' || fail "metadata"
import json, sys, urllib.request
data = json.load(urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}/api/v1/metadata", timeout=600))["data"]
assert data["hakmem_page_faults"][0]["type"] == "counter" or data["hakmem_page_faults_total"][0]["type"] == "counter"
assert data["hakmem_rss_bytes"][0]["type"] == "gauge" and data["hakmem_rss_bytes"][0]["unit"] == "bytes"
PYTHON

    step "what the dashboard and the rules ask for"
    python3 - "$SOURCE/contrib/grafana/hakmem.json" >expressions <<'PYTHON' || fail "the dashboard"
import json, re, sys
board = json.load(open(sys.argv[1]))
panels = board["panels"]
assert len({panel["id"] for panel in panels}) == len(panels) >= 10
for panel in panels:
    for target in panel["targets"]:
        print(re.sub(r"\$__rate_interval", "1m", re.sub(r"\$(instance|program|pid)\b", ".*", target["expr"])))
PYTHON
    # the rules have been read: prometheus evaluates them
    while read -r expression; do
        query "$expression" && grep -q '"status":"success"' answer ||
            fail "prometheus does not take '$expression': $(cat answer query.err)"
        for name in $(grep -oE 'hakmem_[a-z_]+' <<<"$expression"); do
            wait_for "$name" has_series "$name"
        done
    done <expressions
    python3 - "$PROMETHEUS" "$SOURCE/contrib/prometheus/hakmem.rules.yml" <<'PYTHON' || fail "the rules"
import json, re, sys, time, urllib.request
for _ in range(600):
    groups = json.load(urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}/api/v1/rules", timeout=600))["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    if all(rule["health"] != "unknown" for rule in rules):
        break
    time.sleep(0.5)
assert len(rules) == open(sys.argv[2]).read().count("- alert:") and all(rule["health"] == "ok" for rule in rules), rules
PYTHON
    kill -KILL $PROMETHEUS_PID
fi
end_server

step "the unit for systemd"
if has systemd-analyze; then
    sed "s|/usr/bin/hakmem |$CLI |" "$SOURCE/contrib/systemd/hakmem-serve.service" >hakmem-serve.service
    systemd-analyze verify --man=no ./hakmem-serve.service >checked 2>&1 || fail "systemd-analyze: $(cat checked)"
    ! grep hakmem-serve checked || fail "systemd-analyze says something of the unit"
    options=$(sed -n 's/^ExecStart=[^ ]* serve //p' hakmem-serve.service | grep -oE -- '--[a-z-]+')
    hakmem serve --help
    for option in $options; do
        expect_in out "$option" "the unit's $option"
    done
fi

step "in a browser"
has chromium || exit 0
start_server
cat >name.c <<'C'
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>
int main(void)
{
    prctl(PR_SET_NAME, "<img src=x a=>");
    free(malloc(5));
    puts("ready");
    fflush(stdout);
    return pause();
}
C
cc -O1 -fno-builtin name.c -o name || fail "name.c does not compile"
start name.out ./name
wait_for "a name" grep -qs '^ready' name.out
wait_for "it in the table" is_listed $TARGET
# drawn URL: what the browser makes of the page, in `dom`. The page asks the server by itself; a
# browser that is given up too early has not drawn it yet.
drawn() {
    browse 1 --dump-dom "$1" >dom
    grep -q 'data-state="drawn"' dom
}
wait_for "the list to be drawn" drawn "$URL/"
expect_in dom "<th scope=\"row\"><a href=\"/processes/$HEAP\">$HEAP</a></th><td class=\"text\" title=\"./known_heap\">known_heap</td>" "the list"
expect_in dom "<a href=\"/debug/pprof/heap\?pid=$MADE\">on</a>" "the list"
expect_in dom "<td class=\"text\" title=\"./name\">&lt;img src=x a=&gt;</td>" "a name that is a tag"
expect_count 0 '<img' dom
expect_in dom 'aria-sort="descending"' "the list"
# as_file FILE: the page as one file, with the style in it and without the script, for the phone
as_file() {
    expect_answer 200 GET /style.css
    python3 - "$1" <<'PYTHON'
import re, sys
page, style = open("dom").read(), open("body").read()
page = re.sub(r'<script.*?</script>', "", page)
page = page.replace('<link rel="stylesheet" href="/style.css">', "<style>" + style + "</style>")
page = re.sub(r'href="[^"]*"', 'href="#x"', page)
open(sys.argv[1], "w").write(page)
PYTHON
}
as_file list.html
expect_self_contained list.html
expect_fits_phone list.html
browse 1 --dump-dom "$URL/processes/$MADE" >dom
expect_in dom "<title>Memory of made_profile \[$MADE\]</title>" "a process's page"
expect_in dom '<th scope="row">208 B</th><td>0</td>|<th scope="row">live blocks</th>' "a process's page"
# the script of the flame graph has run, although the page may ask the server for nothing
expect_in dom '<figure class="flame">' "a process's page"
expect_in dom '<code>load_orders</code> <small>made_profile\.c:[0-9]+</small>' "a process's page"
end_server
