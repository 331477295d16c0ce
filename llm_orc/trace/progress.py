"""Progress as plain lines: one per agent when it ends, and one for the whole run."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from llm_orc.domain.events import (
    AgentFinished,
    AgentStarted,
    CallRetried,
    CircuitChanged,
    Event,
    FellBack,
    HostThrottled,
    ModelAnswered,
    Planned,
    RunEnding,
    RunFinished,
    RunStarted,
    ScriptLogged,
    StrategyStep,
    ToolAnswered,
    Warned,
)
from llm_orc.domain.outcome import Outcome, RunResult, Skipped
from llm_orc.domain.outcome_text import mark, result_line, tokens
from llm_orc.domain.plan import Plan
from llm_orc.domain.text import dollars, one_line, safe, seconds
from llm_orc.domain.wording_events import DemosChosen, VariantChosen

Unexpected: TypeAlias = Warned | FellBack | CallRetried | CircuitChanged | HostThrottled
Detailed: TypeAlias = (
    Planned
    | AgentStarted
    | VariantChosen
    | DemosChosen
    | ModelAnswered
    | ToolAnswered
    | StrategyStep
    | ScriptLogged
)


class PlainProgress:
    """Writes a line for what a user wants to know; `verbose` adds starts, calls and scripts' logs."""

    def __init__(self, write: Callable[[str], None], *, verbose: bool = False, width: int = 200) -> None:
        self._out = write
        self._verbose = verbose
        self._width = width

    def __call__(self, event: Event, /) -> None:
        match event.what:
            case AgentFinished(agent=agent, outcome=outcome):
                for line in agent_lines(agent, outcome, self._width):
                    self._write(line)
            case RunFinished(result=result):
                self._write(summary(result))
            case RunStarted(attempt=attempt) if attempt > 1:
                self._write(f"resumed: attempt {attempt}")
            case Warned() | FellBack() | CallRetried() | CircuitChanged() | HostThrottled() as what:
                self._write(f"warning: {warning(what)}")
            case RunEnding() as what:
                self._write(ending(what))
            case (
                Planned()
                | AgentStarted()
                | VariantChosen()
                | DemosChosen()
                | ModelAnswered()
                | ToolAnswered()
                | StrategyStep()
                | ScriptLogged() as what
            ) if self._verbose:
                self._write(self._detail(what))
            case _:
                pass

    def _write(self, line: str) -> None:
        self._out(safe(line))

    def _detail(self, what: Detailed) -> str:
        match what:
            case Planned(step=step, plan=plan):
                return f"· plan {step}: {one_line(_chosen(plan), self._width)}"
            case AgentStarted(agent=agent, model=model):
                return f"· {agent} starts" + (f" on {model}" if model else "")
            case ModelAnswered():
                return _answered(what)
            case VariantChosen() | DemosChosen():
                return f"· {what.agent}: {_asked(what)}"
            case ToolAnswered(agent=agent, tool=tool, output=output):
                return f"· {agent}: {tool}: {one_line(output, self._width)}"
            case StrategyStep(agent=agent, message=message):
                return f"· {agent}: {one_line(message, self._width)}"
            case ScriptLogged(agent=agent, text=text):
                return "\n".join(f"· {agent}: {one_line(line, self._width)}" for line in text.splitlines())


class PlainWarnings:
    """Writes only what goes otherwise than its user would expect."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._out = write

    def __call__(self, event: Event, /) -> None:
        if isinstance(event.what, Unexpected):
            self._out(f"warning: {safe(warning(event.what))}")


def _asked(what: VariantChosen | DemosChosen) -> str:
    """In which wording, or with which examples."""
    if isinstance(what, VariantChosen):
        return f"its wording is {what.variant!r}, which {what.share:.0%} of the runs have"
    return f"the examples of lines {', '.join(map(str, what.lines))} are shown, compared by {what.by}"


def _answered(what: ModelAnswered) -> str:
    if what.source != "model":
        return f"· {what.agent}: the answer of {what.model} is in the {what.source}"
    loaded = f", {seconds(what.load_seconds)} of them to load" if what.load_seconds else ""
    return f"· {what.agent}: {what.model} answered after {seconds(what.duration_s)}{loaded}"


def _chosen(plan: Plan) -> str:
    """Which model serves whom, with the utility that decided it."""
    served = [plan.route.assignments[name] for name in plan.ready]
    listed = ", ".join(f"{found.agent} on {found.model} ({found.utility:.2f})" for found in served)
    unloaded = f"; unloaded: {', '.join(plan.unloaded)}" if plan.unloaded else ""
    return listed + unloaded + (f"; {plan.route.note}" if plan.route.note else "")


def warning(what: Unexpected) -> str:
    """What goes otherwise than its user would expect, and why."""
    match what:
        case Warned(message=message):
            return message
        case FellBack(agent=agent, model=model, to=other, cause=cause):
            return f"{agent}: {other} is asked instead of {model}: {one_line(cause.message, 200)}"
        case CallRetried(agent=agent, cause=cause):
            return f"{agent}: {_again(what)}: {one_line(cause.message, 200)}"
        case HostThrottled(host=host, at_once=at_once, pause_s=pause):
            return f"{host} gets too much: {at_once} at once from now on, none for {seconds(pause)}"
        case CircuitChanged(host=host, state="open"):
            return f"{host} failed too often and is left alone for a while"
        case CircuitChanged(host=host, state="half_open"):
            return f"{host} is tried again"
        case CircuitChanged(host=host):
            return f"{host} answers again"


def _again(what: CallRetried) -> str:
    """Waiting until a host is asked again is no attempt."""
    wait = seconds(what.wait_s)
    if what.cause.kind == "circuit_open":
        return f"waits {wait} for its host"
    return f"attempt {what.attempt} in {wait}"


def ending(what: RunEnding) -> str:
    """Why nothing more is begun, and what is waited for."""
    waits = f"; waiting for {what.under_way} under way, Ctrl-C again cancels" if what.under_way else ""
    return f"ending: {one_line(what.cause.message, 200)}{waits}"


def agent_lines(agent: str, outcome: Outcome, width: int) -> list[str]:
    """Name, model, tokens and time on one line, what it answered on the next."""
    shown = result_line(outcome, width)
    if isinstance(outcome, Skipped):
        return [f"{mark(outcome)} {agent}  skipped: {shown}"]
    effort = outcome.effort
    parts = [f"{mark(outcome)} {agent}"]
    if effort.model is not None:
        parts += [effort.model, tokens(effort)]
    if effort.cost_usd:
        parts.append(dollars(effort.cost_usd))
    parts.append(seconds(effort.duration_s))
    return ["  ".join(parts), f"    {shown}"] if shown else ["  ".join(parts)]


def summary(result: RunResult) -> str:
    """The run in one line."""
    usage, count = result.usage, len(result.agents)
    agents = f"{count} agent{'s' * (count != 1)}"
    return (
        f"{result.status}: {agents}, {usage.input_tokens}+{usage.output_tokens} tokens, "
        f"{dollars(result.cost_usd)}, {seconds(result.duration_s)}"
    )
