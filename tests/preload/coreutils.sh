#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Owns the check that the everyday tools (bash, tar, xz, sort, sed, grep, awk, find, diff, make -j2)
# give the same results on the allocator as without it.

source "$(dirname "$0")/lib.bash"

need tar xz sort sed grep awk find diff make sha256sum bash
step "$(tar --version | head -n 1), $(xz --version | head -n 1), $(sort --version | head -n 1)"
for program in tar xz sort sed grep cat bash make; do
    case $program in
    tar) assert_maps tar tar tf - ;;
    grep) assert_maps grep grep x ;;
    sed) assert_maps sed sed p ;;
    make) assert_maps make make -n -f - ;;
    *) assert_maps "$program" "$program" ;;
    esac
done

mkdir -p tree plain preloaded
for ((i = 0; i < 150; i++)); do
    mkdir -p "tree/d$((i % 12))/e$((i % 5))"
    seq "$i" $((i * 41 % 2000 + i + 3)) >"tree/d$((i % 12))/e$((i % 5))/file$i"
done
awk 'BEGIN { for (i = 0; i < 100000; i++) print (i * 7919) % 1000003, "line", i % 977 }' >lines

# Commands with $0 as the directory for results; each runs by itself, plain and preloaded.
COMMANDS=(
    'sort -k1,1n --parallel=2 -S 8M lines >$0/sorted'
    'sort -u -k3,3 -s lines >$0/unique'
    'sed -E "s/([0-9]+) line/<\1>/; n; d" lines >$0/sed'
    'grep -nE "9([0-9])\1.*7$" lines >$0/grep'
    'awk "{n[\$3] = n[\$3] \$1} END { for (k = 0; k < 977; k++) print length(n[k]) }" lines >$0/awk'
    'find tree -type f -printf "%s %p\n" | sort >$0/find'
    'tar --sort=name --mtime=@0 --owner=0 --group=0 -cf $0/tree.tar tree'
    'xz -T2 -6 --block-size=100000 -kc lines >$0/lines.xz'
    'head -n 8000 lines | { diff - <(head -n 9000 lines | sed 7~13d) || true; } >$0/diff'
    'find tree -type f -print0 | sort -z | xargs -0 -P2 -n20 cat | wc -c >$0/xargs'
    'comm -12 <(sort -u lines) <(sort lines | uniq) | tac | md5sum >$0/comm'
    'split -l 3000 lines $0/part. && cat $0/part.* | cmp - lines'
    'od -An -tx1 lines | tr -d " \n" | fold -w 61 | nl | cksum >$0/od'
)
for command in "${COMMANDS[@]}"; do
    step "$command"
    bash -o pipefail -c "$command" plain
    under bash -o pipefail -c "$command" preloaded || fail "$command"
done
for file in plain/*; do
    same "$file" "preloaded/${file##*/}" "${file##*/}"
done

step "tar and xz back again"
under xz -T2 -dc preloaded/lines.xz | cmp - lines || fail "xz -d"
mkdir again
under tar -C again -xf preloaded/tree.tar || fail "tar -x"
under diff -r tree again/tree || fail "the unpacked tree differs"
under tar -cJf tree.tar.xz tree || fail "tar -cJ"
under tar -tJf tree.tar.xz | grep -c file >count.txt || fail "tar -tJ"
equal 150 "$(<count.txt)" "files in tree.tar.xz"

step "bash: arrays, string building, recursion, subshells"
cat >script.bash <<'SCRIPT'
declare -A index
for ((i = 0; i < 10000; i++)); do
    index[key$((i * 7919 % 5003))]+=$i,
    ((i % 3)) || unset "index[key$((i % 5003))]"
done
sum=0
for key in "${!index[@]}"; do ((sum += ${#index[$key]})); done
fib() { if (($1 < 2)); then echo "$1"; else echo $(($(fib $(($1 - 1))) + $(fib $(($1 - 2))))); fi; }
printf -v long '%*s' 500000 ''
mapfile -t rows <lines
echo "$sum $(fib 7) ${#long} ${#rows[@]} $(printf '%s\n' "${rows[@]:0:20000}" | sha256sum)"
SCRIPT
bash script.bash >plain.txt
under bash script.bash >preloaded.txt || fail "script.bash"
same plain.txt preloaded.txt "script.bash's output"

step "make -j2: 120 targets, a chain, pattern rules"
cat >Makefile <<'MAKEFILE'
numbers := $(shell seq 1 60)
all: total
one/%: ; @mkdir -p one && seq $* 300 >$@
two/%: one/% ; @mkdir -p two && sort -n $< | tail -n 3 >$@
total: $(foreach n,$(numbers),two/$(n)) ; @cat $^ | sha256sum >$@
MAKEFILE
make -s -j2 && mv total plain.total && rm -r one two
under make -s -j2 || fail "make -j2"
same plain.total total "what make built"

finish
