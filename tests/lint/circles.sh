# SPDX-License-Identifier: MIT
#
# Owns the check for circles: files of src/ (or of cli/) that use each other, directly or by way of
# others, so that none of them can be understood, linked or tested without the rest. It prints all
# circles of files, and of folders. A circle of folders is a fault, and so is one of files that is
# not known: KNOWN has the sizes of those that are still there, by folder. It may only get shorter,
# and its numbers smaller.
#
# Who uses whom comes from the objects in the build directory: one that has an undefined symbol uses
# the one that defines it. A name that our library defines in libc's place counts as libc's.

source "$(dirname "$0")/lib.bash"

KNOWN='
'

# symbols_of TARGET FOLDER: print what nm says of the target's objects, each line after its source.
symbols_of() {
    local source object
    for source in "$2"/**/*.c; do
        object=$BUILD/CMakeFiles/$1.dir/$source.o
        [[ -e $object ]] || fail "$source has no object in $BUILD: build first"
        nm -P "$object" | awk -v source="$source" '
            FNR == NR { is_libc[$1] = 1; next }
            !($1 in is_libc) { print source ": " $0 }' "$SCRATCH/libc" -
    done
}

[[ -d $BUILD/CMakeFiles/hakmem_shared_objects.dir ]] || skip "no objects in $BUILD"
SCRATCH=$(mktemp -d)
trap 'rm -rf "$SCRATCH"' EXIT
grep -E '^[A-Za-z_]' src/api/public_symbols.txt | grep -vE '^(hak_|hakmem_|g_)' >"$SCRATCH/libc"
symbols_of hakmem_shared_objects src >"$SCRATCH/src"
symbols_of hakmem_command cli >"$SCRATCH/cli"

# A planted circle of three files in two folders, beside a file that has no part in it.
PLANTED=$(printf '%s\n' 'src/a/x.c: f T 0 9' 'src/a/x.c: g U' 'src/a/y.c: g T 0 9' 'src/a/y.c: h U' \
    'src/b/z.c: h D 0 8' 'src/b/z.c: f w' 'src/b/other.c: f U' | perl "$HERE/circles.pl")
[[ $PLANTED == $'src/a+src/b\t3\tsrc/a/x.c src/a/y.c src/b/z.c' ]] ||
    fail "circles.pl does not find a planted circle: $PLANTED"

for tree in src cli; do
    perl "$HERE/circles.pl" <"$SCRATCH/$tree" >>"$SCRATCH/files"
    perl "$HERE/circles.pl" --folders <"$SCRATCH/$tree" >>"$SCRATCH/folders"
done
awk -F'\t' '{ printf "circle of %d files in %s: %s\n", $2, $1, $3 }' "$SCRATCH/files"
awk -F'\t' '{ printf "circle of %d folders: %s\n", $2, $3 }' "$SCRATCH/folders"

# The sizes by folder, in the form of KNOWN: the larger circles come first.
FOUND=$(awk -F'\t' '{ sizes[$1] = sizes[$1] " " $2 } END { for (f in sizes) print f sizes[f] }' \
    "$SCRATCH/files" | sort)
{
    awk -F'\t' '{ print $3 ": these folders use each other" }' "$SCRATCH/folders"
    awk -v at="tests/lint/circles.sh:1" '
        NF < 2 { next }
        { name = $1; sum = 0; for (i = 2; i <= NF; i++) sum += $i; sizes = $0 }
        FNR == NR { known[name] = sizes; known_sum[name] = sum; known_most[name] = $2; next }
        {
            is_found[name] = 1
            if (sizes == known[name]) next
            if (sum > known_sum[name] || $2 > known_most[name])
                print name ": its circles have grown: " sizes ", known is: " known[name]
            else
                print at ": its circles are smaller now: write: " sizes
        }
        END {
            for (name in known)
                if (!(name in is_found)) print at ": no circle is left in " name ": remove its line"
        }' <(echo "$KNOWN") <(echo "$FOUND")
} | report "circles ($(wc -l <"$SCRATCH/files") known)"
