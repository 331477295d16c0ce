"""What optimizing gains on the embedded models, where examples or wording matter to them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from llm_orc.bench.strategies import PROBLEMS
from llm_orc.domain.json import JsonObject, JsonValue
from llm_orc.errors import UsageFailed
from llm_orc.optimize.dataset import Row, Split
from llm_orc.optimize.evaluation import evaluate
from llm_orc.optimize.metrics import metric_of
from llm_orc.optimize.optimization import Findings
from llm_orc.optimize.search_plan import Plan
from llm_orc.optimize.statistics import difference
from llm_orc.orchestrator import Orchestrator
from llm_orc.orchestrator.evaluating import invoking
from llm_orc.orchestrator.optimizing import Optimizing, parted

MESSAGES = Path(__file__).with_name("messages.jsonl")
MADE_UP = {
    "account": "red", "billing": "blue", "math": "green", "refund": "alpha", "shipping": "beta",
    "technical": "gamma",
}  # fmt: skip
WORDINGS = (
    "Answer the question.", "Give only the number.", "Show your work.", "Solve the problem step by step.",
)  # fmt: skip
Told = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A poor ensemble, its rows, wordings to try by agent, and the next larger model of the agent that it is
    compared with, "" where there is none."""

    name: str
    ensemble: str
    rows: Callable[[], list[JsonObject]]
    metric: str
    instructions: Mapping[str, Sequence[str]]
    small: str
    larger: str = ""
    labeled: int = field(default=8)


def _messages() -> list[JsonObject]:
    """Messages and labels that no model can know: only examples tell them."""
    return [{"input": text, "expected": MADE_UP[kind]} for text, kind in _by_kind()]


def _in_capitals() -> list[JsonObject]:
    """The usual labels, in another style than the model has by itself."""
    return [{"input": text, "expected": kind.upper()} for text, kind in _by_kind()]


def _by_both() -> list[JsonObject]:
    """Two labels for each message: every agent's own, as the rows of several agents give them."""
    rows: list[JsonObject] = []
    for text, kind in _by_kind():
        both = {"kind": kind.upper(), "team": MADE_UP[kind]}
        rows.append({"input": text, "expected": both, "agents": both})
    return rows


def _by_kind() -> list[tuple[str, str]]:
    lines = (json.loads(line) for line in MESSAGES.read_text(encoding="utf-8").splitlines())
    return [(line["input"], line["kind"]) for line in lines]


def _problems() -> list[JsonObject]:
    lines = (json.loads(line) for line in PROBLEMS.read_text(encoding="utf-8").splitlines())
    return [{"input": line["question"], "expected": line["answer"]} for line in lines]


def _solver(model: str) -> str:
    return (
        "name: solve\nagents:\n"
        f"  - {{name: solver, model: {model}, temperature: 0, system_prompt: Give only the number.}}\n"
    )


_REPORT = """\
name: report
agents:
  - {name: solver, model: tiny-medium, temperature: 0, system_prompt: Give only the number.}
  - name: report
    depends_on: [solver]
    model: tiny-extract
    temperature: 0
    system_prompt: Extract the facts as JSON.
    prompt: "{{ input }}\\n{{ solver }}"
"""
_LABELS = """\
name: label
agents:
  - {name: labeller, model: tiny-classify, temperature: 0, system_prompt: Classify the message.}
"""
# The examples of these files are of no row: no held-out message is ever shown.
_MIXED = """\
    demos:
      - {inputs: {input: The login code for my watch never comes.}, output: ACCOUNT}
      - {inputs: {input: The invoice for the shells is wrong.}, output: billing}
      - {inputs: {input: The screen of the printer stays black.}, output: technical}
"""
_STYLES = f"""\
name: label
agents:
  - name: labeller
    model: tiny-classify
    temperature: 0
    system_prompt: Classify the message.
{_MIXED}"""
_MISTAKES = """\
name: label
agents:
  - name: labeller
    model: tiny-classify
    temperature: 0
    system_prompt: Classify the message.
    demos:
      - {inputs: {input: The login code for my watch never comes.}, output: red}
      - {inputs: {input: The invoice for the shells is wrong.}, output: alpha}
      - {inputs: {input: "What is 31 * 2?"}, output: green}
      - {inputs: {input: I want my money back for the lamps.}, output: blue}
      - {inputs: {input: When will my radio be delivered?}, output: gamma}
      - {inputs: {input: The screen of the printer stays black.}, output: beta}
"""
_BOTH = f"""\
name: labels
agents:
  - name: kind
    model: tiny-classify
    temperature: 0
    system_prompt: Classify the message.
{_MIXED}  - {{name: team, model: tiny-classify, temperature: 0, system_prompt: Classify the message.}}
"""
_CAPITALS = ("Classify the message. Answer in capitals.", "Label the message in capitals.")
TASKS = (
    Task(
        name="made-up labels", ensemble=_LABELS, rows=_messages, metric="exact", small="tiny-classify",
        instructions={"labeller": ("What is the message about?", "Give the label of the message.")},
        labeled=16,
    ),
    Task(
        name="mixed examples", ensemble=_STYLES, rows=_in_capitals, metric="exact", small="tiny-classify",
        instructions={"labeller": _CAPITALS},
    ),
    Task(
        name="wrong examples", ensemble=_MISTAKES, rows=_messages, metric="exact", small="tiny-classify",
        instructions={"labeller": ("What is the message about?", "Give the label of the message.")},
        labeled=16,
    ),
    Task(
        name="two labellers", ensemble=_BOTH, rows=_by_both, metric="json", small="tiny-classify",
        instructions={
            "kind": _CAPITALS, "team": ("What is the message about?", "Give the label of the message."),
        },
        labeled=16,
    ),
    Task(
        name="wording, small", ensemble=_solver("tiny-small"), rows=_problems, metric="numeric",
        instructions={"solver": WORDINGS}, small="tiny-small", larger="tiny-medium",
    ),
    Task(
        name="wording, medium", ensemble=_solver("tiny-medium"), rows=_problems, metric="numeric",
        instructions={"solver": WORDINGS}, small="tiny-medium", larger="tiny-large",
    ),
    Task(
        name="two agents", ensemble=_REPORT, rows=_problems, metric="numeric", small="tiny-medium",
        larger="tiny-large",
        instructions={
            "solver": WORDINGS,
            "report": ("Report the answer as JSON.", "List the facts of the problem as JSON."),
        },
    ),
)  # fmt: skip


async def measure(
    names: Sequence[str], optimizers: Sequence[str], rows: int | None, seed: int, told: Told
) -> list[dict[str, JsonValue]]:
    """One line per task and optimizer. Raises `UsageFailed` for a task that is not there."""
    known = {task.name: task for task in TASKS}
    for name in names:
        if name not in known:
            raise UsageFailed(f"there is no task {name!r}", hint=f"known: {', '.join(known)}")
    found = []
    for task in TASKS if not names else [known[name] for name in names]:
        for optimizer in optimizers:
            told(f"{task.name}: {optimizer}")
            found.append(await _measured(task, optimizer, rows, seed))
    return found


async def _measured(task: Task, optimizer: str, count: int | None, seed: int) -> dict[str, JsonValue]:
    with TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "e.yaml"
        path.write_text(task.ensemble, encoding="utf-8")
        dataset = folder / "rows.jsonl"
        lines = [json.dumps(row) for row in task.rows()[:count]]
        dataset.write_text("\n".join(lines) + "\n", encoding="utf-8")
        async with Orchestrator(folder, runs=False) as orchestrator:
            optimizing = Optimizing(orchestrator, path)
            parts = parted(optimizing.rows(dataset), seed)
            plan = Plan(
                agents=optimizing.agents, chain=(optimizer,), seed=seed, labeled=task.labeled,
                instructions=task.instructions if optimizer == "miprov2" else None,
            )  # fmt: skip
            kept = optimizing.folder(plan, parts, task.metric)
            done = await optimizing.run(plan, parts, task.metric, kept)
            against = await _larger(orchestrator, task, path, parts, done.findings)
        return {
            "task": task.name,
            "optimizer": optimizer,
            "rows": len(parts.train) + len(parts.validation) + len(parts.held_out),
            "held_out_rows": len(parts.held_out),
            **_gain(done.findings),
            "calls": done.progress.calls,
            **against,
        }


def _gain(findings: Findings) -> dict[str, JsonValue]:
    """On held-out rows; where no candidate was better on the validation rows there is nothing to test."""
    found = findings.held_out
    if found is None or findings.before is None or findings.after is None:
        return {
            "verdict": findings.verdict, "before": None, "after": None, "difference": 0.0, "interval": None,
            "p": None,
        }  # fmt: skip
    return {
        "verdict": findings.verdict,
        "before": findings.before.mean,
        "after": findings.after.mean,
        "difference": found.mean,
        "interval": None if found.low is None else [found.low, found.high],
        "p": found.p,
    }


async def _larger(
    orchestrator: Orchestrator, task: Task, path: Path, parts: Split, findings: Findings
) -> dict[str, JsonValue]:
    """The small model as optimized against the next larger one as the file prompts it, on held-out rows."""
    if not task.larger or findings.after is None:
        return {"larger": task.larger or None, "larger_unoptimized": None, "small_over_larger": None}
    ensemble = orchestrator.load(_with_larger(task, path))
    rows: Sequence[Row] = parts.held_out
    metric = metric_of(task.metric)
    found = await evaluate(task.larger, rows, invoking(orchestrator, ensemble), metric)
    over = difference(found.scores, findings.after.scores)
    return {
        "larger": task.larger,
        "larger_unoptimized": sum(found.scores) / len(found.scores),
        "small_over_larger": [over.mean, over.low, over.high],
    }


def _with_larger(task: Task, path: Path) -> Path:
    other = path.with_name("larger.yaml")
    other.write_text(task.ensemble.replace(task.small, task.larger), encoding="utf-8")
    return other
