# SPDX-License-Identifier: MIT
# Completion of the command hakmem in bash. Installed as share/bash-completion/completions/hakmem.

# The settings' names, as NAME=, from the command itself.
_hakmem_settings() {
    "${COMP_WORDS[0]}" settings 2>/dev/null | sed -n 's/^HAKMEM_\([A-Z_]*\) .*/\1=/p'
}

# Processes that may be looked at and have the library; one that was linked with libhakmem.a is not
# known by its mappings.
_hakmem_pids() {
    grep -lsE '/libhakmem\.so( |$)' /proc/[0-9]*/maps 2>/dev/null | sed 's|^/proc/||; s|/maps$||'
}

_hakmem() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    local verb=${COMP_WORDS[1]} words=
    COMPREPLY=()
    if ((COMP_CWORD == 1)); then
        mapfile -t COMPREPLY < <(compgen -W \
            "run report compare record stats snapshot diff map why sites profile leaks top serve trim \
            set limit settings help \
            --help --version" -- "$word")
        return
    fi
    case $before in
    --json)
        if [[ $verb == compare ]]; then
            mapfile -t COMPREPLY < <(compgen -f -- "$word")
            return
        fi
        ;;
    --core | --svg | --suppress | --output | -o | --html | --input | --report | --token-file)
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        return
        ;;
    --set)
        compopt -o nospace 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -W "$(_hakmem_settings)" -- "${word^^}")
        return
        ;;
    --delay | --suppress-function | --exit-status | --interval | --top | --range | --wait | --for | --only | --precision | --time | --runs | --listen) return ;;
    esac
    case $verb in
    run) words="--set --report --no-profile --operations --help" ;;
    compare) words="--only --allocator --precision --time --runs --input --show-output --json --html" ;;
    report) words="--for --no-profile --output --help" ;;
    record) words="--output --help" ;;
    stats) words="--core --json --metrics --help" ;;
    snapshot) words="--core --output --help" ;;
    diff) words="--for --live --allocated --peak --pinned --top --json --help" ;;
    map) words="--core --range --svg --help" ;;
    why) words="--core --help" ;;
    sites) words="--live --allocated --peak --pinned --lifetime --top --json --core --help" ;;
    profile) words="--output --live --allocated --peak --pinned --for --interval --core --help" ;;
    leaks) words="--all --suppress --suppress-function --exit-status --exact --interval --output --help" ;;
    top) words="--delay --core --help" ;;
    serve) words="--listen --token-file --insecure --help" ;;
    trim) words="--wait --help" ;;
    set) words="--wait --help" ;;
    limit) words="--wait --help" ;;
    settings) words="--man --markdown --help" ;;
    help)
        words="run report compare record stats snapshot diff map why sites profile leaks top serve trim set"
        words+=" limit settings"
        ;;
    esac
    case $verb,$word in
    help,* | *,-*) ;;
    diff,*)
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        return
        ;;
    run,* | compare,* | record,* | leaks,*)
        # the program, then its own words
        if declare -F _command_offset >/dev/null; then
            local at=2
            while [[ ${COMP_WORDS[at]} == -* && at -lt COMP_CWORD ]]; do
                [[ ${COMP_WORDS[at]} != @(--help|--show-output|--all|--exact|--*=*) ]] && at=$((at + 1))
                at=$((at + 1))
            done
            _command_offset "$at"
        else
            mapfile -t COMPREPLY < <(compgen -c -- "$word")
        fi
        return
        ;;
    set,*)
        words=$(_hakmem_pids)
        if [[ $before == [0-9]* ]]; then
            compopt -o nospace 2>/dev/null
            words=$(_hakmem_settings)
            word=${word^^}
        fi
        ;;
    limit,*)
        words=$(_hakmem_pids)
        [[ $before == [0-9]* ]] && words=none
        ;;
    stats,* | map,* | why,* | sites,* | profile,* | top,* | trim,*) words=$(_hakmem_pids) ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}

complete -F _hakmem hakmem
