# SPDX-License-Identifier: MIT
#
# Owns the check that docs/SETTINGS.md and the settings in docs/man/hakmem.1 are what the command
# prints from the table.

source "$(dirname "$0")/lib.bash"

# differences FILE OPTION: a line for each line of standard input that the option does not print, or
# that it prints and standard input lacks.
differences() {
    diff --unchanged-line-format= --old-line-format="$1: not printed now: %L" \
        --new-line-format="$1: missing: %L" - <("$BUILD/hakmem" settings "$2") || true
}

[[ -n $("$BUILD/hakmem" settings) ]] || fail "$BUILD/hakmem settings prints nothing"
{
    differences docs/SETTINGS.md --markdown <docs/SETTINGS.md
    sed -n '/^\.\\" settings: begin$/,/^\.\\" settings: end$/{//!p}' docs/man/hakmem.1 |
        differences docs/man/hakmem.1 --man
} | report "settings in the documents (hakmem settings --markdown, --man)"
