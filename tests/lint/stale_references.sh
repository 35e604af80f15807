# SPDX-License-Identifier: MIT
#
# Owns the check that comments in src/, include/, cli/ and record/ name things that are there: each
# `name.c`, `name.h` or `dir/name.c` is a file of this tree (a header of the system will do), and in
# `name.c:function` the file has that word. Nothing keeps a list of callers true: so in src/ and
# cli/ no comment at the head of a file says what calls it.

source "$(dirname "$0")/lib.bash"

FILES=("${SOURCES[@]}" include/**/*.h {cli,record}/**/*.[ch])
TREE=$(printf '/%s\n' {src,include,cli,record,bench,tests}/**/*.{c,h,cpp})
((${#FILES[@]})) || { echo "ok: no sources yet"; exit 0; }

# find_callers FILE...
find_callers() {
    awk 'FNR == 1 { is_head = 1 }
        is_head && /[Cc]alled (by|from) |[Cc]alled$/ { print FILENAME ":" FNR ": it names its callers" }
        FNR > 1 && /\*\/$/ { is_head = 0 }' "$@"
}

PLANTED=$(printf '/* */\n/*\n * One thing. Called\n * by us.\n */\n/* called by x */\n' | find_callers -)
[[ $PLANTED == *:3:* && $PLANTED != *:6:* ]] || fail "planted callers are not found: $PLANTED"

find_stale() {
    perl "$HERE/c_text.pl" comments "${FILES[@]}" |
        perl -ne '
            my ($at, $text) = /^([^:]+:\d+):(.*)$/ or next;
            print "$at $1 ", $2 // "", "\n"
                while $text =~ m{((?:[\w-]+/)*\w[\w-]*\.[ch](?:pp)?)\b(?!\.\w)(?::([a-z_]\w+))?}g;' |
        while read -r at name word; do
            path=$(awk -v end="/$name" 'substr($0, length($0) - length(end) + 1) == end { print; exit }' \
                <<<"$TREE")
            if [[ -z $path ]]; then
                [[ $name == *.h && -e /usr/include/$name ]] ||
                    [[ -n $(echo /usr/include/*/"$name") ]] || echo "$at: there is no $name"
            elif [[ -n $word ]] && ! grep -qw "$word" ".$path"; then
                echo "$at: there is no $word in ${path#/}"
            fi
        done
}

{
    find_callers "${SOURCES[@]}" cli/**/*.[ch]
    find_stale
} | report "stale references in comments"
