"""How an agent is worded: its prompt as a template, its worked examples, and its other wordings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

from llm_orc.domain.completion import Message
from llm_orc.domain.json import JsonObject, JsonValue
from llm_orc.domain.model import Model


class Prompt(Protocol):
    """A compiled prompt template. `names` are the variables that it reads, `optional` those of them that it
    reads only where they are defined."""

    @property
    def source(self) -> str: ...
    @property
    def names(self) -> frozenset[str]: ...
    @property
    def optional(self) -> frozenset[str]: ...
    def render(self, variables: Mapping[str, JsonValue]) -> str:
        """Raises `PromptFailed` when a value is missing or an expression fails."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """A worked example: what the prompt's variables were and what the answer should be."""

    inputs: JsonObject
    output: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearest:
    """Worked examples of which the `k` nearest to an input are shown.

    `lines` are their places in the file that they come from. `names` are the variables that are compared;
    none: the whole input. `embedding` is the model that compares them; None: words and letters are compared.
    """

    demos: tuple[Demo, ...]
    lines: tuple[int, ...]
    k: int
    names: tuple[str, ...] = ()
    embedding: Model | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """A wording of an agent, complete. `weight` is its share of the runs, in relation to the others'."""

    name: str
    weight: float
    system_prompt: str
    prompt: Prompt | None

    @property
    def wording(self) -> str:
        """12 hexadecimal digits that are the same exactly when the wording is."""
        prompt = "" if self.prompt is None else f"prompt {self.prompt.source}"
        return sha256(f"{self.system_prompt}\0{prompt}".encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """A variant as it is asked: what is sent to the model, and how much its answer counts."""

    name: str
    weight: float
    messages: tuple[Message, ...]
