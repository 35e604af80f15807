# SPDX-License-Identifier: MIT
#
# Owns the check of the public interface: libhakmem.so exports exactly src/api/public_symbols.txt,
# so does libhakmem.a, and what hakmem.h declares is in the list.

source "$(dirname "$0")/lib.bash"

LIST=src/api/public_symbols.txt
[[ -e $BUILD/libhakmem.so ]] || skip "no $BUILD/libhakmem.so"

expected=$(grep -E '^[A-Za-z_]' "$LIST" | sort)
exported=$(nm -D --defined-only "$BUILD/libhakmem.so" | awk '{ print $3 }' | sort)
archived=$(nm --defined-only --extern-only "$BUILD/libhakmem.a" 2>/dev/null |
    awk 'NF == 3 { print $3 }' | sort -u)
declared=$(grep -vE '^ *(/\*|\*)' include/hakmem/hakmem.h | grep -oE '\bhak_[a-z_]+\(' |
    tr -d '(' | sort -u)

{
    uniq -d <<<"$expected" | sed "s|^|$LIST: twice: |"
    comm -13 <(echo "$expected") <(echo "$exported") | sed "s|^|$LIST: exported, not listed: |"
    comm -23 <(echo "$expected") <(echo "$exported") | sed "s|^|$LIST: listed, not exported: |"
    comm -13 <(echo "$expected") <(echo "$archived") | sed "s|^|$LIST: in libhakmem.a, not listed: |"
    comm -23 <(echo "$expected") <(echo "$archived") | sed "s|^|$LIST: listed, not in libhakmem.a: |"
    comm -13 <(echo "$expected") <(echo "$declared") | sed "s|^|$LIST: declared, not listed: |"
} | report "public symbols ($(wc -l <<<"$expected") exported)"
