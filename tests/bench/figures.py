"""What a bench finds out: figures with their baselines and floors, as JSON lines and as a table.

Pure: no servers, no processes, no clock. `figures_test.py` tests it.
"""
import json
import math
import os
from dataclasses import dataclass, field

GROUPS = ("ours", "broker", "database", "load")


def percentile(values, percent):
    """The nearest rank: the smallest value that `percent` % of all are not above."""
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)]


def median(values):
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


@dataclass
class Floor:
    """What the design asks of a figure, or of its ratio to the baseline."""
    limit: float
    on: str = "value"  # or "ratio"
    sense: str = "at_most"  # or "at_least"

    def holds(self, figure):
        measured = figure.ratio if self.on == "ratio" else figure.value
        if measured is None:
            return False
        return measured <= self.limit if self.sense == "at_most" else measured >= self.limit

    def __str__(self):
        sign = "≤" if self.sense == "at_most" else "≥"
        return f"{sign} {number(self.limit)}{' ×' if self.on == 'ratio' else ''}"


def at_most(limit):
    return Floor(limit)


def ratio_at_least(limit):
    return Floor(limit, "ratio", "at_least")


def ratio_at_most(limit):
    return Floor(limit, "ratio", "at_most")


@dataclass
class Figure:
    bench: str
    figure: str
    value: float
    unit: str
    baseline: str = ""
    baseline_value: float | None = None
    floor: Floor | None = None
    cpu: dict = field(default_factory=dict)  # seconds by group, while it was measured
    note: str = ""

    @property
    def ratio(self):
        return self.value / self.baseline_value if self.baseline_value else None

    @property
    def ok(self):
        """None: no floor was set for it."""
        return self.floor.holds(self) if self.floor else None

    def as_json(self):
        return json.dumps({
            "bench": self.bench,
            "figure": self.figure,
            "value": rounded(self.value),
            "unit": self.unit,
            "baseline": self.baseline or None,
            "baseline_value": rounded(self.baseline_value),
            "ratio": rounded(self.ratio),
            "floor": self.floor.limit if self.floor else None,
            "floor_on": self.floor.on if self.floor else None,
            "floor_sense": self.floor.sense if self.floor else None,
            "ok": self.ok,
            "cpu_seconds": {group: round(self.cpu[group], 2) for group in GROUPS if group in self.cpu},
            "cores": os.cpu_count(),
            "note": self.note or None,
        }, ensure_ascii=False)


def rounded(value):
    """Four significant digits say more than a benchmark can hold."""
    if value is None or value == 0 or not math.isfinite(value):
        return value
    digits = 3 - math.floor(math.log10(abs(value)))
    return round(value, digits) if digits > 0 else round(value)


def number(value):
    if value is None:
        return "-"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{rounded(value):g}"


HEADER = ("BENCH", "FIGURE", "VALUE", "", "BASELINE", "RATIO", "FLOOR", "", "OURS", "BROKER", "DATABASE", "LOAD")
RIGHT = {2, 4, 5, 8, 9, 10, 11}  # numbers


def table(figures):
    """One line per figure; the last columns are CPU seconds. Lines that miss their floor say so."""
    rows = [HEADER]
    for each in figures:
        verdict = {True: "ok", False: "MISSED", None: ""}[each.ok]
        baseline = f"{number(each.baseline_value)}" if each.baseline_value is not None else ""
        rows.append((each.bench, each.figure, number(each.value), each.unit, baseline,
                     f"{each.ratio:.2f}" if each.ratio is not None else "", str(each.floor or ""), verdict,
                     *(f"{each.cpu[group]:.1f}" if group in each.cpu else "" for group in GROUPS)))
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEADER))]
    lines = []
    for row in rows:
        cells = (cell.rjust(width) if i in RIGHT else cell.ljust(width)
                 for i, (cell, width) in enumerate(zip(row, widths)))
        lines.append("  ".join(cells).rstrip())
    for each in figures:
        if each.note or each.baseline:
            against = f"against {each.baseline}" if each.baseline else ""
            lines.append(f"  {each.bench}, {each.figure}: " + "; ".join(text for text in (against, each.note) if text))
    return "\n".join(lines)


def missed(figures):
    return [each for each in figures if each.ok is False]
