#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Owns the check that nginx (a master, two workers, a reload) serves each byte on the allocator.

source "$(dirname "$0")/lib.bash"

PYTHON=/usr/bin/python3
PATH=$PATH:/usr/sbin
need nginx "$PYTHON"
SOCKET=$SCRATCH/nginx.sock

mkdir -p files temporary
for ((i = 0; i < 120; i++)); do
    seq "$i" $((i * i * 3 + 20)) >"files/file$i.txt"
done
cat >nginx.conf <<CONFIG
daemon off;
worker_processes 2;
pid $SCRATCH/nginx.pid;
error_log stderr warn;
$([[ $EUID -ne 0 ]] || echo 'user root;')
events { worker_connections 64; }
http {
    types { text/plain txt; }
    access_log off;
    client_body_temp_path $SCRATCH/temporary;
    proxy_temp_path $SCRATCH/temporary;
    fastcgi_temp_path $SCRATCH/temporary;
    uwsgi_temp_path $SCRATCH/temporary;
    scgi_temp_path $SCRATCH/temporary;
    large_client_header_buffers 8 16k;
    gzip on;
    gzip_min_length 1;
    gzip_types text/plain;
    server {
        listen unix:$SOCKET;
        root $SCRATCH/files;
    }
}
CONFIG

workers() {
    local -a children
    read -ra children <"/proc/$SERVER_PID/task/$SERVER_PID/children"
    echo "${children[*]}"
}

has_two_workers() {
    local -a children
    read -ra children <<<"$(workers)"
    ((${#children[@]} == 2))
}

# One that shuts down closes its kept-alive connections: none may be left.
has_new_workers() {
    local worker
    has_two_workers || return 1
    for worker in $(workers); do
        [[ " $BEFORE " != *" $worker "* ]] || return 1
    done
}

step "$(nginx -v 2>&1)"
start_under nginx nginx -e stderr -p "$SCRATCH" -c "$SCRATCH/nginx.conf"
eventually "nginx has two workers" has_two_workers
assert_mapped "$SERVER_PID" nginx
for worker in $(workers); do
    is_mapped "$worker" || fail "worker $worker does not map the library"
done

step "nginx_client.py: each file plain, gzip, in ranges, kept-alive and short"
"$PYTHON" "$PROGRAMS/nginx_client.py" "$SOCKET" "$SCRATCH/files" >served.txt ||
    fail "nginx_client.py"
step "$(<served.txt)"

step "reload (SIGHUP): new workers, the same answers; end (SIGQUIT)"
BEFORE=$(workers)
kill -HUP "$SERVER_PID"
eventually "nginx has new workers only" has_new_workers
"$PYTHON" "$PROGRAMS/nginx_client.py" "$SOCKET" "$SCRATCH/files" >/dev/null ||
    fail "nginx_client.py after the reload"
stop_server nginx QUIT
! grep -E '\[(alert|crit|emerg)\]' stderr >alarms.txt || fail "nginx: $(head -n 1 alarms.txt)"

finish
