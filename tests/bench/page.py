"""The page of runs: how fast a large run loads, how soon an event is drawn, what viewers cost a run."""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import anyio

from llm_orc.domain.completion import Completion, Request
from llm_orc.domain.events import (
    AgentFinished,
    AgentStarted,
    Event,
    Happening,
    ModelAnswered,
    ModelCalled,
    RunFinished,
    RunStarted,
    StrategyStep,
)
from llm_orc.domain.outcome import Answered, Effort, RunResult
from llm_orc.domain.usage import Usage
from llm_orc.orchestrator import Orchestrator
from llm_orc.run.journal import Journal, Opening
from tests.serve.browser import Browser, started

from .dags import Dag, layered
from .journal import Slow, ensemble_of

AGENTS, CALLS = layered(25, 20, 3), 18
ROUNDS = 7
VIEWERS = 50
_WHEN_DRAWN = """
    window.drawn = [];
    new MutationObserver(() => window.drawn.push([Number(document.body.dataset.drawn), Date.now()]))
        .observe(document.body, {attributes: true, attributeFilter: ["data-drawn"]});
"""


def happenings(dag: Dag) -> Iterator[Happening]:
    """500 agents that ask 18 times each: 20,000 events and some."""
    layers = tuple(tuple(name for name in dag if name.startswith(f"l{i}n")) for i in range(25))
    usage = Usage(input_tokens=100, output_tokens=50)
    yield RunStarted(run_id="-", ensemble="large", layers=layers, depends_on=dag)
    outcomes = {}
    for name in dag:
        yield AgentStarted(agent=name, model="m")
        for call in range(1, CALLS + 1):
            yield ModelCalled(agent=name, call=call, model="m", n=1)
            yield ModelAnswered(
                agent=name,
                call=call,
                model="m",
                usage=usage,
                cost_usd=0.01,
                duration_s=0.01,
                load_seconds=None,
            )
        yield StrategyStep(agent=name, strategy="s", step="sampled", message="18 of 18 samples", detail={})
        effort = Effort(model="m", strategy="s", usage=usage, started_at=1.0, duration_s=1.0)
        outcomes[name] = Answered(output="x" * 400, effort=effort)
        yield AgentFinished(agent=name, outcome=outcomes[name])
    yield RunFinished(result=RunResult(
        run_id="-", ensemble="large", status="succeeded", output="x", agents=outcomes, usage=usage,
        cost_usd=1.0, started_at=0.0, duration_s=1.0, trace_id="0",
    ))  # fmt: skip


async def fill(path: Path) -> tuple[str, int]:
    """A journal with that run; its id, and how many events it has."""
    journal = Journal(path)
    opening = Opening(ensemble="large", source="", text="", inputs={"input": "go"}, settings={})
    seq = 0
    async with await journal.begin(opening) as recorder:
        for seq, what in enumerate(happenings(AGENTS), 1):
            recorder.observe(Event(seq, 1e9 + seq / 1000, what))
        await recorder.flush()
    journal.close()
    return recorder.run_id, seq


@contextmanager
def server(runs: Path) -> Iterator[str]:
    """The address of a server of this journal."""
    command = [sys.executable, "-m", "llm_orc", "serve", "--port", "0", "--runs", str(runs)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def load(browser: Browser, link: str, last: int) -> tuple[float, float]:
    """Seconds from the beginning of the navigation until all is drawn but the map, and until all is."""
    browser.open("about:blank")
    browser.open(link)
    # Counted by the page, so that asking takes nothing from it; the frame after is the one that is seen.
    code = f"""
        const done = arguments[0];
        let events = 0;
        const look = () => {{
            if (!events && document.body.dataset.drawn === '{last}') events = performance.now();
            if (events && document.querySelectorAll('.card').length === 500) {{
                requestAnimationFrame(() => done([events, performance.now()]));
            }} else requestAnimationFrame(look);
        }};
        look();
    """
    events, all_of_it = browser.driver.execute_async_script(code)
    return events / 1000, all_of_it / 1000


def loading(browser: Browser) -> None:
    """Print how long the page of a large run takes."""
    with TemporaryDirectory() as name:
        path = Path(name) / "runs.db"
        run, events = anyio.run(fill, path)
        first, later = [], []
        for _ in range(3):
            with server(path) as link:
                # From here on it has started: what is measured is the page.
                _asked(f"{link}api/runs")
                times = [load(browser, f"{link}runs/{run}", events) for _ in range(4)]
            first.append(times[0])
            later += times[1:]
        print(f"{f'500 agents, {events} events':40} but the map     all of it (medians)")
        for title, each in (("page loads, map not yet laid out", first), ("page loads again", later)):
            without, whole = (statistics.median(column) for column in zip(*each, strict=True))
            print(f"{title:38} {without:9.2f} s    {whole:9.2f} s")


def latency(browser: Browser) -> None:
    """Print how long it takes until an event of a run in another process is drawn."""
    with TemporaryDirectory() as name:
        path = Path(name) / "runs.db"
        with (
            server(path) as link,
            subprocess.Popen(
                _command(path), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            ) as process,
        ):
            assert process.stdin is not None
            assert process.stdout is not None
            run = process.stdout.readline().strip()
            browser.open(f"{link}runs/{run}")
            browser.see(".card")
            browser.script(_WHEN_DRAWN)
            process.stdin.write("\n")
            process.stdin.flush()
            process.wait()
            browser.see("#top .chip", "succeeded")
            drawn = browser.script("return window.drawn")
            events = _asked(f"{link}api/runs/{run}/events")
    delays = []
    for event in events[-events[-1]["seq"] + 3 :]:
        at = next((moment for seq, moment in drawn if seq >= event["seq"]), None)
        if at is not None:
            delays.append(at - datetime.fromisoformat(event["ts"]).timestamp() * 1000)
    delays.sort()
    print(f"\n{f'{len(delays)} events, 16 calls of 50 ms at once':40} median        p95")
    print(
        f"{'from event to screen':38} {statistics.median(delays):6.0f} ms"
        f" {delays[int(0.95 * len(delays))]:7.0f} ms"
    )


def _asked(address: str) -> Any:
    with urllib.request.urlopen(address) as answer:
        return json.load(answer)


def viewers() -> None:
    """Print what 50 viewers cost a run that is in another process than the server."""
    plain: list[float] = []
    watched: list[float] = []
    with TemporaryDirectory() as name:
        path = Path(name) / "runs.db"
        with server(path) as link:
            for turn in range(ROUNDS + 1):
                for watching, times in ((0, plain), (VIEWERS, watched)):
                    took = _timed(path, link, watching)
                    if turn:
                        times.append(took)
    print(f"\n{'500 agents, 50 ms calls, 16 at once':40} median")
    print(f"{'nobody watches':38} {statistics.median(plain):7.3f} s")
    cost = statistics.median(b / a for a, b in zip(plain, watched, strict=True)) - 1
    print(f"{f'{VIEWERS} viewers':38} {statistics.median(watched):7.3f} s   cost {cost:.1%}")


def _timed(path: Path, link: str, watching: int) -> float:
    command = _command(path)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        run = process.stdout.readline().strip()
        watch = [
            sys.executable,
            "-m",
            "tests.bench.page",
            "watch",
            f"{link}api/runs/{run}/stream",
            str(watching),
        ]
        with subprocess.Popen(watch, stdout=subprocess.PIPE, text=True) as audience:
            assert audience.stdout is not None
            audience.stdout.readline()
            process.stdin.write("\n")
            process.stdin.flush()
            took = float(process.stdout.readline())
            audience.terminate()
    return took


def _command(path: Path) -> list[str]:
    return [sys.executable, "-m", "tests.bench.page", "run", str(path)]


async def run(path: Path) -> None:
    """Print the id of a run that has begun, wait for a line, go on, and print how long that took."""
    ensemble = ensemble_of({"gate": (), **{f"a{i}": ("gate",) for i in range(500)}})
    began = 0.0

    class Gated(Slow):
        async def complete(self, request: Request) -> Completion:
            nonlocal began
            if not began:
                await anyio.to_thread.run_sync(sys.stdin.readline)
                began = perf_counter()
            return await super().complete(request)

    def first(event: Event) -> None:
        if isinstance(event.what, RunStarted):
            print(event.what.run_id, flush=True)

    async with Orchestrator(path.parent, providers={"slow": Gated()}, runs=path) as orchestrator:
        await orchestrator.invoke(ensemble, "go", concurrency=16, observers=[first])
    print(perf_counter() - began, flush=True)


async def watch(link: str, count: int) -> None:
    """Viewers that read all they are sent; a line is printed when all of them are connected."""
    host, _, path = link.removeprefix("http://").partition("/")
    name, _, port = host.partition(":")

    async def view() -> None:
        stream = await anyio.connect_tcp(name, int(port))
        await stream.send(f"GET /{path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        await stream.receive()
        tasks.start_soon(_read, stream)

    async with anyio.create_task_group() as tasks:
        async with anyio.create_task_group() as connecting:
            for _ in range(count):
                connecting.start_soon(view)
        print("all there", flush=True)
        await anyio.sleep_forever()


async def _read(stream: anyio.abc.SocketStream) -> None:
    while True:
        await stream.receive()


def main() -> None:
    """Print all three."""
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if program is None or driver is None:
        print("no Chromium with its driver is installed: only what viewers cost is measured")
    else:
        with TemporaryDirectory() as profile, started(program, driver, Path(profile)) as browser:
            browser.driver.set_script_timeout(60)
            loading(browser)
            latency(browser)
    viewers()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["run", path]:
            anyio.run(run, Path(path))
        case ["watch", link, count]:
            anyio.run(watch, link, int(count))
        case _:
            main()
