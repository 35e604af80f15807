# SPDX-License-Identifier: MIT
# Completion of the command hakmem in fish. Installed in share/fish/vendor_completions.d.

function __hakmem_settings
    hakmem settings 2>/dev/null | string replace -rf '^HAKMEM_([A-Z_]*) .*' '$1='
end

# Processes that may be looked at and have the library; one that was linked with libhakmem.a is not
# known by its mappings.
function __hakmem_pids
    for maps in (grep -lsE '/libhakmem\.so( |$)' /proc/[0-9]*/maps 2>/dev/null)
        set -l number (string replace -r '^/proc/(.*)/maps$' '$1' $maps)
        printf '%s\t%s\n' $number (cat /proc/$number/comm)
    end
end

function __hakmem_verb
    not __fish_seen_subcommand_from run report compare record stats snapshot diff map why sites \
        profile leaks top serve trim set limit settings help
end

complete -c hakmem -f
complete -c hakmem -n __hakmem_verb -l version -d 'print the version'
complete -c hakmem -s h -l help -d 'print the help'
complete -c hakmem -n __hakmem_verb -a run -d 'run a program on the allocator'
complete -c hakmem -n __hakmem_verb -a report -d 'watch a running process, and write a page'
complete -c hakmem -n __hakmem_verb -a compare -d 'run it under each allocator, and compare'
complete -c hakmem -n __hakmem_verb -a record -d 'write its allocator calls to a file'
complete -c hakmem -n __hakmem_verb -a stats -d 'where the memory of a process is'
complete -c hakmem -n __hakmem_verb -a snapshot -d 'the figures of stats, in a file'
complete -c hakmem -n __hakmem_verb -a diff -d 'what changed between two snapshots or profiles'
complete -c hakmem -n __hakmem_verb -a map -d 'the address space of a heap'
complete -c hakmem -n __hakmem_verb -a why -d 'what lies at an address'
complete -c hakmem -n __hakmem_verb -a sites -d 'who asked for the memory'
complete -c hakmem -n __hakmem_verb -a profile -d 'the same, in a file for other tools'
complete -c hakmem -n __hakmem_verb -a leaks -d 'run a program, and say what it has lost'
complete -c hakmem -n __hakmem_verb -a top -d 'a live view'
complete -c hakmem -n __hakmem_verb -a serve -d 'answer all of this by HTTP'
complete -c hakmem -n __hakmem_verb -a trim -d 'have a process give free pages back'
complete -c hakmem -n __hakmem_verb -a set -d 'change a setting of a running process'
complete -c hakmem -n __hakmem_verb -a limit -d 'limit the memory of a running process'
complete -c hakmem -n __hakmem_verb -a settings -d 'list the settings'
complete -c hakmem -n __hakmem_verb -a help -d 'the help of a command'

complete -c hakmem -n '__fish_seen_subcommand_from run' -l set -x -a '(__hakmem_settings)' \
    -d 'run it with a setting'
complete -c hakmem -n '__fish_seen_subcommand_from run' -l report -r -F -d 'write a page'
complete -c hakmem -n '__fish_seen_subcommand_from run report' -l no-profile \
    -d 'no call stacks in the page'
complete -c hakmem -n '__fish_seen_subcommand_from run' -l operations -d 'count each call for the page'
complete -c hakmem -n '__fish_seen_subcommand_from report diff' -l for -x -d 'look for so long'
complete -c hakmem -n '__fish_seen_subcommand_from report' -s o -l output -r -F -d 'the page'
complete -c hakmem -n '__fish_seen_subcommand_from compare' -l only -x -d 'these allocators'
complete -c hakmem -n '__fish_seen_subcommand_from compare' -l allocator -x -d 'NAME=PATH: this too'
complete -c hakmem -n '__fish_seen_subcommand_from compare' -l precision -x -d 'of wall time, in %'
complete -c hakmem -n '__fish_seen_subcommand_from compare' -l time -x -d 'seconds at most'
complete -c hakmem -n '__fish_seen_subcommand_from compare' -l runs -x -d 'so many of each'
complete -c hakmem -n '__fish_seen_subcommand_from compare' -l input -r -F -d 'standard input'
complete -c hakmem -n '__fish_seen_subcommand_from compare' -l show-output \
    -d 'show what the program writes'
complete -c hakmem -n '__fish_seen_subcommand_from compare' -l json -r -F -d 'write all figures'
complete -c hakmem -n '__fish_seen_subcommand_from compare' -l html -r -F -d 'write a page'
complete -c hakmem -n '__fish_seen_subcommand_from run compare record leaks' -x -a '(__fish_complete_subcommand)'
complete -c hakmem -n '__fish_seen_subcommand_from record snapshot profile' -s o -l output -r -F -d 'the file'
complete -c hakmem -n '__fish_seen_subcommand_from stats snapshot top map why sites profile' -l core -r -F \
    -d 'look at a core file'
complete -c hakmem -n '__fish_seen_subcommand_from stats diff sites' -l json -d 'print JSON'
complete -c hakmem -n '__fish_seen_subcommand_from stats' -l metrics -d 'print OpenMetrics text'
complete -c hakmem -n '__fish_seen_subcommand_from sites profile diff' -l live -d 'by live bytes'
complete -c hakmem -n '__fish_seen_subcommand_from sites profile diff' -l allocated \
    -d 'by bytes allocated'
complete -c hakmem -n '__fish_seen_subcommand_from sites profile diff' -l peak \
    -d 'by live bytes at the peak'
complete -c hakmem -n '__fish_seen_subcommand_from profile' -l for -x \
    -d 'profile a process for so long'
complete -c hakmem -n '__fish_seen_subcommand_from profile' -l interval -x \
    -d 'mean bytes between two samples'
complete -c hakmem -n '__fish_seen_subcommand_from sites profile diff' -l pinned \
    -d 'by free bytes kept resident'
complete -c hakmem -n '__fish_seen_subcommand_from sites' -l lifetime -d 'with how long blocks lived'
complete -c hakmem -n '__fish_seen_subcommand_from sites diff' -l top -x -d 'so many stacks'
complete -c hakmem -n '__fish_seen_subcommand_from leaks' -l all -d 'also blocks that can be reached'
complete -c hakmem -n '__fish_seen_subcommand_from leaks' -l suppress -r -F -d 'functions to leave out'
complete -c hakmem -n '__fish_seen_subcommand_from leaks' -l suppress-function -x -d 'one of them'
complete -c hakmem -n '__fish_seen_subcommand_from leaks' -l exit-status -x -d 'when there are leaks'
complete -c hakmem -n '__fish_seen_subcommand_from leaks' -l exact -d 'know each stack'
complete -c hakmem -n '__fish_seen_subcommand_from leaks' -l interval -x -d 'sample so many bytes'
complete -c hakmem -n '__fish_seen_subcommand_from leaks' -s o -l output -r -F -d 'the report'
complete -c hakmem -n '__fish_seen_subcommand_from map' -l range -r -f -d 'show only these addresses, START-END'
complete -c hakmem -n '__fish_seen_subcommand_from map' -l svg -r -F -d 'draw into an SVG file'
complete -c hakmem -n '__fish_seen_subcommand_from top' -l delay -x -d 'seconds between looks'
complete -c hakmem -n '__fish_seen_subcommand_from serve' -l listen -x -d 'ADDRESS:PORT'
complete -c hakmem -n '__fish_seen_subcommand_from serve' -l token-file -r -F -d 'a token is asked for'
complete -c hakmem -n '__fish_seen_subcommand_from serve' -l insecure -d 'other machines need no token'
complete -c hakmem -n '__fish_seen_subcommand_from trim set limit' -l wait -x -d 'seconds to wait'
complete -c hakmem -n '__fish_seen_subcommand_from settings' -l man -d 'as a manual page'
complete -c hakmem -n '__fish_seen_subcommand_from settings' -l markdown -d 'as docs/SETTINGS.md'
complete -c hakmem -n '__fish_seen_subcommand_from report stats snapshot map why sites profile leaks top serve trim set limit' \
    -a '(__hakmem_pids)'
complete -c hakmem -n '__fish_seen_subcommand_from diff' -F
complete -c hakmem -n '__fish_seen_subcommand_from set' -a '(__hakmem_settings)'
complete -c hakmem -n '__fish_seen_subcommand_from help' \
    -a 'run report compare record stats snapshot diff map why sites profile leaks top serve trim set limit settings'
