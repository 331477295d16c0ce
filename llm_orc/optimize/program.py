"""An ensemble as one DSPy module, with one named predictor per llm agent that is optimized.

DSPy changes the predictors; running is left to llm-orc's own executor, so that what is measured here is
what `invoke` does with the file that comes out. Only `optimize` imports this module: it imports DSPy.
"""

from __future__ import annotations

import inspect
import linecache
import sys
from collections.abc import Awaitable, Callable, Collection, Mapping
from types import MappingProxyType, ModuleType
from typing import Any, TypeVar

import dspy
from anyio.from_thread import BlockingPortal
from dspy.signatures.signature import make_signature

from llm_orc.domain.ensemble import Demo
from llm_orc.domain.json import JsonValue
from llm_orc.domain.text import as_text
from llm_orc.optimize.meter import Stopped
from llm_orc.optimize.prompting import Prompting, State
from llm_orc.optimize.slots import Layout, Slot
from llm_orc.optimize.trials import Exploring, Ran, Trials

T = TypeVar("T")
Wordings = Mapping[str, Collection[str]]
"""Agent -> system prompts."""
NO_PROMPT = "Do what the message asks for."
"""Stands for a system prompt that is not there, or blank: DSPy would make one up."""
MEMBERS = frozenset(dir(dspy.Module)) | {"held", "layout", "placed", "given", "portal", "state", "trials"}
"""Names that no agent's predictor may have."""


class StopOptimization(BaseException):
    """Ends an optimizer where it stands. DSPy catches `Exception` and would score what was cut short as 0."""


def in_loop(portal: BlockingPortal, work: Callable[..., Awaitable[T]], *given: Any) -> T:  # noqa: ANN401
    """Work of the event loop, from a thread of DSPy's. Raises `StopOptimization` when nothing may be sent."""
    try:
        return portal.call(work, *given)
    except Stopped:
        raise StopOptimization from None
    except RuntimeError as error:
        # DSPy leaves threads behind that still want to evaluate when the search is over.
        if "portal is not running" not in str(error):
            raise
        raise StopOptimization from None


class EnsembleProgram(dspy.Module):  # type: ignore[misc]  # DSPy has no types
    """Runs the ensemble with what its predictors say. `held` is the state that it starts from; agents that
    are not `open` stay as they are there, and DSPy does not see them. `given` are the user's own wordings by
    agent: they are run as they were written."""

    def __init__(
        self,
        layout: Layout,
        held: State,
        open_agents: Collection[str],
        trials: Trials,
        portal: BlockingPortal,
        given: Wordings,
    ) -> None:
        super().__init__()
        self.layout = layout
        self.held = held
        self.trials = trials
        self.portal = portal
        self.given = given
        for slot in layout.slots:
            if slot.agent in open_agents:
                setattr(self, slot.attribute, _predictor(slot, held[slot.agent]))

    def deepcopy(self) -> EnsembleProgram:
        """A copy that shares nothing with this: DSPy's share their signatures, which InferRules changes."""
        copied = type(self)(self.layout, self.held, (), self.trials, self.portal, self.given)
        for slot, predictor in self.placed():
            setattr(copied, slot.attribute, _copied(slot, predictor))
        return copied

    def __deepcopy__(self, memo: dict[int, Any]) -> EnsembleProgram:
        return self.deepcopy()

    def placed(self) -> list[tuple[Slot, Any]]:
        """The slots whose agents may be changed, each with its predictor."""
        return [(s, self.__dict__[s.attribute]) for s in self.layout.slots if s.attribute in self.__dict__]

    def state(self) -> dict[str, Prompting]:
        """How the agents would be prompted by the file that this program is written back to."""
        return {
            **self.held,
            **{slot.agent: _read(slot, p, self._written(slot.agent)) for slot, p in self.placed()},
        }

    def _written(self, agent: str) -> tuple[str, ...]:
        return self.held[agent].system_prompt, *self.given.get(agent, ())

    def forward(self, **fields: JsonValue) -> Any:  # noqa: ANN401 - a dspy.Prediction
        inputs = {name: fields[field] for name, field in self.layout.inputs.items()}
        placed = self.placed()
        exploring = {slot.agent: how for slot, p in placed if (how := _exploring(p)) is not None}
        ran = in_loop(self.portal, self.trials.ran, self.state(), inputs, exploring)
        self._trace(placed, ran)
        prediction = dspy.Prediction(answer=as_text(ran.output) if not ran.failure else f"({ran.failure})")
        prediction._ran = ran
        return prediction

    def _trace(self, placed: list[tuple[Slot, Any]], ran: Ran) -> None:
        """What each predictor was given and answered; of several samples only the one that won."""
        trace = dspy.settings.trace
        if trace is None:
            return
        for slot, predictor in placed:
            for values, output in ran.shown.get(slot.agent, ()):
                given = {field: values.get(variable) for field, variable in slot.fields.items()}
                trace.append((predictor, given, dspy.Prediction(**{slot.output: as_text(output)})))


def program_of(
    layout: Layout,
    held: State,
    open_agents: Collection[str],
    trials: Trials,
    portal: BlockingPortal,
    given: Wordings = MappingProxyType({}),
) -> EnsembleProgram:
    """The program of a state. Its class is made for the ensemble: proposers read the source of it."""
    kind = type(layout.name, (EnsembleProgram,), {"__doc__": layout.description, "__qualname__": layout.name})
    module = ModuleType(f"llm_orc_program_{layout.name}")
    module.__file__ = f"<ensemble {layout.name}>"
    kind.__module__ = module.__name__
    setattr(module, layout.name, kind)
    sys.modules[module.__name__] = module
    source = pseudo_code(layout)
    linecache.cache[module.__file__] = (len(source), None, source.splitlines(keepends=True), module.__file__)
    program: EnsembleProgram = kind(layout, held, open_agents, trials, portal, given)
    return program


def shown(program: EnsembleProgram, example: Any) -> list[Any]:  # noqa: ANN401
    """The predictors that could show an example: it has all that they are asked, and what they answer."""
    return [predictor for slot, predictor in program.placed() if _demo(slot, example) is not None]


def pseudo_code(layout: Layout) -> str:
    """What the ensemble does as a small program, for the models that propose prompts."""
    attributes = {slot.agent: slot for slot in layout.slots}
    lines = [f"class {layout.name}(dspy.Module):"]
    if layout.description:
        lines.append(f'    """{" ".join(layout.description.split())}"""'.replace("\\", ""))
    lines.append(f"    def forward(self, {', '.join(layout.inputs.values())}):")
    for agent in layout.steps:
        slot = attributes.get(agent.name)
        given = slot.fields if slot else [layout.outputs[need] for need in agent.depends_on]
        note = f"  # {' '.join(agent.description.split())}" if agent.description else ""
        name = f"self.{slot.attribute}" if slot else layout.outputs[agent.name]
        lines.append(f"        {layout.outputs[agent.name]} = {name}({', '.join(given)}){note}")
    lines.append(f"        return {list(layout.outputs.values())[-1]}")
    return "\n".join(lines) + "\n"


def _predictor(slot: Slot, prompting: Prompting) -> Any:  # noqa: ANN401
    predictor = dspy.Predict(_signature(slot, _as_dspy_has_it(prompting.system_prompt)))
    predictor.demos = [_example(slot, demo) for demo in prompting.demos]
    return predictor


def _copied(slot: Slot, predictor: Any) -> Any:  # noqa: ANN401
    copied = dspy.Predict(_signature(slot, predictor.signature.instructions))
    copied.demos = list(predictor.demos)
    copied.lm = predictor.lm
    return copied


def _signature(slot: Slot, instructions: str) -> Any:  # noqa: ANN401
    """A signature class of its own, under a name of its own: DSPy shows proposers one of each name."""
    fields: dict[str, Any] = {field: (str, dspy.InputField()) for field in slot.fields}
    fields[slot.output] = (str, dspy.OutputField(desc=slot.description or f"${{{slot.output}}}"))
    signature = make_signature(fields, instructions, signature_name=slot.attribute)
    # Where DSPy looks for that name; it would find the same one for all.
    signature.__pydantic_parent_namespace__ = {"signature_name": slot.attribute}
    return signature


def _example(slot: Slot, demo: Demo) -> Any:  # noqa: ANN401
    """An example that the file already has, to be written back as it is."""
    given = {field: demo.inputs.get(variable) for field, variable in slot.fields.items()}
    example = dspy.Example(augmented=True, **given, **{slot.output: demo.output})
    example._demo = demo
    return example


def _read(slot: Slot, predictor: Any, written: Collection[str]) -> Prompting:  # noqa: ANN401
    return Prompting(
        system_prompt=_system_prompt(predictor.signature.instructions, written),
        demos=tuple(demo for each in predictor.demos if (demo := _demo(slot, each)) is not None),
    )


def _system_prompt(instructions: str, written: Collection[str]) -> str:
    """The author's own bytes where DSPy changed nothing: it unindents, and turns tabs into spaces."""
    own = (text for text in written if _as_dspy_has_it(text) == _as_dspy_has_it(instructions))
    return next(own, instructions.rstrip("\n"))


def _as_dspy_has_it(system_prompt: str) -> str:
    """Every copy of a signature is cleaned again, which may find more to clean."""
    cleaned = inspect.cleandoc(system_prompt)
    while cleaned != (system_prompt := inspect.cleandoc(cleaned)):
        cleaned = system_prompt
    return cleaned or NO_PROMPT


def _demo(slot: Slot, example: Any) -> Demo | None:  # noqa: ANN401
    """None for an example that lacks a field: it could not be shown."""
    kept = getattr(example, "_demo", None)
    if isinstance(kept, Demo):
        return kept
    if slot.output not in example:
        return None
    values = {variable: example[field] for field, variable in slot.fields.items() if field in example}
    missing = [f for f in slot.fields if f not in example and f not in slot.optional]
    return None if missing else Demo(inputs=values, output=as_text(example[slot.output]))


def _exploring(predictor: Any) -> Exploring | None:  # noqa: ANN401
    """How the predictor's language model is to differ from the agent's own."""
    lm = predictor.lm or dspy.settings.lm
    settings: Mapping[str, Any] = lm.kwargs
    rollout, model = settings.get("rollout_id"), getattr(lm, "teacher", None)
    if rollout is None and model is None:
        return None
    return Exploring(rollout=rollout, temperature=settings.get("temperature"), model=model)
