# SPDX-License-Identifier: MIT
"""Owns the plots of the report: SVG as text, coloured by the classes of report.css.

All plots are 360 units wide, about the width of a phone, so that their text has one size on all
screens: names at the left, marks in the middle, figures at the right.
"""

import math
from collections import namedtuple
from html import escape

WIDTH, LEFT, RIGHT, ROW = 360, 92, 272, 24
NAME_LETTERS = 12

# lowest, median, highest over the repetitions, with the text of the median
Bar = namedtuple("Bar", "name low median high text extra")
# a mark on a logarithmic axis; kind: "wall", "peak_kb", "faults", "case" or "mean"
Dot = namedtuple("Dot", "low median high kind title")
Line = namedtuple("Line", "name dots text")


def svg(height, label, parts):
    return (f'<svg role="img" viewBox="0 0 {WIDTH} {height:g}" aria-label="{escape(label)}">'
            + "".join(parts) + "</svg>")


def text(x, y, words, style="", title=""):
    tip = f"<title>{escape(title)}</title>" if title else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{style}">{tip}{escape(words)}</text>'


def name_text(y, name, style):
    short = name if len(name) <= NAME_LETTERS else name[:NAME_LETTERS - 1] + "…"
    return text(0, y, short, style, name if short != name else "")


def whisker(x1, x2, y, style):
    """A line from the lowest to the highest, with an end mark at both."""
    ends = f"M{x1:.1f} {y - 4:.1f}v8M{x1:.1f} {y:.1f}H{x2:.1f}M{x2:.1f} {y - 4:.1f}v8"
    return f'<path class="whisker {style}" d="{ends}"/>'


def bars(label, rows, ours):
    """A bar from 0 to the median for each row, its whisker, and a tick at `extra` where it is."""
    top = max(max(row.high, row.extra or 0) for row in rows) or 1
    scale = (RIGHT - LEFT) / top
    parts = []
    for index, row in enumerate(rows):
        y = index * ROW + ROW / 2
        style = "ours" if row.name == ours else "peer"
        parts.append(name_text(y + 4, row.name, style))
        parts.append(f'<rect class="bar {style}" x="{LEFT}" y="{y - 7:g}" height="14" rx="2" '
                     f'width="{max(row.median * scale, 1):.1f}"/>')
        if row.high > row.low:
            parts.append(whisker(LEFT + row.low * scale, LEFT + row.high * scale, y, style))
        if row.extra:
            parts.append(f'<path class="extra" d="M{LEFT + row.extra * scale:.1f} {y - 10:g}v20"/>')
        parts.append(text(WIDTH, y + 4, row.text, "value " + style))
    height = len(rows) * ROW
    parts.append(f'<path class="axis" d="M{LEFT} 0V{height}"/>')
    return svg(height, label, parts)


class LogAxis:
    """Values of any size to places on the axis; 1 is always on it."""

    # the more useful first: each is shown where those before it leave room
    STEPS = (1, 2, 5, 3, 1.5, 7, 1.2, 8, 9, 1.1, 9.5, 1.05)

    def __init__(self, values):
        low, high = min([*values, 1]), max([*values, 1])
        if high / low < 1.2:
            low, high = low / 1.1, high * 1.1
        self.low, self.high = math.log(low) - 0.02, math.log(high) + 0.02

    def at(self, value):
        share = (math.log(value) - self.low) / (self.high - self.low)
        return LEFT + share * (RIGHT - LEFT)

    def ticks(self):
        powers = sorted(range(-6, 7), key=abs)
        chosen = []
        for step in self.STEPS:
            for value in (step * 10.0 ** power for power in powers):
                if self.low <= math.log(value) <= self.high and all(
                        abs(self.at(value) - self.at(other)) >= 30 for other in chosen):
                    chosen.append(value)
        return chosen


def mark(dot, x, y):
    """The shape says what is measured, also without colour."""
    tip = f"<title>{escape(dot.title)}</title>"
    if dot.kind == "faults":
        return f'<rect class="dot open" x="{x - 4:.1f}" y="{y - 4:.1f}" width="8" height="8">' \
               f"{tip}</rect>"
    if dot.kind == "mean":
        return f'<path class="dot mean" d="M{x:.1f} {y - 7:.1f}l6 7l-6 7l-6 -7z">{tip}</path>'
    size = 3.5 if dot.kind == "case" else 4.5
    return f'<circle class="dot {dot.kind}" cx="{x:.1f}" cy="{y:.1f}" r="{size}">{tip}</circle>'


def ratio_plot(label, lines, apart=0):
    """Ratios on a logarithmic axis with a line at 1; a line's dots are `apart` below each other."""
    values = [value for line in lines for dot in line.dots for value in (dot.low, dot.high)]
    axis = LogAxis(values)
    height = len(lines) * (ROW + apart)
    one = axis.at(1)
    parts = [f'<rect class="ahead" x="{LEFT}" y="0" width="{one - LEFT:.1f}" height="{height}"/>']
    for value in axis.ticks():
        style = "axis one" if value == 1 else "axis"
        parts.append(f'<path class="{style}" d="M{axis.at(value):.1f} 0v{height}"/>')
        parts.append(text(axis.at(value), height + 14, f"{value:g}", "tick"))
    for index, line in enumerate(lines):
        middle = index * (ROW + apart) + (ROW + apart) / 2
        parts.append(name_text(middle + 4, line.name, "peer"))
        parts.append(text(WIDTH, middle + 4, line.text, "value peer"))
        for number, dot in enumerate(line.dots):
            y = middle + (number - (len(line.dots) - 1) / 2) * apart
            if dot.kind == "case":  # those of the same value side by side
                y += (number * 2 % 5 - 2) * 3
            if dot.high > dot.low:
                parts.append(whisker(axis.at(dot.low), axis.at(dot.high), y, "ratio"))
            parts.append(mark(dot, axis.at(dot.median), y))
    return svg(height + 20, label, parts)
