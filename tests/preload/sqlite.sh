#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Owns the check that sqlite3 builds the same database on the allocator, byte for byte, as without
# it, and that the database is sound.

source "$(dirname "$0")/lib.bash"

need sqlite3
step "sqlite3 $(sqlite3 --version | cut -d' ' -f1)"
assert_maps sqlite3 sqlite3 :memory:

step "100000 rows, 3 indexes, updates, deletes, joins, JSON, full text, VACUUM"
mkdir plain preloaded
(cd plain && sqlite3 -bail data.db <"$PROGRAMS/exercise.sql" >out.txt)
(cd preloaded && under sqlite3 -bail data.db <"$PROGRAMS/exercise.sql" >out.txt)
grep -qx 'integrity ok' preloaded/out.txt ||
    fail "integrity_check: $(grep -m 1 integrity preloaded/out.txt)"
same plain/out.txt preloaded/out.txt "the queries' output"
same plain/data.db preloaded/data.db "the database file"

step "dump, restore in memory, checksum"
sqlite3 plain/data.db .dump >plain/dump.sql
under sqlite3 preloaded/data.db .dump >preloaded/dump.sql || fail ".dump"
same plain/dump.sql preloaded/dump.sql "the dump"
{ cat preloaded/dump.sql && echo '.sha3sum --schema'; } >restore.sql
under sqlite3 -bail :memory: <restore.sql >sum.txt || fail "restore"
equal "$(sqlite3 plain/data.db '.sha3sum --schema')" "$(tail -n 1 sum.txt)" \
    "sha3sum of the restored database"
step "sha3sum $(tail -n 1 sum.txt)"

finish
