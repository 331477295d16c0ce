"""Small projects to optimize, and servers that remember what they were asked, byte by byte."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from llm_orc import Orchestrator
from llm_orc.domain.completion import Provider
from llm_orc.optimize.dataset import Split
from llm_orc.optimize.meter import Limits
from llm_orc.optimize.search_plan import Plan
from llm_orc.orchestrator.optimizing import Optimized, Optimizing, parted
from llm_orc.orchestrator.searching import Wish, plan_of

Json = dict[str, Any]
COLOURS = {"buys": "red", "sells": "blue", "loses": "green"}
LABELS = """\
name: colours
agents:
  - name: labeller
    model: {provider: scripted, name: m}
    system_prompt: Name the colour.  # nobody knows which
"""


def colour_rows(count: int) -> list[Json]:
    """Messages whose verb decides on a colour, which only examples can tell."""
    verbs = list(COLOURS)
    return [
        {"input": f"Ann {verb} {number} eggs.", "expected": COLOURS[verb]}
        for number in range(count)
        for verb in [verbs[number % 3]]
    ]


def follows_examples(messages: Sequence[Json]) -> str:
    """The colour that an earlier turn gave to the same verb; `grey` without one, and where there is a 7."""
    *before, last = [m for m in messages if m["role"] != "system"]
    verb = next((verb for verb in COLOURS if verb in last["content"]), "")
    if "7" in last["content"]:
        return "grey"
    for asked, answered in zip(before[::2], before[1::2], strict=True):
        if verb and verb in asked["content"]:
            return str(answered["content"])
    return "grey"


def in_project(folder: Path, ensemble: str, rows: Sequence[Json], name: str = "e.yaml") -> Path:
    """An ensemble file and `rows.jsonl` in a project of their own."""
    (folder / ".llm-orc").mkdir(exist_ok=True)
    path = folder / name
    path.write_text(ensemble, encoding="utf-8", newline="")
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    (folder / "rows.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


async def optimized(
    path: Path,
    providers: Mapping[str, Provider],
    *,
    metric: str = "exact",
    limits: Limits = Limits(),  # noqa: B008 - frozen
    agents: Sequence[str] = (),
    **wish: Any,
) -> tuple[Optimized, Plan, Split]:
    """What an optimization of a project comes to; nothing of the user's is written."""
    async with Orchestrator(path.parent, providers=providers) as orchestrator:
        optimizing = Optimizing(orchestrator, path, agents)
        rows = optimizing.rows(path.parent / "rows.jsonl")
        parts = parted(rows, 0)
        plan = plan_of(Wish(**wish), orchestrator, optimizing.agents, len(rows))
        await optimizing.freeze_models()
        folder = optimizing.folder(plan, parts, metric)
        return await optimizing.run(plan, parts, metric, folder, limits), plan, parts


class Recording:
    """An OpenAI-compatible server; `bodies` are the raw requests, in order."""

    def __init__(self, answer: Callable[[Json], str]) -> None:
        self.bodies: list[bytes] = []
        recording = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                recording.bodies.append(body)
                text = answer(json.loads(body))
                message = {"role": "assistant", "content": text}
                reply = json.dumps({
                    "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                    "usage": {"prompt_tokens": 1, "completion_tokens": 1},
                }).encode()  # fmt: skip
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(reply)))
                self.end_headers()
                self.wfile.write(reply)

            def log_message(self, format: str, *args: object) -> None:
                """Nothing: the test's output is for its failures."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def start(self) -> None:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def recording(answer: Callable[[Json], str]) -> Iterator[Recording]:
    server = Recording(answer)
    server.start()
    try:
        yield server
    finally:
        server.stop()
