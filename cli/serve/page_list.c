/* SPDX-License-Identifier: MIT */
/*
 * The page of all processes, with its script and style. The page may load nothing but these two and
 * /processes, and what comes from there is shown as text, never as HTML.
 */
#include "serve/page_list.h"

#include "base/html.h"

static const char style[] =
    "th button { all: unset; cursor: pointer; }\n"
    "th button:focus-visible { outline: 2px solid var(--ours); }\n"
    "th[aria-sort] button { color: var(--ink); font-weight: 650; }\n"
    "td.text, th.text { text-align: left; }\n"
    "td.alert { color: var(--alert); font-weight: 650; }\n"
    "td.stack { text-align: left; white-space: normal; width: 60%; min-width: 16rem; }\n"
    "td.stack code { display: block; overflow-wrap: anywhere; }\n"
    "svg.meter { display: inline-block; width: 8rem; height: 0.7em; background: var(--empty);\n"
    "  border-radius: 2px; }\n"
    "main > p:first-child { margin-top: 2rem; }\n"
    "a { color: var(--ours); }\n";

static const char script[] =
    "'use strict';\n"
    "const columns = [\n"
    "  ['pid', 'process'], ['program', 'program'], ['rss_bytes', 'RSS'], ['live_bytes', 'live'],\n"
    "  ['cached_bytes', 'cached'], ['free_bytes', 'free'], ['others_bytes', 'not the heap\\'s'],\n"
    "  ['limit_bytes', 'limit'], ['threads', 'threads'], ['profile', 'profile']];\n"
    "const texts = new Set(['program', 'profile']);\n"
    "let order = 'rss_bytes', falling = true, last = null;\n"
    "const table = document.getElementById('processes');\n"
    "const note = document.getElementById('note');\n"
    "function size(bytes) {\n"
    "  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];\n"
    "  let unit = 0;\n"
    "  while (bytes >= 1024 && unit < units.length - 1) { bytes /= 1024; unit++; }\n"
    "  return (unit ? bytes.toFixed(1) : bytes) + '\\u00a0' + units[unit];\n"
    "}\n"
    "function add(parent, tag, text, name) {\n"
    "  const made = parent.appendChild(document.createElement(tag));\n"
    "  if (text !== undefined) made.textContent = text;\n"
    "  if (name) made.className = name;\n"
    "  return made;\n"
    "}\n"
    "function link(parent, path, text) { add(parent, 'a', text).href = path; }\n"
    "function cell(row, process, key) {\n"
    "  const value = process[key];\n"
    "  if (key === 'pid') {\n"
    "    const head = add(row, 'th');\n"
    "    head.scope = 'row';\n"
    "    link(head, '/processes/' + value, value);\n"
    "  } else if (key === 'program') {\n"
    "    add(row, 'td', value, 'text').title = process.command;\n"
    "  } else if (key === 'limit_bytes') {\n"
    "    add(row, 'td', value || process.limit_reached ? (value ? size(value) : 'set') +\n"
    "      (process.limit_reached ? ', reached' : '') : '-', process.limit_reached ? 'alert' : "
    "'');\n"
    "  } else if (key === 'profile') {\n"
    "    const made = add(row, 'td', value ? '' : '-', 'text');\n"
    "    if (value) link(made, '/debug/pprof/heap?pid=' + process.pid,\n"
    "      process.profiling ? 'on' : 'kept');\n"
    "  } else {\n"
    "    add(row, 'td', key.endsWith('_bytes') ? size(value) : value);\n"
    "  }\n"
    "}\n"
    "function compare(a, b) {\n"
    "  const x = a[order], y = b[order];\n"
    "  return (falling ? -1 : 1) * (x < y ? -1 : x > y ? 1 : 0) || a.pid - b.pid;\n"
    "}\n"
    "function head() {\n"
    "  const row = add(add(table, 'thead'), 'tr');\n"
    "  for (const [key, title] of columns) {\n"
    "    const made = add(row, 'th', undefined, texts.has(key) ? 'text' : '');\n"
    "    made.scope = 'col';\n"
    "    if (key === order) made.ariaSort = falling ? 'descending' : 'ascending';\n"
    "    add(made, 'button', title).onclick = () => {\n"
    "      falling = key === order ? !falling : !texts.has(key) && key !== 'pid';\n"
    "      order = key;\n"
    "      draw();\n"
    "    };\n"
    "  }\n"
    "}\n"
    "function draw() {\n"
    "  const focus = [...table.querySelectorAll('button')].indexOf(document.activeElement);\n"
    "  table.replaceChildren();\n"
    "  head();\n"
    "  const body = add(table, 'tbody');\n"
    "  for (const process of last.processes.sort(compare)) {\n"
    "    const row = add(body, 'tr');\n"
    "    for (const [key] of columns) cell(row, process, key);\n"
    "  }\n"
    "  if (focus >= 0) table.querySelectorAll('button')[focus].focus();\n"
    "  const parts = [last.processes.length + ' shown'];\n"
    "  if (last.refused) parts.push(last.refused + ' may not be read by the server\\'s user');\n"
    "  if (last.left_out) parts.push(last.left_out + ' left out: time or room was over');\n"
    "  for (const one of last.unreadable) parts.push(one.why);\n"
    "  note.textContent = parts.join('; ');\n"
    "  document.body.dataset.state = 'drawn';\n"
    "}\n"
    "async function refresh() {\n"
    "  try {\n"
    "    const answer = await fetch('/processes', { cache: 'no-store' });\n"
    "    if (!answer.ok) throw new Error(await answer.text());\n"
    "    last = await answer.json();\n"
    "    draw();\n"
    "  } catch (error) {\n"
    "    note.textContent = 'no answer from the server: ' + error.message;\n"
    "  }\n"
    "  setTimeout(refresh, 2000);\n"
    "}\n"
    "refresh();\n";

void page_begin(FILE *out, const char *title, const char *intro)
{
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
          "<link rel=\"icon\" href=\"data:,\">\n<link rel=\"stylesheet\" href=\"/style.css\">\n"
          "<title>",
          out);
    html_text(out, title);
    fputs("</title>\n</head>\n<body>\n<header><h1>", out);
    html_text(out, title);
    fputs("</h1>\n<p>", out);
    html_prose(out, intro);
    fputs("</p>\n</header>\n<main>\n", out);
}

void page_end(FILE *out)
{
    html_end(out);
}

void page_list(FILE *out)
{
    page_begin(out, "Memory of this machine's processes",
               "Processes that run on HAKMEM and may be read. Their figures are looked at from "
               "outside, every two seconds; nothing runs in them.");
    fputs("<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Processes\">"
          "<table id=\"processes\"></table></div>\n"
          "<p class=\"note\" id=\"note\" aria-live=\"off\">Looking ...</p>\n"
          "<noscript><p>The table needs scripts; <a href=\"/processes\">/processes</a> has the "
          "same as JSON.</p></noscript>\n"
          "<p class=\"note\">For programs: <a href=\"/metrics\">/metrics</a>, "
          "<a href=\"/processes\">/processes</a>, /debug/pprof/heap, /debug/pprof/allocs.</p>\n"
          "<script src=\"/script.js\"></script>\n",
          out);
    page_end(out);
}

void page_script(FILE *out)
{
    fputs(script, out);
}

void page_style(FILE *out)
{
    fputs(html_style(), out);
    fputs(style, out);
}
