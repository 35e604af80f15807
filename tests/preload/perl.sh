#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Owns the check that perl runs on the allocator: hashes, strings, forked children, interpreter
# threads; the digest of it all as without the library.

source "$(dirname "$0")/lib.bash"

need perl
step "perl $(perl -e 'print $^V')"
perl -Mthreads -MDigest::SHA -e1 2>/dev/null || skip "perl has no threads or no Digest::SHA"
assert_maps perl perl -

step "exercise.pl: hashes, regular expressions, sort, 8 forks, 12 interpreter threads"
perl "$PROGRAMS/exercise.pl" >plain.txt
EXPECT_LIBRARY=$LIBRARY_REAL under perl "$PROGRAMS/exercise.pl" >preloaded.txt ||
    fail "exercise.pl"
same plain.txt preloaded.txt "exercise.pl's digest"
step "digest $(<preloaded.txt)"
finish
