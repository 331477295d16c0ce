"""An ensemble as a value: agents, what they depend on, how each does its work."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

from llm_orc.domain.completion import Tool
from llm_orc.domain.json import JsonObject, JsonValue
from llm_orc.domain.model import Model
from llm_orc.domain.path import JsonPath
from llm_orc.domain.policy import Budget, Policy
from llm_orc.domain.task import TaskKind
from llm_orc.domain.wording import Demo as Demo
from llm_orc.domain.wording import Nearest, Variant
from llm_orc.domain.wording import Prompt as Prompt

MAX_TOOL_CALLS = 10
ASK_SEVERAL = frozenset({"cascade", "debate", "moa", "mux", "vote"})
"""Strategies that ask all of an agent's models, in their order: there is nothing to choose for them."""
_NOT_A_WORD = re.compile(r"[^A-Za-z0-9_]")


class Schema(Protocol):
    """A compiled JSON Schema."""

    @property
    def schema(self) -> JsonObject: ...
    def faults(self, value: JsonValue) -> tuple[str, ...]:
        """What is wrong with `value`, one sentence each; empty when it satisfies the schema."""
        ...


class Condition(Protocol):
    """A compiled `when` or `until`. `names` are the agents and inputs that it reads, as variables."""

    @property
    def source(self) -> str: ...
    @property
    def names(self) -> frozenset[str]: ...
    def holds(self, values: Mapping[str, JsonValue]) -> bool:
        """Whether it is true; a value that is not there counts as null."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, weakref_slot=True)
class StrategySpec:
    """Which strategy an agent uses, and its settings.

    `models` are the settings that name models, resolved; `parts` those that are strategies themselves, and
    `handed_on` those that the strategy gives to agents of its own.
    """

    type: str = "single"
    settings: JsonObject = field(default_factory=dict)
    models: Mapping[str, Model | tuple[Model, ...]] = field(default_factory=dict)
    parts: Mapping[str, StrategySpec] = field(default_factory=dict)
    handed_on: Mapping[str, StrategySpec] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Llm:
    """An agent that asks a model. `models` are its candidates in order; the first is the `fixed` choice.

    Each carries the sampling that it is asked with, the agent's own settings included. `task` is the kind
    of task where the file says it. `tools` are what the model may call on the way to one answer, at most
    `max_tool_calls` times. `variants` take turns, or vote, in place of its own wording. `optimize` says
    whether its prompt may be changed by a search.
    """

    models: tuple[Model, ...]
    system_prompt: str = ""
    prompt: Prompt | None = None
    demos: tuple[Demo, ...] = ()
    nearest: Nearest | None = None
    variants: tuple[Variant, ...] = ()
    strategy: StrategySpec = StrategySpec()
    output_schema: Schema | None = None
    output_format: Literal["text", "json"] = "text"
    fallbacks: tuple[Model, ...] = ()
    task: TaskKind | None = None
    min_quality: float | None = None
    max_latency_seconds: float | None = None
    tools: tuple[ToolSource, ...] = ()
    max_tool_calls: int = MAX_TOOL_CALLS
    optimize: bool = True

    @property
    def choices(self) -> tuple[Model, ...]:
        """The models that may be chosen from."""
        several = self.strategy.type in ASK_SEVERAL and not self.variants_vote
        return self.models[:1] if several else self.models

    @property
    def variants_vote(self) -> bool:
        """Whether all variants are asked, each once, and their answers counted."""
        return self.strategy.settings.get("over") == "variants"


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """An agent that runs a program. `command` is complete: program and arguments, paths resolved."""

    command: tuple[str, ...]
    parameters: JsonObject = field(default_factory=dict)
    directory: str = "."
    max_output_bytes: int = 10_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptTool:
    """A tool that is a program. With `bare`, its only argument `input` is given to it as it is."""

    tool: Tool
    script: Script
    timeout_seconds: float | None = None
    bare: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class McpTools:
    """The tools of a server that speaks the Model Context Protocol over its standard streams.

    `only` names the one tool that is offered; "": all of them. `description` takes the place of its own.
    """

    command: tuple[str, ...]
    directory: str = "."
    only: str = ""
    description: str = ""
    timeout_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubEnsemble:
    """An agent that runs another ensemble; its output is that ensemble's."""

    ensemble: Ensemble


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop:
    """An agent that repeats an ensemble until a condition on its output holds.

    `carry` maps inputs of the body to paths into its last output. Running out of rounds is a failure
    only where there is an `until`.
    """

    body: Ensemble
    until: Condition | None
    max_iterations: int
    carry: Mapping[str, JsonPath]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatch:
    """An agent that runs the ensemble that an output names, one of `allowed`.

    `chosen_by` starts with an agent's name. `default` is taken for a name that is not allowed.
    """

    chosen_by: JsonPath
    allowed: Mapping[str, Ensemble]
    default: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FanOut:
    """An agent that runs once per item of a list; its output is the list of outputs, in order.

    `over` starts with an agent's name. A failing instance makes the agent fail, is left out, or counts
    as null; more than `1 - min_success` of them make it fail in any case.
    """

    over: JsonPath
    item: str = "item"
    max_parallel: int | None = None
    min_success: float = 0.0
    on_item_failure: Literal["fail", "skip", "null"] = "fail"


@dataclass(frozen=True, slots=True)
class Unread:
    """Stands for work that is wrong in the file, until all that is wrong is found; `kind` is the agent's."""

    kind: str


@dataclass(frozen=True, slots=True)
class Stop:
    """A failure of the agent ends the run: what is in flight finishes, nothing more is started."""


@dataclass(frozen=True, slots=True)
class Skip:
    """A failure of the agent skips what depends on it; the rest goes on."""


@dataclass(frozen=True, slots=True)
class Default:
    """A failure of the agent is replaced by a value."""

    value: JsonValue


OnFailure: TypeAlias = Stop | Skip | Default
Work: TypeAlias = "Llm | Script | SubEnsemble | Loop | Dispatch | Unread"
ToolSource: TypeAlias = ScriptTool | McpTools
RouterName: TypeAlias = Literal["lp", "greedy", "planner", "fixed"]
InputScope: TypeAlias = Literal["all", "dependencies", "input"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """A node of the DAG: never a model. `timeout_seconds` is None when there is no limit.

    `optional` are the dependencies that may fail or be skipped. `input_key` leads from the first
    dependency's output to what this agent takes as its input; None: the run's input. `policy` and `budget`
    hold for the agent's calls and those of agents within it.
    """

    name: str
    work: Work
    depends_on: tuple[str, ...] = ()
    timeout_seconds: float | None = None
    on_failure: OnFailure = Stop()
    description: str = ""
    optional: frozenset[str] = frozenset()
    when: Condition | None = None
    fan_out: FanOut | None = None
    input_key: JsonPath | None = None
    input_scope: InputScope = "all"
    policy: Policy = Policy()
    budget: Budget | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingSpec:
    """How models are chosen, as far as the file says. `settings` are fields of `RoutingSettings`;
    `planner` is the model that plans for the router of that name."""

    router: RouterName | None = None
    settings: Mapping[str, float] = field(default_factory=dict)
    vram_gb: tuple[float, ...] = ()
    planner: Model | None = None
    learning: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Ensemble:
    """A checked ensemble; running never changes it. `inputs` maps input names to JSON Schemas, and `checks`
    those that ask for more than text to the same, compiled.

    `outputs` are the agents whose outputs are the run's: the one that `output` names, or those that
    nothing depends on. `source` is the file it came from, "" when there is none, and `files` are the texts
    of that and of the files it refers to, by path, the first one's own. `timeout_seconds` bounds the whole
    run.
    """

    name: str
    agents: Mapping[str, Agent]
    outputs: tuple[str, ...]
    inputs: Mapping[str, JsonObject] = field(default_factory=lambda: {"input": {"type": "string"}})
    checks: Mapping[str, Schema] = field(default_factory=dict, compare=False, repr=False)
    default_task: str | JsonObject | None = None
    description: str = ""
    schedule: Literal["eager", "layered"] | None = None
    concurrency: int | None = None
    timeout_seconds: float | None = None
    source: str = ""
    files: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)
    routing: RoutingSpec = RoutingSpec()
    guardrails: Literal["off", "warn", "strict"] = "warn"
    budget: Budget | None = None


def variable_name(agent: str) -> str:
    """The name under which a template sees an agent's output: `fact-check` is `fact_check`."""
    name = _NOT_A_WORD.sub("_", agent)
    return f"_{name}" if name[:1].isdigit() else name
