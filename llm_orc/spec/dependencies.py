"""The names in `depends_on` and `output`: that they exist, and that no agent waits for itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from llm_orc.domain.ensemble import variable_name
from llm_orc.domain.json import JsonObject, JsonValue
from llm_orc.spec import fields
from llm_orc.spec.document import Where
from llm_orc.spec.nearest import did_you_mean, listed
from llm_orc.spec.redaction import shown
from llm_orc.spec.scope import Scope


def check_names(scope: Scope) -> None:
    """Report names that are given twice, and names that a template could not tell apart."""
    seen: dict[str, str] = {}
    for index, agent in enumerate(fields.entries(scope.data, "agents")):
        name = fields.text(agent, "name") if isinstance(agent, dict) else ""
        if not name:
            continue
        where: Where = ("agents", index, "name")
        first = scope.agents[name]
        other = seen.setdefault(variable_name(name), name)
        if first != index:
            line, _ = scope.report.document.position(("agents", first, "name"))
            scope.report.add(
                where, f"there are two agents called {shown(name)}", f"the first is on line {line}"
            )
        elif other != name:
            message = f"in templates, {shown(name)} and {shown(other)} are both {variable_name(name)!r}"
            scope.report.add(where, message, "rename one of them")


def dependencies(scope: Scope, index: int, agent: JsonObject) -> tuple[str, ...]:
    """The agents that one depends on, each once; those that are not there are reported."""
    found: dict[str, None] = {}
    listing = agent.get("depends_on")
    for place, entry in enumerate(listing if isinstance(listing, list) else []):
        where: Where = ("agents", index, "depends_on", place)
        needed = _named(entry)
        if not needed:
            scope.report.add(where, "this names no agent", "write its name, or 'agent_name: …'")
        elif needed == agent.get("name"):
            scope.report.add(where, f"{shown(needed)} depends on itself")
        elif needed not in scope.agents:
            scope.report.add(where, f"there is no agent {shown(needed)}", _known(scope, needed))
        else:
            found[needed] = None
    return tuple(found)


def check_cycles(scope: Scope, needs: Mapping[str, Sequence[str]]) -> None:
    """Report cycles, each as a path that ends where it began."""
    settled: set[str] = set()
    for start in needs:
        cycle = _cycle(start, needs, settled)
        if cycle:
            path = " -> ".join(cycle)
            where: Where = ("agents", scope.agents[cycle[0]], "depends_on")
            scope.report.add(
                where, f"these agents wait for each other: {path}", "remove one of the dependencies"
            )


def outputs(scope: Scope, needs: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The agents whose outputs are the run's."""
    named = scope.data.get("output")
    if named is None:
        needed = {name for names in needs.values() for name in names}
        return tuple(name for name in needs if name not in needed)
    for place, name in enumerate(fields.texts(scope.data, "output")):
        if scope.agents and name not in scope.agents:
            where: Where = ("output", place) if isinstance(named, list) else ("output",)
            scope.report.add(where, f"there is no agent {shown(name)}", _known(scope, name))
    return fields.texts(scope.data, "output")


def _named(entry: JsonValue) -> str:
    if isinstance(entry, dict):
        return fields.text(entry, "agent_name") or fields.text(entry, "agent")
    return entry if isinstance(entry, str) else ""


def _known(scope: Scope, name: str) -> str:
    return did_you_mean(name, scope.agents, otherwise=listed(scope.agents, what="agents"))


def _cycle(start: str, needs: Mapping[str, Sequence[str]], settled: set[str]) -> list[str]:
    """A cycle that can be reached from `start`, or nothing. What was searched is settled."""
    if start in settled:
        return []
    path = {start: None}
    pending = [iter(needs.get(start, ()))]
    while pending:
        following = next(pending[-1], None)
        if following is None:
            settled.add(path.popitem()[0])
            pending.pop()
        elif following in path:
            settled.update(path)
            walked = list(path)
            return [*walked[walked.index(following) :], following]
        elif following not in settled:
            path[following] = None
            pending.append(iter(needs.get(following, ())))
    return []
