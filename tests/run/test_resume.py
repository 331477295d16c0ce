"""A run that is taken up again makes no call twice, and comes to the same."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from llm_orc import Orchestrator
from llm_orc.domain.policy import Budget
from llm_orc.errors import ServerFailed, UsageFailed
from llm_orc.orchestrator.options import RunOptions
from llm_orc.providers.scripted import Scripted

VOTE = """
name: vote
agents:
  - name: votes
    model: m
    strategy: {type: self_consistency, samples: 5, temperature: 0.7}
  - {name: count, depends_on: [votes], script: count.py}
  - {name: last, model: scripted/m, depends_on: [count, votes], prompt: "{{ count }} {{ votes }}"}
output: last
"""
COUNT = """
from pathlib import Path
with Path("counted").open("a") as file:
    file.write("x")
print("counted")
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / ".llm-orc").mkdir()
    (tmp_path / ".llm-orc" / "models.yaml").write_text(
        "models: {m: {provider: scripted, supports: [sampling]}}\n"
    )
    (tmp_path / "vote.yaml").write_text(VOTE)
    (tmp_path / "count.py").write_text(COUNT)
    return tmp_path


class Counting:
    """Answers from a list, then fails for good."""

    def __init__(self, *answers: str) -> None:
        self.asked = 0
        self._answers = answers

    def __call__(self, request):
        self.asked += 1
        if self.asked > len(self._answers):
            return ServerFailed("down")
        return self._answers[self.asked - 1]


async def first_and_again(project, first, again, **options):
    """The results of a run and of the same run resumed."""
    path = project / "vote.yaml"
    async with Orchestrator(project, providers={"scripted": Scripted(first)}) as orchestrator:
        before = await orchestrator.invoke(path, "hi", **options)
    async with Orchestrator(project, providers={"scripted": Scripted(again)}) as orchestrator:
        after = await orchestrator.resume(before.run_id)
        runs = orchestrator.runs.detail(before.run_id)
    return before, after, runs


async def test_what_was_answered_is_not_asked_again(project):
    first, again = Counting("a", "b", "a", "a", "b"), Counting("done")
    before, after, detail = await first_and_again(project, first, again)
    assert (before.status, after.status, after.output) == ("failed", "succeeded", "done")
    assert (first.asked, again.asked) == (6, 1)
    assert after.agents["votes"].output == before.agents["votes"].output == "a"
    assert after.agents["votes"].effort.usage == before.agents["votes"].effort.usage
    assert (detail.run.attempts, detail.run.status) == (2, "succeeded")


async def test_single_samples_of_a_vote_are_kept(project):
    cut = anyio.Event()

    async def three(request):
        three.asked += 1
        if three.asked > 3:
            cut.set()
            await anyio.sleep_forever()
        return "a"

    three.asked = 0
    orchestrator = Orchestrator(project, providers={"scripted": Scripted(three)})
    async with orchestrator, anyio.create_task_group() as tasks:
        tasks.start_soon(orchestrator.invoke, project / "vote.yaml", "hi")
        await cut.wait()
        tasks.cancel_scope.cancel()
    again = Counting("a", "a", "done")
    async with Orchestrator(project, providers={"scripted": Scripted(again)}) as orchestrator:
        after = await orchestrator.resume("last")
    assert (again.asked, after.output, after.agents["votes"].confidence) == (3, "done", 1.0)


async def test_a_script_that_ran_is_not_run_again(project):
    await first_and_again(project, Counting(*"aaaaa"), Counting("done"))
    assert (project / "counted").read_text() == "x"


async def test_a_script_that_was_changed_runs_again(project):
    path = project / "vote.yaml"
    async with Orchestrator(project, providers={"scripted": Scripted(Counting(*"aaaaa"))}) as orchestrator:
        await orchestrator.invoke(path, "hi")
    (project / "count.py").write_text(COUNT.replace('"counted")\n', '"anew")\n').replace("counted", "anew"))
    provider = Scripted(["done"])
    async with Orchestrator(project, providers={"scripted": provider}) as orchestrator:
        await orchestrator.resume("last")
    assert provider.requests[0].messages[-1].content == "anew a"


async def test_a_changed_file_is_shown_and_refused(project):
    path = project / "vote.yaml"
    async with Orchestrator(project, providers={"scripted": Scripted(Counting(*"aaaaa"))}) as orchestrator:
        await orchestrator.invoke(path, "hi")
    path.write_text(VOTE.replace('"{{ count }} {{ votes }}"', '"Now: {{ votes }}"'))
    provider = Scripted(["done"])
    async with Orchestrator(project, providers={"scripted": provider}) as orchestrator:
        with pytest.raises(UsageFailed, match=r"(?s)has changed.*\n-.*count.*\n\+.*Now:"):
            await orchestrator.resume("last")
        after = await orchestrator.resume("last", force=True)
    assert (after.output, len(provider.requests)) == ("done", 1)


async def test_a_change_of_a_file_that_the_ensemble_refers_to_is_shown_and_refused(project):
    inner = "name: inner\nagents: [{name: x, model: scripted/m, prompt_file: last.txt}]\n"
    (project / "inner.yaml").write_text(inner)
    (project / "last.txt").write_text("Then: {{ input }}")
    path = project / "outer.yaml"
    path.write_text("name: outer\nagents:\n  - {name: a, ensemble: inner.yaml}\n"
                    "  - {name: b, model: scripted/m, depends_on: [a]}\n")  # fmt: skip
    async with Orchestrator(project, providers={"scripted": Scripted(Counting("one"))}) as orchestrator:
        await orchestrator.invoke(path, "hi")
    (project / "last.txt").write_text("Now: {{ input }}")
    provider = Scripted(["again"])
    async with Orchestrator(project, providers={"scripted": provider}) as orchestrator:
        with pytest.raises(UsageFailed, match=r"(?s)last.txt has changed.*\n-Then.*\n\+Now"):
            await orchestrator.resume("last")
        await orchestrator.resume("last", force=True)
        assert provider.requests[0].messages[-1].content == "Now: hi"
        (project / "last.txt").unlink()
        with pytest.raises(UsageFailed, match=r"last.txt is gone"):
            await orchestrator.resume("last")


async def test_a_budget_that_was_spent_counts_what_was_spent(project):
    path = project / "vote.yaml"
    async with Orchestrator(project, providers={"scripted": Scripted()}) as orchestrator:
        before = await orchestrator.invoke(path, "hi", budget=Budget(calls=3))
        assert (before.status, before.exit_code) == ("partial", 3)
        still = await orchestrator.resume("last")
        assert still.exit_code == 3
        after = await orchestrator.resume("last", options=RunOptions(budget=Budget(calls=6)))
        run = orchestrator.runs.find("last")
    assert (after.status, run.calls, run.attempts) == ("succeeded", 6, 3)


async def test_a_run_that_succeeded_is_told_again(project):
    provider = Scripted()
    async with Orchestrator(project, providers={"scripted": provider}) as orchestrator:
        before = await orchestrator.invoke(project / "vote.yaml", "hi")
        asked = len(provider.requests)
        after = await orchestrator.resume("last")
    assert (after.output, after.usage, len(provider.requests)) == (before.output, before.usage, asked)


async def test_a_run_that_is_running_is_left_alone(project):
    entered = anyio.Event()

    async def answer(request):
        entered.set()
        await anyio.sleep_forever()

    orchestrator = Orchestrator(project, providers={"scripted": Scripted(answer)})
    async with orchestrator, anyio.create_task_group() as tasks:
        tasks.start_soon(orchestrator.invoke, project / "vote.yaml", "hi")
        await entered.wait()
        with pytest.raises(UsageFailed, match="still running"):
            await orchestrator.resume("last")
        tasks.cancel_scope.cancel()


async def test_content_that_was_not_kept_cannot_be_resumed(project):
    (project / ".llm-orc" / "config.yaml").write_text("keep_content: false\n")
    async with Orchestrator(project, providers={"scripted": Scripted(Counting("a"))}) as orchestrator:
        await orchestrator.invoke(project / "vote.yaml", "hi")
        with pytest.raises(UsageFailed, match="its content was not kept"):
            await orchestrator.resume("last")


async def test_an_ensemble_made_in_python_is_given_again(project):
    orchestrator = Orchestrator(project, providers={"scripted": Scripted(Counting(*"aaaaa"))})
    async with orchestrator:
        made = orchestrator.load(project / "vote.yaml")
        (project / "vote.yaml").unlink()
        await orchestrator.invoke(made, "hi")
        with pytest.raises(UsageFailed, match="is gone"):
            await orchestrator.resume("last")
    async with Orchestrator(project, providers={"scripted": Scripted(["done"])}) as orchestrator:
        assert (await orchestrator.resume("last", ensemble=made)).output == "done"


async def test_a_routed_agent_keeps_the_model_that_was_paid_for(project):
    (project / "routed.yaml").write_text(
        "name: routed\nagents:\n"
        "  - {name: a, models: [x, y], task: reasoning}\n"
        "  - {name: b, models: [x, y], task: reasoning, depends_on: [a]}\noutput: b\n"
    )

    def models(x: float, y: float) -> None:
        entry = "{{provider: scripted, price: {{input: 0, output: 0}}, capabilities: {{reasoning: {}}}}}"
        (project / ".llm-orc" / "models.yaml").write_text(
            f"models:\n  x: {entry.format(x)}\n  y: {entry.format(y)}\n"
        )

    models(0.9, 0.1)
    async with Orchestrator(project, providers={"scripted": Scripted(Counting("one"))}) as orchestrator:
        before = await orchestrator.invoke(project / "routed.yaml", "hi")
    assert before.agents["a"].effort.model == "x"
    models(0.1, 0.9)
    provider = Scripted(["two"])
    async with Orchestrator(project, providers={"scripted": provider}) as orchestrator:
        after = await orchestrator.resume("last")
    assert (after.agents["a"].effort.model, after.agents["a"].output) == ("x", "one")
    assert [request.model.name for request in provider.requests] == ["x"]
