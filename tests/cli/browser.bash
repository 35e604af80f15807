# SPDX-License-Identifier: MIT
#
# Owns what the tests of pages share: that a page needs nothing else, and what a browser makes of
# it, light, dark and in a phone's width. Sourced by tests that have SCRATCH and fail.

# expect_count NUMBER TEXT FILE: how often the text is in the file.
expect_count() {
    local count
    count=$(grep -oF -- "$2" "$3" | wc -l)
    [[ $count == "$1" ]] || fail "$3: '$2' is there $count times, not $1"
}

expect_self_contained() {
    ! grep -o '<script[^>]*>' "$1" | grep -vxE '<script( type="application/json" id="flame-data")?>' ||
        fail "$1 has another script"
    ! grep -Eiq '(src|href)="[^#]|url\(|@import|https?:' "$1" || fail "$1 names something outside"
}

# browse LIGHT WORDS...: run Chromium with a profile of its own; LIGHT is 1, or 0 for dark. Chromium
# itself crashes now and then on a busy machine, which says nothing about the page: then it runs
# again, 3 times at most.
browse() {
    local light=$1 status try
    shift
    for try in 1 2 3; do
        status=0
        timeout 600 chromium --headless --no-sandbox --disable-gpu \
            --user-data-dir="$SCRATCH/profile$try" --enable-logging=stderr --v=0 \
            --hide-scrollbars --virtual-time-budget=2000 \
            --blink-settings=preferredColorScheme="$light" "$@" >browsed 2>err || status=$?
        ((status > 128)) || break
    done
    ((status == 0)) || fail "chromium $*: exit status $status ($(tail -n 3 err))"
    ! grep CONSOLE err || fail "chromium $*: an error on the console"
    cat browsed
}

# wide_on_phone PAGE: the labels of the tables that do not fit in a frame of 390 pixels.
wide_on_phone() {
    cat "$1" - >phone.html <<'HTML'
<script>
addEventListener("load", () => parent.postMessage(
    [...document.querySelectorAll(".scroll")].filter(box => box.scrollWidth > box.clientWidth)
        .map(box => box.getAttribute("aria-label")).join("; "), "*"));
</script>
HTML
    frame_phone
    browse 1 --dump-dom "file://$SCRATCH/frame.html" >dom
    sed -n 's|.*<title>\(.*\)</title>.*|\1|p' dom
}

# frame.html: phone.html, as wide as a phone; a message from it is the title.
frame_phone() {
    cat >frame.html <<'HTML'
<!DOCTYPE html><title>waiting</title><p></p>
<script>addEventListener("message", event => { document.title = event.data; });</script>
<iframe src="phone.html" style="width: 390px; height: 800px; border: 0"></iframe>
HTML
}

# expect_fits_phone PAGE: in a frame of 390 pixels the page is no wider, light and dark, and its
# paper is of the scheme's colour. A window is never narrower than 500, so the phone is a frame.
expect_fits_phone() {
    local light got
    cat "$1" - >phone.html <<'HTML'
<script>
addEventListener("load", () => parent.postMessage([innerWidth,
    document.documentElement.scrollWidth, matchMedia("(prefers-color-scheme: dark)").matches,
    getComputedStyle(document.body).backgroundColor].join(" "), "*"));
</script>
HTML
    frame_phone
    for light in 1 0; do
        browse $light --dump-dom "file://$SCRATCH/frame.html" >dom
        got=$(grep -o '<title>.*</title>' dom)
        case $light in
        1) [[ $got == "<title>390 390 false rgb(250, 249, 246)</title>" ]] ;;
        0) [[ $got == "<title>390 390 true rgb(19, 20, 24)</title>" ]] ;;
        esac || fail "$1 on a phone: $got"
    done
}
