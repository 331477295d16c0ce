"""Changes to single keys of an ensemble file that leave every other byte as it is.

Each change is spliced into the text, and proven: the new text is read again and must hold what the old one
held, but for the key that was changed. What cannot be proven is refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from llm_orc.domain.edit import Edit, SetKey
from llm_orc.domain.json import JsonValue
from llm_orc.errors import InvalidFile, NotFound, RewriteRefused
from llm_orc.spec.document import MAX_BYTES, OTHER_ENCODINGS, parse
from llm_orc.spec.nearest import did_you_mean, listed
from llm_orc.spec.redaction import shown
from llm_orc.spec.spans import Span, spans
from llm_orc.spec.splice import Splice

PROMPTS = frozenset({"system_prompt", "prompt"})
KEYS = PROMPTS | {"demos", "model", "models", "temperature", "strategy"}
_Text = TypeVar("_Text", str, bytes)
_BOM = "\ufeff"


def rewrite(text: _Text, edits: Iterable[Edit], name: str = "the file") -> _Text:
    """The text of an ensemble file with the edits in it; bytes are UTF-8 and stay bytes.

    Line breaks at the end of a prompt have no meaning, and may differ from the edit's. A prompt that is kept
    in a file of its own is not followed: see `rewrite_file`.

    Raises `InvalidFile` for a text that is no YAML, `NotFound` for an agent that it does not have, and
    `RewriteRefused` where a change cannot be made without touching anything else.
    """
    if isinstance(text, bytes):
        if any(text.startswith(mark) for mark in OTHER_ENCODINGS):
            raise RewriteRefused(f"{name} is not UTF-8 text", hint="save it as UTF-8")
        try:
            return rewrite(text.decode(), edits, name).encode()
        except UnicodeDecodeError as error:
            raise RewriteRefused(f"{name} is not UTF-8 text: {error}", hint="save it as UTF-8") from error
    mark = _BOM if text.startswith(_BOM) else ""
    body = text.removeprefix(_BOM)
    for edit in edits:
        body = _edited(body, edit, name)
    if len(body.encode()) > MAX_BYTES:
        raise RewriteRefused(f"{name} would be larger than {MAX_BYTES >> 20} MiB")
    return mark + body


def _edited(text: str, edit: Edit, name: str) -> str:
    _check(edit)
    data = _data(text, name)
    index = _index(data, edit.agent)
    path = tuple(edit.key.split("."))
    wanted = _changed(data, ("agents", index, *path), edit)
    if _same(data, wanted) and _ordered(data, index, path) == _ordered(wanted, index, path):
        return text
    splice = _splice(text, index, path, edit)
    for candidate in splice.candidates():
        try:
            found = _data(candidate, name)
        except InvalidFile:
            continue
        if _proven(found, wanted, index, path):
            return candidate
    _refuse_shared(splice)
    raise RewriteRefused(
        f"{shown(edit.key)} of agent {shown(edit.agent)} cannot be changed and the rest of {name} kept",
        hint="write that agent in the usual form, one key per line, and try again",
    )


def _check(edit: Edit) -> None:
    key, _, setting = edit.key.partition(".")
    if key not in KEYS or (setting and key != "strategy") or edit.key.endswith("."):
        raise RewriteRefused(
            f"{shown(edit.key)} is not a key that is rewritten", hint=listed(KEYS, what="keys")
        )
    if not isinstance(edit, SetKey):
        return
    if key in PROMPTS and not isinstance(edit.value, str):
        raise RewriteRefused(f"{key!r} of agent {shown(edit.agent)} must be text")
    try:
        json.dumps(edit.value, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, TypeError, RecursionError) as error:
        message = f"the new {edit.key!r} of agent {shown(edit.agent)} cannot be written"
        raise RewriteRefused(message, hint=f"it is not plain data in Unicode: {error}") from error


def _data(text: str, name: str) -> Mapping[str, JsonValue]:
    document = parse(text.replace("\r\n", "\n").replace("\r", "\n"), name)
    if document.problems:
        raise InvalidFile(document.problems)
    assert isinstance(document.value, dict)
    return document.value


def _index(data: Mapping[str, JsonValue], agent: str) -> int:
    agents = data.get("agents")
    names = [
        entry.get("name") if isinstance(entry, dict) else None
        for entry in (agents if isinstance(agents, list) else [])
    ]
    if names.count(agent) > 1:
        raise RewriteRefused(f"there are two agents called {shown(agent)}", hint="rename one of them")
    if agent not in names:
        known = [name for name in names if isinstance(name, str)]
        raise NotFound(
            f"there is no agent {shown(agent)}",
            hint=did_you_mean(agent, known, otherwise=listed(known, what="agents")),
        )
    return names.index(agent)


def _changed(value: JsonValue, path: tuple[str | int, ...], edit: Edit) -> JsonValue:
    """A copy with the edit in it. What is shared by aliases is copied on the way, and stays elsewhere."""
    step, *rest = path
    if isinstance(step, int):
        items: list[JsonValue] = [*value] if isinstance(value, list) else []
        items[step] = _changed(items[step], tuple(rest), edit)
        return items
    if isinstance(value, str):  # a strategy's name
        value = {"type": value}
    if not isinstance(value, dict):
        raise RewriteRefused(
            f"agent {shown(edit.agent)} has no mapping in which to set {shown(edit.key)}",
            hint="set the whole strategy",
        )
    members = dict(value)
    if rest:
        members[step] = _changed(members.get(step), tuple(rest), edit)
    elif isinstance(edit, SetKey):
        members[step] = edit.value
    else:
        members.pop(step, None)
    return members


def _splice(text: str, index: int, path: tuple[str, ...], edit: Edit) -> Splice:
    root = spans(text)
    above: list[Span] = [root]
    steps: tuple[str | int, ...] = ("agents", index, *path[:-1])
    for step in steps:
        below = above[-1]
        if below.kind == "alias" or below.kind == "scalar":
            break
        if isinstance(step, int):
            above.append(below.items[step])
            continue
        member = below.member(step)
        if member is None:
            raise RewriteRefused(
                f"{shown(edit.key)} of agent {shown(edit.agent)} is not written there: it comes with '<<'",
                hint="write the mapping out, and try again",
            )
        above.append(member[1])
    if any(span.kind == "alias" for span in above[:3]) or len(above) < 2 + len(path):
        raise RewriteRefused(
            f"agent {shown(edit.agent)} is not written where it is used: an alias stands for it",
            hint="write the agent out, and try again",
        )
    return Splice(text, root, above[-1], tuple(above[:-1]), path[-1], edit)


def _proven(found: Mapping[str, JsonValue], wanted: JsonValue, index: int, path: tuple[str, ...]) -> bool:
    return _same(found, wanted) and _ordered(found, index, path) == _ordered(wanted, index, path)


def _same(one: JsonValue, other: JsonValue) -> bool:
    """The same data, types included: 1 is not 1.0."""
    return json.dumps(_without_ends(one), sort_keys=True) == json.dumps(_without_ends(other), sort_keys=True)


def _ordered(data: Any, index: int, path: tuple[str, ...]) -> str:  # noqa: ANN401 - any JSON
    """The value at the path, its keys in their order."""
    value = _without_ends(data)["agents"][index]
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return json.dumps(value)


def _without_ends(data: Any) -> Any:  # noqa: ANN401 - any JSON
    """The data with prompts as they are loaded, without the line breaks at their ends."""
    agents = [
        {key: value.rstrip("\n") if key in PROMPTS and isinstance(value, str) else value
         for key, value in agent.items()}
        if isinstance(agent, dict) else agent
        for agent in data["agents"]
    ]  # fmt: skip
    return {**data, "agents": agents}


def _refuse_shared(splice: Splice) -> None:
    """Say so when the change cannot be made because others merge or repeat what it is in."""
    for span in (*splice.above, splice.target):
        if span.aliases:
            splice.refuse_shared(span, span.aliases)
