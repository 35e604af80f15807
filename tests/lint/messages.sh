# SPDX-License-Identifier: MIT
#
# Owns the table of what the command and the library say to people (bash tests/lint/messages.sh . build
# --table prints it: file and line, the function that says it, the text), and the check of its
# messages, that is, of what comes as one line on standard error: plain characters, no full stop, the
# command's name before each of the command's, no second name of the library before its own, and no
# number before a word that is always in the plural.

source "$(dirname "$0")/lib.bash"

TABLE=$(perl "$HERE/c_messages.pl" src/*/*.[ch] cli/**/*.[ch] record/*.[ch])
[[ ${3:-} != --table ]] || {
    printf '%s\n' "$TABLE"
    exit 0
}
(($(wc -l <<<"$TABLE") >= 200)) || fail "only $(wc -l <<<"$TABLE") texts found"
awk -F'\t' '
    function fault(what) { print $1 ": " what ": " $3 }
    $2 ~ /^(log_line|log_abort|log_plain|cli_fail|target_fail.*)$/ {
        messages++
        if ($3 ~ /[^ -~]/) fault("a character beyond ASCII")
        if ($3 ~ /(\.|\\n| )$/) fault("ends with a full stop, a space or a newline")
        if ($2 ~ /^log_(line|abort)$/ && $3 ~ /^hakmem/) fault("log_line names the library already")
    }
    $2 == "cli_fail" && $3 ~ / .* / && $3 !~ /^(hakmem|%s:| \()/ { fault("without the name of the command") }
    $2 != "-" && $3 ~ /%[a-z]+ (threads|processes|calls|rounds|blocks|allocators)/ { fault("1 would be in the plural") }
    END { if (messages < 100) print "only " messages " messages found" }' <<<"$TABLE" |
    report "messages ($(wc -l <<<"$TABLE") texts in the table)"
