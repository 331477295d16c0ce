"""An agent's wordings, each complete."""

from __future__ import annotations

from llm_orc.domain.wording import Prompt, Variant
from llm_orc.spec import fields
from llm_orc.spec.agent_prompt import read_prompt_at
from llm_orc.spec.redaction import shown
from llm_orc.spec.scope import Entry


def read_variants(entry: Entry, system_prompt: str, prompt: Prompt | None) -> tuple[Variant, ...]:
    """What a variant does not say is the agent's own. What is wrong is reported."""
    found: dict[str, Variant] = {}
    report = entry.scope.report
    for index, own in enumerate(fields.entries(entry.own, "variants")):
        if not isinstance(own, dict):
            continue
        name = fields.text(own, "name")
        if name in found:
            report.add(entry.where("variants", index, "name"), f"there are two variants called {shown(name)}")
        if "prompt" in own:
            where = entry.where("variants", index, "prompt")
            worded: Prompt | None = read_prompt_at(entry, where, fields.text(own, "prompt"))
        else:
            worded = prompt
        weight = fields.number(own, "weight")
        found[name] = Variant(
            name=name,
            weight=1.0 if weight is None else weight,
            system_prompt=fields.text(own, "system_prompt", system_prompt).rstrip("\n"),
            prompt=worded,
        )
    if found and not any(variant.weight for variant in found.values()):
        report.add(entry.where("variants"), "every variant has the weight 0", "give one of them a weight")
    return tuple(found.values())
