"""From what a user asks for to the search that is made: optimizers, models and instructions by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from llm_orc.domain.json import parse_json
from llm_orc.domain.model import Model
from llm_orc.errors import NotAvailable, NotFound, UsageFailed
from llm_orc.optimize.search import chain_of
from llm_orc.optimize.search_plan import Effort, GraphStrategy, Plan
from llm_orc.optimize.statistics import LEAST_ROWS
from llm_orc.orchestrator import Orchestrator

OPTIMIZERS = (
    "labeled", "bootstrap", "random-search", "bootstrap-optuna", "copro", "miprov2", "simba", "gepa",
    "infer-rules",
)  # fmt: skip
_NEED_A_PROPOSER = {"copro", "gepa", "infer-rules"}
_NEED = ("dspy", "optuna")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the user asks for. `teacher` makes examples, `proposer` writes prompts: the teacher, if only it is
    named; `auto` stands for an optimizer that suits the rows and the models at hand."""

    optimizer: str = "auto"
    graph_strategy: GraphStrategy = "joint"
    effort: Effort = "light"
    seed: int = 0
    at_once: int = 8
    accept: float = 1.0
    demos: int = 4
    labeled: int = 8
    teacher: str | None = None
    proposer: str | None = None
    instructions: Path | None = None


def plan_of(wish: Wish, orchestrator: Orchestrator, agents: Sequence[str], rows: int) -> Plan:
    """Raises `UsageFailed`, `NotFound`, and `NotAvailable` where DSPy is not installed."""
    for package in _NEED:
        if find_spec(package) is None:
            raise NotAvailable(
                f"optimize needs the package {package}", hint='pip install "llm-orc[optimize]"'
            )
    proposer = _model(wish.proposer or wish.teacher, orchestrator)
    instructions = None if wish.instructions is None else read_instructions(wish.instructions, agents)
    chain: tuple[str, ...] = (_suited(rows, proposer, instructions),)
    if wish.optimizer != "auto":
        chain = chain_of(wish.optimizer, OPTIMIZERS)
    for name in chain:
        needs = name in _NEED_A_PROPOSER or (name == "miprov2" and instructions is None)
        if needs and proposer is None:
            more = ", or give your own with --instructions FILE" if name == "miprov2" else ""
            raise UsageFailed(f"{name} needs a model that proposes prompts", hint=f"--teacher MODEL{more}")
    if not (wish.demos or wish.labeled or instructions or proposer):
        raise UsageFailed(
            "there is nothing to search: no examples, no instructions and no model that proposes prompts",
            hint="give --demos, --instructions FILE or --teacher MODEL",
        )
    if instructions is not None and "miprov2" not in chain:
        raise UsageFailed("--instructions is for miprov2", hint="add --optimizer miprov2")
    return Plan(
        agents=tuple(agents),
        chain=chain,
        graph_strategy=wish.graph_strategy,
        effort=wish.effort,
        seed=wish.seed,
        at_once=wish.at_once,
        accept=wish.accept,
        demos=wish.demos,
        labeled=wish.labeled,
        instructions=instructions,
        teacher=_model(wish.teacher, orchestrator),
        proposer=proposer,
    )


def read_instructions(path: Path, agents: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """System prompts of the user's to try: one per line for every agent, or JSON: a list or `{AGENT: [...]}`.

    Raises `NotFound` or `UsageFailed`.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise NotFound(f"cannot read {path}: {error}") from error
    if path.suffix != ".json":
        lines = tuple(line.strip() for line in text.splitlines() if line.strip())
        return dict.fromkeys(agents, _some(lines, path))
    try:
        value = parse_json(text)
    except ValueError as error:
        raise UsageFailed(f"{path} is not JSON: {error}") from error
    found = value if isinstance(value, Mapping) else dict.fromkeys(agents, value)
    for agent, texts in found.items():
        if agent not in agents:
            raise UsageFailed(
                f"{path}: no agent {agent!r} is optimized", hint=f"there are {', '.join(agents)}"
            )
        if not isinstance(texts, list) or not all(isinstance(each, str) and each.strip() for each in texts):
            raise UsageFailed(f"{path}: instructions are a list of texts, or one for each agent")
    listed = {
        agent: tuple(str(each) for each in texts) for agent, texts in found.items() if isinstance(texts, list)
    }
    _some([text for texts in listed.values() for text in texts], path)
    return listed


def _some(texts: Sequence[str], path: Path) -> tuple[str, ...]:
    if not texts:
        raise UsageFailed(f"{path} has no instructions", hint="one per line, or JSON: a list")
    return tuple(texts)


def _suited(rows: int, proposer: Model | None, instructions: object) -> str:
    """An opinion: examples are cheap and safe, and instructions need somebody who writes them."""
    if instructions is not None:
        return "miprov2"
    if rows < LEAST_ROWS:
        return "bootstrap"
    return "random-search" if proposer is None else "gepa"


def _model(name: str | None, orchestrator: Orchestrator) -> Model | None:
    return None if name is None else orchestrator.model(name)
