"""Runs against a server that fails for a share of its calls: by 429, 500, garbage, a cut, or not answering.

Each run must succeed with the outputs of an undisturbed one, or end in a documented way; and none may send
anything after its budget is spent or its time is over.
"""

from __future__ import annotations

import json
import os
import random
import shutil
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, perf_counter

from .kill import GIVEN, ended, outputs, started, warmed
from .project import make_project, serving

SHARE = 0.3
CONFIG = """
retries: {max: 12, max_wait_seconds: 2}
call_timeout_seconds: 0.5
breaker: {failures: 20, seconds: 0.2}
grace_seconds: 1
"""
EXIT_CODES = (0, 1, 3, 4)
"""Done, an agent failed, a limit, no provider: what the documentation says."""


def main() -> None:
    """Print how the runs ended."""
    with TemporaryDirectory() as name:
        print(torture(Path(name), int(os.environ.get("TORTURE_RUNS", "200")), 1))


def torture(place: Path, runs: int, seed: int) -> str:
    """So many runs, half of them with a budget or a deadline that is too small; a sentence with what came."""
    chance = random.Random(seed)
    found: Counter[str] = Counter()
    faults: Counter[str] = Counter()
    began = perf_counter()
    log = place / "requests"
    log.touch()
    with serving(place / "whole-requests") as port:
        expected, _, calls = warmed(place, port)
    with serving(log, SHARE, seed) as port:
        for _ in range(runs):
            folder = place / "run"
            make_project(folder, port, CONFIG)
            log.write_text("")
            limits = chance.choice(
                ((), (), ("--max-calls", str(chance.randint(1, 20))), ("--max-seconds", "0.3"))
            )
            one(folder, limits, log, expected, found)
            faults.update(line.split()[1] for line in log.read_text().splitlines())
            shutil.rmtree(folder)
    sent = sum(faults.values())
    failing = ", ".join(f"{count} {kind}" for kind, count in sorted(faults.items()) if kind != "ok")
    return (
        f"{runs} runs of {sum(calls.values())} calls, {sent} requests of which {sent - faults['ok']} failed "
        f"({failing}): {found['succeeded']} succeeded, {found['limited']} ended at their limit, "
        f"{found['failed']} failed in a documented way, {found['undocumented']} otherwise; "
        f"{found['different']} different outputs, {found['late']} requests after a budget or deadline; "
        f"{perf_counter() - began:.0f} s"
    )


def one(folder: Path, limits: tuple[str, ...], log: Path, expected: object, found: Counter[str]) -> None:
    """One run and what became of it."""
    code = ended(started(folder, "invoke", *GIVEN, *limits))
    over = monotonic()
    text = (folder / "errors").read_text()
    if code not in EXIT_CODES or "Traceback" in text or "internal error" in text:
        found["undocumented"] += 1
        print(code, text)
        return
    result = json.loads((folder / "out").read_text())
    answered = sum(agent["attempts"] for agent in result["agents"].values())
    if limits[:1] == ("--max-calls",) and answered > int(limits[1]):
        found["late"] += answered - int(limits[1])
    sent = len(log.read_text().splitlines())
    while monotonic() - over < 0.02:
        pass
    found["late"] += len(log.read_text().splitlines()) - sent
    if code == 0:
        found["succeeded"] += 1
        found["different"] += outputs(folder) != expected
    else:
        found["limited" if code == 3 else "failed"] += 1
        if code != 3:
            print(text)


if __name__ == "__main__":
    main()
