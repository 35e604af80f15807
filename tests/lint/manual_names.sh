# SPDX-License-Identifier: MIT
#
# Owns the check of the manual pages: `man` finds every public function, in the page whose line of
# names has it, with a synopsis; the pages have the version of hakmem.h and name pages of ours that
# are there; and groff, where it is installed, finds nothing wrong in them.

source "$(dirname "$0")/lib.bash"

HEADER=include/hakmem/hakmem.h
PAGES=(docs/man/*.[13])

# Declarations begin in the first column: a type, then a name and its arguments.
mapfile -t NAMES < <(grep -E '^[a-z]' "$HEADER" | grep -oE '\bhak_[a-z_]+\(' | tr -d '(' | sort -u)
((${#NAMES[@]} >= 20)) || fail "only ${#NAMES[@]} functions found in $HEADER"
VERSION=$(sed -n 's/^#define HAKMEM_VERSION_STRING "\(.*\)"$/\1/p' "$HEADER")
{
    for name in "${NAMES[@]}" g_fb_counts; do
        page=docs/man/$name.3
        if [[ ! -e $page ]]; then
            link=$(cat "$BUILD/man3/$name.3" 2>/dev/null) || true
            page=docs/${link/#.so man3/man}
            [[ $link == ".so man3/"* && -e $page ]] || { echo "$HEADER: no page of $name"; continue; }
        fi
        grep -Eq "^(.*, )?$name(, .*)? .- " "$page" || echo "$page:1: $name is none of its names"
        grep -Eq "^\.BI? .*[ *]\"?$name[[(]" "$page" || echo "$page:1: no synopsis of $name"
    done
    for page in "${PAGES[@]}"; do
        grep -q "^\.TH .*\"hakmem ${VERSION:?}\"" "$page" || echo "$page:1: not of version $VERSION"
        grep -nE '^\.BR hak[a-z_]* \([13]\)' "$page" | while read -r line; do
            read -r _ name section <<<"${line#*:}"
            target=docs/man/$name.${section:1:1}
            [[ -e $target || -e $BUILD/man3/$name.3 ]] || echo "$page:${line%%:*}: no $target"
        done
        ! command -v groff >/dev/null || groff -man -Tutf8 -ww "$page" 2>&1 >/dev/null
    done
} | report "manual pages (${#NAMES[@]} functions)"
