"""The DSPy program of an ensemble: what DSPy sees of it, and what comes back unchanged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dspy
import pytest
from anyio.from_thread import BlockingPortal
from hypothesis import given
from hypothesis import strategies as st

from llm_orc import Orchestrator
from llm_orc.domain.completion import Request
from llm_orc.domain.ensemble import Demo
from llm_orc.optimize.program import MEMBERS, EnsembleProgram, program_of
from llm_orc.optimize.prompting import Prompting, State, fingerprint, state_of
from llm_orc.optimize.slots import Layout, layout_of
from llm_orc.providers.scripted import Scripted

from .projects import colour_rows, in_project, optimized
from .test_search import PAIR, by_wording

pytestmark = pytest.mark.slow

NAMES = """\
name: class
inputs: {copy: {type: string}, 2nd: {type: string}}
agents:
  - {name: deepcopy, model: M, prompt: "{{ copy }}"}
  - {name: 1st-agent, model: M, depends_on: [deepcopy], prompt: "{{ deepcopy }} {{ input }}"}
  - {name: v_1st_agent, model: M, depends_on: [deepcopy]}
  - {name: model_x, model: M, description: 'says "x"'}
output: model_x
""".replace("model: M", "model: {provider: scripted, name: m}")


def program(layout: Layout, state: State) -> EnsembleProgram:
    """A program that is looked at, not run."""
    agents = [slot.agent for slot in layout.slots]
    nothing: Any = None
    return program_of(layout, state, agents, nothing, BlockingPortal.__new__(BlockingPortal))


@pytest.fixture
def names(tmp_path: Path) -> tuple[Layout, dict[str, Prompting]]:
    """Agents and inputs whose names DSPy, Python or pydantic keep for themselves."""
    path = tmp_path / "e.yaml"
    path.write_text(NAMES, encoding="utf-8")
    ensemble = Orchestrator(tmp_path).load(path)
    return layout_of(ensemble, list(ensemble.agents), MEMBERS), state_of(ensemble, tuple(ensemble.agents))


def test_every_agent_is_a_predictor_of_its_own(names: tuple[Layout, dict[str, Prompting]]):
    layout, state = names

    found = dict(program(layout, state).named_predictors())

    assert len(found) == 4
    assert all(name.isidentifier() for name in found)
    assert not MEMBERS & found.keys()
    assert len({slot.output for slot in layout.slots} | set(layout.inputs.values())) == 6


def test_nothing_changes_that_dspy_does_not_change(names: tuple[Layout, dict[str, Prompting]]):
    layout, state = names
    assert program(layout, state).state() == state
    assert program(layout, state).deepcopy().deepcopy().state() == state


@given(st.text(), st.dictionaries(st.sampled_from(["copy", "2nd"]), st.text()), st.text())
def test_prompts_and_examples_come_back_as_they_are(prompt: str, inputs: dict[str, str], output: str):
    slot_of = layout_of_one()
    held = {"a": Prompting(system_prompt=prompt.rstrip("\n"), demos=(Demo(inputs=inputs, output=output),))}

    made = program(slot_of, held)

    assert made.deepcopy().state() == held
    assert fingerprint(made.state()) == fingerprint(held)


def layout_of_one() -> Layout:
    from llm_orc.optimize.slots import Slot

    slot = Slot(agent="a", attribute="a", fields={"copy_": "copy"}, output="a_out")
    return Layout(
        name="One", description="", inputs={"copy": "copy_"}, slots=(slot,), outputs={"a": "a_out"},
        answer="a_out", steps=(),
    )  # fmt: skip


@given(st.text(alphabet="a \t\n").filter(str.strip))
def test_wordings_of_the_user_are_run_as_they_were_written(wording: str):
    nothing: Any = None
    held = {"a": Prompting(system_prompt="Old.")}
    given_ = {"a": (wording.rstrip("\n"),)}
    made = program_of(layout_of_one(), held, ["a"], nothing, BlockingPortal.__new__(BlockingPortal), given_)
    (predictor,) = made.predictors()

    predictor.signature = predictor.signature.with_instructions(*given_["a"])

    found = made.deepcopy().state()["a"].system_prompt
    assert found == wording.rstrip("\n")


def test_copies_share_nothing_that_an_optimizer_changes(names: tuple[Layout, dict[str, Prompting]]):
    layout, state = names
    original = program(layout, state)

    copied = original.deepcopy()
    for predictor in copied.predictors():
        predictor.signature.instructions = "Other."
        predictor.demos.append(dspy.Example(augmented=True))

    assert original.state() == state


def test_an_example_that_lacks_a_field_is_left_out(names: tuple[Layout, dict[str, Prompting]]):
    layout, state = names
    made = program(layout, state)
    (slot,) = [slot for slot in layout.slots if slot.agent == "deepcopy"]
    predictor = getattr(made, slot.attribute)

    predictor.demos = [dspy.Example(**{slot.output: "x"}), dspy.Example(**dict.fromkeys(slot.fields, "y"))]
    assert made.state() == state

    (field,) = slot.fields
    predictor.demos = [{field: "y", slot.output: "x"}]
    assert made.state()["deepcopy"].demos == (Demo(inputs={"copy": "y"}, output="x"),)


@pytest.mark.parametrize("optimizer", ["miprov2", "copro", "gepa", "infer-rules", "simba"])
async def test_proposers_see_the_ensemble_and_nothing_of_llm_orc(optimizer: str, tmp_path: Path):
    path = in_project(tmp_path, PAIR, colour_rows(60))
    seen: list[str] = []

    def answers(request: Request) -> str:
        if request.model.name != "scripted/p":
            return by_wording(request)
        seen.append("\n".join(message.content for message in request.messages))
        return "Do it well."

    await optimized(path, {"scripted": Scripted(answers)}, optimizer=optimizer, proposer="scripted/p")

    whole = "\n".join(seen)
    assert "portal" not in whole
    assert "llm_orc" not in whole
    if optimizer == "miprov2":
        code = next(text for text in seen if "class Pair(dspy.Module):" in text)
        assert "        labeller = self.labeller(input)\n        return labeller" in code
        assert "first(input -> first" in code
        assert "labeller(input -> labeller" in code
