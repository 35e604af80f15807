#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Run clang-tidy, where it is installed, over src/: clang_tidy.sh BUILD_DIR (configured before).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if ! command -v clang-tidy >/dev/null; then
    echo "clang-tidy: not installed, left out"
    exit 0
fi
# The flags are gcc's: clang may not know each.
printf '%s\0' src/*/*.c |
    xargs -0 -n 4 -P "$(nproc)" clang-tidy -p "$1" --quiet --extra-arg=-Wno-unknown-warning-option
echo "clang-tidy: nothing found in src/"
