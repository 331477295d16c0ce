"""A project whose one ensemble does a bit of everything, on models of a server of this machine."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
ENSEMBLE = """
name: torture
models: [small, large]
agents:
  - name: vote
    model: small
    prompt: "Vote on {{ input }}"
    strategy: {type: self_consistency, samples: 6, temperature: 0.7, extract: answer_is}
  - name: list
    model: small
    prompt: "A LIST for {{ input }}"
  - name: each
    depends_on: [list]
    model: small
    prompt: "Say something about {{ item }}"
    fan_out: {over: list}
  - name: count
    depends_on: [each]
    script: count.py
  - name: climb
    depends_on: [vote]
    models: [small, large]
    prompt: "Climb on {{ vote }} of {{ input }}"
    strategy: {type: cascade, confidence: agreement, samples: 3, threshold: 0.9}
  - name: inner
    depends_on: [vote]
    ensemble: inner.yaml
  - name: end
    depends_on: [climb, count, inner]
    model: large
    prompt: "End with {{ climb }}, {{ count }} and {{ inner }}"
output: end
"""
INNER = """
name: inner
agents:
  - {name: a, model: small, prompt: "Inner of {{ input }}"}
  - {name: b, model: large, depends_on: [a], prompt: "After {{ a }}"}
"""
COUNT = """
import json, sys
given = json.load(sys.stdin)
print(json.dumps({"items": len(given["dependencies"]["each"])}))
"""


def make_project(folder: Path, port: int, config: str = "") -> None:
    """Write the project's files; its models are at the server's port."""
    (folder / ".llm-orc").mkdir(parents=True)
    place = {
        "provider": "openai",
        "base_url": f"http://127.0.0.1:{port}/v1",
        "price": {"input": 1, "output": 2},
    }
    can = {"supports": ["sampling", "seed", "logprobs"]}
    models = {name: {**place, **can, "name": name} for name in ("small", "large")}
    (folder / ".llm-orc" / "models.yaml").write_text(json.dumps({"models": models}))
    (folder / ".llm-orc" / "config.yaml").write_text(f"cache: off\n{config}")
    for name, text in (("torture.yaml", ENSEMBLE), ("inner.yaml", INNER), ("count.py", COUNT)):
        (folder / name).write_text(text)


@contextmanager
def serving(log: Path, faults: float = 0.0, seed: int = 0) -> Iterator[int]:
    """The port of a server of its own process."""
    command = [sys.executable, "-m", "tests.torture.server", str(log), str(faults), str(seed)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield int(server.stdout.readline())
        finally:
            server.kill()
