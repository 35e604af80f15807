# SPDX-License-Identifier: MIT
#
# Owns the check that files are laid out as .clang-format says; `make format` repairs them.

source "$(dirname "$0")/lib.bash"

command -v clang-format >/dev/null || skip "no clang-format"
FILES=({src,include,cli,bench,tests}/**/*.{c,h,cpp})
clang-format --dry-run "${FILES[@]}" 2>&1 |
    sed -n 's/^\([^:]*\):\([0-9]*\):.*-Wclang-format-violations.*/\1:\2: make format would change it/p' |
    sort -u -t : -k 1,1 | report "format"
