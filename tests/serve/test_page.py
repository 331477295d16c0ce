"""The page in a real browser: what a user sees of runs that happen."""

from __future__ import annotations

import json
import re

from selenium.webdriver.common.keys import Keys

from tests.cli.command_line import agent, appeared, failing, gate, script

from .browser import Browser
from .server import Server, serving

BLOCKED = "open('here', 'w').write('x' + chr(10)); open('gate').readline()"


def card(name: str, state: str) -> str:
    """The card of an agent in the map, once it is in this state."""
    return f'.card.is-{state}[aria-label^="{name}:"]'


def last_run(server: Server) -> str:
    return f"{server.link}runs/{server.runs()[0]['run_id']}"


def test_a_run_is_watched_live(project, server: Server, browser: Browser):
    project.ensemble(
        agent("a", "yes"), script("b", BLOCKED, depends_on=["a"]), agent("c", "no", depends_on=["b"])
    )
    with (
        gate(project.folder / "gate") as open_gate,
        project.started("invoke", "e.yaml", "hi", "--quiet"),
    ):
        appeared(project.folder / "here")
        browser.open(server.link)
        browser.see("tr .chip", "running")
        browser.click("a", "e")
        browser.see("#top .chip", "running")
        for name, state in {"a": "succeeded", "b": "running", "c": "waiting"}.items():
            browser.see(card(name, state))
        browser.see(".figures", "1/3")
        assert len(browser.all(".edge.flows")) == 1
        open_gate()
        browser.see("#top .chip", "succeeded")
    for name in "abc":
        browser.see(card(name, "succeeded"))
    browser.see(".figures", "3/3")
    assert browser.driver.title == "✓ e · llm-orc"
    assert "The run ended: succeeded" in browser.script("return document.getElementById('said').textContent")


def test_an_agent_shows_what_it_was_asked_and_what_it_answered(project, server: Server, browser: Browser):
    samples = {"type": "self_consistency", "samples": 5}
    project.ensemble(
        agent("a", "4", "4", "5", "4", "4", strategy=samples, system_prompt="Add.", prompt="2+2? {{ input }}")
    )
    project("invoke", "e.yaml", "please")
    browser.open(last_run(server))
    browser.click(card("a", "succeeded"))
    for text in ("self_consistency", "80%", "samples"):
        browser.see(".drawer dl", text)
    browser.see(".drawer .output", "4")
    browser.see(".votes", "4 · 80%")
    browser.see(".votes", "1 · 20%")
    browser.click(".drawer button", "Show prompts and answers")
    browser.see(".drawer pre", "Add.")
    browser.see(".drawer pre", "2+2? please")
    browser.see(".drawer .answer", "5")


def test_the_cause_of_a_failure_is_told_apart_from_what_it_took_with_it(project, server, browser):
    project.ensemble(
        agent("fine", "yes"),
        failing("bad"),
        agent("next", depends_on=["bad"]),
        agent("end", depends_on=["next"]),
    )
    assert project("invoke", "e.yaml", "hi").returncode == 1
    browser.open(last_run(server))
    browser.see("#top .chip", "failed")
    browser.see(".banner", "2 agents skipped because of it")
    assert len(browser.all(".banner .fault")) == 1
    browser.click(card("end", "skipped"))
    browser.see(".drawer", "The cause is bad")
    browser.click(".drawer button", "bad")
    browser.see(".drawer .fault", "broken")
    browser.see(".drawer h2", "failed")
    assert browser.driver.current_url.endswith("#bad")
    browser.driver.refresh()
    browser.see(".drawer h2", "bad")


def test_a_page_goes_on_when_the_server_is_there_again(project, browser):
    project.ensemble(agent("a", "yes"), script("b", BLOCKED, depends_on=["a"]), agent("c", depends_on=["b"]))
    with (
        gate(project.folder / "gate") as open_gate,
        project.started("invoke", "e.yaml", "hi", "--quiet") as process,
    ):
        appeared(project.folder / "here")
        with serving(project) as server:
            browser.open(last_run(server))
            browser.see(card("b", "running"))
        browser.see(".link-state", "not connected")
        open_gate()
        assert process.wait() == 0
        assert browser.all(card("b", "running"))
        with serving(project, port=server.port):
            browser.see(card("c", "succeeded"))
            browser.see("#top .chip", "succeeded")
            browser.gone(".link-state", "not connected")
            browser.click("[role=tab]", "Events")
            numbers = [each.text for each in browser.all(".events a")]
            assert numbers == [str(n) for n in range(len(numbers), 0, -1)]


def test_a_run_is_cancelled_once_it_is_meant(project, server: Server, browser: Browser):
    project.environment["LLM_ORC_GRACE_SECONDS"] = "60"
    project.ensemble(agent("a", "yes"), script("b", BLOCKED, depends_on=["a"]))
    with gate(project.folder / "gate"), project.started("invoke", "e.yaml", "hi", "--quiet") as process:
        appeared(project.folder / "here")
        browser.open(last_run(server))
        browser.click("#top button", "Cancel")
        browser.click("dialog button", "Let it run")
        browser.gone("dialog")
        assert process.poll() is None
        browser.click("#top button", "Cancel")
        browser.click("dialog button", "Cancel the run")
        browser.see(".banner", "the run is ending")
        browser.click("#top button", "Stop at once")
        browser.click("dialog button", "Stop it")
        browser.see("#top .chip", "interrupted")
        assert process.wait() == 130
    browser.gone("#top button", "Stop at once")
    browser.see(card("b", "failed"))


def test_a_failed_run_is_resumed_and_reuses_what_was_answered(project, server: Server, browser: Browser):
    code = "import os, sys; sys.exit(0 if os.path.exists('repaired') else 'broken')"
    project.ensemble(agent("a", "yes"), script("b", code, depends_on=["a"]), agent("c", depends_on=["b"]))
    project("invoke", "e.yaml", "hi")
    browser.open(last_run(server))
    browser.see(card("c", "skipped"))
    project.file("repaired", "")
    browser.click("#top button", "Resume")
    browser.see(card("a", "cached"))
    browser.see(card("c", "succeeded"))
    browser.see("#top .chip", "succeeded")
    browser.see(".figures", "reused")
    browser.gone("#top button", "Resume")
    browser.gone(".banner", "failed")


def test_what_a_run_may_spend_is_said(project, server: Server, browser: Browser):
    project.ensemble(agent("a", "yes"), budget={"tokens": 5000, "seconds": 60})
    project("invoke", "e.yaml", "hi", "--max-calls", "7")
    browser.open(last_run(server))
    for limit in ("of 60 s", "of 7", "of 5"):
        browser.see(".figures", limit)


HOSTILE = (
    "<script>document.title='owned'</script>",
    "<img src=x onerror=\"document.title='owned'\">",
    "<svg onload=\"document.title='owned'\">",
    '"><iframe src="javascript:parent.document.title=1"></iframe>',
    "[x](javascript:alert(1)) javascript:document.title=1",
    "</pre></script><style>body{display:none}</style>",
    "{{constructor.constructor('document.title=1')()}} ${document.title=1}",
    "\u202egpj.exe\u2066",
)


NAMES = ("<svg><script>x", '"onmouseover=alert(1)', "&lt;b&gt;", "javascript:alert(1)", "'><b>")


def test_whatever_models_files_and_users_write_stays_text(project, server: Server, browser: Browser):
    names = [f"a{i}{NAMES[i % len(NAMES)]}" for i in range(len(HOSTILE))]
    agents = [
        agent(name, text, description=text, strategy={"type": "self_consistency", "samples": 3}, prompt="x")
        for name, text in zip(names, HOSTILE, strict=True)
    ]
    bad = script("bad", "import sys; sys.exit(sys.stdin.read())", depends_on=[names[0]])
    project.ensemble(*agents, bad, name=NAMES[0])
    assert project("invoke", "e.yaml", HOSTILE[1]).returncode == 1
    browser.open(server.link)
    browser.see("td.input", "<img src=x")
    browser.open(last_run(server))
    browser.see(".card")
    for place in range(len(names)):
        browser.script(
            "for (const c of document.querySelectorAll('.card'))"
            " if (c.getAttribute('aria-label').startsWith(arguments[0]))"
            " c.dispatchEvent(new MouseEvent('click', {bubbles: true}))",
            names[place],
        )
        browser.see(".drawer h2", names[place])
        browser.see(".drawer .output", re.sub("[\u202e\u2066]", "", HOSTILE[place])[:30])
        browser.click(".drawer button", "Show prompts and answers")
        browser.see(".drawer .answer")
    for tab in ("Plan", "Agents", "Events", "Input, output, file", "Time line"):
        browser.click("[role=tab]", tab)
    run = server.runs()[0]["run_id"]
    project("invoke", "e.yaml", HOSTILE[0])
    browser.open(f"{server.link}compare/{run}/{server.runs()[0]['run_id']}")
    browser.see(".difference", "<script>")
    assert browser.driver.title == "Two runs · llm-orc"
    assert (
        browser.script(
            "return document.querySelectorAll('main script, main iframe, main img, main style').length"
        )
        == 0
    )
    links = browser.script("return [...document.links].map(each => each.protocol)")
    assert set(links) == {"http:"}


def test_the_theme_is_the_systems_until_another_is_chosen(project, server: Server, browser: Browser):
    project.ensemble(agent("a", "yes"))
    project("invoke", "e.yaml", "hi")

    def darkness() -> int:
        colour = browser.script("return getComputedStyle(document.body).backgroundColor")
        return sum(map(int, re.findall(r"\d+", colour)[:3]))

    browser.open(last_run(server))
    browser.see(card("a", "succeeded"))
    assert darkness() > 600
    browser.prefers("dark")
    browser.until(lambda _: darkness() < 120, "a dark page")
    browser.click('button[aria-label^="Switch between"]')
    assert darkness() > 600
    browser.driver.refresh()
    browser.see(card("a", "succeeded"))
    assert darkness() > 600


def test_all_of_it_can_be_reached_by_keyboard(project, server: Server, browser: Browser):
    project.ensemble(
        agent("top", "yes"), agent("left", "l", depends_on=["top"]), agent("right", "r", depends_on=["top"]),
        failing("low", depends_on=["left", "right"]),
    )  # fmt: skip
    project("invoke", "e.yaml", "hi")
    browser.open(server.link)
    browser.see("td.input", "hi")
    browser.press("/")
    browser.press(*"nothing")
    browser.see("p", "No run matches")
    browser.press(*[Keys.BACKSPACE] * 7)
    browser.see("td.input", "hi")
    for _ in range(9):
        browser.press(Keys.TAB)
        if browser.focused() == "e":
            break
    browser.press(Keys.ENTER)
    browser.see(card("low", "failed"))
    browser.press("m")
    assert browser.focused().startswith("top: succeeded")
    browser.press(Keys.ARROW_DOWN, Keys.ARROW_RIGHT, Keys.ARROW_LEFT, Keys.ARROW_DOWN)
    assert browser.focused().startswith("low: failed")
    browser.press(Keys.ENTER)
    browser.see(".drawer h2", "low")
    browser.press(Keys.ESCAPE)
    browser.gone(".drawer")
    assert browser.focused().startswith("low: failed")
    browser.press("3")
    browser.see(".agents tr", "right")
    browser.press("/", *"left")
    browser.gone(".agents tr", "right")
    browser.press(Keys.ESCAPE, Keys.TAB)
    browser.press("?")
    browser.see("dialog", "close it")


def test_what_is_drawn_is_said_to_those_who_do_not_see_it(project, server: Server, browser: Browser):
    project.ensemble(agent("a", "yes"), failing("b", depends_on=["a"]))
    project("invoke", "e.yaml", "hi")
    browser.open(last_run(server))
    browser.see(card("b", "failed"))
    nameless = browser.script(
        "return [...document.querySelectorAll('button, a, input, select, [role=button], [tabindex=\"0\"]')]"
        ".filter(e => !(e.getAttribute('aria-label') || e.textContent.trim() || e.title))"
        ".map(e => e.outerHTML.slice(0, 90))"
    )
    assert nameless == []
    label = browser.script("return document.querySelector('.bars').getAttribute('aria-label')")
    assert re.match(r"Time line of 2 agents over .* Critical path: a → b;", label)
    assert browser.script("return document.querySelector('.progress').getAttribute('aria-label')") == (
        "Agents: 1 succeeded, 1 failed"
    )


def test_a_run_is_played_again(project, server: Server, browser: Browser):
    project.ensemble(agent("a", "yes"), agent("b", "no", depends_on=["a"]))
    project("invoke", "e.yaml", "hi")
    browser.open(last_run(server))
    browser.see(card("b", "succeeded"))
    browser.click("button", "Replay")
    browser.see(".controls", "0 of ")
    browser.script(
        "const s = document.querySelector('.controls input'); s.value = 2;s.dispatchEvent(new Event('input'))"
    )
    browser.see(card("a", "running"))
    browser.see(card("b", "waiting"))
    browser.click(".controls button", "Play")
    browser.see(card("b", "succeeded"))
    browser.click("button", "Back to now")
    browser.see("#top .chip", "succeeded")


def test_two_runs_are_compared(project, server: Server, browser: Browser):
    project.ensemble(
        agent("same", "yes", prompt="x"), agent("echo", depends_on=["same"], prompt="{{ input }}")
    )
    for text in ("one\ntwo", "one\nthree"):
        project("invoke", "e.yaml", text)
    browser.open(server.link)
    for box in range(2):
        browser.see("td.input", "one")
        browser.all("tbody input")[box].click()
    browser.click("button", "Compare two")
    browser.see(".differences tr", "output differs")
    browser.see(".differences tr", "same output")
    browser.click(".comparison label")
    browser.gone(".differences tr", "same output")
    browser.see(".difference .removed", "- two")
    browser.see(".difference .added", "+ three")


def test_the_plan_says_why_a_model_was_chosen_and_what_was_in_memory(project, server, browser):
    pool = {
        name: {
            "provider": "scripted",
            "name": name,
            "vram_gb": size,
            "load_seconds": 2,
            "capabilities": skill,
        }
        for name, size, skill in (
            ("small", 4, {"extraction": 0.9, "reasoning": 0.2}),
            ("large", 9, {"reasoning": 0.9, "extraction": 0.1}),
        )
    }
    project.file(".llm-orc/models.yaml", json.dumps({"vram_gb": 10, "models": pool}))
    agents = [
        {"name": "first", "task": "extraction", "prompt": "x"},
        {"name": "second", "task": "reasoning", "prompt": "y", "depends_on": ["first"]},
    ]
    project.ensemble(*agents, models=["small", "large"])
    project("invoke", "e.yaml", "hi")
    browser.open(last_run(server))
    browser.click(card("second", "succeeded"))
    browser.see(".drawer", "Why this model")
    browser.see(".drawer .candidates .chosen", "large")
    browser.see(".drawer .candidates tr", "small")
    browser.click("[role=tab]", "Plan")
    browser.see(".steps summary", "Step 2")
    browser.see(".steps td", "loaded for this step")
    browser.see(".vram", "10 GB")
    browser.see(".vram .legend", "large 9 GB")


def test_a_run_is_saved_as_one_file_that_needs_no_server(project, server: Server, browser: Browser):
    project.ensemble(
        agent("a", "</script><script>document.title='owned'</script><!--", system_prompt="Be <b>brief</b>."),
        agent("b", "x" * 9000, depends_on=["a"]),
    )
    project("invoke", "e.yaml", "hi")
    saved = server("/api/runs/last/saved")
    assert saved.headers["content-disposition"].startswith('attachment; filename="run-')
    browser.open(project.file("saved.html", saved.body).as_uri())
    browser.click(card("a", "succeeded"))
    browser.see(".drawer .output", "<!--")
    browser.click(".drawer button", "Show prompts and answers")
    browser.see(".drawer pre", "Be <b>brief</b>.")
    browser.click(card("b", "succeeded"))
    assert len(browser.see(".drawer .output").text) == 9000
    browser.click("button", "Replay")
    browser.see(".controls", "0 of ")
    assert browser.driver.title == "✓ e · llm-orc"
    assert browser.all("#top a") == []


def test_many_agents_are_folded_and_unfolded(project, server: Server, browser: Browser):
    middle = [script(f"m{i}", "print(1)", depends_on=["first"]) for i in range(70)]
    project.ensemble(
        agent("first", "yes"), *middle, agent("last", depends_on=[each["name"] for each in middle])
    )
    project("invoke", "e.yaml", "hi")
    browser.open(last_run(server))
    browser.see('.card[aria-label^="70 agents: m0"]')
    assert len(browser.all(".card")) == 3
    browser.click('.card[aria-label^="70 agents: m0"]')
    browser.see(".agents tr", "m69")
    browser.script(
        "const s = document.querySelector('.tools select'); s.value = 'none';"
        "s.dispatchEvent(new Event('change'))"
    )
    browser.until(lambda _: len(browser.all(".card")) == 72, "72 cards")


def test_a_token_opens_the_page(project, browser: Browser):
    project.ensemble(agent("a", "yes"))
    project("invoke", "e.yaml", "hi")
    with serving(project, "--token", "a-long-enough-token") as server:
        browser.open(f"http://127.0.0.1:{server.port}/")
        browser.see("h1", "A token is needed")
        browser.press(*"a-long-enough-token", Keys.ENTER)
        browser.see("td.input", "hi")
        assert "token" not in browser.driver.current_url
    browser.faults()
