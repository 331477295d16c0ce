"""Write docs/reference.md from the JSON Schemas: `python docs/reference.py`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[1]
TARGET = Path(__file__).with_name("reference.md")
FILES = {
    "ensemble": "An ensemble file",
    "models": "models.yaml",
    "config": "config.yaml",
}
YES, NO_EFFECT = "yes", "no effect"
STATES = {
    "ensemble": {
        "validation": NO_EFFECT,
        "topaz_skill": NO_EFFECT,
        "serves": NO_EFFECT,
    },
    "ensemble/agent": {
    },
    "config": dict.fromkeys(["project", "performance", "serving", "agentic_serving"], NO_EFFECT),
}  # fmt: skip
"""Table -> key or pattern -> what this version does with it. What is not listed is available."""


def page() -> str:
    """The whole page."""
    parts = [
        "# Reference: every key\n",
        "```sh\nllm-orc schema ensemble\n```\n",
        "This page is generated from the JSON Schemas in `schemas/`, which editors read too. Keys that start",
        "with `x-` are your own everywhere.\n",
        "The column *now* says what this version does with a key: `yes`, it works; `no effect`, it is read",
        "and ignored.",
    ]
    for name, title in FILES.items():
        schema = json.loads((ROOT / "schemas" / f"{name}.schema.json").read_text(encoding="utf-8"))
        parts += [f"\n## {title}\n", schema["description"], "", *table(schema["properties"], schema, name)]
        for key, definition in schema["definitions"].items():
            parts += [f"\n### {definition.get('title', key.replace('_', ' ').capitalize())}\n"]
            parts += [definition["description"], "", *shape(definition, schema, f"{name}/{key}")]
    return "\n".join(parts) + "\n"


def shape(definition: dict, schema: dict, where: str) -> Iterator[str]:
    """The keys of a definition, wherever its alternatives have them."""
    options = [definition, *definition.get("oneOf", [])]
    properties = {key: value for option in options for key, value in option.get("properties", {}).items()}
    if properties:
        yield from table(properties, schema, where)
    else:
        yield f"Type: {kind(definition, schema)}. Example: {example(definition)}"


def table(properties: dict, schema: dict, where: str) -> Iterator[str]:
    """One row per key."""
    yield "| key | type | meaning | example | now |"
    yield "|---|---|---|---|---|"
    yield from rows(properties, schema, where, "")


def state(where: str, key: str) -> str:
    """What this version does with a key."""
    states = STATES.get(where, {})
    return states.get(key) or next((s for pattern, s in states.items() if fnmatch(key, pattern)), YES)


def rows(properties: dict, schema: dict, where: str, within: str) -> Iterator[str]:
    """A key, then the keys within it. `defaults` only repeats the agent's."""
    for key, value in properties.items():
        meaning = value.get("description", "").replace("|", "\\|")
        default = f" Default: `{json.dumps(value['default'])}`." if "default" in value else ""
        row = f"| `{within}{key}` | {kind(value, schema)} | {meaning}{default} | {example(value)} "
        yield row + f"| {state(where, within + key)} |"
        inner: dict = {}
        for option in (value, *value.get("oneOf", [])):
            inner |= option.get("properties", {})
        if key != "defaults":
            yield from rows(inner, schema, where, f"{within}{key}.")


def kind(value: dict, schema: dict) -> str:
    """What a value may be, in a few words."""
    reference = value.get("$ref") or next((part.get("$ref") for part in value.get("allOf", [])), None)
    if reference:
        target = schema["definitions"][reference.rpartition("/")[2]]
        return str(target.get("title", reference.rpartition("/")[2])).lower()
    if "enum" in value:
        return " · ".join(f"`{json.dumps(option).strip(chr(34))}`" for option in value["enum"])
    if "oneOf" in value:
        return " or ".join(dict.fromkeys(kind(option, schema) for option in value["oneOf"]))
    types = value.get("type", "any")
    if types == "array":
        return f"list of {kind(value.get('items', {}), schema)}"
    return " or ".join(types) if isinstance(types, list) else str(types)


def example(value: dict) -> str:
    """The first example, as it would stand in a file."""
    examples = value.get("examples")
    if not examples:
        return ""
    text = json.dumps(examples[0], ensure_ascii=False).replace("|", "\\|")
    return f"`{text}`"


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
