# SPDX-License-Identifier: MIT
#
# Owns the check of the layer order: a file in src/X includes headers of X and of the layers below it
# only, each by its full name "layer/file.h". The folders of cli/ are layers too, above those of the
# library; main.c is above all. The public header may be included by all, and the command includes
# headers of bench/ and record/, which have no folder in their names.

source "$(dirname "$0")/lib.bash"

COMMAND=(cli/**/*.[ch])
awk -v src="$LAYERS" \
    -v cli="base settings program heap sites look run compare request serve main.c" '
function rank_layers(tree, names,    layer, count, i) {
    count = split(names, layer, " ")
    for (i = 1; i <= count; i++) rank[tree, layer[i]] = i
}
BEGIN {
    rank_layers("src", src)
    rank_layers("cli", cli)
    for (i = 1; i < ARGC; i++)
        if (ARGV[i] ~ /\.h$/) {
            name = substr(ARGV[i], 5)
            if (name in tree_of) printf "%s:1: src/ has a header of this name\n", ARGV[i]
            tree_of[name] = substr(ARGV[i], 1, 3)
        }
}
FNR == 1 {
    split(FILENAME, part, "/")
    tree = part[1]
    own = part[2]
    if (!((tree, own) in rank)) printf "%s:1: %s/%s is no layer\n", FILENAME, tree, own
}
/^[ \t]*#[ \t]*include[ \t]*</ && /<(hakmem|base|os|stack|slab|lane|watch|front|diag|api|settings|program|heap|look|run|sites|compare|request|serve)\// {
    printf "%s:%d: our own headers are included with quotes\n", FILENAME, FNR
}
/^[ \t]*#[ \t]*include[ \t]*"/ {
    split($0, quoted, "\"")
    name = quoted[2]
    if (name == "hakmem/hakmem.h" || (tree == "cli" && name ~ /^[a-z_]+\.h$/)) next
    target = substr(name, 1, index(name, "/") - 1)
    if (name !~ /^[a-z]+\/[a-z0-9_]+\.h$/ || !(name in tree_of))
        printf "%s:%d: \"%s\" has not the form \"layer/file.h\"\n", FILENAME, FNR, name
    else if (tree_of[name] == tree ? rank[tree, target] > rank[tree, own] : tree == "src")
        printf "%s:%d: %s is below %s and must not include \"%s\"\n", FILENAME, FNR, own, target, name
}' "${SOURCES[@]:-/dev/null}" "${COMMAND[@]}" | report "upward includes"
