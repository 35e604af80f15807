# SPDX-License-Identifier: MIT
"""Owns the soak's page: its figures over time and the verdicts, as one HTML file without a script.

The look is that of bench/report.css. A plot is an SVG that is stretched to the width there is; the
text beside it is HTML, so that it has one size on a phone and on a desk.
"""

import csv
import os
from collections import namedtuple
from html import escape

from report_page import HERE, table

WIDTH, HEIGHT = 1000, 100  # of a plot, before it is stretched
MIB = 1024  # KiB

STYLE = """
.timeline { margin: 1rem 0; }
.timeline:first-of-type { margin-top: 2rem; }
.timeline .plot { position: relative; height: 15rem; margin: 0.5rem 0.5rem 1.75rem 4rem; }
.timeline .low { height: 8rem; }
.timeline svg { position: absolute; inset: 0; width: 100%; height: 100%; max-width: none; }
.timeline path { vector-effect: non-scaling-stroke; }
.timeline .rest { fill: var(--ahead); }
.timeline .live { fill: var(--peer); fill-opacity: 0.35; stroke: var(--peer); }
.timeline .rss { fill: none; stroke: var(--ours); stroke-width: 1.75; }
.timeline .bound { fill: none; stroke: var(--ink); stroke-width: 2.5; }
.timeline .plot span { position: absolute; font-size: 0.75rem; color: var(--muted);
                       white-space: nowrap; line-height: 1; }
.timeline .y { right: calc(100% + 0.5rem); transform: translateY(-50%); }
.timeline .x { top: calc(100% + 0.5rem); transform: translateX(-50%); }
.key { display: inline-block; width: 1.1rem; height: 0.7rem; margin: 0 0.3rem 0 0.7rem; }
.key.rss { border-top: 2px solid var(--ours); height: 0.25rem; }
.key.live { background: var(--peer); opacity: 0.6; }
.key.bound { border-top: 3px solid var(--ink); height: 0.25rem; }
.key.rest { background: var(--ahead); border: 1px solid var(--rule); }
"""

# row -> value, and the class of the line
Series = namedtuple("Series", "value style")


class BadRaw(Exception):
    """The file is not what the soak writes."""


def read(path):
    """The parameters of the first line, and the rows as dictionaries of numbers."""
    with open(path, encoding="utf-8") as file:
        head = file.readline()
        if not head.startswith("# "):
            raise BadRaw("no line of parameters: the soak did not start")
        parameters = dict(pair.split("=", 1) for pair in head[2:].split())
        rows = []
        for row in csv.DictReader(file):
            if None in row.values() or None in row:
                continue  # cut off: the soak was ended while it wrote
            phase = row.pop("phase")
            rows.append({key: float(value) for key, value in row.items() if value}
                        | {"phase": phase})
    if not rows:
        raise BadRaw("there is no row in it")
    return parameters, rows


# ---- Plots ----

def steps(top, count=4):
    """Round values from 0 up to `top`, about `count` of them."""
    size = 1
    while top / size > count:
        size *= 2.5 if str(size).startswith("2") else 2
    return [size * number for number in range(int(top / size) + 1)]


def time_steps(seconds):
    for size, unit, name in ((1, 1, "s"), (5, 1, "s"), (10, 1, "s"), (30, 1, "s"), (60, 60, "min"),
                             (300, 60, "min"), (1800, 60, "min"), (7200, 3600, "h"),
                             (36000, 3600, "h"), (86400, 3600, "h")):
        if seconds / size <= 7:
            break
    return [(at, f"{at // unit:g} {name}" if at else "0")
            for at in range(0, int(seconds) + 1, size)]


def rests(rows):
    """The first and last moment of each rest."""
    found = []
    for row in rows:
        if row["phase"] == "load":
            found.append(None)
        elif not found or found[-1] is None:
            found.append([row["seconds"], row["seconds"]])
        else:
            found[-1][1] = row["seconds"]
            if row["phase"] == "rested":
                found.append(None)
    return [each for each in found if each]


def plot(title, rows, series, marks, unit, size=""):
    """Series over time; a mark is a short line at (from, to, value)."""
    end = rows[-1]["seconds"] or 1
    top = 1.05 * max([each.value(row) for each in series for row in rows]
                     + [value for *_, value in marks]) or 1

    def x(seconds):
        return f"{WIDTH * seconds / end:.1f}"

    def y(value):
        return f"{HEIGHT - HEIGHT * value / top:.2f}"

    parts = [f'<path class="rest" d="M{x(first)} 0H{x(last)}V{HEIGHT}H{x(first)}z"/>'
             for first, last in rests(rows)]
    labels = []
    for value in steps(top):
        parts.append(f'<path class="axis" d="M0 {y(value)}H{WIDTH}"/>')
        labels.append(f'<span class="y" style="top:{y(value)}%">{value:g}{unit}</span>')
    for at, name in time_steps(end):
        labels.append(f'<span class="x" style="left:{100 * at / end:.2f}%">{name}</span>')
    for each in series:
        line = "L".join(f"{x(row['seconds'])} {y(each.value(row))}" for row in rows)
        if each.style == "live":
            line = f"{x(rows[0]['seconds'])} {HEIGHT}L{line}V{HEIGHT}z"
        parts.append(f'<path class="{each.style}" d="M{line}"/>')
    parts += [f'<path class="bound" d="M{x(first)} {y(value)}H{x(last)}"/>'
              for first, last, value in marks]
    return (f'<div class="plot {size}"><svg role="img" viewBox="0 0 {WIDTH} {HEIGHT}" '
            f'preserveAspectRatio="none" aria-label="{escape(title)} over time">'
            f'{"".join(parts)}</svg>{"".join(labels)}</div>')


def timeline(title, note, drawing):
    return (f'<figure class="timeline"><figcaption><b>{escape(title)}</b> {note}</figcaption>'
            f"{drawing}</figure>\n")


def key(style, name):
    return f'<i class="key {style}"></i>{name}'


def memory_plot(rows):
    bounds = [(first, last, row["bound_kib"] / MIB)
              for (first, last), row in zip(rests(rows), ends(rows))]
    series = [Series(lambda row: row["live_kib"] / MIB, "live"),
              Series(lambda row: row["rss_kib"] / MIB, "rss")]
    note = (key("rss", "RSS") + key("live", "live bytes, by the program's own count")
            + key("bound", "bound at the end of a rest") + key("rest", "the program rests"))
    return timeline("Memory", note, plot("RSS and live bytes", rows, series, bounds, " MiB"))


def rate_rows(rows, column, scale):
    """The rows with how much a column grew each second since the row before."""
    found = []
    for before, row in zip([rows[0]] + rows, rows):
        passed = row["seconds"] - before["seconds"]
        rate = (row[column] - before[column]) / passed * scale if passed > 0 else 0
        found.append({"seconds": row["seconds"], "phase": row["phase"], "rate": rate})
    return found


def rate_plot(rows, column, title, note, scale, unit):
    rates = rate_rows(rows, column, scale)
    return timeline(title, note, plot(title, rates, [Series(lambda row: row["rate"], "rss")], [],
                                      unit, "low"))


# ---- Words ----

def ends(rows):
    """The row at the end of each rest."""
    return [row for row in rows if row["phase"] == "rested"]


def mib(kib):
    return f"{kib / MIB:.1f}"


def rest_table(rows):
    lines = []
    for number, row in enumerate(ends(rows), 1):
        over = row["rss_kib"] - row["pages_kib"]
        ratio = f"{row['rss_kib'] / row['live_kib']:.2f}" if row["live_kib"] else "–"
        is_met = row["rss_kib"] <= row["bound_kib"]
        cells = [f"{row['seconds']:.0f}", mib(row["live_kib"]), mib(row["pages_kib"]),
                 mib(row["rss_kib"]), mib(row["bound_kib"]), ratio, mib(over),
                 "✓" if is_met else "✗ over its bound"]
        lines.append((str(number), [f"<td>{each}</td>" for each in cells], ""))
    return table("The end of each rest, in MiB; in the last one all is freed",
                 ["rest", "second", "live", "live pages", "RSS", "bound", "RSS / live",
                  "RSS − live pages", ""], lines, "The end of each rest")


def verdict(is_met, text, name, target):
    style, word = ("met", "✓ met") if is_met else ("missed", "✗ missed")
    return (f'<li class="{style}"><span class="verdict">{word}</span>'
            f'<strong>{escape(text)}</strong>{escape(name)}<br>'
            f'<span class="note">{escape(target)}</span></li>\n')


def count_verdict(rows, said):
    """What the last row cannot know, a crash or the last check, is among what was said."""
    last = rows[-1]
    errors = max(int(last["errors"]), sum(line.startswith("soak: error:") for line in said))
    return verdict(errors == 0, str(errors), f"errors in {last['operations']:,.0f} operations",
                   f"content, refusals, {last['forks']:.0f} children, "
                   f"{last['checks']:.0f} checks of the heap, and the bounds")


def bound_verdict(parameters, rested):
    met = sum(row["rss_kib"] <= row["bound_kib"] for row in rested)
    before, spare = (mib(float(parameters[key])) for key in ("rss_before_kib", "spare_kib"))
    return verdict(met == len(rested), f"{met} of {len(rested)}", "rests end within their bound",
                   f"RSS at most {before} MiB, as before the first load, + live pages × 1.1 + "
                   f"{spare} MiB")


def growth_verdict(parameters, rested):
    over = [row["rss_kib"] - row["pages_kib"] for row in rested if row["pages_kib"]]
    period = int(parameters["period"])
    growth = max((each - over[number % period] for number, each in enumerate(over)), default=0)
    beside = f"rests 1 to {period}, each after the same sizes" if period > 1 else "the first rest"
    most = float(parameters["growth_kib"])
    return verdict(growth <= most, f"{growth / MIB:+.1f} MiB",
                   f"most growth of RSS over live pages, beside {beside}",
                   f"at most {mib(most)} MiB")


def verdicts(parameters, rows, said):
    rested = ends(rows)
    items = count_verdict(rows, said)
    if rested:
        items += bound_verdict(parameters, rested) + growth_verdict(parameters, rested)
    return f'<ul class="goals">{items}</ul>\n'


def heading(parameters, machine, started):
    facts = [("Machine", machine), ("Started", started),
             ("Load", f"{parameters['load']}, {parameters['threads']} workers, "
                      f"{parameters['seconds']} s"),
             ("Failures", f"{parameters['faults']} of 1000 calls to the kernel fail during a load")]
    items = "".join(f"<dt>{name}</dt><dd>{escape(value)}</dd>\n" for name, value in facts)
    return f"<header><h1>HAKMEM: the soak</h1>\n<dl>{items}</dl>\n</header>\n"


def document(parameters, rows, said, machine, started):
    with open(os.path.join(HERE, "report.css"), encoding="utf-8") as file:
        style = file.read() + STYLE
    return ('<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>HAKMEM: the soak</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
            + heading(parameters, machine, started) + "<main>\n" + verdicts(parameters, rows, said)
            + memory_plot(rows)
            + rate_plot(rows, "operations", "Operations", "in thousands a second", 1e-3, " k")
            + rate_plot(rows, "injected", "Failures injected", "a second", 1, "")
            + "<p>Live pages are those in which a live block lies: no allocator that leaves blocks "
            "where they are can hold less. While it rests the program sleeps, its threads too.</p>"
            + rest_table(rows) + "<h2>What it said</h2>\n"
            + f"<pre>{escape(chr(10).join(said))}</pre>\n</main>\n</body>\n</html>\n")


def write(raw, path, said, machine, started):
    parameters, rows = read(raw)
    with open(path, "w", encoding="utf-8") as file:
        file.write(document(parameters, rows, said, machine, started))
