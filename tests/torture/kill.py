"""kill -9 at random instants of runs with strategies, a fan-out, scripts and an inner ensemble; each resumed.

Every kill is one of a process of its own. It is made by `fork` from one that has all modules loaded, since
starting Python takes longer than the run.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sqlite3
import sys
from collections import Counter
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, sleep

from llm_orc.cli.main import main as command

from .project import make_project, serving

GIVEN = ("torture.yaml", "go", "--seed", "1", "--output-format", "json")
AGAIN = 0.3
"""The share of resumed runs that are killed too."""


def started(folder: Path, *arguments: str) -> int:
    """The process of a command line in a folder; its output goes to the file `out`."""
    process = os.fork()
    if process:
        return process
    os.chdir(folder)
    out = os.open("out", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(out, 1)
    os.dup2(os.open("errors", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
    sys.argv = ["llm-orc", *arguments]
    code = 1
    try:
        command()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    finally:
        sys.stdout.flush()
        Path("modules").write_text("\n".join(sys.modules))
        os._exit(code)


def ended(process: int) -> int:
    """Its exit code, negative for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def answered(folder: Path) -> Counter[str]:
    """The answers that the journal has, by agent and key."""
    path = folder / ".llm-orc" / "runs.db"
    if not path.exists():
        return Counter()
    with sqlite3.connect(path) as database:
        try:
            rows = database.execute(
                "SELECT agent || ' ' || hex(key) FROM calls WHERE status = 'answered' AND kind = 'model'"
            ).fetchall()
        except sqlite3.OperationalError:  # killed before it had tables
            rows = []
    database.close()
    return Counter(row[0] for row in rows)


def undisturbed(folder: Path) -> tuple[object, float]:
    """What comes out of a run that nobody kills, and how long it takes."""
    began = perf_counter()
    code = ended(started(folder, "invoke", *GIVEN))
    assert code == 0, (folder / "errors").read_text()
    took = perf_counter() - began
    return outputs(folder), took


def warmed(place: Path, port: int) -> tuple[object, float, Counter[str]]:
    """What comes out of a run that nobody disturbs, how long it takes when all modules are loaded, and its
    calls; from now on they are."""
    make_project(place / "first", port)
    undisturbed(place / "first")
    for module in (place / "first" / "modules").read_text().splitlines():
        with suppress(ImportError):
            import_module(module)
    make_project(place / "whole", port)
    expected, took = undisturbed(place / "whole")
    return expected, took, answered(place / "whole")


def outputs(folder: Path) -> object:
    agents = json.loads((folder / "out").read_text())["agents"]
    return {name: agent["output"] for name, agent in agents.items()}


def main() -> None:
    """Print how many calls were lost, repeated, or ended otherwise than undisturbed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=int(os.environ.get("TORTURE_KILLS", "1000")))
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args([] if sys.argv[0].endswith("__main__.py") else None)
    with TemporaryDirectory() as name:
        print(torture(Path(name), options.kills, options.seed))


def torture(place: Path, kills: int, seed: int) -> str:
    """Kill and resume until so many kills are done; a sentence with what came of it."""
    chance = random.Random(seed)
    found: Counter[str] = Counter()
    log = place / "requests"
    log.touch()
    began = perf_counter()
    with serving(log) as port:
        expected, took, calls = warmed(place, port)
        while found["kills"] < kills:
            folder = place / "run"
            make_project(folder, port)
            one(folder, chance, took, found, expected, calls)
            shutil.rmtree(folder)
    return (
        f"{found['kills']} kills in {found['runs']} runs of {sum(calls.values())} calls ({took:.2f} s): "
        f"{found['kept']} answered calls at the kills, {found['lost']} lost, {found['repeated']} repeated; "
        f"{found['different']} different outputs, {found['failed']} failed to resume; "
        f"{found['before']} kills before the run was recorded; {perf_counter() - began:.0f} s"
    )


def one(
    folder: Path,
    chance: random.Random,
    took: float,
    found: Counter[str],
    expected: object,
    calls: Counter[str],
) -> None:
    """One run, killed and resumed until it ends."""
    found["runs"] += 1
    arguments = ["invoke", *GIVEN]
    kill = True
    while True:
        before = answered(folder)
        process = started(folder, *arguments)
        if not kill:
            if (code := ended(process)) != 0:
                found["failed"] += 1
                print(code, (folder / "errors").read_text())
            break
        sleep(chance.uniform(0, took * 1.1))
        os.kill(process, signal.SIGKILL)
        if ended(process) == 0:
            break
        found["kills"] += 1
        now = answered(folder)
        found["kept"] += sum(now.values())
        found["lost"] += sum((before - now).values())
        kill = chance.random() < AGAIN
        if recorded(folder):
            arguments = ["runs", "resume", "last", "--output-format", "json"]
        else:
            found["before"] += 1
    found["repeated"] += sum((answered(folder) - calls).values())
    if outputs(folder) != expected:
        found["different"] += 1


def recorded(folder: Path) -> bool:
    with sqlite3.connect(folder / ".llm-orc" / "runs.db") as database:
        try:
            (count,) = database.execute("SELECT count(*) FROM runs").fetchone()
        except sqlite3.OperationalError:
            count = 0
    database.close()
    return bool(count)


if __name__ == "__main__":
    main()
