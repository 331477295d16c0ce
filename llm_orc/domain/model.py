"""What is known about the models at hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from llm_orc.domain.json import JsonObject

Feature = Literal["sampling", "seed", "n", "logprobs", "json_schema", "tools", "load_control"]
"""What a model can do beyond plain text: `sampling` means that temperature and its kin are accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How an answer is drawn. None means "not set": it is not sent, the server's default holds.

    `options` go to the server as they are (Ollama's `options`, extra fields elsewhere).
    """

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    max_tokens: int | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    options: JsonObject = field(default_factory=dict)

    def over(self, base: Sampling) -> Sampling:
        """What is set here, and `base` where nothing is; `options` are joined key by key."""
        if self is UNSET or base is UNSET:
            return base if self is UNSET else self
        return Sampling(
            temperature=base.temperature if self.temperature is None else self.temperature,
            top_p=base.top_p if self.top_p is None else self.top_p,
            top_k=base.top_k if self.top_k is None else self.top_k,
            min_p=base.min_p if self.min_p is None else self.min_p,
            max_tokens=base.max_tokens if self.max_tokens is None else self.max_tokens,
            seed=base.seed if self.seed is None else self.seed,
            stop=self.stop or base.stop,
            options={**base.options, **self.options},
        )


UNSET = Sampling()
"""Nothing is set: what most agents of most files say, and cheap to lay over others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """US dollars per million tokens; `source` says who says so where it is not the user."""

    input_per_million: float
    output_per_million: float
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One entry of the catalogue: a model, where it is served and what is known about it.

    `name` is ours, `wire_name` is what its server calls it. `price` is None where it is unknown,
    which is not the same as free. `parameters_b` counts billions, `vram_gb` gigabytes. `capabilities` are
    qualities in [0, 1] by kind of task, `weaknesses` kinds that it should not get. `devices` are those that
    it may sit on, None for any; with `split` it may lie across them.
    """

    name: str
    provider: str
    wire_name: str
    base_url: str | None = None
    path: str | None = None
    api_key_env: str | None = None
    context: int | None = None
    parameters_b: float | None = None
    vram_gb: float | None = None
    load_seconds: float | None = None
    price: Price | None = None
    capabilities: Mapping[str, float] = field(default_factory=dict)
    weaknesses: frozenset[str] = frozenset()
    tokens_per_second: float | None = None
    family: str = ""
    quantisation: str = ""
    digest: str | None = None
    devices: tuple[int, ...] | None = None
    split: bool = False
    supports: frozenset[Feature] = frozenset()
    concurrency: int | None = None
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    keep_alive: str | int | None = None
    sampling: Sampling = Sampling()
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A named way to ask: candidate models, ordered cheap to strong, and how to sample them.

    `models` are names from the catalogue or `provider/wire-name`, resolved when the profile is used.
    `price` holds for models that have none; `source` is where the profile is written.
    """

    name: str
    models: tuple[str, ...]
    sampling: Sampling = Sampling()
    system_prompt: str = ""
    timeout_seconds: float | None = None
    fallback: tuple[str, ...] = ()
    price: Price | None = None
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """The models at hand. `default` is the model of agents that name none; None: they must name one.
    `vram_gb` is the room for local models on each device; empty: nobody said."""

    models: Mapping[str, Model]
    profiles: Mapping[str, Profile] = field(default_factory=dict)
    default: str | None = None
    vram_gb: tuple[float, ...] = ()
