"""Jobs to route: DAGs of tasks, and a catalogue to route them over."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from llm_orc.domain.plan import Candidate, Horizon, Loadable, TaskAhead

KINDS = ("extraction", "reasoning", "code_generation", "summarisation", "creative", "classification")
TOKENS = {
    "extraction": 250, "reasoning": 500, "code_generation": 700, "summarisation": 450, "creative": 600,
    "classification": 120,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """A model of the simulated catalogue; `cost` is what 1,000 tokens cost in the router's unit."""

    name: str
    vram_gb: float
    cost: float
    load_seconds: float
    strong_at: tuple[str, ...] = ()


POOL = (
    Entry("tinyllama", 1.2, 0.25, 0.45),
    Entry("gemma2-2b", 2.0, 0.35, 0.6, ("classification",)),
    Entry("phi3-mini", 3.0, 0.6, 0.8, ("reasoning",)),
    Entry("qwen2.5-coder-7b", 6.5, 1.2, 1.2, ("code_generation",)),
    Entry("llama3.1-8b", 8.0, 1.4, 1.6, ("summarisation", "creative")),
    Entry("phi4-14b", 12.5, 2.0, 2.4, ("reasoning", "extraction")),
)
"""Sizes, costs and load times of the published router's own model lists."""


@dataclass(frozen=True, slots=True)
class Work:
    """One task of a job: its step, its kind, and the tokens that it really takes."""

    name: str
    step: int
    kind: str
    tokens: float


Job = tuple[Work, ...]


@dataclass(frozen=True, slots=True)
class World:
    """How good each model really is at each kind of task, and how good it is believed to be."""

    pool: tuple[Entry, ...]
    quality: Mapping[tuple[str, str], float]
    believed: Mapping[tuple[str, str], float]

    @property
    def loadables(self) -> dict[str, Loadable]:
        return {
            e.name: Loadable(model=e.name, vram_gb=e.vram_gb, load_seconds=e.load_seconds) for e in self.pool
        }

    def task(self, work: Work, step: int, *, really: bool) -> TaskAhead:
        """The task as a router sees it: by what is believed, or as it is."""
        table = self.quality if really else self.believed
        candidates = tuple(
            Candidate(
                model=e.name, quality=table[e.name, work.kind], tokens=work.tokens, token_cost=e.cost
            )
            for e in self.pool
        )  # fmt: skip
        return TaskAhead(agent=work.name, step=step, candidates=candidates)

    def horizon(
        self,
        steps: Sequence[Sequence[Work]],
        resident: Mapping[str, tuple[int, ...]],
        room: float,
        *,
        really: bool = False,
    ) -> Horizon:
        """The tasks of the coming steps."""
        tasks = tuple(
            self.task(work, step, really=really) for step, works in enumerate(steps) for work in works
        )
        return Horizon(tasks=tasks, models=self.loadables, resident=resident, room_gb=(room,))


def world(random: Random, noise: float = 0.0) -> World:
    """Larger models are better, each with strengths of its own; `noise` is how wrong beliefs are (sd)."""
    quality = {}
    for entry in POOL:
        for kind in KINDS:
            base = 0.42 + 0.028 * entry.vram_gb + 0.15 * (kind in entry.strong_at)
            quality[entry.name, kind] = min(0.99, max(0.02, base + random.gauss(0, 0.08)))
    believed = {key: min(1.0, max(0.0, value + random.gauss(0, noise))) for key, value in quality.items()}
    return World(POOL, quality, believed)


def workflow(random: Random) -> Job:
    """Extraction, mathematics, code, with the variants that people draw: chain, fan, diamond, two chains."""
    extract, solve, code = "extraction", "reasoning", "code_generation"
    shapes: tuple[tuple[tuple[str, ...], ...], ...] = (
        ((extract,), (solve,), (code,)),
        ((extract, extract), (solve,), (code,)),
        ((extract,), (solve, solve), (code,)),
        ((extract,), (solve,), (code, "summarisation")),
        ((extract, extract), (solve, solve), (code, code)),
        ((extract,), (solve, code), ("summarisation",)),
        (("classification",), (extract,), (solve,), (code,)),
        ((extract,), (solve,), (code,), ("summarisation",)),
        ((extract, "classification"), (solve, code), (solve,), ("summarisation",)),
    )
    return _job(random, random.choice(shapes))


def code_math_mix(random: Random) -> Job:
    """A flat list of programming and mathematics."""
    kinds = ("code_generation", "reasoning")
    return _job(random, (tuple(random.choice(kinds) for _ in range(random.randint(4, 10))),))


def agentic(random: Random) -> Job:
    """One task branches, the branches branch, and a summary joins them."""
    width = random.randint(2, 4)
    first = ("classification",)
    second = tuple(random.choice(KINDS) for _ in range(width))
    third = tuple(random.choice(KINDS) for _ in range(width * 2))
    return _job(random, (first, second, third, ("summarisation",)))


def random_dag(random: Random) -> Job:
    """Three to eight layers of one to five tasks of any kind."""
    layers = tuple(
        tuple(random.choice(KINDS) for _ in range(random.randint(1, 5))) for _ in range(random.randint(3, 8))
    )
    return _job(random, layers)


WORKLOADS: Mapping[str, Callable[[Random], Job]] = {
    "workflow": workflow,
    "code_math_mix": code_math_mix,
    "agentic": agentic,
    "random": random_dag,
}


def _job(random: Random, layers: Sequence[Sequence[str]]) -> Job:
    return tuple(
        Work(f"t{step}.{place}", step, kind, TOKENS[kind] * random.lognormvariate(0, 0.35))
        for step, kinds in enumerate(layers)
        for place, kind in enumerate(kinds)
    )
