#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Owns the check that node runs on the allocator: Buffers, worker threads, JSON, zlib, crypto,
# children; the digest of it all as without the library.

source "$(dirname "$0")/lib.bash"

need node
step "node $(node --version)"
assert_maps "$(basename "$(realpath "$(command -v node)")")" node -

step "exercise.js: Buffers, JSON, zlib, brotli, crypto, 12 worker threads, children"
node "$PROGRAMS/exercise.js" >plain.txt
EXPECT_LIBRARY=$LIBRARY_REAL under node --expose-gc "$PROGRAMS/exercise.js" >preloaded.txt ||
    fail "exercise.js"
same plain.txt preloaded.txt "exercise.js's digest"
step "digest $(<preloaded.txt)"
finish
