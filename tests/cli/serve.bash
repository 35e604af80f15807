# SPDX-License-Identifier: MIT
#
# Owns what the tests of `hakmem serve` share: a server on a free port, requests to it, and programs
# whose profile is known. Sourced after lib.bash and targets.bash.

command -v python3 >/dev/null || { echo "SKIP: no python3"; exit 77; }

# start_server WORDS...: its number goes to SERVER, its address to URL and PORT.
start_server() {
    rm -f serve.out
    "$CLI" serve --listen 127.0.0.1:0 "$@" >serve.out 2>serve.err </dev/null &
    SERVER=$!
    STARTED+=("$SERVER")
    wait_for "the server" grep -qs '/$' serve.out
    URL=$(sed -n 's|^hakmem serve: listening on \(http://127\.0\.0\.1:[0-9]*\)/$|\1|p' serve.out)
    PORT=${URL##*:}
    [[ $PORT =~ ^[1-9][0-9]*$ ]] || fail "no address: $(cat serve.out serve.err)"
}

# end_server [SIGNAL]: it ends by itself then, with status 0.
end_server() {
    local status=0
    kill "-${1:-TERM}" "$SERVER"
    wait "$SERVER" || status=$?
    [[ $status == 0 ]] || fail "the server ended with status $status: $(cat serve.err)"
}

# children_of PID: their numbers.
children_of() {
    grep -ls "^PPid:[[:space:]]*$1\$" /proc/[0-9]*/status | sed 's|^/proc/||; s|/status$||'
}

# ask METHOD PATH [HEADER: VALUE]...: the status goes to ANSWER, the rest to the files head and body.
ask() {
    ANSWER=$(python3 - "$PORT" "$@" <<'PYTHON'
import http.client, sys
port, method, path, *headers = sys.argv[1:]
connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=600)
connection.putrequest(method, path, skip_host=any(h.lower().startswith("host:") for h in headers),
                      skip_accept_encoding=True)
for header in headers:
    name, _, value = header.partition(":")
    connection.putheader(name, value.strip())
connection.endheaders()
answer = connection.getresponse()
open("head", "w").write(str(answer.headers))
open("body", "wb").write(answer.read())
print(answer.status)
PYTHON
    ) || fail "$*: no answer"
}

# expect_answer STATUS METHOD PATH [HEADER: VALUE]...
expect_answer() {
    local status=$1
    shift
    ask "$@"
    [[ $ANSWER == "$status" ]] || fail "$*: status $ANSWER, not $status: $(head -c 400 body)"
}

# expect_says STATUS LINE PATH [HEADER: VALUE]...: exactly this line of plain text.
expect_says() {
    local line=$2
    expect_answer "$1" GET "${@:3}"
    [[ $(cat body; echo .) == "$line"$'\n'. ]] || fail "$3: expected '$line', got '$(cat body)'"
    expect_in head '^Content-Type: text/plain; charset=utf-8$' "$3"
}

# is_listed PID: is the process in the table?
is_listed() {
    ask GET /processes
    grep -q "\"pid\":$1,.*\"rss_bytes\"" body
}

# has_metrics PID PATH [HEADER: VALUE]...: a look that takes long on a busy machine leaves a process
# out, so wait for this too.
has_metrics() {
    ask GET "${@:2}"
    grep -q "^hakmem_rss_bytes{pid=\"$1\"," body
}

# answers STATUS PATTERN PATH
answers() {
    ask GET "$3"
    [[ $ANSWER == "$1" ]] && grep -aEq "$2" body
}

source "$SOURCE/tests/cli/made_profile.bash"
build_made_profile made_profile -g -O1
