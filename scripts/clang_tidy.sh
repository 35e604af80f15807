#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Run clang-tidy, where it is installed, over src/: clang_tidy.sh BUILD_DIR (configured before).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if ! command -v clang-tidy >/dev/null; then
    echo "clang-tidy: not installed, left out"
    exit 0
fi
# The flags are gcc's: clang takes warnings that it does not know, but no other such option.
database=$(mktemp -d)
trap 'rm -rf "$database"' EXIT
sed 's/ -fno-partial-inlining//g' "$1/compile_commands.json" >"$database/compile_commands.json"
printf '%s\0' src/*/*.c |
    xargs -0 -n 4 -P "$(nproc)" clang-tidy -p "$database" --quiet \
        --extra-arg=-Wno-unknown-warning-option
echo "clang-tidy: nothing found in src/"
