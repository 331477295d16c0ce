"""How data flows to and through an agent: conditions, fan-out, and agents that run other ensembles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from llm_orc.domain.ensemble import (
    Condition,
    Dispatch,
    Ensemble,
    FanOut,
    Loop,
    SubEnsemble,
    variable_name,
)
from llm_orc.domain.json import JsonValue
from llm_orc.domain.path import JsonPath, parse_path
from llm_orc.errors import FlowFailed, InvalidFile, NotFound, OrcError
from llm_orc.spec import fields
from llm_orc.spec.condition import CheckedCondition, ConditionFault, all_of, compile_condition
from llm_orc.spec.document import Where
from llm_orc.spec.nearest import did_you_mean, listed
from llm_orc.spec.redaction import shown
from llm_orc.spec.scope import Entry

ROUNDS = 10
"""`max_iterations` of a loop that sets none."""


def read_when(entry: Entry) -> Condition | None:
    """`when` and the conditions in `depends_on`, all of which must hold; what they read must be there."""
    known = set(_in_reach(entry))
    found: list[CheckedCondition] = []
    for text, where in _conditions(entry):
        condition = _condition(entry, where, text, known)
        if condition is not None:
            found.append(condition)
    return all_of(found)


def _conditions(entry: Entry) -> Iterator[tuple[str, Where]]:
    if "when" in entry.own and not entry.is_broken("when"):
        yield fields.text(entry.own, "when"), entry.where("when")
    for place, needed in enumerate(fields.entries(entry.own, "depends_on")):
        if isinstance(needed, dict) and "condition" in needed:
            yield fields.text(needed, "condition"), entry.where("depends_on", place, "condition")


def read_fan_out(entry: Entry) -> FanOut | None:
    """What the agent runs over."""
    spec = entry.own.get("fan_out")
    if not spec or entry.is_broken("fan_out"):
        return None
    settings = spec if isinstance(spec, dict) else {}
    over = spec if isinstance(spec, str) else fields.text(settings, "over")
    if not over and not entry.depends_on and not entry.is_broken("depends_on"):
        entry.add("fan_out", "there is no list to run over", "add the agent that makes it to depends_on")
    share = fields.number(settings, "min_success")
    on_failure = fields.text(settings, "on_item_failure", "fail")
    return FanOut(
        over=_path(entry, "fan_out", over) if over else (),
        item=fields.text(settings, "as", "item"),
        max_parallel=fields.integer(settings, "max_parallel"),
        min_success=0.0 if share is None else share,
        on_item_failure="skip" if on_failure == "skip" else "null" if on_failure == "null" else "fail",
    )


def read_input_key(entry: Entry) -> JsonPath | None:
    """The path to the agent's input in its first dependency's output."""
    text = fields.text(entry.own, "input_key")
    if not text:
        return None
    if not entry.depends_on and not entry.is_broken("depends_on"):
        entry.add("input_key", "there is no output to take it from", "add an agent to depends_on")
    try:
        return parse_path(text)
    except ValueError as error:
        entry.add("input_key", str(error))
        return None


def read_optional(entry: Entry) -> frozenset[str]:
    """The dependencies that may be missing."""
    listing = entry.own.get("depends_on")
    return frozenset(
        fields.text(needed, "agent_name") or fields.text(needed, "agent")
        for needed in (listing if isinstance(listing, list) else [])
        if isinstance(needed, dict) and needed.get("optional") is True
    )


def read_sub_ensemble(entry: Entry) -> SubEnsemble | None:
    """Another ensemble as one agent."""
    found = _ensemble(entry, "ensemble", fields.text(entry.own, "ensemble"))
    return None if found is None else SubEnsemble(ensemble=found)


def read_loop(entry: Entry) -> Loop | None:
    """An ensemble that is repeated."""
    settings = fields.mapping(entry.own, "loop")
    body = _ensemble(entry, "loop", fields.text(settings, "body"))
    if body is None:
        return None
    text = fields.text(settings, "until")
    rounds = fields.integer(settings, "max_iterations")
    return Loop(
        body=body,
        until=_condition(entry, entry.where("loop"), text, None) if text else None,
        max_iterations=ROUNDS if rounds is None else rounds,
        carry=_carry(entry, settings.get("carry"), body),
    )


def read_dispatch(entry: Entry) -> Dispatch | None:
    """An ensemble that is chosen while the run goes on."""
    spec = entry.own.get("dispatch")
    settings = spec if isinstance(spec, dict) else {}
    source = spec if isinstance(spec, str) else fields.text(settings, "from")
    path = _path(entry, "dispatch", source.strip().removeprefix("${").removesuffix("}"))
    default = fields.text(settings, "default")
    checked: dict[str, Ensemble] = {}
    for name in (*fields.texts(settings, "allow"), *([default] if default else [])):
        found = _ensemble(entry, "dispatch", name)
        if found is not None:
            checked[name] = found
    allowed = checked if isinstance(settings.get("allow"), list) else _Any(entry, checked)
    return Dispatch(chosen_by=path, allowed=allowed, default=default or None)


class _Any(Mapping[str, Ensemble]):
    """Every ensemble that can be called by name, read when it is asked for; never by path.

    One that is there but cannot be run raises `FlowFailed`: it is not the name that is wrong.
    """

    def __init__(self, entry: Entry, checked: Mapping[str, Ensemble]) -> None:
        self._library = entry.scope.library
        self._checked = checked

    def __getitem__(self, name: str) -> Ensemble:
        if name in self._checked:
            return self._checked[name]
        if self._library is None:
            raise KeyError(name)
        try:
            return self._library.named(name)
        except NotFound as error:
            raise KeyError(name) from error
        except InvalidFile as error:
            hint = f"llm-orc validate {name}"
            raise FlowFailed(f"dispatch: {name!r} cannot be run: {error.problems[0]}", hint=hint) from error
        except OrcError as error:
            raise FlowFailed(f"dispatch: {error.message}", hint=error.hint) from error

    def __iter__(self) -> Iterator[str]:
        return iter(self._checked)

    def __len__(self) -> int:
        return len(self._checked)


def _ensemble(entry: Entry, key: str, name: str) -> Ensemble | None:
    """The ensemble of that name or path; its own problems count as problems of this file."""
    scope = entry.scope
    if not name or entry.is_broken(key) or scope.library is None:
        return None
    try:
        return scope.library.find(name)
    except InvalidFile as error:
        for problem in error.problems:
            scope.report.add_other(problem)
    except OrcError as error:
        entry.add(key, error.message, error.hint)
    return None


def _condition(entry: Entry, where: Where, text: str, known: set[str] | None) -> CheckedCondition | None:
    report = entry.scope.report
    try:
        condition = compile_condition(text)
    except ConditionFault as fault:
        report.add(where, str(fault), "for example: classify.label == 'billing'")
        return None
    for name in sorted(condition.names - known) if known is not None else ():
        report.add(where, f"nothing provides {shown(name)}", _provider_hint(entry, name, known or set()))
    return condition


def _in_reach(entry: Entry) -> Iterator[str]:
    yield from ("input", *entry.scope.inputs)
    for name in entry.depends_on:
        yield variable_name(name)


def _path(entry: Entry, key: str, text: str) -> JsonPath:
    """A path that starts with a dependency or an input."""
    try:
        path = parse_path(text)
    except ValueError as error:
        entry.add(key, str(error))
        return ()
    first = str(path[0])
    reach = {*entry.depends_on, *_in_reach(entry)}
    if first not in reach and not entry.is_broken("depends_on"):
        entry.add(key, f"nothing provides {shown(first)}", _provider_hint(entry, first, reach))
    return path


def _provider_hint(entry: Entry, name: str, known: set[str]) -> str:
    for agent in entry.scope.agents:
        if name in (agent, variable_name(agent)):
            return f"add {agent!r} to depends_on"
    return did_you_mean(name, known, otherwise=listed(known, what="values"))


def _carry(entry: Entry, spec: JsonValue, body: Ensemble) -> dict[str, JsonPath]:
    """Input of the body -> path into its output. A name alone stands for both."""
    listing = {spec: spec} if isinstance(spec, str) else spec
    if isinstance(listing, list):
        listing = {name: name for name in listing if isinstance(name, str)}
    found: dict[str, JsonPath] = {}
    for name, text in listing.items() if isinstance(listing, dict) else ():
        if name not in body.inputs:
            hint = did_you_mean(name, body.inputs, otherwise=listed(body.inputs, what="its inputs"))
            entry.add("loop", f"carry: {body.name!r} has no input {shown(name)}", hint)
            continue
        try:
            found[name] = parse_path(str(text))
        except ValueError as error:
            entry.add("loop", f"carry: {error}")
    return found
