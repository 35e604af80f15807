#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Owns the check that gcc (driver, cc1, as, collect2, ld) makes the same files on the allocator.

source "$(dirname "$0")/lib.bash"
source "$HERE/compile.bash"

need gcc
compare_compiler gcc cc1
finish
