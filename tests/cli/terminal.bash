# SPDX-License-Identifier: MIT
#
# Owns what the tests of `hakmem top` share: terminals (tmux) in which it runs. Sourced after
# targets.bash.

command -v tmux >/dev/null || { echo "SKIP: no tmux"; exit 77; }

TMUX_TMPDIR=$SCRATCH
export TMUX_TMPDIR
unset TMUX
TERMINALS=0
COLUMNS_HERE=100
end_terminals() {
    local i
    for ((i = 1; i <= TERMINALS; i++)); do
        tmux -L "terminal$i" kill-server 2>/dev/null
    done
    end_targets
}
trap end_terminals EXIT
# Each terminal has a server of its own: one that ends would take the next terminal with it.
terminal() {
    TERMINALS=$((TERMINALS + 1))
    in_terminal -f /dev/null new-session -d -x "$COLUMNS_HERE" -y 24 \
        "$* 2>$SCRATCH/top.err; echo \"ended \$?\"; cat"
}
in_terminal() {
    tmux -L "terminal$TERMINALS" "$@"
}
screen() {
    in_terminal capture-pane -p >screen
}
shows() {
    screen
    grep -Eq -- "$1" screen
}
# expect_screen PATTERN: comes to be shown.
expect_screen() {
    wait_for "'$1' on the screen; it shows: $(cat screen 2>/dev/null)" shows "$1"
}
key() {
    in_terminal send-keys "$1"
}
