# SPDX-License-Identifier: MIT
#
# Owns the check of the command line: what is wrong gives one clear line and status 2, help and
# version go to standard output. Verbs and options are those that the helps name.

source "$(dirname "$0")/lib.bash"

step "a wrong command line: one line, status 2"
expect_line 2 "hakmem: no command given (see hakmem --help)"
expect_line 2 "hakmem: 'rnu' is not a command: did you mean 'run'? (see hakmem --help)" rnu
expect_line 2 "hakmem: 'stat' is not a command: did you mean 'stats'? (see hakmem --help)" stat
expect_line 2 "hakmem: 'frobnicate' is not a command (see hakmem --help)" frobnicate
expect_line 2 "hakmem: '' is not a command (see hakmem --help)" ""
expect_line 2 "hakmem: 'a?b' is not a command (see hakmem --help)" $'a\nb'
expect_line 2 "hakmem: '--frob' is not an option (see hakmem --help)" --frob
expect_line 2 "hakmem: '-x' is not an option (see hakmem --help)" -x run ls
expect_line 2 "hakmem: '--version=2' is not an option: did you mean '--version'? (see hakmem --help)" \
    --version=2
expect_line 2 "hakmem run: no program given (see hakmem run --help)" run
expect_line 2 "hakmem run: no program given (see hakmem run --help)" run --
expect_line 2 "hakmem run: no program given (see hakmem run --help)" run --set DECAY_MS=0
expect_line 2 "hakmem run: '--set' needs a value (see hakmem run --help)" run --set
expect_line 2 "hakmem run: '--frob' is not an option (see hakmem run --help)" run --frob ls
expect_line 2 "hakmem run: '--frob' is not an option (see hakmem run --help)" \
    run --set DECAY_MS=0 --set=DECAY_MS=1 --frob ls
expect_line 2 "hakmem run: '-xy' is not an option (see hakmem run --help)" run --set DECAY_MS=0 -xy ls
expect_line 2 "hakmem record: no program given (see hakmem record --help)" record -o file
expect_line 2 "hakmem record: '-o' needs a value (see hakmem record --help)" record -o
expect_line 2 "hakmem record: '-x' is not an option (see hakmem record --help)" record -x ls
expect_line 2 "hakmem run: '--repotr' is not an option: did you mean '--report'? (see hakmem run --help)" \
    run --repotr page.html true
for words in "--report --" "--report=--" "--set --"; do
    # shellcheck disable=SC2086 # two words
    expect_line 2 "hakmem run: '${words%%[= ]*}' needs a value (see hakmem run --help)" run $words true
done
expect_line 2 "hakmem record: '-o' needs a value (see hakmem record --help)" record -o -- true
expect_line 2 "hakmem settings: 'all' is not a setting (see hakmem settings)" settings all
expect_line 2 "hakmem settings: 'STATS' is one word too many" settings DECAY_MS STATS
expect_line 2 "hakmem settings: --markdown and --man print all settings, not HAKMEM_STATS alone" \
    settings --man STATS
expect_line 2 "hakmem set: no process given (see hakmem set --help)" set DECAY_MS=1
expect_line 2 "hakmem limit: no process given (see hakmem limit --help)" limit 512M
expect_line 2 "hakmem settings: '--html' is not an option (see hakmem settings --help)" settings --html
expect_line 2 "hakmem help: 'settings' is one word too many" help run settings
expect_line 2 "hakmem: 'rnu' is not a command: did you mean 'run'? (see hakmem --help)" help rnu

step "each verb, whatever it is: no option of that name, no value, a value too many, no words"
hakmem --help
mapfile -t VERBS < <(sed -n 's/^ *hakmem \([a-z]*\) .*/\1/p' out | grep -vx help)
((${#VERBS[@]} >= 11)) || fail "only ${#VERBS[@]} verbs in hakmem --help: ${VERBS[*]}"
for verb in "${VERBS[@]}"; do
    see="(see hakmem $verb --help)"
    expect_line 2 "hakmem $verb: '--frob' is not an option $see" "$verb" --frob
    expect_line 2 "hakmem $verb: '-?' is not an option $see" "$verb" '-?'
    hakmem "$verb" --help
    grep -oE '^ +(-[a-z], )?--[a-z-]+(=[A-Z=]+)?' out | sed 's/.*--//' >options
    grep -qx help options || fail "hakmem $verb --help names no --help"
    while IFS='=' read -r option value; do
        if [[ $value ]]; then
            expect_line 2 "hakmem $verb: '--$option' needs a value $see" "$verb" "--$option"
            expect_line 2 "hakmem $verb: '--$option' needs a value $see" "$verb" "--$option" -- true
        else
            expect_line 2 "hakmem $verb: '--$option=1' is not an option: did you mean '--$option'? $see" \
                "$verb" "--$option=1"
        fi
    done <options
    [[ $verb == settings || $verb == serve ]] && continue # they need none
    "$CLI" "$verb" </dev/null >out 2>err
    STATUS=$?
    expect_status 2 "hakmem $verb without words"
    [[ ! -s out && $(wc -l <err) == 1 && $(cat err) == "hakmem $verb: "* ]] ||
        fail "hakmem $verb without words: $(cat out err)"
done

step "each verb's values: one line that names the bad one, status as in the manual"
# STATUS, the words, and what the line must have; PID is this shell, which has no HAKMEM.
while IFS='|' read -r status words pattern; do
    read -ra list <<<"${words//PID/$$}"
    hakmem "${list[@]/#EMPTY/}"
    expect_status "$status" "hakmem $words"
    [[ ! -s out && $(wc -l <err) == 1 ]] || fail "hakmem $words: not one line: $(cat out err)"
    grep -qE "^hakmem ${list[0]}: .*$pattern" err || fail "hakmem $words: $(cat err), not $pattern"
done <<'TABLE'
2|run --report /no/x true|cannot write '/no/x': No such file or directory
2|run --operations true|--operations needs --report FILE
2|run --set DECAY_MS=x true|HAKMEM_DECAY_MS cannot be 'x': expected milliseconds, -1 to 3600000
127|run no-such-program|'no-such-program': no such program
126|run /|cannot execute '/': Permission denied
2|compare --runs 0 true|'0': expected a number from 1 to 100000
2|compare --time nan true|'nan': expected a number from
2|compare --precision -1 true|'-1': expected a number from
2|compare --only nope true|no allocator 'nope' here: expected some of glibc
2|compare --allocator x true|'x': expected NAME=PATH
2|compare --input /no true|cannot read '/no': No such file or directory
2|compare --input / true|cannot read '/': not a regular file
2|compare --json /no/x true|cannot write '/no/x': No such file or directory
2|compare --html a --json a true|name the same file: expected two
2|record -o /no/x true|cannot write '/no/x': No such file or directory
2|stats x|'x' is not a process number
2|stats EMPTY|'' is not a process number
2|stats 99999999999|'99999999999' is not a process number
2|stats PID 2|'2' is one word too many
1|stats 999999999|there is no process 999999999
1|stats PID|process [0-9]+ \(.*\)
1|stats --core /no|cannot read '/no': No such file or directory
1|stats --core /etc/passwd|'/etc/passwd' is not a core file: expected one from the kernel or gcore
2|top x|'x' is not a process number
2|top PID 2|'2' is one word too many
2|top --delay x|cannot be 'x': expected 0.1 to 3600 seconds
2|map x|'x' is not a process number
2|map PID 2|'2' is one word too many
2|why PID|no address given
2|why PID zz|'zz' is not an address: expected hexadecimal digits
2|why PID EMPTY|'' is not an address: expected hexadecimal digits
2|why x 10|'x' is not a process number
2|serve x|'x' is one word too many
2|serve --listen x|'x' is not an address and a port
2|serve --listen 0.0.0.0:0|other machines can reach 0.0.0.0: it needs a --token-file
2|serve --token-file /no|the token file '/no' cannot be read: No such file or directory
1|serve --insecure --listen 198.51.100.1:0|cannot listen on 198.51.100.1:0: Cannot assign requested address
2|trim x|'x' is not a process number
2|trim PID 2|'2' is one word too many
2|trim --wait x PID|cannot be 'x': expected 0 to 86400 seconds
2|trim --wait 86401 PID|cannot be '86401': expected 0 to 86400 seconds
1|trim 999999999|there is no process 999999999
2|set PID|no NAME=VALUE given
2|set PID x|'x' is not of the form NAME=VALUE
2|set PID =1|'=1' is not of the form NAME=VALUE
2|set PID FROB=1|'FROB' is not a setting \(see hakmem settings\)
2|set PID DECAY_MS=|HAKMEM_DECAY_MS cannot be '': expected milliseconds, -1 to 3600000
2|set PID REPORT=x|HAKMEM_REPORT can be set at a process's start only
2|set x DECAY_MS=1|'x' is not a process number
2|set PID DECAY_MS=1 2|'2' is one word too many
1|set 999999999 DECAY_MS=1|there is no process 999999999
2|limit PID|no limit given
2|limit PID x|HAKMEM_LIMIT cannot be 'x': expected bytes .* 0 to 1024G, 1% to 100%, none
2|limit PID EMPTY|HAKMEM_LIMIT cannot be '': expected bytes
2|limit PID 0%|HAKMEM_LIMIT cannot be '0%': expected bytes
2|limit PID 101%|HAKMEM_LIMIT cannot be '101%': expected bytes
2|limit PID 1025G|HAKMEM_LIMIT cannot be '1025G': expected bytes
2|limit x none|'x' is not a process number
2|limit PID 1 2|'2' is one word too many
1|limit 999999999 1G|there is no process 999999999
2|settings x|'x' is not a setting \(see hakmem settings\)
2|set PID DECAY=1|'DECAY' is not a setting: did you mean 'DECAY_MS'\? \(see hakmem settings\)
2|set PID LIMIT=noen|expected bytes .*, none: did you mean 'none'\?
2|help run stats|'stats' is one word too many
TABLE

step "help and version"
for words in -h --help help "help help" "help --help" "run --help" "run -h" "settings -h" "help run" \
    "record --help" "help record" "report --help" "help report" "settings --help" "help settings" \
    --version "run --set DECAY_MS=0 --help"; do
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

for verb in "${VERBS[@]}"; do
    hakmem "$verb" -h
    expect_status 0 "hakmem $verb -h"
    mv out short
    hakmem "$verb" --help
    cmp -s short out || fail "hakmem $verb -h is not its --help"
done

step "standard output that cannot be written to"
for words in --version --help settings; do
    "$CLI" $words >/dev/full 2>err
    STATUS=$?
    expect_status 1 "hakmem $words >/dev/full"
    [[ $(cat err) == "hakmem: cannot write to standard output: No space left on device" ]] ||
        fail "hakmem $words >/dev/full: $(cat err)"
done

step "what is not printable in an argument"
expect_line 2 "hakmem: 'a?[2J?b?c?dä' is not a command (see hakmem --help)" \
    $'a\e[2J\xe2\x80\xaeb\xc2\x9bc\xffd\303\244'
