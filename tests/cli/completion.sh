# SPDX-License-Identifier: MIT
#
# Owns the check of the shells' completion: each verb and each option that the helps name is in all
# three files, their syntax is right where the shell is there, and bash completes with them; and
# that each help fits a screen.

source "$(dirname "$0")/lib.bash"
FILES=("$SOURCE"/cli/completion/{hakmem.bash,_hakmem,hakmem.fish})

hakmem --help
mapfile -t VERBS < <(sed -n 's/^ *hakmem \([a-z]*\) .*/\1/p' out)
((${#VERBS[@]} >= 9)) || fail "only ${#VERBS[@]} verbs in hakmem --help: ${VERBS[*]}"

step "helps that fit a screen"
for verb in "" "${VERBS[@]}"; do
    [[ $verb == help ]] || {
        # shellcheck disable=SC2086
        hakmem $verb --help
        expect_narrow out "hakmem $verb --help"
        (($(wc -l <out) <= 24)) || fail "hakmem $verb --help: $(wc -l <out) lines"
    }
done

step "verbs and options"
for verb in "${VERBS[@]}"; do
    for file in "${FILES[@]}"; do
        grep -Eqw "$verb" "$file" || fail "${file##*/} does not know $verb"
    done
    [[ $verb != help ]] || continue
    hakmem "$verb" --help
    for option in $(grep -oE '^ +(-h, )?--[a-z-]+' out | grep -oE -- '--[a-z-]+'); do
        grep -qE -- "^ +$verb\) .*$option\b" "${FILES[0]}" || [[ $option == --help ]] ||
            fail "hakmem.bash: $verb has no $option"
        grep -qE -- "$option\b" "${FILES[1]}" || fail "_hakmem: $verb has no $option"
        grep -qE -- "-l ${option#--}\b" "${FILES[2]}" || fail "hakmem.fish: $verb has no $option"
    done
done

step "syntax"
bash -n "${FILES[0]}" || fail "hakmem.bash"
! command -v zsh >/dev/null || zsh -n "${FILES[1]}" || fail "_hakmem"
! command -v fish >/dev/null || fish -n "${FILES[2]}" || fail "hakmem.fish"

step "bash completes"
# expect_completion WORD... -- ANSWER...: the last word becomes one of exactly these.
expect_completion() {
    local words=() got
    while [[ $1 != -- ]]; do
        words+=("$1")
        shift
    done
    shift
    got=$(bash -c '
        PATH=$1:$PATH
        source "$2"
        shift 2
        COMP_WORDS=("$@")
        COMP_CWORD=$(($# - 1))
        _hakmem
        echo "${COMPREPLY[*]}"' - "$(dirname "$CLI")" "${FILES[0]}" "${words[@]}")
    [[ $got == "$*" ]] || fail "${words[*]}: completes to '$got', not '$*'"
}
expect_completion hakmem sta -- stats
expect_completion hakmem se -- serve set settings
expect_completion hakmem stats --j -- --json
expect_completion hakmem stats 1 --m -- --metrics
expect_completion hakmem run --set DECAY -- DECAY_MS=
expect_completion hakmem set 1 thread_c -- THREAD_CACHE_MAX=
expect_completion hakmem help to -- top
expect_completion hakmem li -- limit
expect_completion hakmem limit 1 n -- none
touch some.core
expect_completion hakmem why --core some.c -- some.core

step "only processes that can be looked at"
source "$SOURCE/tests/cli/targets.bash"
start_known_heap
expect_completion hakmem stats $$ --
expect_completion hakmem stats $TARGET -- $TARGET
expect_completion hakmem limit $TARGET -- $TARGET
