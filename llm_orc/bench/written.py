"""A comparison as files: JSON, CSV, and a picture."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from llm_orc.domain.json import JsonValue

WIDTH, HEIGHT, EDGE = 720, 440, 60
Rows = Sequence[Mapping[str, JsonValue]]


def write(folder: Path, report: Mapping[str, JsonValue], rows: Rows) -> tuple[Path, ...]:
    """report.json, report.csv with `rows`, and pareto.svg; their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    as_json, as_csv, picture = folder / "report.json", folder / "report.csv", folder / "pareto.svg"
    as_json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    with as_csv.open("w", newline="", encoding="utf-8") as file:
        names = list(dict.fromkeys(name for row in rows for name in row))
        writer = csv.DictWriter(file, fieldnames=names)
        writer.writeheader()
        writer.writerows(rows)
    front = report.get("pareto")
    picture.write_text(plot(rows, front if isinstance(front, list) else []), encoding="utf-8")
    return as_json, as_csv, picture


def plot(rows: Rows, front: Sequence[JsonValue]) -> str:
    """Quality over cost, a dot per router; those of the Pareto front are filled."""
    points = [(str(r["router"]), _number(r["cost_per_task"]), _number(r["quality"])) for r in rows]
    xs, ys = [x for _, x, _ in points], [y for _, _, y in points]

    def at(x: float, y: float) -> tuple[float, float]:
        across = (x - min(xs)) / ((max(xs) - min(xs)) or 1)
        up = (y - min(ys)) / ((max(ys) - min(ys)) or 1)
        return EDGE + across * (WIDTH - 3 * EDGE), HEIGHT - EDGE - up * (HEIGHT - 2 * EDGE)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="11">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<path d="M{EDGE} {EDGE} V{HEIGHT - EDGE} H{WIDTH - EDGE}" fill="none" stroke="#888"/>',
        f'<text x="{WIDTH - EDGE}" y="{HEIGHT - EDGE + 24}" text-anchor="end">cost per task</text>',
        f'<text x="{EDGE}" y="{EDGE - 12}">quality</text>',
    ]
    for label, x, y in (("", min(xs), min(ys)), ("", max(xs), max(ys))):
        across, up = at(x, y)
        parts.append(f'<text x="{across:.0f}" y="{HEIGHT - EDGE + 12}" fill="#666">{label}{x:.3g}</text>')
        parts.append(f'<text x="{EDGE - 6}" y="{up:.0f}" text-anchor="end" fill="#666">{y:.3g}</text>')
    for name, x, y in points:
        across, up = at(x, y)
        fill = "#2563eb" if name in front else "white"
        parts.append(f'<circle cx="{across:.1f}" cy="{up:.1f}" r="4.5" fill="{fill}" stroke="#2563eb"/>')
        parts.append(f'<text x="{across + 8:.1f}" y="{up + 4:.1f}">{escape(name)}</text>')
    return "\n".join([*parts, "</svg>", ""])


SIDE, GAP = 260, 46


def reliability_plot(models: Rows) -> str:
    """Per model how often answers are right, by how sure they looked: hollow before, filled after."""
    height = SIDE + 2 * GAP
    width = GAP + len(models) * (SIDE + GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="11">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for place, row in enumerate(models):
        left, bottom = GAP + place * (SIDE + GAP), GAP + SIDE
        parts += [
            f'<rect x="{left}" y="{GAP}" width="{SIDE}" height="{SIDE}" fill="none" stroke="#888"/>',
            f'<path d="M{left} {bottom} L{left + SIDE} {GAP}" stroke="#bbb" stroke-dasharray="4"/>',
            f'<text x="{left}" y="{GAP - 10}">{escape(str(row["model"]))}: ECE {row["ece_before"]} to '
            f"{row['ece_after']}</text>",
            f'<text x="{left}" y="{bottom + 16}">sure</text><text x="{left - 6}" y="{GAP + 10}" '
            'text-anchor="end">right</text>',
        ]
        for key, fill in (("before", "white"), ("after", "#2563eb")):
            bins = row[key]
            for found in bins if isinstance(bins, list) else []:
                if isinstance(found, dict):
                    x = left + _number(found["confidence"]) * SIDE
                    y = bottom - _number(found["right"]) * SIDE
                    parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{fill}" stroke="#2563eb"/>')
    return "\n".join([*parts, "</svg>", ""])


def _number(value: JsonValue) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
