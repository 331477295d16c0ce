"""One agent of an ensemble file: what kind it is, and everything that can be wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import cast

from llm_orc.domain.ensemble import (
    MAX_TOOL_CALLS,
    Agent,
    Default,
    InputScope,
    Llm,
    OnFailure,
    Skip,
    Stop,
    Unread,
    Work,
)
from llm_orc.domain.json import JsonObject
from llm_orc.domain.task import TaskKind
from llm_orc.spec import fields
from llm_orc.spec.agent_models import choose_models
from llm_orc.spec.agent_prompt import read_prompt, read_system_prompt
from llm_orc.spec.demos import read_demos, read_nearest
from llm_orc.spec.dependencies import dependencies
from llm_orc.spec.flow_agent import (
    read_dispatch,
    read_fan_out,
    read_input_key,
    read_loop,
    read_optional,
    read_sub_ensemble,
    read_when,
)
from llm_orc.spec.json_schema import CheckedSchema, as_schema, schema_faults
from llm_orc.spec.policy import read_budget, read_policy
from llm_orc.spec.scope import Entry, Scope
from llm_orc.spec.script_agent import read_script
from llm_orc.spec.strategy import read_strategy
from llm_orc.spec.tools import read_tools
from llm_orc.spec.variants import read_variants

_READERS: Mapping[str, Callable[[Entry], Work | None]] = {
    "script": read_script,
    "ensemble": read_sub_ensemble,
    "loop": read_loop,
    "dispatch": read_dispatch,
}
_KINDS = tuple(_READERS)
_SCOPES: Mapping[str, InputScope] = {
    "dependencies": "dependencies", "upstream": "dependencies", "input": "input", "original": "input",
}  # fmt: skip
_LLM_KEYS = frozenset({
    "model", "models", "provider", "model_profile", "profile", "fallback", "fallback_model_profile",
    "system_prompt", "system_prompt_file", "prompt", "prompt_file", "demos", "variants", "strategy",
    "output_schema", "tools", "max_tool_calls", *fields.SAMPLING_KEYS,
})  # fmt: skip


def read_agent(scope: Scope, index: int, own: JsonObject) -> Agent:
    """What is wrong is reported; the agent is then only good for finding more."""
    kinds = _kinds(scope, index)
    entry = Entry(scope, index, own, kinds[0] if kinds else "llm", dependencies(scope, index, own))
    _check_keys(entry, kinds)
    work, profile_timeout = _work(entry)
    timeout = fields.number(entry.merged, "timeout_seconds")
    return Agent(
        name=entry.name,
        work=work,
        depends_on=entry.depends_on,
        timeout_seconds=profile_timeout if timeout is None else timeout,
        on_failure=_on_failure(entry),
        description=fields.text(own, "description"),
        optional=read_optional(entry),
        when=read_when(entry),
        fan_out=read_fan_out(entry),
        input_key=read_input_key(entry),
        policy=read_policy(entry.merged).over(read_policy(scope.data)),
        budget=read_budget(entry.merged),
        input_scope=_SCOPES.get(fields.text(own, "input_scope"), "all"),
    )


def _kinds(scope: Scope, index: int) -> list[str]:
    """As the file has them, also where their values are wrong."""
    raw = scope.report.document.value
    agents = raw.get("agents") if isinstance(raw, dict) else None
    agent = agents[index] if isinstance(agents, list) else None
    return [key for key in agent if key in _KINDS] if isinstance(agent, dict) else []


def _check_keys(entry: Entry, kinds: Sequence[str]) -> None:
    if len(kinds) > 1:
        message = f"an agent is one thing: {kinds[0]!r} and {kinds[1]!r} are both given"
        entry.scope.report.add(entry.where(kinds[1]), message, "make two agents of it", key=True)
        return
    for key in entry.own:
        of_other_kind = (key in _LLM_KEYS and entry.kind != "llm") or (
            key == "max_output_bytes" and entry.kind != "script"
        )
        if of_other_kind:
            what = "an agent without 'script'" if entry.kind == "llm" else f"an agent with {entry.kind!r}"
            entry.add(key, f"{key!r} has no meaning for {what}", "remove it", on_key=True)


def _work(entry: Entry) -> tuple[Work, float | None]:
    """The agent's work, and its profile's timeout."""
    if entry.kind == "llm":
        return _llm(entry)
    work = None if entry.is_broken(entry.kind) else _READERS[entry.kind](entry)
    return work or Unread(entry.kind), None


def _llm(entry: Entry) -> tuple[Llm, float | None]:
    agent = entry.merged
    choice = choose_models(entry).sampled(entry)
    strategy, tools = read_strategy(entry, choice.models), read_tools(entry)
    if strategy.type == "react" and "tools" not in agent:
        entry.add("strategy", "strategy react needs 'tools'", "give the agent tools, or use another strategy")
    prompt = read_prompt(entry)
    profile = choice.profile
    system_prompt = read_system_prompt(entry, profile.system_prompt if profile else "")
    variants = read_variants(entry, system_prompt, prompt)
    prompts = tuple(variant.prompt for variant in variants) or (prompt,)
    llm = Llm(
        models=choice.models,
        system_prompt=system_prompt,
        prompt=prompt,
        demos=read_demos(entry, prompts),
        nearest=read_nearest(entry, prompts),
        variants=variants,
        strategy=strategy,
        output_schema=_output_schema(entry),
        output_format="json" if agent.get("output_format") == "json" else "text",
        fallbacks=choice.fallbacks,
        task=cast("TaskKind | None", fields.optional_text(agent, "task")),
        min_quality=fields.number(agent, "min_quality"),
        max_latency_seconds=fields.number(agent, "max_latency_seconds"),
        tools=tools,
        max_tool_calls=fields.integer(agent, "max_tool_calls") or MAX_TOOL_CALLS,
        optimize=agent.get("optimize") is not False,
    )
    return llm, profile.timeout_seconds if profile else None


def _output_schema(entry: Entry) -> CheckedSchema | None:
    if "output_schema" not in entry.own:
        return None
    schema = as_schema(entry.own["output_schema"])
    wrong = False
    for fault in schema_faults(schema):
        wrong = True
        where = entry.where("output_schema", *fault.where)
        entry.scope.report.add(where, fault.message, fault.hint, key=fault.key)
    return None if wrong else CheckedSchema(schema)


def _on_failure(entry: Entry) -> OnFailure:
    match entry.merged.get("on_failure"):
        case "skip":
            return Skip()
        case dict() as replacement if "default" in replacement:
            return Default(replacement["default"])
    return Stop()
