# SPDX-License-Identifier: MIT
#
# Owns the check of the table of layers in docs/ARCHITECTURE.md: in the layers front, lane and slab a
# file uses only files of its own row, and of rows below it. Which file uses which comes from the
# objects in the build directory.

source "$(dirname "$0")/lib.bash"

DOCUMENT=docs/ARCHITECTURE.md
OBJECTS=$BUILD/CMakeFiles/hakmem_shared_objects.dir/src
[[ -d $OBJECTS ]] || skip "no objects in $BUILD"

# Print "LINE FILE" for each file of the three layers that the table names.
rows() {
    perl -ne '
        $layer = "" if !/^\|/;
        $layer = $1 if /^\| (\w+) \|/;
        next unless $layer && $layer =~ /^(front|lane|slab)$/;
        my $files = (split /\|/)[2];
        print "$. $layer/$1\n" while $files =~ /(\w+\.c)\b/g;' "$DOCUMENT"
}

# Read rows, then "FILE: SYMBOL KIND" lines of nm; print the uses of files in rows above.
upward_uses() {
    perl -e '
        my (%row, %home, @uses);
        while (<STDIN>) {
            if (/^(\d+) (\S+)$/) { $row{$2} = $1 }
            elsif (/^(\S+): (\S+) U/) { push @uses, [$1, $2] }
            elsif (/^(\S+): (\S+) [A-Z]/) { $home{$2} = $1 }
        }
        for my $use (@uses) {
            my ($file, $symbol) = @$use;
            my $other = $home{$symbol} // next;
            next unless $row{$file} && $row{$other} && $row{$other} < $row{$file};
            next if ($file =~ m{^(\w+)/})[0] ne ($other =~ m{^(\w+)/})[0];
            print "$ARGV[0]:$row{$file}: $file uses $symbol of $other, whose row is above\n";
        }' "$DOCUMENT"
}

symbols() {
    local object
    for object in "$OBJECTS"/{front,lane,slab}/*.o; do
        nm -P "$object" | sed "s|^|$(basename "$(dirname "$object")")/$(basename "$object" .o): |"
    done
}

PLANTED=$(printf '%s\n' '1 lane/a.c' '2 lane/b.c' '3 slab/c.c' 'lane/a.c: f T 0 9' 'lane/b.c: f U' \
    'lane/a.c: g U' 'lane/b.c: g T 0 9' 'slab/c.c: f U' | upward_uses)
[[ $PLANTED == "$DOCUMENT:2: lane/b.c uses f of lane/a.c, whose row is above" ]] ||
    fail "a planted use is not found: $PLANTED"
(($(rows | wc -l) > 30)) || fail "$DOCUMENT: no table of layers"

{ rows; symbols; } | upward_uses | report "order of the table of layers"
