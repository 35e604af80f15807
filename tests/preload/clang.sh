#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Owns the check that clang (driver, front end, ld) makes the same files on the allocator.

source "$(dirname "$0")/lib.bash"
source "$HERE/compile.bash"

need clang
compare_compiler clang "$(basename "$(realpath "$(command -v clang)")")"
finish
