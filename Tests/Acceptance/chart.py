"""Owns: two panels of curves over a logarithmic axis, as one small SVG that reads on light and on dark.

The same figures give the same bytes.
"""

import collections
import math
from xml.sax.saxutils import escape

Panel = collections.namedtuple("Panel", "title unit is_logarithmic curves")
# Points are pairs of numbers greater than zero.
Curve = collections.namedtuple("Curve", "name points")

WIDTH, HEIGHT = 760, 300
# Of one panel: its width, and where its plot lies in it.
PANEL, LEFT, PLOT, TOP, BOTTOM = 380, 52, 230, 44, 250
STYLE = """
text { font: 12px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1d1d1f }
.title { font-weight: 600; font-size: 13px }
.faint { fill: #6e6e73; font-size: 11px }
.grid { stroke: #d2d2d7; stroke-width: 1 }
.curve { fill: none; stroke-width: 2; stroke-linejoin: round }
.a { stroke: #0b66c2 }
.b { stroke: #b4510c }
text.a, circle.a { fill: #0b66c2; stroke: none }
text.b, circle.b { fill: #b4510c; stroke: none }
@media (prefers-color-scheme: dark) {
text { fill: #f5f5f7 }
.faint { fill: #a1a1a6 }
.grid { stroke: #424245 }
.a { stroke: #6cb2ff }
.b { stroke: #ffab66 }
text.a, circle.a { fill: #6cb2ff }
text.b, circle.b { fill: #ffab66 }
}"""


def short(value):
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


def decades(low, high):
    """The powers of ten from at or below one number to at or above another; two at least."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    return [10.0 ** power for power in range(first, max(last, first + 1) + 1)]


def steps(high):
    """Round numbers from zero to at or above a number, in five steps or fewer."""
    size = 10.0 ** math.floor(math.log10(high / 5))
    size *= next(factor for factor in (1, 2, 5, 10) if size * factor * 5 >= high)
    return [size * number for number in range(math.ceil(high / size) + 1)]


def scale(ticks, is_logarithmic, begin, end):
    """A function from a value to its place between two coordinates."""
    of = math.log10 if is_logarithmic else float
    low, high = of(ticks[0]), of(ticks[-1])
    return lambda value: begin + (of(value) - low) / (high - low) * (end - begin)


def labels_apart(places, least=14):
    """The places of labels, in their order, moved down where they would cover one another."""
    placed = {}
    for index in sorted(range(len(places)), key=places.__getitem__):
        placed[index] = max([places[index]] + [other + least for other in placed.values()])
    return [placed[index] for index in range(len(places))]


def text(words, x, y, kind="faint", anchor="start"):
    return f'<text class="{kind}" x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(words)}</text>'


def panel(begin, figures):
    points = [point for curve in figures.curves for point in curve.points]
    horizontal = sorted({x for x, _ in points})
    low, high = math.log10(horizontal[0]), math.log10(horizontal[-1])
    margin = max(0.1, (high - low) * 0.06)
    x = scale([10 ** (low - margin), 10 ** (high + margin)], True, begin + LEFT, begin + LEFT + PLOT)
    values = [value for _, value in points]
    ticks = decades(min(values), max(values)) if figures.is_logarithmic else steps(max(values))
    y = scale(ticks, figures.is_logarithmic, BOTTOM, TOP)

    left, right = begin + LEFT, begin + LEFT + PLOT
    yield text(figures.title, left, 18, "title")
    yield text(figures.unit, left, 34)
    for tick in ticks:
        yield f'<path class="grid" d="M{left} {y(tick):.1f}H{right}"/>'
        yield text(short(round(tick, 6)), left - 6, round(y(tick) + 4, 1), anchor="end")
    for value in horizontal:
        yield text(short(value), round(x(value), 1), BOTTOM + 18, anchor="middle")
    yield text("events in the store", (left + right) / 2, BOTTOM + 36, anchor="middle")
    names = labels_apart([y(curve.points[-1][1]) for curve in figures.curves])
    for colour, curve, place in zip("ab", figures.curves, names):
        path = "L".join(f"{x(across):.1f} {y(up):.1f}" for across, up in curve.points)
        yield f'<path class="curve {colour}" d="M{path}"/>'
        for across, up in curve.points:
            yield f'<circle class="{colour}" cx="{x(across):.1f}" cy="{y(up):.1f}" r="3"/>'
        yield text(curve.name, right + 6, round(place + 4, 1), colour)


def drawing(description, panels):
    size = f'width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"'
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
             f"<title>{escape(description)}</title>", f"<style>{STYLE}\n</style>"]
    for number, figures in enumerate(panels):
        parts += panel(number * PANEL, figures)
    return "\n".join([*parts, "</svg>", ""])
