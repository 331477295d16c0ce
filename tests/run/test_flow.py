"""Data flow at run time: conditions, fan-out, ensembles as agents, loops, dispatch, fallbacks."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_orc.domain.ensemble import (
    Agent,
    Dispatch,
    Ensemble,
    FanOut,
    Llm,
    Loop,
    Skip,
    SubEnsemble,
)
from llm_orc.domain.model import Model
from llm_orc.domain.outcome import Answered, Failed, Skipped
from llm_orc.domain.path import parse_path
from llm_orc.errors import InvalidRequest, ServerFailed, Unreachable
from llm_orc.plan.task_typing import task_of
from llm_orc.providers.scripted import Scripted
from llm_orc.run.run import run_ensemble
from llm_orc.spec.condition import compile_condition
from llm_orc.spec.json_schema import CheckedSchema
from llm_orc.spec.template import compile_prompt
from llm_orc.strategies.single import Single
from tests.dags import dags
from tests.treated import treated


def model(name: str) -> Model:
    return Model(name=name, provider="scripted", wire_name=name)


def agent(name: str, prompt: str, *needs: str, **settings) -> Agent:
    llm = Llm(models=(model("m"),), prompt=compile_prompt(prompt, None))
    return Agent(name=name, work=settings.pop("work", llm), depends_on=needs, **settings)


def ensemble(*agents: Agent, outputs: tuple[str, ...] = (), name: str = "test", **settings) -> Ensemble:
    chosen = outputs or (agents[-1].name,)
    return Ensemble(name=name, agents={a.name: a for a in agents}, outputs=chosen, **settings)


async def run(made: Ensemble, answers=None, text: str = "hello", observers=()):
    provider = Scripted(answers) if not isinstance(answers, Scripted) else answers
    return await run_ensemble(
        made,
        {"input": text},
        treatment=treated(provider),
        strategy_of=lambda n: Single(),
        task_of=task_of,
        observers=observers,
    )


LISTER = agent("list", "[1, 2, 3, 4]")


async def test_a_fan_out_gathers_in_order_whatever_finishes_first():
    async def answer(request):
        text = request.messages[0].content
        for _ in range(10 - int(text[-1]) if text[-1].isdigit() else 0):
            await anyio.lowlevel.checkpoint()
        return text

    each = agent("each", "item {{ item }}", "list", fan_out=FanOut(over=()))
    assert (await run(ensemble(LISTER, each), answer)).output == [f"item {n}" for n in (1, 2, 3, 4)]


async def test_a_fan_out_over_nothing_is_an_empty_list():
    each = agent("each", "{{ item }}", "list", fan_out=FanOut(over=()))
    assert (await run(ensemble(agent("list", "[]"), each))).output == []


@pytest.mark.parametrize(("made", "kind"), [("plain text", "a text"), ('{"a": 1}', "an object")])
async def test_a_fan_out_over_what_is_no_list_says_what_it_is(made, kind):
    each = agent("each", "{{ item }}", "list", fan_out=FanOut(over=()))
    result = await run(ensemble(agent("list", "{{ input }}"), each), text=made)
    assert result.agents["each"].cause.message == f"fan_out needs a list, and 'list' is {kind}"


@pytest.mark.parametrize(
    ("spec", "output"),
    [
        (FanOut(over=(), on_item_failure="skip"), ["1", "3", "4"]),
        (FanOut(over=(), on_item_failure="null"), ["1", None, "3", "4"]),
        (FanOut(over=(), on_item_failure="fail"), "item 1 of 4: broken"),
        (
            FanOut(over=(), on_item_failure="skip", min_success=0.9),
            "1 of 4 items failed; item 1 of 4: broken",
        ),
    ],
)
async def test_a_failing_instance_has_the_outcome_that_the_file_says(spec, output):
    def answer(request):
        text = request.messages[0].content
        return ServerFailed("broken") if text == "2" else text

    result = await run(ensemble(LISTER, agent("each", "{{ item }}", "list", fan_out=spec)), answer)
    outcome = result.agents["each"]
    assert (outcome.output if isinstance(outcome, Answered) else outcome.cause.message) == output


async def test_a_fan_out_keeps_to_its_limit_and_ten_thousand_items_need_few_tasks():
    most = now = 0

    async def answer(request):
        nonlocal most, now
        now += 1
        most = max(most, now, len(anyio.get_running_tasks()))
        await anyio.lowlevel.checkpoint()
        now -= 1
        return "x"

    items = agent("list", json.dumps(list(range(10_000))))
    spec = FanOut(over=(), max_parallel=7)
    result = await run(
        ensemble(items, agent("each", "{{ item }}", "list", fan_out=spec)), answer_list(answer)
    )
    assert len(result.output) == 10_000
    assert most <= 7 + 5


def answer_list(answer):
    async def both(request):
        text = request.messages[0].content
        return text if text.startswith("[") else await answer(request)

    return both


async def test_an_input_key_is_the_agents_input():
    each = agent("each", "{{ input }}", "list", input_key=parse_path("topics[1].name"))
    made = agent("list", '{"topics": [{"name": "a"}, {"name": "b"}]}')
    assert (await run(ensemble(made, each))).output == "b"


async def test_an_input_key_that_leads_nowhere_names_what_is_there():
    each = agent("each", "{{ input }}", "list", input_key=parse_path("topic"))
    cause = (await run(ensemble(agent("list", '{"topics": 1}'), each))).agents["each"].cause
    assert (cause.message, cause.hint) == (
        "input_key: the output of 'list' has no 'topic'",
        "it has 'topics'",
    )


async def test_branches_that_were_not_taken_join_again_as_null():
    left = agent("left", "L", "first", when=compile_condition("first == 'go left'"))
    right = agent("right", "R", "first", when=compile_condition("first != 'go left'"))
    join = agent("join", "{{ left }}|{{ right }}", "left", "right")
    made = ensemble(agent("first", "{{ input }}"), left, right, join)
    result = await run(made, text="go left")
    assert (result.status, result.output) == ("succeeded", "L|null")
    assert isinstance(result.agents["right"], Skipped)


async def test_what_depends_only_on_branches_that_were_not_taken_is_left_out_too():
    left = agent("left", "L", when=compile_condition("input == 'never'"))
    after = agent("after", "{{ left }}", "left")
    result = await run(ensemble(left, after, agent("other", "x"), outputs=("after", "other")))
    assert (result.status, result.output) == ("succeeded", {"other": "x"})


async def test_a_condition_on_a_skipped_agent_sees_null():
    left = agent("left", "L", when=compile_condition("input == 'never'"))
    after = agent("after", "ran", "left", "other", when=compile_condition("not exists(left)"))
    assert (await run(ensemble(left, agent("other", "x"), after))).output == "ran"


async def test_an_optional_dependency_may_fail():
    broken = agent("broken", "fail", on_failure=Skip())
    after = agent("after", "{{ broken or 'without' }}", "broken", optional=frozenset({"broken"}))

    def answer(request):
        text = request.messages[0].content
        return ServerFailed("x") if text == "fail" else text

    assert (await run(ensemble(broken, after), answer)).output == "without"


INNER = ensemble(agent("a", "{{ input }}+"), name="inner")


async def test_an_ensemble_runs_as_an_agent_and_its_usage_counts():
    events = []
    made = ensemble(agent("sub", "", work=SubEnsemble(ensemble=INNER)))
    result = await run(made, observers=[events.append])
    assert result.output == "hello+"
    assert result.usage.output_tokens == 1
    assert "sub/a" in [e.what.agent for e in events if e.what.type == "agent_finished"]


async def test_a_failure_within_is_named_and_keeps_its_kind():
    made = ensemble(agent("sub", "", work=SubEnsemble(ensemble=INNER)))
    result = await run(made, [Unreachable("no server")])
    assert result.agents["sub"].cause.message == "'a' of 'inner': no server"
    assert result.exit_code == 4


async def test_several_inputs_are_taken_by_name():
    inner = replace(
        INNER,
        agents={"a": agent("a", "{{ x }}-{{ y }}")},
        inputs={"x": {"type": "string"}, "y": {"type": "string", "default": "d"}},
    )
    made = ensemble(agent("x", "from x"), agent("sub", "", "x", work=SubEnsemble(ensemble=inner)))
    assert (await run(made)).output == "from x-d"


async def test_a_loop_carries_its_output_until_it_is_good():
    until = compile_condition("output == 'hello+++'")
    work = Loop(body=INNER, until=until, max_iterations=9, carry={"input": ("output",)})
    assert (await run(ensemble(agent("loop", "", work=work)))).output == "hello+++"


async def test_a_loop_that_never_ends_is_ended():
    work = Loop(body=INNER, until=compile_condition("false"), max_iterations=4, carry={})
    result = await run(ensemble(agent("loop", "", work=work)))
    assert result.agents["loop"].cause.message == "'false' did not hold after 4 rounds"
    assert result.agents["loop"].effort.attempts == 4


async def test_a_dispatch_runs_the_ensemble_that_was_named():
    other = ensemble(agent("b", "other"), name="other")
    work = Dispatch(chosen_by=("pick", "route"), allowed={"inner": INNER, "other": other})
    made = ensemble(agent("pick", '{"route": "other"}'), agent("go", "", "pick", work=work))
    assert (await run(made)).output == "other"


@pytest.mark.parametrize("name", ["../secret", "nothing", "", "__class__"])
async def test_a_dispatch_to_what_is_not_allowed_fails(name):
    work = Dispatch(chosen_by=("pick",), allowed={"inner": INNER})
    result = await run(ensemble(agent("pick", "{{ input }}"), agent("go", "", "pick", work=work)), text=name)
    cause = result.agents["go"].cause
    assert (cause.kind, cause.hint) == ("flow_failed", "allowed: inner")


async def test_the_next_fallback_answers_and_is_named():
    work = Llm(models=(model("first"),), fallbacks=(model("second"), model("third")))
    events = []

    def answer(request):
        return {"first": Unreachable("gone"), "second": InvalidRequest("no"), "third": "here"}[
            request.model.name
        ]

    result = await run(ensemble(agent("a", "", work=work)), answer, observers=[events.append])
    assert (result.output, result.agents["a"].effort.model) == ("here", "third")
    assert [(e.what.model, e.what.to) for e in events if e.what.type == "fell_back"] == [
        ("first", "second"),
        ("second", "third"),
    ]


async def test_a_fallback_takes_over_when_the_timeout_passes():
    work = Llm(models=(model("slow"),), fallbacks=(model("quick"),))

    async def answer(request):
        if request.model.name == "slow":
            await anyio.sleep_forever()
        return "quick"

    assert (await run(ensemble(agent("a", "", work=work, timeout_seconds=0.05)), answer)).output == "quick"


SCHEMA = CheckedSchema({"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}})


async def test_an_answer_that_misses_its_schema_is_repaired_once_with_the_error_shown():
    provider = Scripted(['{"n": "x"}', '{"n": 1}'])
    work = Llm(models=(model("m"),), output_schema=SCHEMA)
    result = await run(ensemble(agent("a", "", work=work)), provider)
    assert result.output == {"n": 1}
    assert [m.role for m in provider.requests[1].messages] == ["user", "assistant", "user"]
    assert "output_schema" in provider.requests[1].messages[2].content


async def test_a_schema_that_no_reply_satisfies_fails_after_one_repair():
    work = Llm(models=(model("m"),), output_schema=SCHEMA)
    result = await run(ensemble(agent("a", "", work=work)), ["{}"])
    assert isinstance(result.agents["a"], Failed)
    assert result.agents["a"].effort.attempts == 2


def reference(dag, failing: set[str], guarded: set[str]) -> dict[str, str]:
    """One agent at a time: guards that never hold leave out, failures skip."""
    ends: dict[str, str] = {}
    while len(ends) < len(dag):
        name = next(n for n in dag if n not in ends and all(need in ends for need in dag[n]))
        needs = [ends[need] for need in dag[name]]
        if "failed" in needs or "skipped" in needs:
            ends[name] = "skipped"
        elif name in guarded or (needs and "answered" not in needs):
            ends[name] = "left out"
        else:
            ends[name] = "failed" if name in failing else "answered"
    return ends


def end_of(outcome) -> str:
    if isinstance(outcome, Skipped):
        return "left out" if outcome.cause.kind == "condition" else "skipped"
    return "failed" if isinstance(outcome, Failed) else "answered"


@given(dags(), st.sets(st.integers(0, 8)), st.sets(st.integers(0, 8)), st.sampled_from(["eager", "layered"]))
def test_guards_and_failures_end_as_a_naive_interpreter_says(dag, broken, guards, schedule):
    failing = {name for name in dag if int(name[1:]) in broken}
    guarded = {name for name in dag if int(name[1:]) in guards}
    never = compile_condition("false")
    agents = [
        agent(name, name, *needs, on_failure=Skip(), when=never if name in guarded else None)
        for name, needs in dag.items()
    ]
    asked: list[str] = []

    def answer(request):
        asked.append(request.messages[0].content)
        # Of this kind any number says nothing about the server.
        return InvalidRequest("x") if asked[-1] in failing else asked[-1]

    result = anyio.run(partial(run, ensemble(*agents, schedule=schedule), answer))
    ends = {name: end_of(outcome) for name, outcome in result.agents.items()}
    assert ends == reference(dag, failing, guarded)
    assert sorted(asked) == sorted(name for name, end in ends.items() if end in ("answered", "failed"))
