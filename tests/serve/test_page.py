"""The page in a real browser: what a user sees of runs that happen."""

from __future__ import annotations

import json
import re

import pytest
from selenium.webdriver.common.keys import Keys

from tests.cli.command_line import agent, appeared, failing, gate, script

from .browser import Browser
from .seen import BLOCKED, asks, card, catalogue, figures, last_run
from .server import Server, serving

pytestmark = pytest.mark.slow


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
    browser.see(".drawer", "there was nothing to choose")
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
    with (
        gate(project.folder / "gate") as open_gate,
        project.started("invoke", "e.yaml", "hi", "--quiet") as process,
    ):
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
        open_gate()
        browser.click("#top button", "Resume")
        browser.see("#top .chip", "succeeded")
        browser.gone(".banner", "the run is ending")


def test_a_failed_run_is_resumed_and_reuses_what_was_answered(project, server: Server, browser: Browser):
    code = "import os, sys; sys.exit(0 if os.path.exists('repaired') else 'broken')"
    project.ensemble(
        agent("a", "yes"), script("b", code, depends_on=["a"]), agent("c", wait=1, depends_on=["b"])
    )
    project("invoke", "e.yaml", "hi")
    browser.open(last_run(server))
    browser.see(card("c", "skipped"))
    project.file("repaired", "")
    browser.script("""
        const said = document.getElementById('said');
        window.heard = [];
        new MutationObserver(() => window.heard.push(said.textContent))
            .observe(said, {childList: true, characterData: true, subtree: true});
    """)
    browser.click("#top button", "Resume")
    browser.see(card("a", "cached"))
    browser.see(card("c", "succeeded"))
    browser.see("#top .chip", "succeeded")
    browser.see(".figures", "reused")
    browser.gone("#top button", "Resume")
    browser.gone(".banner", "failed")
    assert browser.script("return window.heard") == [
        "The run goes on, attempt 2: 1 agent had succeeded, 2 to go.",
        "The run ended: succeeded. 3 agents succeeded, 0 failed.",
    ]


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
    for name in "ab":
        browser.see(card(name, "waiting"))
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


def test_what_a_cascade_goes_on_to_is_why_and_in_memory(project, server: Server, browser: Browser):
    pool = {"small": {"vram_gb": 4}, "large": {"vram_gb": 9}}
    usual = {"provider": "scripted", "capabilities": {"extraction": 0.9}}
    models = {name: {**usual, "name": name, **model} for name, model in pool.items()}
    project.file(".llm-orc/models.yaml", json.dumps({"vram_gb": 10, "models": models}))
    rungs = {"type": "cascade", "models": ["small", "large"], "confidence": "agreement", "samples": 2}
    cascade = agent("a", "1", "2", "3", "3", wait=3, strategy=rungs, task="extraction", prompt="x")
    del cascade["model"]
    project.ensemble(
        cascade, {"name": "b", "depends_on": ["a"], "task": "extraction"}, models=["small", "large"]
    )
    with project.started("invoke", "e.yaml", "hi", "--quiet") as process:
        browser.open(f"{server.link}")
        browser.click("a", "e")
        browser.click(card("a", "running"))
        browser.see(".drawer dd", "large")
        browser.see(".drawer section p", "large: cascade asks it now, having asked small too")
        assert process.wait() == 0
    browser.see(".drawer section p", "large: cascade took its answer")
    browser.click("[role=tab]", "Plan")
    browser.see(".vram .legend", "large 9 GB")
    bars = browser.script("return [...document.querySelectorAll('.vram title')].map(e => e.textContent)")
    assert [bar.split(",")[0] for bar in bars][:2] == ["small", "large"]
    assert "loaded by a call" in bars[1]


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


def test_votes_stand_by_weight_and_the_answer_that_won_is_marked(project, server: Server, browser: Browser):
    answers = ["43", "41", "43", "42", "43", "42", "43", "42"]
    samples = {"type": "self_consistency", "samples": len(answers)}
    project.ensemble(agent("a", *answers, strategy=samples))
    project("invoke", "e.yaml", "hi")
    browser.open(last_run(server))
    browser.click(card("a", "succeeded"))
    browser.see(".votes")
    rows = [row.text for row in browser.all(".votes tr")]
    assert [row.split()[-4:] for row in rows] == [
        ["43", "4", "·", "50%"], ["42", "3", "·", "38%"], ["41", "1", "·", "13%"],
    ]  # fmt: skip
    assert [row.text for row in browser.all(".votes .won")] == rows[:1]
    assert "8✓" in browser.see(card("a", "succeeded")).text


def test_a_resumed_run_has_the_same_figures_live_loaded_and_in_the_journal(project, server, browser):
    slow = agent("b", "no", wait=6, depends_on=["a"])
    project.ensemble(agent("a", "yes"), slow, agent("c", depends_on=["b"]))
    with project.started("invoke", "e.yaml", "hi", "--quiet") as process:
        browser.open(server.link)
        browser.click("a", "e")
        browser.see(card("b", "running"))
        process.kill()
        process.wait()
        browser.see("#top .chip", "killed")
    assert figures(browser)["calls"] == "1"
    killed = figures(browser)
    browser.driver.refresh()
    browser.see(card("b", "stopped"))
    assert figures(browser) == killed
    browser.click("#top button", "Resume")
    browser.see("#top .chip", "succeeded")
    live, path = figures(browser), browser.see(".timeline .about").text
    browser.driver.refresh()
    browser.see("#top .chip", "succeeded")
    browser.see(".timeline .about", "Critical path")
    assert (figures(browser), browser.see(".timeline .about").text) == (live, path)
    recorded = server.runs()[0]
    assert live["calls"] == str(recorded["calls"]) == "3"
    assert recorded["idle_s"] > 0
    assert abs(float(live["time"].split()[0]) - recorded["duration_s"]) < 0.2
    browser.click(card("b", "succeeded"))
    browser.see(".drawer h3", "1 call, and 1 without an answer")
    assert len(browser.all(".bars .seg.lost")) == 1


def test_a_call_that_waits_for_its_turn_is_told_apart_from_one_at_work(project, server, browser):
    catalogue(project, m={"concurrency": 1})
    project.ensemble(asks("a", "m", "yes", wait=5), asks("b", "m", "no", wait=5))
    with project.started("invoke", "e.yaml", "hi", "--quiet") as process:
        browser.open(server.link)
        browser.click("a", "e")
        waiting = browser.see(".card.held")
        assert "a call waits" in waiting.text
        name = waiting.get_attribute("aria-label").split(":")[0]
        browser.click(".card.held")
        browser.see(".drawer .call", "waits in a queue")
        assert len(browser.all(".bars .seg.work")) == 1
        browser.see(card(name, "succeeded"))
        browser.see(".drawer .call", "at work")
        assert re.search(r"waited [345]\.\d+ s, 5\.\d+ s at work", browser.see(".drawer .call").text)
        browser.see(".drawer dl", "while all of it was queued or paused")
        assert process.wait() == 0
    assert not browser.all(".card.held")


def test_an_ensemble_as_an_agent_shows_what_is_within_it(project, server: Server, browser: Browser):
    catalogue(project, m={"concurrency": 1, "price": {"input": 1000, "output": 1000}})
    project.ensemble(asks("y", "m", "no", wait=0.5), file="inner.yaml")
    project.ensemble(asks("x", "m", "yes", wait=1.5), {"name": "deep", "ensemble": "inner.yaml"})
    project("invoke", "e.yaml", "hi")
    browser.open(last_run(server))
    browser.see("#top .chip", "succeeded")
    text = browser.see(card("deep", "succeeded")).text
    assert re.search(r"\d+ tok", text)
    assert re.search(r"\$0\.\d+", text)
    browser.click(card("deep", "succeeded"))
    browser.see(".drawer dl", "1, all by agents within it")
    about = browser.see(".timeline .about").text
    if "deep (y)" in about:  # it waited behind x
        assert int(re.findall(r"(\d+)% of it at work", about)[0]) < 60
    browser.click("[role=tab]", "Agents")
    rows = {row.text.split()[0]: row.text for row in browser.all(".agents tbody tr")}
    assert rows["deep"].split("$")[1].split()[0] == rows["deep/y"].split("$")[1].split()[0]


def test_an_agent_is_skipped_because_of_one_failure(project, server: Server, browser: Browser):
    project.ensemble(
        failing("broken", on_failure="skip"), agent("after", depends_on=["broken"]),
        failing("dead", on_failure="skip"), agent("last", depends_on=["after", "dead"]),
    )  # fmt: skip
    project("invoke", "e.yaml", "hi")
    browser.open(last_run(server))
    browser.see(card("last", "skipped"))
    assert sum(int(n) for n in re.findall(r"(\d+) agents? skipped", browser.see(".banner").text)) == 2
    assert figures(browser)["agents"] == "2/4, 2 failed, 2 skipped"
    browser.click(card("last", "skipped"))
    cause = browser.see(".drawer", "The cause is").text
    assert cause.count("broken") + cause.count("dead") >= 1
    browser.script("location.hash = 'dead'")
    browser.see(".drawer h2", "dead")
    browser.script("location.hash = ''")
    browser.gone(".drawer")


def test_a_default_in_place_of_an_answer_does_not_look_like_one(project, server: Server, browser: Browser):
    project.ensemble(failing("bad", on_failure={"default": "none"}), agent("next", "yes", depends_on=["bad"]))
    project("invoke", "e.yaml", "hi")
    browser.open(f"{last_run(server)}#bad")
    assert "default used" in browser.see(".card.default").text
    browser.see(".drawer h2", "≈ default used")
    browser.see(".drawer .fault", "stands for its output")
    browser.see(".drawer h3", "Output, by default")
    assert len(browser.all(".card.default")) == 1
    assert figures(browser)["agents"] == "2/2, 1 by default"


def test_a_rung_says_how_sure_it_had_to_be(project, server: Server, browser: Browser):
    catalogue(project, small={}, large={})
    rungs = {"type": "cascade", "models": ["small", "large"], "confidence": "agreement", "samples": 2}
    project.ensemble(asks("a", "small", "1", "2", "3", "3", strategy={**rungs, "threshold": 0.8}))
    project("invoke", "e.yaml", "hi")
    browser.open(last_run(server))
    browser.click(card("a", "succeeded"))
    browser.see(".ladder li", "50% sure, 80% needed")


def test_what_has_no_price_does_not_hide_the_limit(project, server: Server, browser: Browser):
    project.ensemble(agent("a", "yes"), agent("b", "no"), budget={"usd": 0.5})
    project("invoke", "e.yaml", "hi")
    browser.open(last_run(server))
    browser.see("#top .chip", "succeeded")
    assert figures(browser)["cost"] == "of $0.500 + 2 calls unpriced"


def test_addresses_name_what_is_seen(project, server: Server, browser: Browser):
    project.ensemble(agent("a", "yes"))
    project("invoke", "e.yaml", "please")
    browser.open(f"{server.link}runs/last#a")
    browser.see(".drawer h2", "a")
    assert browser.driver.current_url == f"{last_run(server)}#a"
    browser.open(server.link)
    browser.see("td.input", "please")
    browser.press("/", *"nothing")
    browser.see("p", "No run matches")
    assert browser.driver.current_url.endswith("?q=nothing")
    browser.driver.refresh()
    browser.see("p", "No run matches")


def test_the_strip_has_room_for_all_of_it(project, server: Server, browser: Browser):
    budget = {"usd": 0.02, "tokens": 20000, "calls": 60, "seconds": 120}
    project.ensemble(agent("a", "yes"), name="a-name-that-is-long", budget=budget)
    project("invoke", "e.yaml", "hi")
    browser.open(last_run(server))
    browser.see(".figures", "of 20.0k")
    size = browser.driver.get_window_size()
    try:
        for width in (800, 1000, 1200, 1400, 1600):
            browser.driver.set_window_size(width, 900)
            browser.script("document.querySelector('.link-state').textContent = 'not connected: trying…'")
            boxes = browser.script(
                "return ['.brand', 'h1', '.chip', '.link-state', '.progress', '.figures', '.actions']"
                ".map(s => { const b = document.querySelector(`#top ${s}`).getBoundingClientRect();"
                " return [s, b.left, b.top, b.right, b.bottom]; })"
            )
            for i, (one, left, top, right, bottom) in enumerate(boxes):
                assert right <= width, (width, one)
                for other, left2, top2, right2, bottom2 in boxes[:i]:
                    apart = left >= right2 or left2 >= right or top >= bottom2 or top2 >= bottom
                    assert apart, (width, one, other)
            heights = {name: bottom - top for name, _, top, _, bottom in boxes}
            assert max(heights[name] for name in (".brand", "h1", ".link-state")) < 30
            assert next(right - left for name, left, _, right, _ in boxes if name == "h1") > 60
    finally:
        browser.driver.set_window_size(size["width"], size["height"])


def test_from_afar_a_card_still_says_its_state(project, server: Server, browser: Browser):
    project.ensemble(agent("agent-with-a-name", "yes"), failing("bad"))
    project("invoke", "e.yaml", "hi")
    browser.open(last_run(server))
    browser.see(card("bad", "failed"))
    for _ in range(5):
        browser.click('button[aria-label^="Zoom out"]')
    browser.see(".map.far")
    seen = [mark.text for mark in browser.all(".far .card .mark") if mark.is_displayed()]
    assert sorted(seen) == ["✓", "✗"]
    heights = [mark.rect["height"] for mark in browser.all(".far .card .mark")]
    assert min(heights) > 8
    assert not any(line.is_displayed() for line in browser.all(".far .card .line"))
