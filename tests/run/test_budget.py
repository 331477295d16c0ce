"""What a run may spend, and that it spends no more."""

from __future__ import annotations

import json
from pathlib import Path

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as some

from llm_orc import Orchestrator
from llm_orc.domain.completion import Choice, Completion, Message, Request
from llm_orc.domain.model import Model, Price, Sampling
from llm_orc.domain.policy import Budget
from llm_orc.domain.usage import Usage
from llm_orc.errors import BudgetSpent, ServerFailed, UsageFailed
from llm_orc.providers.scripted import Scripted
from llm_orc.run.budget import Amount, Expectations, Purse, Purses, taken_by
from tests.cli.command_line import closed_port
from tests.servers.faulty import Reply

PRICED = {"provider": "scripted", "price": {"input": 1_000_000, "output": 1_000_000}, "context": 100}


def project_of(folder: Path, text: str, *, config: str = "concurrency: 9\n", **models) -> Path:
    (folder / ".llm-orc").mkdir()
    (folder / ".llm-orc" / "models.yaml").write_text(json.dumps({"models": models or {"m": PRICED}}))
    (folder / ".llm-orc" / "config.yaml").write_text(config)
    (folder / "e.yaml").write_text(text)
    return folder / "e.yaml"


def many(agents: int, top: str = "", each: str = "") -> str:
    lines = "\n".join(f"  - {{name: a{n}, model: m, {each}}}" for n in range(agents))
    return f"name: many\n{top}\nagents:\n{lines}\n"


def costing(usd: int, under_way: list[int] | None = None):
    """Each answer costs so many dollars, and is a moment under way."""

    async def answer(request):
        if under_way is not None:
            under_way[0] += 1
            under_way[1] = max(under_way)
        await anyio.lowlevel.checkpoint()
        if under_way is not None:
            under_way[0] -= 1
        return Completion(choices=(Choice(text="x"),), usage=Usage(output_tokens=usd))

    return answer


async def run(folder: Path, path: Path, answer, **options):
    events = []
    provider = Scripted(answer)
    async with Orchestrator(folder, providers={"scripted": provider}) as orchestrator:
        result = await orchestrator.invoke(path, "hi", observers=[events.append], **options)
    said = [event.what.message for event in events if event.what.type == "warned"]
    return result, len(provider.requests), said


@pytest.mark.parametrize(
    ("budget", "made"),
    [({"calls": 7}, 7), ({"usd": 9}, 9), ({"tokens": 9}, 9), ({"usd": 1000, "calls": 3}, 3)],
)
async def test_a_run_stops_at_its_limit_with_what_it_has(tmp_path, budget, made):
    path = project_of(tmp_path, many(20, f"budget: {json.dumps(budget)}\nconcurrency: 1"))
    result, calls, _ = await run(tmp_path, path, costing(1))
    assert (result.status, result.exit_code, result.ended_by.kind) == ("partial", 3, "budget_spent")
    assert calls == made
    assert sum(outcome.__class__.__name__ == "Answered" for outcome in result.agents.values()) == made


async def test_flags_go_before_the_file_and_the_file_before_settings(tmp_path):
    path = project_of(tmp_path, many(9, "concurrency: 1\nbudget: {calls: 4}"), config="budget: {calls: 2}\n")
    assert (await run(tmp_path, path, costing(1)))[1] == 4
    assert (await run(tmp_path, path, costing(1), budget=Budget(calls=5)))[1] == 5


async def test_most_of_a_budget_is_a_warning(tmp_path):
    path = project_of(tmp_path, many(9, "concurrency: 1\nbudget: {calls: 10}"))
    _, calls, said = await run(tmp_path, path, costing(1))
    assert (calls, said) == (9, ["the run: 80% of the budget of 10 calls is spent"])


async def test_an_agent_has_a_budget_of_its_own(tmp_path):
    text = (
        "name: own\nagents:\n"
        "  - {name: votes, model: m, budget: {calls: 3}, strategy: {type: self_consistency, samples: 6}}\n"
        "  - {name: after, model: m, depends_on: [votes]}\noutput: after\n"
    )
    path = project_of(tmp_path, text, m={**PRICED, "supports": ["sampling"]})
    result, calls, _ = await run(tmp_path, path, costing(1))
    assert (result.status, calls, result.agents["votes"].confidence) == ("succeeded", 4, 1.0)


async def test_an_agent_that_cannot_pay_at_all_fails(tmp_path):
    path = project_of(tmp_path, many(1, each="budget: {usd: 0.5, strict: true}"))
    result, calls, _ = await run(tmp_path, path, costing(1))
    assert (result.status, calls, result.agents["a0"].cause.exit_code) == ("failed", 0, 3)


async def test_an_ensemble_within_keeps_to_its_own_budget(tmp_path):
    (tmp_path / "inner.yaml").write_text(many(5, "concurrency: 1\nbudget: {calls: 2}"))
    path = project_of(tmp_path, "name: outer\nagents:\n  - {name: o, ensemble: inner.yaml}\n")
    result, calls, _ = await run(tmp_path, path, costing(1))
    assert (calls, result.agents["o"].cause.kind) == (2, "budget_spent")


async def test_a_price_that_is_unknown_is_said_and_not_counted_as_nothing(tmp_path):
    path = project_of(tmp_path, many(2, "budget: {usd: 1}"), m={"provider": "scripted"})
    result, calls, said = await run(tmp_path, path, costing(1))
    assert (result.status, calls, result.cost_usd) == ("succeeded", 2, None)
    assert said == ["the run: the price of 'm' is unknown: its calls are not counted"]


@pytest.mark.parametrize(
    ("top", "each", "config", "what"),
    [
        ("budget: {usd: 1, strict: true}", "", "", "a call of 'm': its price is unknown"),
        ("budget: {tokens: 9, strict: true}", "", "", "a strict budget cannot bound a call of 'm'"),
        ("", "budget: {tokens: 9, strict: true}", "", "agent 'a0': a strict budget cannot bound"),
        ("", "", "daily_budget: {tokens: 9, strict: true}", "agent 'a0': a strict budget cannot bound"),
        (
            "budget: {tokens: 999, strict: true}",
            "max_tokens: 5, strategy: {type: best_of, judge: k}",
            "",
            "of 'k'",
        ),
    ],
)
async def test_a_strict_budget_begins_no_run_that_it_cannot_bound(tmp_path, top, each, config, what):
    """What is wrong with the set-up is known before anything is sent: it is no budget that was spent."""
    models = {"m": {"provider": "scripted"}, "k": {"provider": "scripted"}}
    path = project_of(tmp_path, many(2, top, each), config=config or "{}", **models)
    provider = Scripted(costing(1))
    async with Orchestrator(tmp_path, providers={"scripted": provider}) as orchestrator:
        with pytest.raises(UsageFailed, match=what) as refused:
            await orchestrator.invoke(path, "hi")
        assert (refused.value.exit_code, provider.requests, orchestrator.runs.newest()) == (2, [], [])


async def test_a_strict_budget_around_or_within_an_ensemble_bounds_its_agents(tmp_path):
    (tmp_path / "inner.yaml").write_text(many(1))
    (tmp_path / "strict.yaml").write_text(many(1, "budget: {tokens: 9, strict: true}"))
    path = project_of(
        tmp_path, "name: outer\nagents:\n  - {name: o, ensemble: strict.yaml}\n", m={"provider": "scripted"}
    )
    outer = tmp_path / "outer.yaml"
    outer.write_text(
        "name: o\nbudget: {tokens: 9, strict: true}\nagents: [{name: o, ensemble: inner.yaml}]\n"
    )
    for file in (path, outer):
        with pytest.raises(UsageFailed, match="a strict budget cannot bound"):
            await run(tmp_path, file, costing(1))


async def test_a_strict_budget_of_calls_needs_no_prices(tmp_path):
    path = project_of(
        tmp_path, many(2, "concurrency: 1\nbudget: {calls: 1, strict: true}"), m={"provider": "scripted"}
    )
    result, calls, _ = await run(tmp_path, path, costing(1))
    assert (calls, result.exit_code) == (1, 3)


async def test_the_budget_of_a_day_holds_for_all_runs(tmp_path):
    path = project_of(tmp_path, many(4, "concurrency: 1"), config="daily_budget: {calls: 6}\n")
    assert (await run(tmp_path, path, costing(1)))[1] == 4
    result, calls, _ = await run(tmp_path, path, costing(1))
    assert (calls, result.exit_code) == (2, 3)
    assert result.ended_by.message.startswith("the project's day: the budget of 6 calls")


MODEL = Model(
    name="m", provider="s", wire_name="m", price=Price(input_per_million=1e6, output_per_million=1e6)
)


@given(
    limit=some.integers(1, 400),
    calls=some.lists(some.tuples(some.integers(1, 30), some.integers(0, 30)), max_size=30),
)
async def test_a_strict_budget_is_never_exceeded(limit, calls):
    """Each call may write `most` tokens and writes fewer; all are made at once."""
    purse = Purse(Budget(usd=limit, strict=True), "it", lambda said: None)
    purses, expectations = Purses([purse]), Expectations()

    async def call(most: int, written: int) -> None:
        request = Request(model=MODEL, messages=(Message("user", "hi"),), sampling=Sampling(max_tokens=most))
        try:
            async with purses.paying(request, expectations.of(request)) as bill:
                await anyio.lowlevel.checkpoint()
                usage = Usage(input_tokens=2, output_tokens=min(most, written))
                bill.taken = taken_by(request, usage)
        except BudgetSpent:
            refused.append(most)
        assert purse.spent.usd <= limit

    refused: list[int] = []
    async with anyio.create_task_group() as tasks:
        for most, written in calls:
            tasks.start_soon(call, most, written)
    assert purse.spent.usd <= limit
    assert purse.spent.calls == len(calls) - len(refused)


async def test_what_is_reserved_is_given_back():
    purse = Purse(Budget(calls=1), "it", lambda said: None)
    request = Request(model=MODEL, messages=(Message("user", "hi"),))
    with pytest.raises(ZeroDivisionError):
        async with Purses([purse]).paying(request, Amount(calls=1)):
            raise ZeroDivisionError
    async with Purses([purse]).paying(request, Amount(calls=1)) as bill:
        bill.taken = Amount(calls=1)
    with pytest.raises(BudgetSpent, match="does not allow another call"):
        await purse.reserve(request, Amount(calls=1))


def served_by(url: str, **more) -> dict:
    return {"provider": "openai", "name": "m", "base_url": url, **more}


HASTY = "retries: 3\ncall_timeout_seconds: 0.3\n"


@pytest.mark.parametrize(
    ("reply", "budget", "sent", "ended"),
    [
        (Reply(hang=True), {"calls": 1}, 1, True),
        (Reply(hang=True), {"calls": 2}, 2, True),
        (Reply(keep=20), {"calls": 2}, 2, True),
        (Reply(status=500), {"calls": 2}, 2, True),
        # An attempt costs at most 7 + 32 + 10 = 49 tokens; what was cut counts as if it had.
        (Reply(hang=True), {"tokens": 60, "strict": True}, 1, True),
        (Reply(keep=20), {"usd": 60, "strict": True}, 1, True),
        (Reply(body=b"{not json"), {"tokens": 60, "strict": True}, 1, True),
        # These cost nothing; nor does anything where the budget is not strict.
        (Reply(status=500), {"tokens": 60, "strict": True}, 4, False),
        (Reply(status=429, headers={"retry-after": "0"}), {"usd": 60, "strict": True}, 4, False),
        (Reply(hang=True), {"tokens": 60}, 4, False),
    ],
)
async def test_each_attempt_that_is_sent_is_paid_for(
    tmp_path, faulty_server, monkeypatch, reply, budget, sent, ended
):
    monkeypatch.delenv("LLM_ORC_RETRIES")
    monkeypatch.setattr("llm_orc.providers.treated.FIRST_WAIT", 0.0)
    faulty_server.script(*[reply] * 4)
    model = served_by(faulty_server.openai_url, price={"input": 1_000_000, "output": 1_000_000})
    text = many(1, f"budget: {json.dumps(budget)}", "max_tokens: 10")
    path = project_of(tmp_path, text, config=HASTY, m=model)
    events = []
    async with Orchestrator(tmp_path) as orchestrator:
        result = await orchestrator.invoke(path, "hi", observers=[events.append])
        (kept,) = orchestrator.runs.newest()
    told = [event.what.type for event in events]
    assert (len(faulty_server.received), told.count("call_retried")) == (sent, min(sent, 3))
    assert (told.count("model_called"), told.count("model_failed"), kept.calls) == (1, 1, 1)
    assert (result.ended_by is not None, result.exit_code) == (ended, 3 if ended else result.exit_code)
    assert not ended or "does not allow another call" in result.ended_by.message


async def test_no_connection_is_a_call_that_costs_nothing(tmp_path, monkeypatch):
    monkeypatch.delenv("LLM_ORC_RETRIES")
    monkeypatch.setattr("llm_orc.providers.treated.FIRST_WAIT", 0.0)
    model = served_by(closed_port(), context=100)
    for budget, ended in (({"tokens": 150, "strict": True}, False), ({"calls": 2}, True)):
        (folder := tmp_path / str(ended)).mkdir()
        path = project_of(folder, many(1, f"budget: {json.dumps(budget)}"), config=HASTY, m=model)
        async with Orchestrator(folder) as orchestrator:
            result = await orchestrator.invoke(path, "hi")
        assert (result.ended_by is not None) == ended


async def test_an_agent_that_cannot_pay_for_another_attempt_fails(tmp_path, faulty_server, monkeypatch):
    monkeypatch.delenv("LLM_ORC_RETRIES")
    monkeypatch.setattr("llm_orc.providers.treated.FIRST_WAIT", 0.0)
    faulty_server.script(*[Reply(status=500)] * 4)
    text = many(1, each="budget: {calls: 2}")
    path = project_of(tmp_path, text, config=HASTY, m=served_by(faulty_server.openai_url))
    async with Orchestrator(tmp_path) as orchestrator:
        result = await orchestrator.invoke(path, "hi")
    assert (len(faulty_server.received), result.status) == (2, "failed")
    assert result.agents["a0"].cause.kind == "budget_spent"


async def test_an_agents_budget_holds_when_its_run_is_resumed(tmp_path):
    within = tmp_path / "within.yaml"
    within.write_text("name: within\nbudget: {calls: 1}\nagents:\n  - {name: inner, model: m}\n")
    path = project_of(
        tmp_path,
        "name: e\nagents:\n  - {name: own, model: m, budget: {calls: 1}, on_failure: skip}\n"
        "  - {name: around, ensemble: within.yaml}\n",
    )
    provider = Scripted([ServerFailed("down")] * 4)
    async with Orchestrator(tmp_path, providers={"scripted": provider}) as orchestrator:
        run_id = (await orchestrator.invoke(path, "hi")).run_id
        first = len(provider.requests)
        again = await orchestrator.resume(run_id)
    assert (first, len(provider.requests)) == (2, 2)
    assert "the budget of 1 call does not allow another call" in again.agents["own"].cause.message
    assert "the budget of 1 call does not allow another call" in again.agents["around"].cause.message


async def test_an_agent_whose_turn_does_not_come_says_so(tmp_path):
    async def hangs(request):
        await anyio.sleep_forever()

    path = project_of(
        tmp_path,
        "name: e\nbudget: {calls: 1}\nagents:\n"
        "  - {name: a, model: m, on_failure: skip, timeout_seconds: 1}\n"
        "  - {name: b, model: m, timeout_seconds: 0.2}\n",
    )
    result, calls, _ = await run(tmp_path, path, hangs)
    assert (calls, result.agents["b"].cause.kind) == (1, "deadline_passed")
    assert result.agents["b"].cause.message == "no call was sent within 0.2 s: its turn did not come"


async def test_what_a_server_said_is_kept_when_others_end_the_run(tmp_path, faulty_server, monkeypatch):
    monkeypatch.delenv("LLM_ORC_RETRIES")
    monkeypatch.setattr("llm_orc.providers.treated.FIRST_WAIT", 30.0)
    faulty_server.script(*[Reply(status=500)] * 2)
    text = many(3, "budget: {calls: 2}")
    path = project_of(tmp_path, text, config=HASTY, m=served_by(faulty_server.openai_url))
    async with Orchestrator(tmp_path) as orchestrator:
        result = await orchestrator.invoke(path, "hi")
        kept = [each for each in orchestrator.runs.export("last") if each["record"] == "call"]
    assert (len(faulty_server.received), result.exit_code) == (2, 3)
    assert [(each["status"], each["error"]["kind"]) for each in kept] == [("failed", "server_failed")] * 2


async def test_a_call_that_is_cancelled_is_paid_for(tmp_path, faulty_server):
    """By its agent's timeout, after which another one asks."""
    faulty_server.script(Reply(hang=True))
    path = project_of(
        tmp_path,
        "name: e\nbudget: {calls: 1}\nagents:\n"
        "  - {name: a, model: m, timeout_seconds: 0.3, on_failure: {default: none}}\n"
        "  - {name: b, model: m, depends_on: [a]}\n",
        m=served_by(faulty_server.openai_url),
    )
    async with Orchestrator(tmp_path) as orchestrator:
        result = await orchestrator.invoke(path, "hi")
    assert (len(faulty_server.received), result.exit_code) == (1, 3)


async def test_a_call_that_is_cancelled_is_one_for_the_attempts_that_follow(tmp_path):
    asked, events = [anyio.Event(), anyio.Event()], []

    async def hangs(request):
        next(event for event in asked if not event.is_set()).set()
        await anyio.sleep_forever()

    path = project_of(tmp_path, many(1, "budget: {calls: 2}"))
    async with Orchestrator(tmp_path, providers={"scripted": Scripted(hangs)}) as orchestrator:
        runs = orchestrator.runs
        for each, work in zip(
            asked,
            (
                lambda: orchestrator.invoke(path, "hi", observers=[events.append]),
                lambda: orchestrator.resume(runs.find("last").run_id),
            ),
            strict=True,
        ):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(work)
                await each.wait()
                tasks.cancel_scope.cancel()
        (given_up,) = [event.what for event in events if event.what.type == "model_cancelled"]
        assert (given_up.agent, given_up.call, given_up.sent) == ("a0", 1, True)
        kept = [each for each in runs.export("last") if each["record"] == "call"]
        assert [(each["status"], each["response"], each["error"]) for each in kept] == [
            ("cancelled", None, None)
        ] * 2
        spent = await orchestrator.resume(runs.find("last").run_id)
    assert (spent.ended_by.kind, runs.find("last").calls) == ("budget_spent", 2)
    total = runs.costs(("model",)).total
    assert (total.calls, total.failed, total.cost_usd) == (2, 0, None)


async def test_waiting_for_money_that_others_hold_is_waiting_for_a_turn(tmp_path, faulty_server):
    """The budget allows one call at a time: the second is sent when the first has cost little."""
    faulty_server.script(Reply(held=True))
    model = served_by(faulty_server.openai_url, context=100)
    path = project_of(tmp_path, many(2, "budget: {tokens: 150, strict: true}"), m=model)
    events, result = [], []

    async def observe() -> None:
        async with Orchestrator(tmp_path) as orchestrator:
            result.append(await orchestrator.invoke(path, "hi", observers=[events.append]))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(observe)
        await anyio.to_thread.run_sync(faulty_server.arrived.wait, 20)
        # Long enough to be told apart from waits that are none.
        await anyio.sleep(0.05)
        assert [event.what.type for event in events].count("model_called") == 1
        faulty_server.release()
    first, second = (event.what for event in events if event.what.type == "model_answered")
    assert result[0].status == "succeeded"
    assert second.duration_s > second.queued_s > first.queued_s
