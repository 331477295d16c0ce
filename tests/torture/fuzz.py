"""Fuzzed ensemble files through `validate`, `graph` and `plan`: no traceback, no hang, no memory that grows.

`python -m tests.torture.fuzz --seeds 1234-1234` tries one file again; failing ones are kept in `--keep`.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import shutil
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from .fuzz_files import FOLDERS, ROOT, fuzzed

WORST_MB = 200.0
GIVEN_UP_SECONDS = 60.0
"""Of the wall, for a file that even the worker's own clock cannot stop."""

MODELS = """\
default: one
vram_gb: 10
models:
  one: {provider: scripted, price: {input: 1, output: 2}, vram_gb: 4, load_seconds: 1}
  two: {provider: ollama, name: two, vram_gb: 8, load_seconds: 2, context: 4096}
"""


@dataclass
class Found:
    """What is known so far."""

    files: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    failed: list[dict[str, Any]] = field(default_factory=list)
    slowest: dict[str, tuple[float, int]] = field(default_factory=dict)
    largest: tuple[float, int] = (0.0, 0)

    def add(self, result: dict[str, Any]) -> None:
        self.files += 1
        seed = result["seed"]
        self.kinds[result["kind"].partition(":")[0]] += 1
        for verb, seconds in result["cpu"].items():
            self.slowest[verb] = max(self.slowest.get(verb, (0.0, 0)), (seconds, seed))
        self.largest = max(self.largest, (result["grown_mb"], seed))
        if result["grown_mb"] > WORST_MB:
            result["failures"].append(f"memory grew by {result['grown_mb']:.0f} MB")
        if result["failures"]:
            self.failed.append(result)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="0-9999", help="the first and the last")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--keep", type=Path, default=Path("fuzz-failures"))
    options, _ = parser.parse_known_args()
    first, _, last = options.seeds.partition("-")
    seeds: queue.SimpleQueue[int] = queue.SimpleQueue()
    for seed in range(int(first), int(last or first) + 1):
        seeds.put(seed)
    found, lock, began = Found(), threading.Lock(), perf_counter()

    def work(folder: Path) -> None:
        for result in _results(folder, seeds):
            with lock:
                found.add(result)
                if result["failures"]:
                    _keep(result, options.keep)

    with TemporaryDirectory(prefix="llm-orc-fuzz-") as place:
        folders = [_project(Path(place) / str(number)) for number in range(options.workers)]
        threads = [threading.Thread(target=work, args=(folder,)) for folder in folders]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    _tell(found, perf_counter() - began)
    if found.failed:
        sys.exit(1)


def _project(folder: Path) -> Path:
    """A project with the files that the fuzzed ones are made of, so that what they refer to is there."""
    for name in FOLDERS:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("*.gguf", "__pycache__"))
    (folder / ".llm-orc").mkdir()
    (folder / ".llm-orc" / "models.yaml").write_text(MODELS, encoding="utf-8")
    return folder


def _results(folder: Path, seeds: queue.SimpleQueue[int]) -> Iterator[dict[str, Any]]:
    worker = _Worker(folder)
    while True:
        try:
            seed = seeds.get_nowait()
        except queue.Empty:
            worker.end()
            return
        result = worker.examined(seed)
        if result is None:
            why = f"the process was gone, or gave no answer within {GIVEN_UP_SECONDS:g} s: {worker.end()}"
            yield {"seed": seed, "kind": fuzzed(seed).kind, "failures": [why], "cpu": {}, "grown_mb": 0.0}
            worker = _Worker(folder)
        else:
            yield result


class _Worker:
    """A process that examines files, one after the other."""

    def __init__(self, folder: Path) -> None:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_DATA_HOME": str(folder / "data"),
                       "XDG_CONFIG_HOME": str(folder / "config"), "HOME": str(folder)}  # fmt: skip
        self._errors = (folder / "errors").open("w+", encoding="utf-8", errors="replace")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.torture.fuzz_worker"], cwd=folder, env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors,
        )  # fmt: skip

    def examined(self, seed: int) -> dict[str, Any] | None:
        """What it says of a seed; None when it says nothing."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        watchdog = threading.Timer(GIVEN_UP_SECONDS, self._process.kill)
        watchdog.start()
        try:
            self._process.stdin.write(f"{seed}\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        finally:
            watchdog.cancel()
        return json.loads(line) if line else None

    def end(self) -> str:
        """The last that it had to say."""
        self._process.kill()
        self._process.communicate()
        self._errors.seek(0)
        said = self._errors.read()[-2_000:]
        self._errors.close()
        return said


def _keep(result: dict[str, Any], folder: Path) -> None:
    """The file as it was, and what became of it."""
    folder.mkdir(parents=True, exist_ok=True)
    made = fuzzed(result["seed"])
    (folder / f"{result['seed']}.yaml").write_bytes(made.content)
    text = "\n\n".join([f"lay at {made.place} ({made.kind})", *result["failures"]])
    (folder / f"{result['seed']}.txt").write_text(text, encoding="utf-8")
    last = [failure.strip().splitlines() for failure in result["failures"]]
    print(
        f"seed {result['seed']} ({made.kind}): {'; '.join(f'{each[0]} … {each[-1]}' for each in last)}",
        flush=True,
    )


def _tell(found: Found, took: float) -> None:
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(found.kinds.items()))
    print(f"{found.files} files in {took:.0f} s: {kinds}")
    for verb, (seconds, seed) in found.slowest.items():
        print(f"slowest {verb}: {seconds:.2f} s of processor time, seed {seed}")
    print(f"most memory: {found.largest[0]:.0f} MB, seed {found.largest[1]}")
    print(f"files that failed: {len(found.failed)}")


if __name__ == "__main__":
    main()
