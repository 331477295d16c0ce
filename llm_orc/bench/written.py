"""A comparison as files: JSON, CSV, and a picture."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from llm_orc.domain.json import JsonValue
from llm_orc.optimize.scatter import Dot, scatter

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
    """Quality over cost, a dot per router."""
    return scatter(
        [
            Dot(
                name=str(r["router"]), x=_number(r["cost_per_task"]), y=_number(r["quality"]),
                on_front=r["router"] in front,
            )
            for r in rows
        ],
        "cost per task",
        "quality",
    )  # fmt: skip


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
