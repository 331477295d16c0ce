"""One agent with a strategy, on models that play a script."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from llm_orc import Orchestrator
from llm_orc.domain.events import StrategyStep
from llm_orc.providers.scripted import Scripted

USUAL = ("sampling", "n", "seed", "logprobs", "tools")


class Thought:
    """What an agent came to: its outcome, the requests, the notes."""

    def __init__(self, outcome, requests, events) -> None:
        self.outcome = outcome
        self.requests = requests
        self.events = events
        self.notes = [event for event in events if isinstance(event, StrategyStep)]

    @property
    def output(self):
        return self.outcome.output

    @property
    def steps(self) -> list[str]:
        return [note.step for note in self.notes]

    def asked(self, model: str) -> list:
        return [request for request in self.requests if request.model.name == model]


class Thinking:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / ".llm-orc").mkdir()

    async def __call__(
        self,
        strategy: Any,
        answers: Any,
        *,
        models: Mapping[str, Mapping[str, Any]] | None = None,
        text: str = "What is 6 times 7?",
        **agent: Any,
    ) -> Thought:
        """`answers` is a list, a function of the request, or lists by model's name."""
        entries = {
            name: {"provider": "scripted", "supports": list(USUAL), **entry}
            for name, entry in (models or {"m": {}}).items()
        }
        (self.folder / ".llm-orc" / "models.yaml").write_text(yaml.safe_dump({"models": entries}))
        one = {"name": "a", "models": list(entries), "strategy": strategy, **agent}
        file = self.folder / "e.yaml"
        data = {"name": "e", "routing": {"router": "fixed"}, "agents": [one]}
        file.write_text(yaml.safe_dump(data, sort_keys=False))
        provider = Scripted(_by_model(answers) if isinstance(answers, dict) else answers)
        events: list = []
        async with Orchestrator(self.folder, providers={"scripted": provider}) as orchestrator:
            result = await orchestrator.invoke(file, text, observers=[lambda e: events.append(e.what)])
        return Thought(result.agents["a"], provider.requests, events)


def _by_model(answers: Mapping[str, list]) -> Callable:
    left = {name: iter(given) for name, given in answers.items()}
    return lambda request: next(left[request.model.name])


@pytest.fixture
def think(tmp_path: Path) -> Thinking:
    return Thinking(tmp_path)
