#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Owns the check that git makes the same history on the allocator as without it (same commit ids,
# same log, same archive) and that clone, gc and fsck find it sound.

source "$(dirname "$0")/lib.bash"

need git
export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=$SCRATCH/gitconfig
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@localhost GIT_COMMITTER_NAME=c
export GIT_COMMITTER_EMAIL=c@localhost
export GIT_AUTHOR_DATE='1700000000 +0000' GIT_COMMITTER_DATE='1700000000 +0000'
git config --global gc.autoDetach false
git config --global gc.auto 0
git config --global pack.threads 2
git config --global init.defaultBranch main
git config --global core.fsync none

# 400 commits of a history with 60 files that grow and shrink.
history_stream() {
    awk 'BEGIN {
        for (c = 0; c < 400; c++) {
            printf "commit refs/heads/main\nmark :%d\n", c + 1
            printf "author a <a@localhost> %d +0000\n", 1600000000 + c * 60
            printf "committer c <c@localhost> %d +0000\n", 1600000000 + c * 60
            m = sprintf("commit number %d\n", c); printf "data %d\n%s", length(m), m
            if (c) printf "from :%d\n", c
            for (f = c % 5; f < 60; f += 11) {
                body = ""
                for (l = 0; l < 40 + (c * 13 + f) % 90; l++)
                    body = body sprintf("file %d line %d of %d\n", f, l, (l % 7 ? 0 : c))
                printf "M 100644 inline dir%d/file%d\ndata %d\n%s\n", f % 6, f, length(body), body
            }
        }
        print "done"
    }'
}

# everything RUNNER: the same work by each runner, in the current directory.
everything() {
    local i
    "$@" git init -q work
    "$@" git -C work fast-import --quiet --done <"$SCRATCH/history"
    "$@" git -C work checkout -q -f main
    "$@" git -C work checkout -q -b side main~50
    for ((i = 0; i < 10; i++)); do
        seq $((i * 37)) $((i * 91 + 200)) >work/dir1/side$i
        "$@" git -C work add -A
        "$@" git -C work commit -q -m "side $i"
    done
    "$@" git -C work checkout -q main
    "$@" git -C work merge -q --no-edit side
    "$@" git -C work rebase -q --onto main~3 main~1 side
    "$@" git clone -q --no-local --no-hardlinks work clone
    "$@" git -C clone fetch -q origin '+refs/heads/*:refs/heads/copy/*'
    "$@" git -C clone gc -q --aggressive --prune=now
    "$@" git -C clone fsck --full --strict --no-progress >fsck.txt
    {
        "$@" git -C clone rev-parse copy/main copy/side
        "$@" git -C clone log -p --stat --all --date-order
        "$@" git -C clone blame copy/main -- dir0/file0
        "$@" git -C clone grep -c 'line 7' copy/main
        "$@" git -C clone diff --patience copy/main~200 copy/main
        "$@" git -C clone archive copy/main | sha256sum
        "$@" git -C clone cat-file --batch-check --batch-all-objects | awk '{print $1, $2, $3}'
    } >log.txt
}

step "$(git --version)"
git init -q empty
assert_maps git git -C empty cat-file --batch
history_stream >history
mkdir plain preloaded

step "fast-import of 400 commits, merge, rebase, clone, gc --aggressive, fsck --full --strict"
(cd plain && everything command)
(cd preloaded && everything under)
[[ ! -s preloaded/fsck.txt ]] || fail "git fsck: $(head -n 1 preloaded/fsck.txt)"
same plain/log.txt preloaded/log.txt "ids, log, blame, diff or archive"
step "main is $(head -n 1 preloaded/log.txt), $(wc -l <preloaded/log.txt) lines compared"

step "repack of the clone; the pack is read without the library"
under git -C preloaded/clone repack -q -a -d -f --depth=20 --window=20 || fail "git repack"
git -C preloaded/clone fsck --full --strict --no-progress >fsck.txt || fail "git fsck"
[[ ! -s fsck.txt ]] || fail "git fsck: $(head -n 1 fsck.txt)"

finish
