"""A server that keeps models in memory the way Ollama does: it loads, keeps and evicts.

When there is no room, the idle model with the shortest keep_alive goes first (`server/sched.go`), ties by
name; a request's keep_alive overwrites the model's; keep_alive 0 without messages unloads.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Thread

SECONDS = {"s": 1, "m": 60, "h": 3600}


@dataclass
class Box:
    """`sizes` are the models on disk, in bytes of memory; `room` is how many bytes there are.

    With `reloads`, every request finds other runner options than before and loads its model anew.
    """

    sizes: dict[str, int]
    room: int
    address: str = ""
    memory: dict[str, float] = field(default_factory=dict)
    busy: Counter[str] = field(default_factory=Counter)
    loads: list[str] = field(default_factory=list)
    evicted: list[str] = field(default_factory=list)
    most: int = 0
    load_seconds: float = 0.05
    reloads: bool = False
    changed: Condition = field(default_factory=Condition)

    def load(self, name: str, keep: float) -> bool:
        """Have the model in memory and in use; True when it had to be loaded."""
        with self.changed:
            loaded = name not in self.memory or self.reloads
            while name not in self.memory and self._used() + self.sizes[name] > self.room:
                idle = [other for other in self.memory if not self.busy[other]]
                if not idle:
                    self.changed.wait(10)
                    continue
                victim = min(idle, key=lambda other: (self.memory[other], other))
                del self.memory[victim]
                self.evicted.append(victim)
            self.memory[name] = keep
            self.busy[name] += 1
            if loaded:
                self.loads.append(name)
            self.most = max(self.most, self._used())
            return loaded

    def done(self, name: str) -> None:
        with self.changed:
            self.busy[name] -= 1
            self.changed.notify_all()

    def unload(self, name: str) -> None:
        with self.changed:
            self.memory.pop(name, None)
            self.changed.notify_all()

    def _used(self) -> int:
        return sum(self.sizes[name] for name in self.memory)


@contextmanager
def serving(sizes_gb: dict[str, float], room_gb: float) -> Iterator[Box]:
    """A server on a port of its own."""
    box = Box({name: int(size * 1e9) for name, size in sizes_gb.items()}, int(room_gb * 1e9))
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"box": box}))
    server.daemon_threads = True
    box.address = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield box
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    box: Box
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        if self.path == "/api/ps":
            with self.box.changed:
                held = list(self.box.memory)
            self._send({"models": [{"name": n, "size": self.box.sizes[n], "size_vram": self.box.sizes[n]}
                                   for n in held]})  # fmt: skip
        else:
            self._send({"models": [
                {"name": name, "size": size, "digest": f"sha256:{name}", "details": {
                    "family": "llama", "parameter_size": f"{size / 1e9:.1f}B", "quantization_level": "Q4_K_M",
                }}
                for name, size in self.box.sizes.items()
            ]})  # fmt: skip

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        name = body["model"]
        if name not in self.box.sizes:
            self._send({"error": f"model '{name}' not found"}, 404)
        elif self.path == "/api/show":
            able = ["embedding"] if "embed" in name else ["completion", "tools"]
            self._send({"capabilities": able, "model_info": {"llama.context_length": 8192}})
        elif not body["messages"] and body.get("keep_alive") == 0:
            self.box.unload(name)
            self._send({"message": {"content": ""}, "done": True, "done_reason": "unload"})
        else:
            self._chat(name, body)

    def _chat(self, name: str, body: dict) -> None:
        loaded = self.box.load(name, _seconds(body.get("keep_alive", "5m")))
        try:
            self._send({
                "model": name, "message": {"role": "assistant", "content": f"{name} says hello"},
                "done": True, "done_reason": "stop", "prompt_eval_count": 10, "eval_count": 3,
                "load_duration": int(self.box.load_seconds * 1e9) if loaded else 0,
            })  # fmt: skip
        finally:
            self.box.done(name)

    def _send(self, value: object, status: int = 200) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _seconds(keep: str | int) -> float:
    return float(keep) if isinstance(keep, int) else float(keep[:-1]) * SECONDS[keep[-1]]
