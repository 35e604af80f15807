# SPDX-License-Identifier: MIT
#
# Owns the check of the command line: what is wrong gives one clear line and status 2, help and
# version go to standard output.

source "$(dirname "$0")/lib.bash"

step "a wrong command line: one line, status 2"
expect_line 2 "hakmem: no command given (see hakmem --help)"
expect_line 2 "hakmem: 'rnu' is no command (see hakmem --help)" rnu
expect_line 2 "hakmem: '' is no command (see hakmem --help)" ""
expect_line 2 "hakmem: 'a?b' is no command (see hakmem --help)" $'a\nb'
expect_line 2 "hakmem: '--frob' is no option (see hakmem --help)" --frob
expect_line 2 "hakmem: '-x' is no option (see hakmem --help)" -x run ls
expect_line 2 "hakmem: '--version=2' is no option (see hakmem --help)" --version=2
expect_line 2 "hakmem run: no program given (see hakmem run --help)" run
expect_line 2 "hakmem run: no program given (see hakmem run --help)" run --
expect_line 2 "hakmem run: no program given (see hakmem run --help)" run --set DECAY_MS=0
expect_line 2 "hakmem run: '--set' needs a value (see hakmem run --help)" run --set
expect_line 2 "hakmem run: '--frob' is no option (see hakmem run --help)" run --frob ls
expect_line 2 "hakmem run: '--frob' is no option (see hakmem run --help)" \
    run --set DECAY_MS=0 --set=DECAY_MS=1 --frob ls
expect_line 2 "hakmem run: '-xy' is no option (see hakmem run --help)" run --set DECAY_MS=0 -xy ls
expect_line 2 "hakmem record: no program given (see hakmem record --help)" record -o file
expect_line 2 "hakmem record: '-o' needs a value (see hakmem record --help)" record -o
expect_line 2 "hakmem record: '-x' is no option (see hakmem record --help)" record -x ls
expect_line 2 "hakmem settings: 'all' is one word too many" settings all
expect_line 2 "hakmem settings: '--html' is no option (see hakmem settings --help)" settings --html
expect_line 2 "hakmem help: 'settings' is one word too many" help run settings
expect_line 2 "hakmem: 'rnu' is no command (see hakmem --help)" help rnu

step "help and version"
for words in --help help "help help" "help --help" "run --help" "help run" "record --help" \
    "help record" "report --help" "help report" "settings --help" "help settings" --version "run --set DECAY_MS=0 --help"; do
    # shellcheck disable=SC2086 # several words
    hakmem $words
    expect_status 0 "hakmem $words"
    [[ -s out && ! -s err ]] || fail "hakmem $words: nothing on standard output, or an error"
    expect_narrow out "hakmem $words"
done
hakmem --version
[[ $(cat out) == "hakmem $(sed -n 's/.*HAKMEM_VERSION_STRING "\(.*\)"/\1/p' \
    "$SOURCE/include/hakmem/hakmem.h")" ]] || fail "hakmem --version: $(cat out)"
hakmem --help
expect_in out '^ +hakmem run .*PROGRAM' "hakmem --help"
expect_in out '^ +hakmem record .*PROGRAM' "hakmem --help"
expect_in out '^ +hakmem settings' "hakmem --help"
expect_in out '^ +hakmem stats PID' "hakmem --help"
hakmem run --help
expect_in out '--set=NAME=VALUE' "hakmem run --help"

step "standard output that cannot be written to"
for words in --version --help settings; do
    "$CLI" $words >/dev/full 2>err
    STATUS=$?
    expect_status 1 "hakmem $words >/dev/full"
    [[ $(cat err) == "hakmem: cannot write to standard output: No space left on device" ]] ||
        fail "hakmem $words >/dev/full: $(cat err)"
done
