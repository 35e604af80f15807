# SPDX-License-Identifier: MIT
#
# Owns what the lints share. A lint is called as `bash FILE SOURCE_DIR BUILD_DIR`; it prints a line
# for each fault, in the form FILE:LINE: what is wrong, and exits 0, 1, or 77 if it cannot run here.

set -euo pipefail
export LC_ALL=C.UTF-8
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
BUILD=$(realpath "${2:-.}")
cd "${1:?the source directory is missing}"
shopt -s nullglob globstar
SOURCES=(src/*/*.[ch])
LAYERS="base os stack slab lane watch front diag api" # of src/, each above those before it

skip() {
    echo "SKIP: $*"
    exit 77
}

fail() {
    echo "FAIL: $*"
    exit 1
}

((${#SOURCES[@]})) || fail "$1 has no sources: a lint is called as \`bash FILE SOURCE_DIR BUILD_DIR\`"

# Read fault lines from standard input; fail if there is one.
report() {
    local faults
    faults=$(cat)
    [[ -z $faults ]] || { printf '%s\n' "$faults"; fail "$(wc -l <<<"$faults") of: $1"; }
    echo "ok: $1"
}
