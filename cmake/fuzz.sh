#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Run one libFuzzer target: fuzz.sh PROGRAM SEEDS SECONDS [CORPUS]. SEEDS, a directory that need not
# exist, is only read. New inputs go to CORPUS and stay there; without it they are thrown away, and
# each run starts from the same seed. An input that fails is left in the directory of PROGRAM.
set -euo pipefail

program=$1 seeds=$2 seconds=$3 corpus=${4:-}
options=(-max_total_time="$seconds" -artifact_prefix="$(dirname "$program")/" -rss_limit_mb=4096
         -malloc_limit_mb=512 -timeout=30 -print_final_stats=1)
if [[ -z $corpus ]]; then
    corpus=$(mktemp -d)
    trap 'rm -rf "$corpus"' EXIT
    options+=(-seed=1)
fi
mkdir -p "$corpus"
directories=("$corpus")
[[ -d $seeds ]] && directories+=("$seeds")

ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 \
    "$program" "${options[@]}" "${directories[@]}"
