"""When agents worked and what they waited for, as the page tells it."""

from __future__ import annotations

import json
import re

from tests.cli.command_line import agent, appeared, gate, script

from .browser import Browser
from .seen import BLOCKED, asks, card, catalogue, last_run
from .server import Server


def row(browser: Browser, name: str) -> list[tuple[str, str]]:
    """The bars of an agent in the time line: what each is, and its title."""
    found = browser.script(
        "const row = [...document.querySelectorAll('.bars .row')].find(e =>"
        " e.querySelector('.who').textContent === arguments[0]);"
        "return [...row.querySelectorAll('.seg')].map(e => [e.classList[1], e.textContent])",
        name,
    )
    return [(kind, title) for kind, title in found]


def test_each_round_of_a_loop_is_a_stretch_of_its_own(project, server: Server, browser: Browser):
    project.ensemble(
        agent("draft", "d", wait=0.2), agent("check", "c", wait=0.3, depends_on=["draft"]),
        file="body.yaml", name="body",
    )  # fmt: skip
    project.ensemble({"name": "refine", "loop": {"body": "body.yaml", "max_iterations": 2}})
    project("invoke", "e.yaml", "hi")
    browser.open(f"{last_run(server)}#refine%2Fdraft")
    browser.see(".timeline .about", "refine (draft → check, 2 times)")
    assert len(browser.all(".bars .outline")) == 5
    took = re.search(r"took\n(\d+) ms", browser.see(".drawer dl").text)
    recorded = json.loads(project("runs", "show", "last", "--json").stdout)["agents"]["refine/draft"]
    assert int(took[1]) == round(recorded["duration_s"] * 1000)
    calls = ["round 1, call 1. ", "round 2, call 1. "]
    assert [each.text[:17] for each in browser.all(".drawer .call")] == calls
    browser.click(".drawer button", "Show prompts and answers")
    browser.see(".drawer .recorded")
    assert [each.text[:17] for each in browser.all(".drawer .recorded > summary")] == calls


def test_the_critical_path_goes_through_what_was_waited_for(project, server: Server, browser: Browser):
    pool = {
        name: {"provider": "scripted", "name": name, "vram_gb": 6, "capabilities": {task: 0.9, other: 0.1}}
        for name, task, other in (("small", "extraction", "reasoning"), ("large", "reasoning", "extraction"))
    }
    project.file(".llm-orc/models.yaml", json.dumps({"vram_gb": 8, "models": pool}))
    usual = {"min_quality": 0.5, "prompt": "x", "options": {"delay_seconds": 0.3}}
    project.ensemble(
        {"name": "first", "task": "extraction", **usual}, {"name": "second", "task": "reasoning", **usual},
        models=["small", "large"],
    )  # fmt: skip
    project("invoke", "e.yaml", "hi")
    browser.open(last_run(server))
    about = browser.see(".timeline .about", "Critical path").text
    first, second = re.search(r": (\w+) → (\w+) \[waited for room for its model\];", about).groups()
    assert {first, second} == {"first", "second"}
    waited = dict(row(browser, second))["wait"]
    assert re.match(r"waited .* for room for its model beside (small|large)", waited)


def test_the_critical_path_goes_through_who_had_the_model(project, server: Server, browser: Browser):
    catalogue(project, m={"concurrency": 1})
    project.ensemble(asks("a", "m", "yes", wait=0.4), asks("b", "m", "no", wait=0.4))
    project("invoke", "e.yaml", "hi")
    browser.open(last_run(server))
    assert re.search(r": (a → b|b → a) \[waited for m\];", browser.see(".timeline .about", "waited").text)


def test_an_agent_that_waits_is_seen_with_what_it_waits_for(project, server: Server, browser: Browser):
    project.ensemble(script("a", BLOCKED), script("b", "print(1)"), concurrency=1)
    with (
        gate(project.folder / "gate") as open_gate,
        project.started("invoke", "e.yaml", "hi", "--quiet") as process,
    ):
        appeared(project.folder / "here")
        browser.open(last_run(server))
        browser.see(".bars .took", "waits for a place: 1 at work, as many as may be")
        assert [kind for kind, _ in row(browser, "b")] == ["wait"]
        assert browser.script(
            "const edge = document.querySelector('.bars').getBoundingClientRect().right;"
            "return [...document.querySelectorAll('.bars .took')].every("
            "e => e.getBoundingClientRect().right <= edge)"
        )
        assert "waits for a place" in browser.see(card("b", "ready")).text
        browser.click(card("b", "ready"))
        browser.see(".drawer dl", "until now, for a place")
        browser.click("#top button", "Cancel")
        browser.see("dialog", "Cancel this run?")
        open_gate()
        assert process.wait() == 0
    browser.see(card("b", "succeeded"))
    browser.gone("dialog")
    assert [kind for kind, _ in row(browser, "b")] == ["wait", "other"]
