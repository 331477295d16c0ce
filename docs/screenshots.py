"""Write the pictures of docs/serve.md: `python docs/screenshots.py`. It needs Chromium and its driver.

A run of ten agents on three models that answer from a script, taken while it runs and when it is over.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from math import log
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from llm_orc import Orchestrator  # noqa: E402
from llm_orc.domain.completion import Choice, Completion, Request, TokenLogprob  # noqa: E402
from llm_orc.domain.usage import Usage  # noqa: E402
from llm_orc.providers.scripted import Scripted  # noqa: E402
from tests.serve.browser import Browser, started  # noqa: E402

TARGET = Path(__file__).with_name("images")
SIZE = "--window-size=1360,940"
MODELS = """
vram_gb: 24
models:
  qwen3-4b:
    {provider: scripted, name: qwen3-4b, vram_gb: 4, load_seconds: 2, parameters_b: 4,
     price: {input: 0.05, output: 0.1},
     capabilities: {extraction: 0.85, summarisation: 0.8, reasoning: 0.2, code_generation: 0.2}}
  coder-14b:
    {provider: scripted, name: coder-14b, vram_gb: 11, load_seconds: 4, parameters_b: 14,
     price: {input: 0.3, output: 0.6}, capabilities: {code_generation: 0.88, reasoning: 0.66}}
  llama-32b:
    {provider: scripted, name: llama-32b, vram_gb: 20, load_seconds: 9, parameters_b: 32,
     price: {input: 0.6, output: 1.2}, capabilities: {reasoning: 0.93, code_generation: 0.7}}
"""
ENSEMBLE = """
name: release-review
description: May this release go out?
models: [qwen3-4b, coder-14b, llama-32b]
agents:
  - {name: read-diff, task: extraction, prompt: "List what changes: {{ input }}"}
  - {name: read-issues, task: extraction, prompt: "Which issues does it close? {{ input }}"}
  - name: security
    depends_on: [read-diff]
    task: code_generation
    prompt: "Is there a security problem? {{ read_diff }}"
    strategy: {type: self_consistency, samples: 12}
  - name: performance
    depends_on: [read-diff]
    task: code_generation
    prompt: "What gets slower? {{ read_diff }}"
  - {name: tests, depends_on: [read-diff], script: "sh -c 'sleep 3; echo {}'"}
  - name: licences
    depends_on: [read-diff]
    script: "sh -c 'sleep 1; echo no list of licences >&2; exit 3'"
    on_failure: skip
  - {name: notices, depends_on: [licences], task: summarisation, prompt: "Notices: {{ licences }}"}
  - name: users
    depends_on: [read-issues]
    task: summarisation
    prompt: "What will users notice? {{ read_issues }}"
  - name: weigh
    depends_on: [security, performance, tests, users]
    task: reasoning
    prompt: "Weigh it: {{ security }} {{ performance }} {{ tests }} {{ users }}"
  - {name: summary, depends_on: [weigh], task: summarisation, prompt: "Sum up: {{ weigh }}"}
  - {name: verdict, depends_on: [weigh, summary], task: reasoning, prompt: "Yes or no? {{ weigh }}"}
output: verdict
"""
ANSWERS = {
    "List": "1. The scheduler plans two layers ahead.\n2. Answers go to the journal first.\n3. A new flag.",
    "Which": "It closes 12 issues: 4 of resuming, 3 of routing, 5 of the page.",
    "What gets": "Nothing on the usual path; the journal adds 2 to 4 % to runs of short calls.",
    "What will": "Runs survive a crash. The page of runs shows what happens while it happens.",
    "Weigh": "The votes on security are clear, the tests pass, the cost is small. The notices are missing.",
    "Sum": "Ready but for the notices.",
    "Yes": "Yes, once the notices are written.",
}
VOTES = [
    "no",
    "no",
    "no",
    "yes: the token is logged",
    "no",
    "no",
    "no",
    "no",
    "yes: the token is logged",
    "no",
]


class Actors:
    """Models that take their time; the same each time."""

    def __init__(self) -> None:
        self._chance = random.Random(7)
        self._loaded: set[str] = set()
        self._asked = 0

    async def __call__(self, request: Request) -> Completion:
        self._asked += 1
        asked, name = request.messages[-1].content, request.model.name
        size = request.model.parameters_b or 1
        load = 0.0 if name in self._loaded else size / 16
        self._loaded.add(name)
        await anyio.sleep(load + self._chance.uniform(0.6, 1.0) + size / 25)
        text = next((each for word, each in ANSWERS.items() if asked.startswith(word)), "")
        texts = [text or VOTES[(self._asked + i) % len(VOTES)] for i in range(request.n)]
        choices = tuple(Choice(text=each, logprobs=tuple(self._tokens(each))) for each in texts)
        written = sum(len(each.split()) * 2 for each in texts)
        usage = Usage(input_tokens=len(asked.split()) * 12 + 310, output_tokens=written + 40)
        return Completion(choices=choices, usage=usage, model=name, load_seconds=load or None)

    def _tokens(self, text: str) -> Iterator[TokenLogprob]:
        for word in text.split(" "):
            yield TokenLogprob(f"{word} ", log(self._chance.choice((0.99, 0.97, 0.9, 0.7, 0.45))), ())


@contextmanager
def server(project: Path) -> Iterator[str]:
    """The address of a server of the project's runs."""
    command = [sys.executable, "-m", "llm_orc", "serve", "--port", "0"]
    with subprocess.Popen(command, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                          env={"PYTHONPATH": str(ROOT)}) as process:  # fmt: skip
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def click(browser: Browser, name: str) -> None:
    """Open an agent."""
    browser.see(f'.card[aria-label^="{name}:"]').click()


def take(browser: Browser, name: str) -> None:
    """Save what is seen, once it has come to rest."""
    browser.script("return new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    browser.driver.save_screenshot(str(TARGET / f"{name}.png"))


async def pictures(project: Path, link: str, browser: Browser) -> None:
    """All of them."""
    text = "the diff of 0.1.0 against 0.0.9"
    async with Orchestrator(project, providers={"scripted": Scripted(Actors())}, runs=True) as orchestrator:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(orchestrator.invoke, "release-review", text)
            while not orchestrator.runs.newest():  # noqa: ASYNC110 - the journal tells nobody
                await anyio.sleep(0.05)
            run = orchestrator.runs.find("last").run_id
            await anyio.to_thread.run_sync(browser.open, f"{link}runs/{run}")
            await anyio.to_thread.run_sync(browser.see, '.card.is-running[aria-label^="security:"]')
            await anyio.to_thread.run_sync(take, browser, "run-live")
        await orchestrator.invoke("release-review", f"{text}, once more", schedule="layered")
        for _ in range(2):
            await orchestrator.invoke("quickstart")
        await orchestrator.invoke("patterns/gut-check", "Is it ready?", model="qwen3-4b")
    browser.see("#top .chip", "partial")
    click(browser, "security")
    browser.see(".votes")
    browser.click(".drawer button", "Show prompts and answers")
    browser.see(".recorded")
    take(browser, "agent")
    browser.prefers("dark")
    browser.press("\ue00c")
    browser.click("[role=tab]", "Plan")
    browser.see(".vram")
    take(browser, "plan-dark")
    browser.prefers("light")
    browser.open(link)
    browser.see("td.input", "once more")
    take(browser, "runs")
    for row in browser.all("tbody tr"):
        if "release-review" in row.text:
            row.find_element("css selector", "input").click()
    browser.click("button", "Compare two")
    browser.see(".comparison")
    take(browser, "compare")


def main() -> None:
    """Take them."""
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if program is None or driver is None:
        sys.exit("no Chromium with its driver is installed: apt-get install chromium chromium-driver")
    TARGET.mkdir(exist_ok=True)
    with TemporaryDirectory() as name:
        project = Path(name) / "releases"
        (project / ".llm-orc").mkdir(parents=True)
        (project / "ensembles").mkdir()
        (project / "ensembles" / "release-review.yaml").write_text(ENSEMBLE, encoding="utf-8")
        (project / ".llm-orc" / "models.yaml").write_text(MODELS, encoding="utf-8")
        with server(project) as link, started(program, driver, Path(name) / "chromium", SIZE) as browser:
            anyio.run(pictures, project, link, browser)


if __name__ == "__main__":
    main()
