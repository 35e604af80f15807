# SPDX-License-Identifier: MIT
#
# Owns the check of the manual pages: every public function is in docs/man/hakmem.3, the pages have
# the version of hakmem.h, and groff, where it is installed, finds nothing wrong in them.

source "$(dirname "$0")/lib.bash"

HEADER=include/hakmem/hakmem.h
PAGES=(docs/man/hakmem.1 docs/man/hakmem.3)

# Declarations begin in the first column: a type, then a name and its arguments.
mapfile -t NAMES < <(grep -E '^[a-z]' "$HEADER" | grep -oE '\bhak_[a-z_]+\(' | sort -u)
((${#NAMES[@]} >= 20)) || fail "only ${#NAMES[@]} functions found in $HEADER"
VERSION=$(sed -n 's/^#define HAKMEM_VERSION_STRING "\(.*\)"$/\1/p' "$HEADER")
{
    for name in "${NAMES[@]}"; do
        grep -Eq "^\.BI? .*[ *]\"?${name%(}\\(" docs/man/hakmem.3 ||
            echo "docs/man/hakmem.3:1: no synopsis of ${name%(}"
    done
    for page in "${PAGES[@]}"; do
        grep -q "^\.TH .*\"hakmem ${VERSION:?}\"" "$page" || echo "$page:1: not of version $VERSION"
        ! command -v groff >/dev/null || groff -man -Tutf8 -ww "$page" 2>&1 >/dev/null
    done
} | report "manual pages"
