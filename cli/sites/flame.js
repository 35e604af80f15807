"use strict";
/* Draws the flame graph from the figures in the page, and makes the table of stacks follow it.
 * Names come from the program that was looked at: they are only ever set as text. */
(() => {
    const find = (selector) => document.querySelector(selector);
    const data = JSON.parse(find("#flame-data").textContent);
    const flame = find(".flame");
    const graph = find(".flame-graph");
    const said = find(".flame-said");
    const children = data.name.map(() => []);
    data.parent.forEach((parent, node) => node > 0 && children[parent].push(node));
    let figure = data.figures.find((one) => one.first) || data.figures[0];
    let top = 0;     /* the node whose width is the whole graph */
    let current = 0; /* the node with the keyboard focus */
    let found = null;
    if (!figure)
        return;

    const name = (node) => data.names[data.name[node]];
    const module = (node) => data.modules[data.module[data.name[node]]];
    const bytes = (node) => figure.bytes[node];

    const make = (tag, properties, parent) => {
        const element = Object.assign(document.createElement(tag), properties);
        if (parent)
            parent.append(element);
        return element;
    };

    const size = (value) => {
        const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
        let unit = 0;
        for (; value >= 1024 && unit < units.length - 1; value /= 1024)
            unit++;
        return (unit ? value.toFixed(1) : Math.round(value)) + " " + units[unit];
    };
    const percent = (part, whole) => whole > 0 ? (100 * part / whole).toFixed(1) + " %" : "-";

    const describe = (node) => {
        const from = module(node) && !name(node).startsWith(module(node) + "+")
            ? " (" + module(node) + ")" : "";
        return name(node) + from + ": " + size(bytes(node)) + ", " +
            percent(bytes(node), bytes(0)) + " of " + figure.name +
            (top ? ", " + percent(bytes(node), bytes(top)) + " of " + name(top) : "");
    };

    /* ---- the graph ---- */

    const NARROW = 2;
    let boxes = new Map();

    const ancestors = (node) => {
        const path = [];
        for (; node !== 0; node = data.parent[node])
            path.unshift(data.parent[node]);
        return path;
    };

    const sorted = (node) => children[node].filter((child) => bytes(child) > 0)
        .sort((a, b) => bytes(b) - bytes(a));

    const draw = () => {
        const width = graph.clientWidth;
        const step = matchMedia("(max-width: 40rem)").matches ? 24 : 20;
        const fragment = document.createDocumentFragment();
        const path = ancestors(top);
        const had = graph.contains(document.activeElement);
        let levels = 0;
        boxes = new Map();
        const put = (node, level, left, wide) => {
            const text = wide > 24 ? name(node) : "";
            const kind = data.module[data.name[node]];
            const box = make("div", {
                className: "box k" + Math.min(kind, 5) + (wide > 12 ? "" : " thin") +
                    (found && found.has(node) ? " found" : ""),
                textContent: text, tabIndex: -1, title: describe(node)}, fragment);
            box.style.left = left + "px";
            box.style.top = level * step + "px";
            box.style.width = Math.max(wide - 1, 1) + "px";
            box.setAttribute("role", "treeitem");
            box.setAttribute("aria-level", level + 1);
            box.setAttribute("aria-label", describe(node));
            box.dataset.node = node;
            boxes.set(node, box);
            levels = Math.max(levels, level + 1);
        };
        path.forEach((node, level) => put(node, level, 0, width));
        const pending = [[top, path.length, 0, width]];
        while (pending.length) {
            const [node, level, left, wide] = pending.pop();
            let at = left;
            put(node, level, left, wide);
            for (const child of sorted(node)) {
                const part = width * bytes(child) / bytes(top);
                if (part < NARROW)
                    break;
                pending.push([child, level + 1, at, part]);
                at += part;
            }
        }
        graph.replaceChildren(fragment);
        graph.style.height = levels * step + "px";
        flame.classList.toggle("searched", found !== null);
        whole.disabled = top === 0;
        if (!boxes.has(current))
            current = top;
        boxes.get(current).tabIndex = 0;
        if (had)
            boxes.get(current).focus({preventScroll: true});
    };

    const say = (node) => { said.textContent = describe(node); };
    const zoom = (node) => {
        top = current = node;
        draw();
        /* of its callers, only the nearest ones are shown */
        graph.parentElement.scrollTop = Math.max(0, boxes.get(node).offsetTop - 60);
        say(node);
    };
    const go = (node) => {
        if (node === undefined || !boxes.has(node))
            return;
        boxes.get(current).tabIndex = -1;
        current = node;
        boxes.get(node).tabIndex = 0;
        boxes.get(node).focus();
    };

    /* the next drawn node beside it */
    const beside = (node, by) => {
        const siblings = node ? sorted(data.parent[node]).filter((one) => boxes.has(one)) : [];
        return siblings[siblings.indexOf(node) + by];
    };
    const keys = {
        ArrowUp: (node) => go(data.parent[node]),
        ArrowDown: (node) => go(ancestors(top).includes(node)
            ? [...ancestors(top), top][ancestors(top).indexOf(node) + 1] : sorted(node)[0]),
        ArrowLeft: (node) => go(beside(node, -1)),
        ArrowRight: (node) => go(beside(node, 1)),
        Home: () => go(top),
        Enter: zoom,
        " ": zoom,
        Escape: () => zoom(0),
    };
    const nodeOf = (event) => {
        const box = event.target.closest(".box");
        return box ? Number(box.dataset.node) : null;
    };
    graph.addEventListener("keydown", (event) => {
        if (!keys[event.key] || event.ctrlKey || event.altKey || event.metaKey)
            return;
        event.preventDefault();
        keys[event.key](current);
    });
    graph.addEventListener("click", (event) => nodeOf(event) !== null && zoom(nodeOf(event)));
    for (const kind of ["mouseover", "focusin"])
        graph.addEventListener(kind, (event) => nodeOf(event) !== null && say(nodeOf(event)));

    /* ---- the search ---- */

    const search = (text) => {
        const wanted = text.trim().toLowerCase();
        const matches = data.names.map((one, i) => one.toLowerCase().includes(wanted) ||
            data.modules[data.module[i]].toLowerCase().includes(wanted));
        const inside = [];
        let sum = 0;
        found = wanted ? new Set() : null;
        for (let node = 0; wanted && node < data.name.length; node++) {
            const matched = node > 0 && matches[data.name[node]];
            inside[node] = matched || (node > 0 && inside[data.parent[node]]);
            if (matched)
                found.add(node);
            if (matched && !inside[data.parent[node]])
                sum += bytes(node);
        }
        match.textContent = wanted
            ? percent(sum, bytes(0)) + " of " + figure.name + " matches" : "";
        filter(wanted);
    };

    /* ---- the table ---- */

    const table = find("table.stacks");
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => ({
        row,
        bytes: row.dataset.bytes.split(",").map(Number),
        blocks: row.dataset.blocks.split(",").map(Number),
        stack: row.cells[4].querySelector("summary").textContent,
        text: row.cells[4].textContent.toLowerCase(),
    }));
    const average = (one) => one.bytes[figure.number] / (one.blocks[figure.number] || 1);
    const values = [
        (one) => one.bytes[figure.number], (one) => one.bytes[figure.number],
        (one) => one.blocks[figure.number], average, (one) => one.stack];
    const heads = [...table.tHead.rows[0].cells];
    let order = {column: 0, sign: -1};

    const filter = (wanted) => {
        for (const one of rows)
            one.row.hidden = one.bytes[figure.number] === 0 || !one.text.includes(wanted);
    };
    const fill = () => {
        table.caption.querySelector("b").textContent = figure.name;
        for (const one of rows) {
            const blocks = one.blocks[figure.number];
            const cells = [size(one.bytes[figure.number]),
                percent(one.bytes[figure.number], bytes(0)), String(blocks),
                blocks ? size(average(one)) : "-"];
            cells.forEach((text, i) => { one.row.cells[i].textContent = text; });
        }
    };
    const sort = () => {
        const value = values[order.column];
        rows.sort((a, b) => order.sign * (value(a) < value(b) ? -1 : value(a) > value(b)));
        body.append(...rows.map((one) => one.row));
        heads.forEach((head, i) => i === order.column
            ? head.setAttribute("aria-sort", order.sign < 0 ? "descending" : "ascending")
            : head.removeAttribute("aria-sort"));
    };
    heads.forEach((head, column) => {
        const button = make("button", {type: "button", textContent: head.textContent});
        head.replaceChildren(button);
        button.addEventListener("click", () => {
            const first = column === 4 ? 1 : -1;
            order = {column, sign: order.column === column ? -order.sign : first};
            sort();
        });
    });

    /* ---- the controls above the graph ---- */

    const bar = find(".flame-bar");
    const choices = make("fieldset", {ariaLabel: "Figure"}, bar);
    for (const one of data.figures) {
        const label = make("label", {}, choices);
        const radio = make("input", {type: "radio", name: "figure", checked: one === figure}, label);
        label.append(one.name + " ", make("span", {className: "nb",
            textContent: size(one.bytes[0])}));
        radio.addEventListener("change", () => {
            figure = one;
            if (!bytes(top))
                top = 0;
            update();
        });
    }
    const input = make("input", {type: "search", placeholder: "Search functions",
        ariaLabel: "Search functions"}, bar);
    const match = make("output", {}, bar);
    const whole = make("button", {type: "button", textContent: "Zoom out", disabled: true}, bar);
    whole.addEventListener("click", () => zoom(0));
    input.addEventListener("input", () => {
        search(input.value);
        draw();
    });
    const legend = flame.querySelector(".legend");
    data.modules.slice(1, 5).forEach((text, i) => {
        make("li", {}, legend).append(make("i", {className: "k" + (i + 1)}), text);
    });
    if (data.modules.length > 5)
        make("li", {}, legend).append(make("i", {className: "k5"}), "other files");

    const update = () => {
        fill();
        sort();
        search(input.value);
        draw();
        say(current);
    };
    flame.hidden = false;
    update();
    let drawn = graph.clientWidth;
    new ResizeObserver(() => {
        if (graph.clientWidth === drawn)
            return;
        drawn = graph.clientWidth;
        draw();
    }).observe(flame);
})();
