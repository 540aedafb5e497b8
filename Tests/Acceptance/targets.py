"""Owns: what a row of peers.py is: figures by name, quotients of two of them, and the target beside each."""

import collections
import statistics

Row = collections.namedtuple("Row", "title targets")


def number(value):
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


class Target(collections.namedtuple("Target", "top bottom least most")):
    """A figure, or the quotient of two, that should be at least or at most so much."""

    __slots__ = ()

    @property
    def name(self):
        return f"{self.top} / {self.bottom}" if self.bottom else self.top

    def of(self, figures):
        """None where a figure is missing because its peer is."""
        if figures.get(self.top) is None or self.bottom and not figures.get(self.bottom):
            return None
        return figures[self.top] / (figures[self.bottom] if self.bottom else 1)

    def is_met(self, value):
        return value >= self.least if self.least is not None else value <= self.most

    @property
    def bound(self):
        return f"at least {number(self.least)}" if self.least is not None else f"at most {number(self.most)}"


def at_least(least, top, bottom=None):
    return Target(top, bottom, least, None)


def at_most(most, top, bottom=None):
    return Target(top, bottom, None, most)


def must(holds, claim, detail):
    """Ends the script where something is wrong: no figure stands for it."""
    if not holds:
        raise SystemExit(f"FAIL  {claim}: {detail}")


def summary(name, row, rounds):
    """What the rounds of a row come to, as -o json has it."""
    figures = {figure: statistics.median(round[figure] for round in rounds) for figure in rounds[0]}
    targets = []
    for target in row.targets:
        values = [value for round in rounds if (value := target.of(round)) is not None]
        if values:
            median = statistics.median(values)
            targets.append({"of": target.name, "median": median, "rounds": values, "target": target.bound,
                            "met": target.is_met(median)})
    return {"row": name, "title": row.title, "figures": figures, "rounds": rounds, "targets": targets}


def printed(figures):
    return "  ".join(f"{name} {number(value)}" for name, value in figures.items())


def table(summaries):
    """The lines of the table that is printed at the end: each row's medians, each target beside what was reached."""
    lines = []
    for row in summaries:
        lines.append(f"{row['row']:<13} {row['title']}")
        lines.append(f"{'':<13} {printed(row['figures'])}")
        for target in row["targets"]:
            spread = f"{number(min(target['rounds']))} to {number(max(target['rounds']))}"
            lines.append(f"{'':<13} {target['of']:<52} {number(target['median']):>9}  ({spread})  {target['target']}: "
                         f"{'met' if target['met'] else 'not met'}")
    return lines
