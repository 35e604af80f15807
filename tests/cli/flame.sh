# SPDX-License-Identifier: MIT
#
# Owns the check of the pages about stacks: `hakmem profile -o FILE.html` has the figures of a profile
# that is known, whatever the names in it are and however many stacks there are; a browser draws its
# flame graph, and shows what a reader chooses, searches and opens.

source "$(dirname "$0")/lib.bash"
source "$SOURCE/tests/cli/targets.bash"
source "$SOURCE/tests/cli/browser.bash"
source "$SOURCE/tests/cli/made_profile.bash"

build_made_profile made_profile -g -O1

# graph FILE: what the page says to its script: "FIGURE ROOT-BYTES LARGEST-BY-NAME...", a line each,
# and that the parts add up.
graph() {
    python3 - "$1" <<'PYTHON'
import json, re, sys
text = open(sys.argv[1]).read()
data = json.loads(re.search(r'id="flame-data">(.*?)</script>', text, re.S)[1])
names, parent = data["names"], data["parent"]
for figure in data["figures"]:
    size = figure["bytes"]
    assert len(size) == len(parent) == len(data["name"])
    below = [0] * len(size)
    for node in range(1, len(size)):
        assert parent[node] < node
        below[parent[node]] += size[node]
    assert all(a >= b for a, b in zip(size, below)), figure["name"]
    tops = {}
    for node in range(1, len(size)):
        tops[names[data["name"][node]]] = max(size[node], tops.get(names[data["name"][node]], 0))
    print(figure["name"], size[0], *[f"{name}={size}" for name, size in sorted(tops.items())
        if name in ("main", "load_orders", "parse_lines", "take_line", "(stack not kept)", "(others)")])
PYTHON
}

step "a profile that is known"
start_made_profile wait
hakmem profile $TARGET -o page.html
expect_status 0 "profile -o FILE.html"
expect_self_contained page.html
graph page.html >figures || fail "the figures of the graph"
sort figures | diff - <(cat <<'KNOWN'
allocated 9979297792 (stack not kept)=1048576 load_orders=314572800 main=9978249216 parse_lines=9663676416 take_line=9663676416
live 420478976 (stack not kept)=1048576 load_orders=314572800 main=419430400 parse_lines=104857600 take_line=104857600
peak 724566016 (stack not kept)=1048576 load_orders=304087040 main=723517440 parse_lines=419430400 take_line=419430400
KNOWN
) >differences || fail "the figures of the graph: $(cat differences)"
plain page.html >plain.html
expect_in plain.html '<p class="answer most">Of 401\.0 MiB live, 300\.0 MiB \(74\.8 %\) was asked for by one stack of calls, in <code>load_orders</code> <small>made_profile\.c:[0-9]+</small>\.</p>' \
    "the first sentence"
expect_in plain.html 'one for each 512\.0 KiB on average, since 20[0-9-]+ [0-9:]+\. There was no room for samples or stacks, 3 times' \
    "how it was made"
# readable without a script: the rows in order, and each one's callers
grep -o '<td>[^<]*</td><td>[^<]*</td><td>[^<]*</td><td>[^<]*</td><td class="stack"><details><summary><code>[^<]*' page.html |
    sed 's/<[^>]*>/ /g; s/  */ /g' >rows
diff rows - <<'ROWS' || fail "the rows of the table"
 300.0 MiB 74.8 % 2100 146.3 KiB load_orders
 100.0 MiB 24.9 % 1000 102.4 KiB take_line
 1.0 MiB 0.2 % 1 2.0 MiB (stack not kept)
ROWS
expect_in page.html '<summary><code>take_line</code> <small>made_profile.c:[0-9]+</small> <small>label 77</small> <small class="callers">called by parse_lines, by make</small></summary><ol><li><code>take_line</code> .*<li><code>parse_lines</code>.*<li><code>main</code>' \
    "the callers of a stack"
hakmem profile $TARGET --allocated -o allocated.html
expect_in <(plain allocated.html) 'Of 9\.3 GiB allocated, 9\.0 GiB \(96\.8 %\) was asked for' "--allocated"
hakmem profile -o end.html -- ./made_profile exit
expect_status 0 "profile -o FILE.html -- PROGRAM"
expect_in end.html '"name":"peak","number":[0-9]+,"first":true' "of a program, the peak is shown first"

step "names of a hostile program"
EVIL='</script><script>document.title="evil"</script><!--<b title="x'"'"'">&\'
cc -c -D_GNU_SOURCE -DHAK_SHARED=0 -DHAK_ASSERT=0 -DHAK_PREFIXED=1 -I"$SOURCE/src" \
    -I"$SOURCE/include" -O1 "$SOURCE/tests/cli/programs/made_profile.c" -o evil.o || fail "evil.o"
objcopy --redefine-sym load_orders="$EVIL" evil.o || fail "objcopy"
FILE=$'<img src=x onerror=alert(1)>"\e[1m'
cc evil.o "$CORE_LIBRARY" -pthread -o "$FILE" || fail "a hostile program does not link"
start_made_profile jit "$FILE"
address=$(sed -n 's/^jit //p' made.out)
printf '%x 40 %s\n' $((address - 16)) "compiled</script><script>alert(2)//\\\"" >"/tmp/perf-$TARGET.map"
hakmem profile $TARGET -o evil.html
rm -f "/tmp/perf-$TARGET.map"
expect_status 0 "hostile names"
expect_self_contained evil.html
! grep -E '<img|<b title|<!--|'$'\e' evil.html || fail "a hostile name is not escaped"
expect_count 2 '</script>' evil.html
graph evil.html >figures || fail "hostile names: the figures of the graph"
expect_in evil.html '<code>&lt;/script&gt;&lt;script&gt;document.title=&quot;evil&quot;&lt;/script&gt;&lt;!--' \
    "a hostile name in the table"
expect_in evil.html '<code>compiled&lt;/script&gt;' "a hostile name of compiled code"

step "100,000 stacks"
start_made_profile many
hakmem profile $TARGET -o many.html
expect_status 0 "100,000 stacks"
(($(stat -c %s many.html) < 4000000)) || fail "a page of $(stat -c %s many.html) bytes"
graph many.html >figures || fail "100,000 stacks: the figures of the graph"
# all is there, one half of it as "(others)" of the function that all have in common
expect_in figures '^live 204800000 \(others\)=(10[0-9]{7}|9[0-9]{7})' "100,000 stacks"
expect_in many.html '^<p class="note">Functions with less than 0\.05 % of each figure are added up as "\(others\)"' \
    "what is left out is said"
expect_in many.html '100000 stacks with less have no row here' "the rows that are left out are counted"

if ! command -v chromium >/dev/null; then
    echo "SKIP: no chromium here, so the page was not seen in a browser"
    exit 0
fi

# act PAGE SCRIPT: what the script, an async function's body, returns after the page's own ran.
act() {
    cat "$1" - >acted.html <<HTML
<script>
addEventListener("load", async () => {
    const all = (selector) => [...document.querySelectorAll(selector)];
    const key = (name) => document.activeElement.dispatchEvent(
        new KeyboardEvent("keydown", {key: name, bubbles: true, cancelable: true}));
    const box = (name) => all(".box").find((one) => one.textContent === name);
    const search = (text) => {
        const input = document.querySelector("input[type=search]");
        input.value = text;
        input.dispatchEvent(new Event("input"));
    };
    const rows = () => all("table.stacks tbody tr").filter((one) => !one.hidden)
        .map((one) => one.querySelector("summary code").textContent).join(",");
    const result = await (async () => { $2 })();
    document.body.replaceChildren(Object.assign(document.createElement("pre"),
        {textContent: "RESULT " + result}));
});
</script>
HTML
    browse 1 --dump-dom "file://$SCRATCH/acted.html" | sed -n 's|.*<pre>RESULT \(.*\)</pre>.*|\1|p'
}

# expect_act PAGE SCRIPT RESULT
expect_act() {
    local got
    got=$(act "$1" "$2")
    [[ $got == "$3" ]] || fail "$2: expected '$3', got '$got'"
}

step "the graph in a browser"
expect_act page.html 'return all(".flame-bar label").map((one) => one.textContent).join("; ");' \
    'live 401.0 MiB; allocated 9.3 GiB; peak 691.0 MiB'
expect_act page.html 'const all_ = box("all").offsetWidth;
    return [box("load_orders"), box("take_line")].map((one) => (100 * one.offsetWidth / all_).toFixed(0)).join(" ");' \
    '75 25'
expect_act page.html 'box("load_orders").click(); const one = document.querySelector(".flame-said").textContent;
    return one + "; " + (box("load_orders").offsetWidth === box("all").offsetWidth) + " " + !box("take_line");' \
    'load_orders (made_profile): 300.0 MiB, 74.8 % of live, 100.0 % of load_orders; true true'
expect_act page.html 'box("all").focus(); for (let i = 0; i < 9 && document.activeElement.textContent !== "make"; i++) key("ArrowDown");
    const path = []; key("ArrowDown"); path.push(document.activeElement.textContent);
    key("ArrowRight"); path.push(document.activeElement.textContent); key("Enter");
    path.push(box("parse_lines").offsetWidth === box("all").offsetWidth); key("Escape");
    path.push(!!box("load_orders")); return path.join(" ");' \
    'load_orders parse_lines true true'
step "the search, the figures and the table"
expect_act page.html 'search("LINE"); return document.querySelector("output").textContent + "; " + rows() +
    "; " + all(".box.found").map((one) => one.textContent).join(",");' \
    '24.9 % of live matches; take_line; parse_lines,take_line'
expect_act page.html 'search("no such function"); return document.querySelector("output").textContent + "; " + rows();' \
    '0.0 % of live matches; '
expect_act page.html 'all("input[type=radio]")[1].click(); const first = document.querySelector("table.stacks tbody tr");
    return rows() + "; " + [...first.cells].slice(0, 4).map((one) => one.textContent).join(", ");' \
    'take_line,load_orders,(stack not kept); 9.0 GiB, 96.8 %, 1000000, 9.4 KiB'
expect_act page.html 'all("th button")[2].click(); const blocks = rows(); all("th button")[2].click();
    const up = rows(); all("th button")[4].click();
    return [blocks, up, rows(), document.querySelector("th:last-child").ariaSort].join("; ");' \
    'load_orders,take_line,(stack not kept); (stack not kept),take_line,load_orders; (stack not kept),load_orders,take_line; ascending'
step "hostile names and many stacks in a browser"
expect_act evil.html 'search("evil"); return [document.title, all("img, b[title]").length, all(".box.found").length > 0, rows().includes("evil")].join(" ");' \
    "A program's stacks 0 true true"
expect_act many.html 'return [all(".box").length > 2, all(".box").length < 20000, all("table.stacks tbody tr").length].join(" ");' \
    'true true 1'
for page in page many evil; do
    expect_fits_phone $page.html
done
wide=$(wide_on_phone page.html)
[[ -z $wide ]] || fail "tables that do not fit on a phone: $wide"
