'use strict';
/* Draws the table of processes, and asks for it again. Names come from the processes: they are only
 * ever set as text. */
const columns = [
    ['pid', 'process'], ['program', 'program'], ['rss_bytes', 'RSS'], ['live_bytes', 'live'],
    ['cached_bytes', 'cached'], ['free_bytes', 'free'], ['others_bytes', "not the heap's"],
    ['limit_bytes', 'limit'], ['threads', 'threads'], ['profile', 'profile']];
const texts = new Set(['program', 'profile']);
let order = 'rss_bytes', falling = true, last = null;
const table = document.getElementById('processes');
const note = document.getElementById('note');
function size(bytes) {
    const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
    let unit = 0;
    while (bytes >= 1024 && unit < units.length - 1) { bytes /= 1024; unit++; }
    return (unit ? bytes.toFixed(1) : bytes) + '\u00a0' + units[unit];
}
function add(parent, tag, text, name) {
    const made = parent.appendChild(document.createElement(tag));
    if (text !== undefined) made.textContent = text;
    if (name) made.className = name;
    return made;
}
function link(parent, path, text) { add(parent, 'a', text).href = path; }
function cell(row, process, key) {
    const value = process[key];
    if (key === 'pid') {
        const head = add(row, 'th');
        head.scope = 'row';
        link(head, '/processes/' + value, value);
    } else if (key === 'program') {
        add(row, 'td', value, 'text').title = process.command;
    } else if (key === 'limit_bytes') {
        add(row, 'td', value || process.limit_reached ? (value ? size(value) : 'set') +
            (process.limit_reached ? ', reached' : '') : '-', process.limit_reached ? 'alert' : '');
    } else if (key === 'profile') {
        const made = add(row, 'td', value ? '' : '-', 'text');
        if (value) link(made, '/debug/pprof/heap?pid=' + process.pid,
            process.profiling ? 'on' : 'kept');
    } else {
        add(row, 'td', key.endsWith('_bytes') ? size(value) : value);
    }
}
function compare(a, b) {
    const x = a[order], y = b[order];
    return (falling ? -1 : 1) * (x < y ? -1 : x > y ? 1 : 0) || a.pid - b.pid;
}
function head() {
    const row = add(add(table, 'thead'), 'tr');
    for (const [key, title] of columns) {
        const made = add(row, 'th', undefined, texts.has(key) ? 'text' : '');
        made.scope = 'col';
        if (key === order) made.ariaSort = falling ? 'descending' : 'ascending';
        add(made, 'button', title).onclick = () => {
            falling = key === order ? !falling : !texts.has(key) && key !== 'pid';
            order = key;
            draw();
        };
    }
}
function draw() {
    const focus = [...table.querySelectorAll('button')].indexOf(document.activeElement);
    table.replaceChildren();
    head();
    const body = add(table, 'tbody');
    for (const process of last.processes.sort(compare)) {
        const row = add(body, 'tr');
        for (const [key] of columns) cell(row, process, key);
    }
    if (focus >= 0) table.querySelectorAll('button')[focus].focus();
    const parts = [last.processes.length + ' shown'];
    if (last.refused) parts.push(last.refused + ' may not be read by the server\'s user');
    if (last.left_out) parts.push(last.left_out + ' left out: no time or no room for them');
    note.textContent = parts.join('; ');
    const list = document.getElementById('unreadable');
    list.replaceChildren();
    for (const one of last.unreadable) add(list, 'li', one.why);
    document.body.dataset.state = 'drawn';
}
async function refresh() {
    try {
        const answer = await fetch('/processes', { cache: 'no-store' });
        if (!answer.ok) throw new Error(await answer.text());
        last = await answer.json();
        draw();
    } catch (error) {
        note.textContent = 'no answer from the server: ' + error.message;
    }
    setTimeout(refresh, 2000);
}
refresh();
