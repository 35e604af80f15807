#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Owns the check that memcached with four threads keeps each value on the allocator.

source "$(dirname "$0")/lib.bash"

PYTHON=/usr/bin/python3
need memcached "$PYTHON"
SOCKET=$SCRATCH/memcached.sock

step "$(memcached --version)"
start_under memcached memcached -u root -s "$SOCKET" -t 4 -m 128 -I 2m
eventually "memcached listens" test -S "$SOCKET"
assert_mapped "$SERVER_PID" memcached

step "memcached_client.py: 6000 keys by 4 connections: set, replace, append, delete, get; 400 more"
"$PYTHON" "$PROGRAMS/memcached_client.py" "$SOCKET" >served.txt || fail "memcached_client.py"
step "$(<served.txt)"
stop_server memcached INT

step "the same with the client on the allocator"
rm -f "$SOCKET"
start_under memcached memcached -u root -s "$SOCKET" -t 2 -m 128 -I 2m
eventually "memcached listens" test -S "$SOCKET"
under "$PYTHON" "$PROGRAMS/memcached_client.py" "$SOCKET" >/dev/null || fail "memcached_client.py"
stop_server memcached INT

finish
