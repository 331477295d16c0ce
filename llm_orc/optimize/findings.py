"""What an optimization came to, in words and as JSON."""

from __future__ import annotations

from collections.abc import Mapping

from llm_orc.domain.json import JsonValue
from llm_orc.domain.usage import Usage
from llm_orc.optimize.dataset import Split
from llm_orc.optimize.failing import failing_json
from llm_orc.optimize.optimization import Findings, Measured, Progress
from llm_orc.optimize.prompting import state_json
from llm_orc.optimize.search_plan import Plan
from llm_orc.optimize.statistics import LEAST_ROWS, detectable

_UNKNOWN_SPREAD = 0.5
"""Standard deviation of the rows' differences where none of them differs: as if one in four changed."""


def findings_json(
    ensemble: str, findings: Findings, plan: Plan, split: Split, spent: Progress, usage: Usage
) -> dict[str, JsonValue]:
    """The report; scores are means in [0, 1], costs and seconds are of one run of the ensemble."""
    held_out = findings.held_out
    return {
        "verdict": findings.verdict,
        "says": conclusion(findings, split),
        "ensemble": ensemble,
        "agents": list(plan.agents),
        "optimizer": " -> ".join(plan.chain),
        "graph_strategy": plan.graph_strategy,
        "seed": plan.seed,
        "rows": {
            "train": len(split.train), "validation": len(split.validation), "held_out": len(split.held_out)
        },
        "validation": {"before": _measured(findings.baseline), "after": _measured(findings.winner)},
        "held_out": None if held_out is None else {
            "before": _measured(findings.before),
            "after": _measured(findings.after),
            "difference": held_out.mean,
            "interval_95": None if held_out.low is None else [held_out.low, held_out.high],
            "p": held_out.p,
            "test": held_out.test,
            "better": held_out.better,
            "worse": held_out.worse,
            "detectable": _detectable(findings),
        },
        "candidates": [
            {"name": each.name, "validation": each.validation, "letters": each.letters}
            for each in findings.candidates
        ],
        "tried": findings.tried,
        "calls": {"sent": spent.calls, "from_journal": spent.replayed},
        "tokens": {"input": usage.input_tokens, "output": usage.output_tokens},
        "cost_usd": spent.usd,
        "stopped_by": None if findings.stop is None else findings.stop.message,
        "failed": failing_json(findings.failing),
        "notes": list(findings.notes),
        "best": None if findings.best is None else state_json(findings.best),
    }  # fmt: skip


def conclusion(findings: Findings, split: Split) -> str:
    """The verdict as a sentence."""
    found = findings.held_out
    match findings.verdict:
        case "better":
            assert found is not None
            assert found.low is not None
            assert found.high is not None
            return (
                f"better on {found.rows} held-out rows by {_points(found.mean)} points, 95 % interval "
                f"{_points(found.low)} to {_points(found.high)}, p = {found.p:.2g} ({_test(found.test)})"
            )
        case "not proven":
            assert found is not None
            return (
                f"not proven: {_points(found.mean)} points on {found.rows} held-out rows "
                f"(p = {found.p:.2g}), which can show no less than {_points(_detectable(findings))}"
            )
        case "no gain":
            if findings.tried < 2:
                return "nothing was tried: there was no other prompt and no example that could be made"
            return "no candidate beat the file's own prompts on the validation rows"
        case "no claim":
            rows = len(split.train) + len(split.validation) + len(split.held_out)
            return (
                f"no claim: {len(split.held_out)} of {rows} rows are held out, and fewer than {LEAST_ROWS} "
                "prove nothing"
            )
    return "stopped before it was tested"


def summary(report: Mapping[str, JsonValue], findings: Findings) -> list[str]:
    """The report as lines of a terminal."""
    lines = [str(report["says"])]
    if findings.baseline is not None:
        lines += ["", *_table(findings)]
    spent = report["calls"]
    assert isinstance(spent, Mapping)
    tried = f"{findings.tried} candidate{'s' * (findings.tried != 1)}"
    lines += ["", (
        f"{tried}, {spent['sent']} calls sent, {spent['from_journal']} from the journal, "
        f"{dollars(report['cost_usd'])}"
    )]  # fmt: skip
    lines += [f"warning: {each.says}" for each in findings.failing]
    lines += [f"note: {note}" for note in findings.notes]
    return lines


def markdown(report: Mapping[str, JsonValue], findings: Findings, diff: str) -> str:
    """The report as a page."""
    rows = report["rows"]
    assert isinstance(rows, Mapping)
    parts = [
        f"# Optimizing {report['ensemble']}",
        f"**{findings.verdict}**: {report['says']}.",
        f"- optimizer: `{report['optimizer']}`, agents {report['graph_strategy']}, seed {report['seed']}",
        f"- rows: {rows['train']} to learn from, {rows['validation']} to choose by, "
        f"{rows['held_out']} held out",
        "```\n" + "\n".join(summary(report, findings)[1:]).strip("\n") + "\n```",
        "The validation scores are of candidates that were chosen by them, and so too good; the held-out "
        + ("rows were not looked at." if findings.before is None else "rows were looked at once."),
    ]
    if findings.candidates:
        parts.append("\n".join([
            "| candidate | validation | letters |", "|---|---|---|",
            *(f"| {c.name} | {c.validation:.3f} | {c.letters} |" for c in findings.candidates),
        ]))  # fmt: skip
    if diff:
        parts.append(f"```diff\n{diff.rstrip()}\n```")
    return "\n\n".join(parts) + "\n"


def dollars(usd: JsonValue) -> str:
    """An amount, or that it is unknown."""
    return f"${usd:.4f}" if isinstance(usd, float) else "at an unknown price"


def _table(findings: Findings) -> list[str]:
    rows: list[tuple[str, str, str, str]] = [("", "before", "after", "change")]

    def add(name: str, before: float | None, after: float | None, form: str) -> None:
        change = "" if before is None or after is None else f"{after - before:+{form}}"
        one, other = ("-" if value is None else f"{value:{form}}" for value in (before, after))
        rows.append((name, one, other, change))

    add("validation (optimistic)", _mean(findings.baseline), _mean(findings.winner), ".3f")
    before, after = findings.before or findings.baseline, findings.after or findings.winner
    if findings.held_out is not None:
        add("held out", _mean(findings.before), _mean(findings.after), ".3f")
    if before is not None:
        later = after or None
        add("letters of prompts", before.letters, later and later.letters, "d")
        add("tokens per run", before.tokens, later and later.tokens, ".1f")
        add("US dollars per run", before.usd, later and later.usd, ".6f")
        add("model seconds per run", before.seconds, later and later.seconds, ".3f")
    widths = [max(len(row[place]) for row in rows) for place in range(4)]
    return [
        "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))])
        for row in rows
    ]


def _measured(found: Measured | None) -> JsonValue:
    if found is None:
        return None
    return {
        "score": found.mean,
        "letters": found.letters,
        "tokens": found.tokens,
        "calls": found.calls,
        "cost_usd": found.usd,
        "seconds": found.seconds,
    }


def _mean(found: Measured | None) -> float | None:
    return None if found is None else found.mean


def _detectable(findings: Findings) -> float:
    assert findings.held_out is not None
    return detectable(findings.held_out.spread or _UNKNOWN_SPREAD, findings.held_out.rows)


def _points(share: float) -> str:
    return f"{100 * share:.1f}"


def _test(name: str) -> str:
    return "exact McNemar test" if name == "mcnemar" else "sign-flip permutation test"
