# SPDX-License-Identifier: MIT
"""Owns the text and the tables of the report: what is compared, in which order, in which words."""

import os
import statistics
from html import escape

from figures import (EVEN, FAULTS, METRICS, PEAK, WALL, behind_best, goals, mean_of, ratio_of,
                     samples, system_share)
from report_plots import Bar, Dot, Line, bars, ratio_plot

HERE = os.path.dirname(os.path.abspath(__file__))
# what the report compares: the whole process, not the workload's own clock
COMPARED = [(WALL, "wall time"), (PEAK, "peak RSS"), (FAULTS, "page faults")]
STEPS = (1.25, 2.0)  # from here on a cell is darker


# ---- Figures ----

def ratio_text(value):
    return f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"


def spread_text(ratio):
    return f"{ratio_text(ratio.low)}..{ratio_text(ratio.high)}"


def short(value):
    """Three digits or so."""
    if value >= 100:
        return f"{value:,.0f}".replace(",", "\u202f")
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


# ---- Pieces of HTML ----

def sentence(name):
    return name[0].upper() + name[1:]


def heat(ratio):
    """The class of a ratio's cell, and the sign that says the same without colour."""
    if max(ratio, 1 / ratio) <= EVEN:
        return "", "="
    size = 1 + sum(max(ratio, 1 / ratio) >= step for step in STEPS)
    return (f"a{size}", "▼") if ratio < 1 else (f"b{size}", "▲")


def ratio_cell(ratio, spread=""):
    if ratio is None:
        return "<td>–</td>"
    style, sign = heat(ratio)
    more = f"<small>{spread}</small>" if spread else ""
    return f'<td class="{style}">{sign} {ratio_text(ratio)}{more}</td>'


def table(caption, headings, rows, label):
    """A table that scrolls in its own box. A row is its heading's HTML, its cells' and a class."""
    head = "".join(f'<th scope="col">{escape(each)}</th>' for each in headings)
    body = "".join(f'<tr class="{style}"><th scope="row">{first}</th>{"".join(cells)}</tr>\n'
                   for first, cells, style in rows)
    return (f'<div class="scroll" role="region" tabindex="0" aria-label="{escape(label)}"><table>'
            f"<caption>{escape(caption)}</caption>\n<thead><tr>{head}</tr></thead>\n"
            f"<tbody>{body}</tbody></table></div>\n")


def figure(title, note, plot):
    more = f" {escape(note)}" if note else ""
    return f"<figure><figcaption><b>{escape(title)}</b>{more}</figcaption>{plot}</figure>\n"


def link(number, title):
    """A link to a case; its name may break after an underscore."""
    return f'<a href="#case-{number}">{escape(title).replace("_", "_<wbr>")}</a>'


def case_numbers(results):
    """Title of a case -> its number on the page."""
    return {case.title: number for number, case in enumerate(results.cases, 1)}


# ---- The summary ----

def heading(results, machine, when):
    facts = [("Machine", escape(machine)), ("Repetitions", str(results.repetitions)),
             ("Date", f'<time datetime="{when.replace(" ", "T")}">{when}</time>'),
             ("Command", f"<code>{escape(results.command or 'not recorded')}</code>")]
    items = "".join(f"<dt>{name}</dt><dd>{value}</dd>\n" for name, value in facts)
    absent = (f'<p class="failed">No run of {escape(", ".join(results.absent))}: it failed in '
              "every case, or its library is not here.</p>\n") if results.absent else ""
    return (f"<header><h1>HAKMEM beside other allocators</h1>\n<dl>{items}</dl>\n{absent}"
            "</header>\n")


def answer(results, peers):
    """Who is faster by how much, and where ours is behind, in two sentences."""
    means = [(mean, peer) for peer in peers if (mean := mean_of(results.cases, peer, WALL)[0])]
    if not means:
        return ""
    parts = []
    for mean, peer in sorted(means):
        percent = round(100 * abs(1 - mean))
        less = f"<b>{percent}&nbsp;%</b> {'less' if mean < 1 else 'more'} than"
        parts.append(f"{less if percent else '<b>as much</b> as'} {escape(peer)}")
    listed = ", ".join(parts[:-1]) + (" and " if len(parts) > 1 else "") + parts[-1]
    behind, count = behind_best(results.cases, peers, WALL)
    where = f'<a href="#behind">{len(behind)} of {count} cases</a>' if behind else "no case"
    return (f'<p class="answer">Wall time of ours, in geometric mean over the cases: {listed}. The best '
            f"peer is ahead by more than 3\u00a0% in {where}.</p>\n")


def goal_list(results, peers):
    verdicts = {True: ("met", "✓ met"), False: ("missed", "✗ missed"), None: ("", "–")}
    items = []
    for each in goals(results.cases, peers):
        style, verdict = verdicts[each.met]
        items.append(f'<li class="{style}"><span class="verdict">{verdict}</span>'
                     f"<strong>{escape(each.text)}</strong>{escape(each.name)}<br>"
                     f'<span class="note">goal: {escape(each.target)}</span></li>\n')
    return f'<h3>Goals</h3>\n<ul class="goals">{"".join(items)}</ul>\n'


def unsure(ratio):
    """A word for a lead that not each repetition confirms."""
    return ", not always" if ratio.low <= 1 else ""


def behind_table(results, peers):
    """The cases where ours is behind the best peer in time, the furthest first."""
    behind, count = behind_best(results.cases, peers, WALL)
    numbers = case_numbers(results)
    text = f"{len(behind)} of {count} cases are behind the best by more than 3 % in wall time"
    if not behind:
        return f"<h3>Where ours is behind</h3>\n<p>{text}.</p>\n"
    rows = [(link(numbers[best.title], best.title),
             [f"<td>{escape(best.peer)}</td>",
              ratio_cell(best.ratio.median, spread_text(best.ratio) + unsure(best.ratio))], "")
            for best in behind]
    return '<h3 id="behind">Where ours is behind</h3>\n' + table(
        text, ["case", "best peer", "ours / best"], rows, "Cases behind the best peer")


def overview_plot(results, peers, metric, name):
    """For each peer a dot for each case, and the geometric mean among them."""
    lines = []
    for peer in peers:
        mean, _ = mean_of(results.cases, peer, metric)
        if mean is None:
            continue
        found = [(case, ratio_of(case.runs, peer, metric)) for case in results.cases]
        dots = [Dot(ratio.median, ratio.median, ratio.median, "case",
                    f"{case.title}: {ratio_text(ratio.median)}") for case, ratio in found if ratio]
        dots.append(Dot(mean, mean, mean, "mean", f"geometric mean: {ratio_text(mean)}"))
        lines.append(Line(peer, dots, ratio_text(mean)))
    if not lines:
        return ""
    label = f"{name}, ours / peer, geometric mean over the cases: " + ", ".join(
        f"{line.name} {line.text}" for line in lines)
    return figure(sentence(name), "ours / peer; a dot is a case, the diamond their mean",
                  ratio_plot(label, lines))


def summary(results, peers):
    if not peers:
        return "<section><h2>Summary</h2><p>There is no peer to compare with.</p></section>\n"
    rows = []
    for peer in peers:
        means = [mean_of(results.cases, peer, metric) for metric, _ in COMPARED]
        cells = [ratio_cell(mean) for mean, _ in means]
        rows.append((escape(peer), cells + [f"<td>{means[0][1]}</td>"], ""))
    plots = "".join(overview_plot(results, peers, *each) for each in COMPARED)
    return ("<section><h2>Summary</h2>\n" + answer(results, peers)
            + "<p>A ratio is ours / peer, taken inside each repetition: below 1 ours is ahead. "
            "Figures are medians over the repetitions.</p>\n"
            + table("Geometric mean of ours / peer over the cases",
                    ["peer"] + [name for _, name in COMPARED] + ["cases"], rows, "Geometric means")
            + f'<div class="plots">{plots}</div>\n' + goal_list(results, peers)
            + behind_table(results, peers) + "</section>\n")


def heat_tables(results, peers):
    legend = ('<p class="note legend"><span class="a3">▼ ours ahead, 2 times and more</span>'
              '<span class="a2">▼ 1.25 times and more</span><span class="a1">▼ less</span>'
              '<span class="even">= within 3 %</span><span class="b1">▲ ours behind</span>'
              '<span class="b2">▲ 1.25 times and more</span>'
              '<span class="b3">▲ 2 times and more</span></p>\n')
    parts = [f"<section><h2>All cases</h2>\n{legend}"]
    for metric, name in COMPARED:
        rows = []
        for number, case in enumerate(results.cases, 1):
            cells = []
            for peer in peers:
                ratio = ratio_of(case.runs, peer, metric)
                if peer in case.failed:
                    cells.append("<td>failed</td>")
                elif ratio:
                    cells.append(ratio_cell(ratio.median, spread_text(ratio)))
                else:
                    cells.append(ratio_cell(None))
            rows.append((link(number, case.title), cells, ""))
        parts.append(f"<h3>{sentence(name)}</h3>\n")
        parts.append(table(f"Ours / peer in {name}: median, and lowest..highest repetition",
                           ["case"] + peers, rows, f"{name} of all cases"))
    return "".join(parts) + "</section>\n"


# ---- A case ----

def bar_rows(case, field, scale, unit, extra=None):
    rows = []
    for name, repetitions in case.runs.items():
        values = [value * scale for value in samples(repetitions, field)]
        last = statistics.median(samples(repetitions, extra)) * scale if extra else None
        median = statistics.median(values)
        rows.append(Bar(name, min(values), median, max(values), short(median) + unit, last))
    return rows


def rate_rows(case):
    """Operations a second, in millions where that gives a number to read, or in thousands."""
    rows = bar_rows(case, "rate", 1e-6, " M")
    return rows if any(row.high >= 1 for row in rows) else bar_rows(case, "rate", 1e-3, " k")


def bar_figure(case, ours, title, rows, note=""):
    """A plot, unless nobody measured this: real programs do not tell all."""
    if not any(row.high for row in rows):
        return ""
    label = f"{title} of {case.title}: " + ", ".join(f"{row.name} {row.text}" for row in rows)
    return figure(title, note, bars(label, rows, ours))


def ratio_figure(case, peers, compared, title, note, apart):
    lines = []
    for peer in peers:
        found = [(metric, name, ratio_of(case.runs, peer, metric)) for metric, name in compared]
        dots = [Dot(*ratio, metric.field,
                    f"{name}: {ratio_text(ratio.median)}, {spread_text(ratio)}")
                for metric, name, ratio in found if ratio]
        if dots:
            lines.append(Line(peer, dots, " · ".join(ratio_text(dot.median) for dot in dots)))
    if not lines:
        return ""
    label = f"{title} of {case.title}, ours / peer: " + ", ".join(
        f"{line.name} {line.text}" for line in lines)
    return figure(title, note, ratio_plot(label, lines, apart))


def case_plots(case, ours, peers):
    memory_note = "bar: peak; tick: at the end" if any(
        run.rss_kb for repetitions in case.runs.values() for run in repetitions[0]) else ""
    return "".join([
        bar_figure(case, ours, "Wall time", bar_rows(case, "wall", 1e3, " ms")),
        bar_figure(case, ours, "Operations per second", rate_rows(case)),
        bar_figure(case, ours, "RSS", bar_rows(case, "peak_kb", 1 / 1024, " MiB", "rss_kb"),
                   memory_note),
        bar_figure(case, ours, "Page faults", bar_rows(case, "faults", 1, "")),
        ratio_figure(case, peers, COMPARED[:1], "Ratio of time",
                     "ours / peer; below 1 ours is ahead", 0),
        ratio_figure(case, peers, COMPARED[1:], "Ratio of memory",
                     "● peak RSS · □ page faults", 11)])


def case_table(case, ours):
    rows = []
    for name, repetitions in case.runs.items():
        medians = [statistics.median(samples(repetitions, each.field)) for each in METRICS]
        figures = [f"{median * each.scale:.{each.digits}f}"
                   for median, each in zip(medians, METRICS)]
        figures.append(f"{statistics.median(samples(repetitions, 'rss_kb')):.0f}")
        figures.append(f"{system_share(repetitions):.1f}")
        cells = [f"<td>{each}</td>" for each in figures]
        rows.append((escape(name), cells, "ours" if name == ours else ""))
    return table("Medians over the repetitions", ["allocator"] + [each.heading for each in METRICS]
                 + ["final KiB", "sys %"], rows, f"Medians of {case.title}")


def case_section(number, case, ours, peers):
    failed = "".join(f'<p class="failed">{escape(name)} failed: {done} are there; '
                     "it is left out.</p>\n" for name, done in case.failed.items())
    return (f'<section class="case" id="case-{number}"><h2>{escape(case.title)}</h2>\n{failed}'
            f'<div class="plots">{case_plots(case, ours, peers)}</div>\n'
            f"{case_table(case, ours)}</section>\n")


def page(results, machine, when, text):
    """The whole document. `text` is what run.py printed, or empty."""
    ours, peers = results.allocators[0], results.allocators[1:]
    with open(os.path.join(HERE, "report.css"), encoding="utf-8") as file:
        style = file.read()
    cases = "".join(case_section(number, case, ours, peers)
                    for number, case in enumerate(results.cases, 1))
    printed = ("<section><h2>What bench/run.py printed</h2>\n"
               f"<pre>{escape(text)}</pre></section>\n") if text else ""
    return ('<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>HAKMEM beside other allocators</title>\n<style>\n{style}</style>\n</head>\n"
            f"<body>\n{heading(results, machine, when)}<main>\n{summary(results, peers)}"
            f"{heat_tables(results, peers) if peers else ''}{cases}{printed}</main>\n"
            "</body>\n</html>\n")
