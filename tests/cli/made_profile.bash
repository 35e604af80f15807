# SPDX-License-Identifier: MIT
#
# Owns the processes whose heap profile is known (tests/cli/programs/made_profile.c). Sourced after
# lib.bash and targets.bash.

CORE_LIBRARY=$(dirname "$CLI")/libhakmem_core.a
[[ -f $CORE_LIBRARY ]] || { echo "SKIP: no $CORE_LIBRARY"; exit 77; }

# build_made_profile FILE FLAGS...
build_made_profile() {
    local file=$1
    shift
    cc -D_GNU_SOURCE -DHAK_SHARED=0 -DHAK_ASSERT=0 -DHAK_PREFIXED=1 -I"$SOURCE/src" \
        -I"$SOURCE/include" "$@" "$SOURCE/tests/cli/programs/made_profile.c" "$CORE_LIBRARY" \
        -pthread -o "$file" || fail "made_profile.c does not compile"
}

# start_made_profile [FILE] WORD: the profile of that name, ready.
start_made_profile() {
    rm -f made.out
    "./${2:-made_profile}" "$1" >made.out 2>made.err </dev/null &
    TARGET=$!
    disown
    STARTED+=("$TARGET")
    wait_for "made_profile" grep -qs '^ready' made.out
}
