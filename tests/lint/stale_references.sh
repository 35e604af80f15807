# SPDX-License-Identifier: MIT
#
# Owns the check that comments and documents name things that are there.
# - In the comments of src/, include/, cli/ and record/ each `name.c`, `name.h` or `dir/name.c` is a
#   file of this tree (a header of the system will do), and in `name.c:function` the file has that
#   word.
# - In docs/*.md and README.md each name of a source, script or document is a file of this tree, and
#   so is each path below one of its folders. A word of code, as `os_call_begin`, `fork_repair()` or
#   `MADV_DONTNEED`, is a word of the sources; where "(`dir/name.c`)" follows it, of that file.
#   Samples of output are left out, but for paths below src/.
# - docs/ARCHITECTURE.md names each .c file of src/.

source "$(dirname "$0")/lib.bash"

FILES=("${SOURCES[@]}" include/**/*.h {cli,record}/**/*.[ch])
DOCUMENTS=(README.md docs/*.md)

# Words of code that are no source's of ours: the kernel's, and another program's name.
OTHERS=(mmap_lock process_madvise MADV_PAGEOUT no_new_privs SECCOMP_FILTER_FLAG_TSYNC CLONE_NEWUSER
    node_exporter)

# The path of each file and folder by each of its ends: all of it, without the first folder, ...
declare -A PATHS
while read -r path; do
    name=/$path
    while [[ $name == */* ]]; do
        name=${name#*/}
        PATHS[$name]+="$path "
    done
done < <(find src include cli record bench tests cmake docs scripts Makefile README.md LICENSE \
    CMakeLists.txt)

# Read "AT NAME WORD" lines: there is a file NAME, and it has WORD if that is not empty.
check_files() {
    local at name word
    while read -r at name word; do
        if [[ -z ${PATHS[$name]:-} ]]; then
            [[ $name == *.h && -e /usr/include/$name ]] ||
                [[ -n $(echo /usr/include/*/"$name") ]] || echo "$at: there is no $name"
        elif [[ -n $word ]] && ! grep -qw "$word" ${PATHS[$name]}; then
            echo "$at: there is no $word in $name"
        fi
    done
}

comment_files() {
    perl "$HERE/c_text.pl" comments "${FILES[@]}" |
        perl -ne '
            my ($at, $text) = /^([^:]+:\d+):(.*)$/ or next;
            print "$at $1 ", $2 // "", "\n"
                while $text =~ m{((?:[\w-]+/)*\w[\w-]*\.[ch](?:pp)?)\b(?!\.\w)(?::([a-z_]\w+))?}g;'
}

# Lines of documents: "file AT NAME WORD" and "word AT WORD".
document_names() {
    perl -ne '
        BEGIN {
            $ending = qr/\.(?:c|h|cpp|sh|bash|pl|md|cmake)/;
            $path = qr{(?:[\w-]+/)*\w[\w-]*$ending\b(?!\.\w)};
            $place = qr{(?<![\w./-])(?:src|include|cli|record|bench|tests|docs)/[\w/.-]*\w};
        }
        $fence = 0 if $. == 1;
        my $at = "$ARGV:$.";
        close ARGV if eof;
        if (/^\s*```/) { $fence = !$fence; next }
        if ($fence) {
            print "file $at $1 \n" while m{(?<![\w/.-])(src/[\w/]*\.[ch])\b}g;
            next;
        }
        s/\]\(([^)#]*)[^)]*\)/] $1 /g; # links: the text, then the file
        s{https?://\S+}{}g;
        print "file $at $2 $1\n" while m{`([a-z]\w*_\w+)(?:\(\))?` (?:in |\()`?($path)}g;
        print "file $at $1 \n" while m{($path)}g;
        print "file $at $1 \n" while m{($place)}g;
        print "word $at $1\n" while m{(?<![\w/.=-])([A-Za-z]\w*_\w+|\w+(?=\(\)))(?![\w/]|\.\w)}g;
    ' "${DOCUMENTS[@]}"
}

# Read "AT WORD" lines. Sources put the names of settings, metrics and keys together from a word and
# what comes before and after it.
check_words() {
    local at word short
    local -A known
    while read -r word; do
        known[$word]=1
    done < <(cat "${FILES[@]}" {bench,cmake}/**/*.{c,h,cpp,sh,bash,py,cmake} Makefile \
        CMakeLists.txt | grep -oE '\w+' | sort -u
        basename -as .md docs/*.md
        printf '%s\n' "${OTHERS[@]}")
    while read -r at word; do
        short=${word#HAKMEM_}
        short=${short#hakmem_}
        short=${short#STATE_}
        short=${short%_total}
        [[ -n ${known[$word]:-} || -n ${known[$short]:-} ]] || echo "$at: no source has $word"
    done
}

files_without_mention() {
    local file
    for file in src/*/*.c; do
        grep -qE "(^|[^a-z0-9_])${file##*/}" docs/ARCHITECTURE.md ||
            echo "docs/ARCHITECTURE.md:1: does not name $file"
    done
}

NAMES=$(document_names | sort -u)
{
    comment_files | check_files
    sed -n 's/^file //p' <<<"$NAMES" | check_files
    sed -n 's/^word //p' <<<"$NAMES" | check_words
    files_without_mention
} | report "stale references in comments and documents"
