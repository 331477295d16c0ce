"""A run from inputs to result: outcomes, status, usage, cost, events, interruption."""

from __future__ import annotations

import sys

import anyio
import pytest

from llm_orc.domain.completion import Choice, Completion, Message
from llm_orc.domain.ensemble import Agent, Default, Demo, Ensemble, Llm, Script, Skip
from llm_orc.domain.model import Model, Price
from llm_orc.domain.outcome import Answered, Failed, Skipped
from llm_orc.domain.usage import Usage
from llm_orc.domain.wire import event_json, result_json
from llm_orc.errors import Unreachable
from llm_orc.plan.task_typing import task_of
from llm_orc.providers.scripted import Scripted
from llm_orc.run.ending import Ending
from llm_orc.run.run import run_ensemble
from llm_orc.strategies.single import Single
from tests.treated import treated

FREE = Model(
    name="free", provider="scripted", wire_name="free", price=Price(input_per_million=0, output_per_million=0)
)
PRICED = Model(
    name="priced", provider="scripted", wire_name="p", price=Price(input_per_million=1, output_per_million=2)
)
UNPRICED = Model(name="unpriced", provider="scripted", wire_name="u")


def llm(name: str, *needs: str, model: Model = FREE, **settings) -> Agent:
    work = {key: settings.pop(key) for key in ("system_prompt", "demos", "output_format") if key in settings}
    return Agent(name=name, depends_on=needs, work=Llm(models=(model,), **work), **settings)


def script(name: str, code: str, *needs: str, **settings) -> Agent:
    return Agent(name=name, depends_on=needs, work=Script(command=(sys.executable, "-c", code)), **settings)


def ensemble(*agents: Agent, outputs: tuple[str, ...] = ()) -> Ensemble:
    return Ensemble(name="test", agents={a.name: a for a in agents}, outputs=outputs or (agents[-1].name,))


async def run(made: Ensemble, provider=None, *, max_seconds=None, interrupt=None, **settings):
    provider = provider or Scripted()
    return await run_ensemble(
        made,
        {"input": "hello"},
        treatment=treated(provider),
        strategy_of=lambda n: Single(),
        task_of=task_of,
        ending=Ending(interrupt=interrupt, max_seconds=max_seconds, grace_seconds=0),
        **settings,
    )


async def test_an_agent_without_prompt_reads_the_input_and_what_it_depends_on():
    provider = Scripted(["first answer", "second answer"])
    result = await run(ensemble(llm("a"), llm("b", "a")), provider)
    assert [r.messages for r in provider.requests] == [
        (Message("user", "hello"),),
        (Message("user", "hello\n\n## a\nfirst answer"),),
    ]
    assert (result.status, result.output, result.exit_code) == ("succeeded", "second answer", 0)


async def test_the_system_prompt_comes_first_then_the_examples_then_the_prompt():
    provider = Scripted(["ok"])
    demo = Demo(inputs={"input": "hi"}, output="hi back")
    await run(ensemble(llm("a", system_prompt="Greet {{ x }}.", demos=(demo,))), provider)
    assert [(m.role, m.content) for m in provider.requests[0].messages] == [
        ("system", "Greet {{ x }}."),
        ("user", "hi"),
        ("assistant", "hi back"),
        ("user", "hello"),
    ]


async def test_several_outputs_come_by_name():
    result = await run(ensemble(llm("a"), llm("b"), outputs=("a", "b")), Scripted(["1", "2"]))
    assert result.output == {"a": "1", "b": "2"}


async def test_usage_and_cost_add_up():
    reply = Completion(choices=(Choice(text="x"),), usage=Usage(input_tokens=1000, output_tokens=500))
    result = await run(ensemble(llm("a", model=PRICED), llm("b", "a", model=FREE)), Scripted([reply]))
    assert result.usage == Usage(input_tokens=2000, output_tokens=1000)
    assert result.cost_usd == pytest.approx(0.002)


async def test_an_unknown_price_makes_the_cost_unknown_not_zero():
    result = await run(ensemble(llm("a", model=UNPRICED)))
    assert result.cost_usd is None
    assert result_json(result)["agents"]["a"]["cost_usd"] is None


async def test_an_answer_that_should_be_json_is_parsed_also_from_a_fence():
    agent = llm("a", output_format="json")
    assert (await run(ensemble(agent), Scripted(['Sure:\n```json\n{"n": 1}\n```']))).output == {"n": 1}


async def test_an_answer_that_is_not_json_the_second_time_either_fails_the_agent():
    result = await run(ensemble(llm("a", output_format="json")), Scripted(["no json here"]))
    assert result.agents["a"].cause.kind == "answer_rejected"
    assert (result.agents["a"].effort.usage.output_tokens, result.agents["a"].effort.attempts) == (6, 2)
    assert (result.status, result.exit_code) == ("failed", 1)


async def test_a_failure_with_a_default_is_replaced_and_still_reported():
    result = await run(ensemble(llm("a", on_failure=Default(value="n/a")), llm("b", "a")), failing_once())
    first = result.agents["a"]
    assert (first.output, first.replaced.kind) == ("n/a", "server_failed")
    assert (result.status, result.exit_code) == ("partial", 0)


def failing_once():
    from llm_orc.errors import ServerFailed

    return Scripted([ServerFailed("broken"), "fine"])


async def test_a_failure_that_skips_leaves_the_rest_alone():
    made = ensemble(llm("a", on_failure=Skip()), llm("after", "a"), llm("other"), outputs=("other",))
    result = await run(made, failing_once())
    assert [type(o) for o in result.agents.values()] == [Failed, Skipped, Answered]
    assert (result.status, result.exit_code) == ("partial", 0)


async def test_an_output_that_is_skipped_fails_the_run():
    result = await run(ensemble(llm("a", on_failure=Skip()), llm("b", "a")), failing_once())
    assert (result.status, result.exit_code) == ("failed", 1)


async def test_a_run_that_reached_no_model_at_all_says_so_by_its_exit_code():
    result = await run(ensemble(llm("a")), Scripted([Unreachable("no server")]))
    assert (result.status, result.exit_code) == ("failed", 4)


async def test_a_script_sees_what_it_depends_on_and_its_log_is_an_event():
    code = (
        "import json, sys; d = json.load(sys.stdin); sys.stderr.write('note'); print(d['dependencies']['a'])"
    )
    events = []
    result = await run(
        ensemble(llm("a"), script("b", code, "a")), Scripted(["42"]), observers=[events.append]
    )
    assert result.output == 42
    assert [e.what.text for e in events if e.what.type == "script_logged"] == ["note"]


async def test_an_agent_that_takes_too_long_fails_and_its_script_ends():
    hang = script("a", "import time; time.sleep(60)", timeout_seconds=0.2)
    result = await run(ensemble(hang))
    assert result.agents["a"].cause.message == "no answer within 0.2 s"


async def test_events_are_numbered_without_gaps_and_end_with_the_result():
    events = []
    result = await run(ensemble(llm("a"), llm("b", "a")), Scripted(["1", "2"]), observers=[events.append])
    assert [e.seq for e in events] == list(range(1, len(events) + 1))
    assert [e.what.type for e in events] == [
        "run_started", "agent_started", "model_called", "model_answered", "agent_finished",
        "agent_started", "model_called", "model_answered", "agent_finished", "run_finished",
    ]  # fmt: skip
    assert events[-1].what.result is result
    lines = [event_json(event) for event in events]
    assert lines[-1]["output"] == "2"
    assert lines[0]["layers"] == [["a"], ["b"]]


async def test_an_interrupted_run_keeps_what_it_has():
    interrupt, entered = anyio.Event(), anyio.Event()

    async def answer(request):
        if request.messages[0].content != "hello":
            entered.set()
            await anyio.sleep_forever()
        return "first"

    made = ensemble(llm("a"), llm("b", "a"), llm("c", "b"))
    results = []
    async with anyio.create_task_group() as tasks:

        async def go():
            results.append(await run(made, Scripted(answer), interrupt=interrupt))

        tasks.start_soon(go)
        await entered.wait()
        interrupt.set()
    result = results[0]
    assert (result.status, result.exit_code) == ("interrupted", 130)
    assert [type(o) for o in result.agents.values()] == [Answered, Failed, Skipped]
    assert result_json(result)["error"]["kind"] == "interrupted"


async def test_a_run_past_its_time_ends_with_what_it_has():
    async def answer(request):
        await anyio.sleep_forever()

    result = await run(ensemble(llm("a")), Scripted(answer), max_seconds=0.05)
    assert (result.status, result.exit_code) == ("partial", 3)
    assert result.ended_by.message == "the run took longer than 0.05 s"


async def test_cancelling_from_outside_is_not_swallowed():
    entered = anyio.Event()

    async def answer(request):
        entered.set()
        await anyio.sleep_forever()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run, ensemble(llm("a")), Scripted(answer))
        await entered.wait()
        tasks.cancel_scope.cancel()
    assert tasks.cancel_scope.cancelled_caught
