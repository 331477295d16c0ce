"""What starting costs: whole processes, each against a baseline run in turn with it."""

from __future__ import annotations

import statistics
import subprocess
import sys
from time import perf_counter

ROUNDS = 20
BASE = [sys.executable, "-c", "import click"]
OURS = {
    "llm-orc --version": [sys.executable, "-m", "llm_orc", "--version"],
    "llm-orc --help": [sys.executable, "-m", "llm_orc", "--help"],
}


def seconds(command: list[str]) -> float:
    """One run of a process."""
    began = perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return perf_counter() - began


def main() -> None:
    """Print medians and the ratio to `python -c "import click"`."""
    for name, command in OURS.items():
        pairs = [(seconds(BASE), seconds(command)) for _ in range(ROUNDS)]
        base, ours = (statistics.median(column) for column in zip(*pairs, strict=True))
        print(
            f"{name:28} {ours * 1e3:8.0f} ms   import click {base * 1e3:6.0f} ms   ratio {ours / base:5.2f}"
        )


if __name__ == "__main__":
    main()
