#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Install what is missing: setup.sh for building, setup.sh --test for testing and measuring too.
# Quick when nothing is missing; needs root or sudo only when something is. On a system without
# dpkg it does nothing: the build then names what it lacks.
set -euo pipefail

packages=(gcc cmake make libc6-dev libncurses-dev libjson-c-dev libdw-dev libiberty-dev zlib1g-dev
    libmicrohttpd-dev)
test_packages=(
    g++ clang libclang-rt-dev clang-format clang-tidy libcmocka-dev valgrind time       # tools
    libmimalloc2.0 libjemalloc2 libtcmalloc-minimal4 libtbbmalloc2                      # peers
    redis-server memcached nginx sqlite3 stress-ng git perl lua5.4 nodejs python3       # programs
    musl-tools xz-utils groff-base chromium gdb tmux zsh fish google-perftools
    gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user
    python3-prometheus-client systemd libseccomp2                                       # filters
    systemtap-sdt-dev bpftrace                                                          # probes
    prometheus curl                                                                     # readers
)

# Installed where this system has them: without, a peer is another version, or left out.
optional_packages=(
    libclang-rt-19-dev                                                                  # scudo
)

as_root=()
updated=

# Print those of the packages named that are not installed.
missing_of() {
    local name status installed=" "
    while read -r name status; do
        [[ $status != installed ]] || installed+="$name "
    done < <(dpkg-query -W -f='${Package} ${db:Status-Status}\n' "$@" 2>/dev/null)
    for name in "$@"; do
        [[ $installed == *" $name "* ]] || echo "$name"
    done
}

# Install the packages that are missing of those named. What this system's registry does not have
# is named and left out: a build without it fails with a clear word, a test that needs it skips.
need() {
    local name missing known=()
    mapfile -t missing < <(missing_of "$@")
    ((${#missing[@]})) || return 0
    if ((EUID != 0)); then
        if ! command -v sudo >/dev/null; then
            echo "setup: neither root nor sudo; please install: ${missing[*]}" >&2
            exit 1
        fi
        as_root=(sudo)
    fi
    [[ $updated ]] || "${as_root[@]}" apt-get update -qq
    updated=1
    for name in "${missing[@]}"; do
        if [[ $(apt-cache policy "$name") == *Candidate:* ]]; then
            known+=("$name")
        else
            echo "setup: there is no package $name here" >&2
        fi
    done
    ((${#known[@]})) || return 0
    echo "setup: installing ${known[*]}"
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -qq -y --no-install-recommends "${known[@]}" </dev/null >/dev/null
}

# Those of the packages named that are in this system's lists.
known_of() {
    local name
    for name in "$@"; do
        [[ $(apt-cache policy "$name") != *'Candidate: '[^\(]* ]] || echo "$name"
    done
}

command -v dpkg-query >/dev/null || exit 0
need "${packages[@]}"
[[ ${1:-} == --test ]] || exit 0
need "${test_packages[@]}"
# The `test` package of Debian's python3 has its version in its name.
python=$(readlink -f /usr/bin/python3)
need "lib${python##*/}-testsuite"
mapfile -t optional < <(missing_of "${optional_packages[@]}")
mapfile -t optional < <(known_of "${optional[@]}")
((${#optional[@]} == 0)) || need "${optional[@]}"
