"""Limits hold to the call, what was paid for is never paid for again, and the best so far is kept."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path
from typing import Any

import anyio
import pytest

from llm_orc import Orchestrator
from llm_orc.domain.completion import Choice, Completion, Request
from llm_orc.domain.usage import Usage
from llm_orc.errors import OrcError, RateLimited, Unreachable
from llm_orc.optimize.meter import Limits
from llm_orc.optimize.optimization import Findings
from llm_orc.optimize.stopping import Interrupt
from llm_orc.orchestrator.optimizing import Optimizing, parted
from llm_orc.orchestrator.searching import OPTIMIZERS, Wish, plan_of
from llm_orc.providers.scripted import Scripted

from .projects import LABELS, colour_rows, follows_examples, in_project, optimized

pytestmark = pytest.mark.slow

Reply = Callable[[Request], "str | Completion | OrcError | Awaitable[str]"]
PRICED = "models: {dear: {provider: scripted, name: m, price: {input: 1000, output: 1000}}}\n"


def colours(request: Request) -> str:
    return follows_examples([{"role": m.role, "content": m.content} for m in request.messages])


def proposing() -> Reply:
    """Colours, and from the model that proposes prompts another wording each time."""
    numbers = count()
    return lambda r: f"Wording {next(numbers)}." if r.model.name == "scripted/p" else colours(r)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return in_project(tmp_path, LABELS, colour_rows(80))


async def found(path: Path, model: Scripted, **wanted: Any) -> Findings:
    return (await optimized(path, {"scripted": model}, **wanted))[0].findings


@pytest.mark.parametrize("optimizer", ["bootstrap", "random-search", "simba", "bootstrap -> random-search"])
@pytest.mark.parametrize("calls", [1, 20, 60])
async def test_not_one_call_is_made_beyond_the_limit(optimizer: str, calls: int, path: Path):
    model = Scripted(colours)

    findings = await found(path, model, optimizer=optimizer, limits=Limits(calls=calls))

    assert len(model.requests) <= calls
    if findings.stop is not None:
        # What the final test may take is kept back: with less than that there is nothing to search with.
        ways = (f"--max-calls {calls} is reached", f"--max-calls {calls} leaves nothing to search with")
        assert findings.stop.message.startswith(ways)


async def test_calls_for_the_held_out_rows_are_kept_back(path: Path):
    findings = await found(path, Scripted(colours), optimizer="random-search", limits=Limits(calls=180))

    assert findings.stop is not None
    assert findings.stop.exit_code == 3
    assert findings.verdict == "better"


@pytest.mark.parametrize("optimizer", [*sorted(OPTIMIZERS), "bootstrap -> simba", "copro -> random-search"])
async def test_the_same_command_asks_nothing_twice(optimizer: str, tmp_path: Path):
    path = in_project(tmp_path, LABELS, colour_rows(40))
    first = await found(path, Scripted(proposing()), optimizer=optimizer, proposer="scripted/p")

    again = Scripted(proposing())
    second = await found(path, again, optimizer=optimizer, proposer="scripted/p")

    assert again.requests == []
    assert second.best == first.best


async def test_what_was_stopped_goes_on_with_the_missing_calls_alone(path: Path, tmp_path: Path):
    other = tmp_path / "other"
    other.mkdir()
    whole = Scripted(colours)
    in_one_go = await found(in_project(other, LABELS, colour_rows(80)), whole, optimizer="random-search")

    model = Scripted(colours)
    await found(path, model, optimizer="random-search", limits=Limits(calls=50))
    assert len(model.requests) <= 50
    resumed = await found(path, model, optimizer="random-search")

    assert len(model.requests) == len(whole.requests)
    assert resumed.best == in_one_go.best


async def test_money_is_not_overspent_even_by_the_calls_under_way(tmp_path: Path):
    (tmp_path / "models.yaml").write_text(PRICED, encoding="utf-8")
    path = in_project(tmp_path, LABELS.replace("{provider: scripted, name: m}", "dear"), colour_rows(80))

    async def dear(request: Request) -> Completion:
        await anyio.lowlevel.checkpoint()
        usage = Usage(input_tokens=100, output_tokens=100)
        return Completion(choices=(Choice(text=colours(request)),), usage=usage)

    model = Scripted(lambda request: dear(request))
    findings = await found(path, model, optimizer="random-search", limits=Limits(usd=20.0))

    assert findings.stop is not None
    assert "--max-usd" in findings.stop.message
    assert len(model.requests) * 0.2 <= 20.0


async def test_a_limit_in_money_needs_prices(path: Path):
    model = Scripted(colours)

    findings = await found(path, model, optimizer="bootstrap", limits=Limits(usd=1.0))

    assert model.requests == []
    assert findings.stop is not None
    assert findings.stop.exit_code == 2
    assert findings.verdict == "stopped"


async def test_time_that_is_up_ends_it(path: Path):
    findings = await found(path, Scripted(colours), optimizer="random-search", limits=Limits(seconds=1e-9))

    assert findings.stop is not None
    assert findings.stop.message == "--max-seconds 1e-09 is reached"


@pytest.mark.parametrize(
    "error", [Unreachable("down"), RateLimited("later", retry_after=0)], ids=["down", "busy"]
)
async def test_an_outage_is_no_wrong_answer(error: OrcError, path: Path):
    def dies(request: Request) -> str | OrcError:
        return error if len(model.requests) > 60 else colours(request)

    model = Scripted(dies)
    before = await found(path, model, optimizer="random-search")
    assert before.stop is not None
    assert before.stop.exit_code == error.exit_code

    fine = Scripted(colours)
    after = await found(path, fine, optimizer="random-search")
    assert after.verdict == "better"
    assert fine.requests
    assert after.stop is None


async def test_an_interrupt_ends_what_is_under_way_and_keeps_the_best(path: Path):
    model_asked = anyio.Event()

    async def hangs(request: Request) -> str:
        if len(model.requests) > 70:
            model_asked.set()
            await anyio.sleep_forever()
        return colours(request)

    model = Scripted(hangs)
    async with Orchestrator(path.parent, providers={"scripted": model}) as orchestrator:
        optimizing = Optimizing(orchestrator, path)
        parts = parted(optimizing.rows(path.parent / "rows.jsonl"), 0)
        plan = plan_of(Wish(optimizer="random-search"), orchestrator, optimizing.agents, 80)
        folder = optimizing.folder(plan, parts, "exact")
        with anyio.fail_after(20):
            done = await optimizing.run(plan, parts, "exact", folder, interrupt=Interrupt(asked=model_asked))

    assert done.findings.stop is not None
    assert done.findings.stop.exit_code == 130
    assert done.findings.verdict == "stopped"
    assert done.findings.best is not None
    assert done.changes


@pytest.mark.parametrize("optimizer", sorted(OPTIMIZERS))
async def test_an_estimate_asks_nothing_and_is_about_right(optimizer: str, tmp_path: Path):
    path = in_project(tmp_path, LABELS, colour_rows(40))
    model = Scripted(proposing())
    wish = Wish(optimizer=optimizer, proposer="scripted/p")
    if optimizer == "miprov2":
        (tmp_path / "i.txt").write_text("Be brief.\nName a colour.\n", encoding="utf-8")
        wish = Wish(optimizer=optimizer, instructions=tmp_path / "i.txt")
    async with Orchestrator(path.parent, providers={"scripted": model}) as orchestrator:
        optimizing = Optimizing(orchestrator, path)
        parts = parted(optimizing.rows(path.parent / "rows.jsonl"), 0)
        plan = plan_of(wish, orchestrator, optimizing.agents, 40)
        estimates = await optimizing.estimate(plan, parts, Limits())
        assert model.requests == []
        await optimizing.run(plan, parts, "exact", optimizing.folder(plan, parts, "exact"))

    calls = [each.calls for each in estimates]
    assert min(calls) * 0.75 <= len(model.requests) <= max(calls) * 1.25
    assert all(each.usd is None for each in estimates)


@pytest.fixture
def dear(tmp_path: Path) -> Path:
    """A project whose model has a price."""
    (tmp_path / "models.yaml").write_text(PRICED, encoding="utf-8")
    return in_project(tmp_path, LABELS.replace("{provider: scripted, name: m}", "dear"), colour_rows(80))


async def test_calls_under_way_are_waited_for_before_money_is_short(dear: Path):
    async def cheap(request: Request) -> Completion:
        await anyio.lowlevel.checkpoint()
        return Completion(choices=(Choice(text=colours(request)),), usage=Usage(input_tokens=1))

    model = Scripted(lambda request: cheap(request))

    # One call may cost a dollar and a bit, eight at once more than there is; each takes next to nothing.
    findings = await found(dear, model, optimizer="labeled", limits=Limits(usd=2.0))

    assert findings.stop is None
    assert findings.verdict == "better"


async def test_a_call_that_does_not_fit_is_named(dear: Path):
    model = Scripted(colours)

    findings = await found(dear, model, optimizer="labeled", limits=Limits(usd=0.5))

    assert model.requests == []
    assert findings.stop is not None
    assert findings.stop.exit_code == 3
    assert re.fullmatch(r"--max-usd 0\.5: a call may cost 1\.\d+, and 0\.5 is left", findings.stop.message)
    assert findings.stop.hint == "a lower max_tokens of the agent lowers what a call may cost"


async def test_a_teacher_or_judge_without_a_price_is_refused_before_the_first_call(dear: Path):
    model = Scripted(colours)
    judge = LABELS.replace("colours", "judge")
    (dear.parent / "judge.yaml").write_text(judge, encoding="utf-8")

    for wanted in ({"teacher": "scripted/t"}, {"metric": f"judge:{dear.parent / 'judge.yaml'}"}):
        findings = await found(dear, model, limits=Limits(usd=100.0), **wanted)

        assert findings.stop is not None
        assert findings.stop.exit_code == 2
        assert "the price of the model 'scripted/" in findings.stop.message
    assert model.requests == []
