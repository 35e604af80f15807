# SPDX-License-Identifier: MIT
#
# Owns the check of the layer order: a file in src/X includes headers of X and of the layers below
# it only, each by its full name "layer/file.h". The public header may be included by all.

source "$(dirname "$0")/lib.bash"

awk -v order="base os slab lane front diag api" '
BEGIN {
    count = split(order, layer, " ")
    for (i = 1; i <= count; i++) rank[layer[i]] = i
}
FNR == 1 {
    split(FILENAME, part, "/")
    own = part[2]
    if (!(own in rank)) printf "%s:1: src/%s is no layer\n", FILENAME, own
}
/^[ \t]*#[ \t]*include[ \t]*</ && /<(hakmem|base|os|slab|lane|front|diag|api)\// {
    printf "%s:%d: our own headers are included with quotes\n", FILENAME, FNR
}
/^[ \t]*#[ \t]*include[ \t]*"/ {
    split($0, quoted, "\"")
    name = quoted[2]
    if (name == "hakmem/hakmem.h") next
    if (name !~ /^[a-z]+\/[a-z0-9_]+\.h$/ || !((target = substr(name, 1, index(name, "/") - 1)) in rank))
        printf "%s:%d: \"%s\" has not the form \"layer/file.h\"\n", FILENAME, FNR, name
    else if (rank[target] > rank[own])
        printf "%s:%d: %s is below %s and must not include \"%s\"\n", FILENAME, FNR, own, target, name
}' "${SOURCES[@]:-/dev/null}" | report "upward includes"
