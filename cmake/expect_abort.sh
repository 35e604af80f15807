#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# One test of tests/abort: expect_abort.sh SOURCE PROGRAM [LIBRARY]. PROGRAM, with LIBRARY preloaded
# if there is one, must die by SIGABRT after exactly one line on standard error that begins with
# "hakmem:" and contains the text of the line "// expect: TEXT" at the head of SOURCE.
set -uo pipefail

source=$1 program=$2 library=${3:-}
expected=$(sed -n 's|^// expect: *||p' "$source" | head -n 1)
if [[ -z $expected ]]; then
    echo "FAIL: $source has no line '// expect: TEXT'"
    exit 1
fi

errors=$(mktemp)
trap 'rm -f "$errors"' EXIT
ulimit -c 0
# In a shell of its own, which would tell of the signal where it can be thrown away.
bash -c 'LD_PRELOAD=$1 "$0" 2>"$2"; exit $?' "$program" "$library" "$errors" 2>/dev/null </dev/null
status=$?

lines=$(grep -c '^hakmem:' "$errors")
if ((status != 128 + 6)); then
    echo "FAIL: exit status $status, expected 134 (SIGABRT)"
elif ((lines != 1)); then
    echo "FAIL: $lines lines begin with 'hakmem:', expected exactly one"
elif ! grep '^hakmem:' "$errors" | grep -qF -- "$expected"; then
    echo "FAIL: the message does not contain: $expected"
else
    grep '^hakmem:' "$errors"
    exit 0
fi
echo "Standard error was:"
cat "$errors"
exit 1
