"""Changes to single keys of an ensemble file that leave every other byte as it is.

Each change is spliced into the text, and proven: the new text is read again and must hold what the old one
held, but for the key that was changed. What cannot be proven is refused.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any, TypeAlias, TypeVar

from llm_orc.domain.edit import Edit
from llm_orc.domain.json import JsonValue
from llm_orc.errors import InvalidFile, NotFound, RewriteRefused
from llm_orc.spec.document import MAX_BYTES, OTHER_ENCODINGS, parse
from llm_orc.spec.nearest import did_you_mean, listed
from llm_orc.spec.patch import refuse_shared
from llm_orc.spec.redaction import shown
from llm_orc.spec.spans import Span, comments, spans
from llm_orc.spec.splice import Splice

PROMPTS = frozenset({"system_prompt", "prompt"})
SAMPLING = frozenset({"temperature", "top_p", "top_k", "min_p", "max_tokens"})
KEYS = PROMPTS | SAMPLING | {"demos", "model", "models", "strategy"}
Data: TypeAlias = Mapping[str, JsonValue]
_Text = TypeVar("_Text", str, bytes)
_BOM = "\ufeff"


@dataclass(frozen=True, slots=True)
class _Step:
    """One key that is to be changed: `path` leads to it from the agent at `index`; None takes it out."""

    index: int
    path: tuple[str, ...]
    value: JsonValue


def rewrite(text: _Text, edits: Iterable[Edit], name: str = "the file") -> _Text:
    """The text of an ensemble file with the edits in it; bytes are UTF-8 and stay bytes.

    Line breaks at the end of a prompt have no meaning, and may differ from the edit's. Of a strategy only
    the settings that differ are written, of examples only those that do. A prompt that is kept in a file of
    its own is not followed: see `rewrite_file`.

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
    groups: dict[tuple[str, str], list[Edit]] = {}
    for edit in edits:
        groups.setdefault((edit.agent, edit.key.split(".")[0]), []).append(edit)
    body = _all_edited(body, list(groups.values()), name)
    if len((mark + body).encode()) > MAX_BYTES:
        raise RewriteRefused(f"{name} would be larger than {MAX_BYTES >> 20} MiB")
    return mark + body


def _all_edited(text: str, groups: list[list[Edit]], name: str) -> str:
    """What is refused is tried again after the others: they may replace the aliases that stand in the way."""
    while groups:
        refused: list[list[Edit]] = []
        reasons: list[RewriteRefused] = []
        for group in groups:
            try:
                text = reduce(lambda done, edit: _edited(done, edit, name), group, text)
            except RewriteRefused as reason:
                refused.append(group)
                reasons.append(reason)
        if len(refused) == len(groups):
            raise reasons[0]
        groups = refused
    return text


def _edited(text: str, edit: Edit, name: str) -> str:
    value = checked(edit)
    data = _data(text, name)
    step = _grounded(data, _Step(_index(data, edit.agent), tuple(edit.key.split(".")), value))
    if _same(data, _changed(data, step, edit), step):
        return text
    parts = list(_parts(_at(data, step), step))
    if parts == [step]:
        return _stepped(text, step, edit, name)
    try:
        return reduce(lambda done, part: _stepped(done, part, edit, name), parts, text)
    except RewriteRefused:
        return _stepped(text, step, edit, name)


def _grounded(data: Data, step: _Step) -> _Step:
    """With the mappings that are not there yet as a part of the value."""
    path, value = step.path, step.value
    while len(path) > 1 and _at(data, _Step(step.index, path[:-1], None)) is None:
        path, value = path[:-1], None if value is None else {path[-1]: value}
    return _Step(step.index, path, value)


def _parts(before: JsonValue, step: _Step) -> Iterator[_Step]:
    """The same change in smaller steps: of a mapping that is there, only what differs."""
    if not (isinstance(before, Mapping) and isinstance(step.value, Mapping) and before and step.value):
        yield step
        return
    if None in (*before.values(), *step.value.values()):  # which is a value here
        yield step
        return
    for key in before:
        if key not in step.value:
            yield _Step(step.index, (*step.path, key), None)
    for key, value in step.value.items():
        if json.dumps(before.get(key)) != json.dumps(value):
            yield from _parts(before.get(key), _Step(step.index, (*step.path, key), value))


def _stepped(text: str, step: _Step, edit: Edit, name: str) -> str:
    data = _data(text, name)
    wanted = _changed(data, step, edit)
    root = spans(text)
    splice = _splice(text, root, data, step, edit)
    noted = Counter(comments(text, root, 0, len(text)))
    for patch in splice.patches():
        candidate = patch.applied(text)
        try:
            found = _data(candidate, name)
        except InvalidFile:
            continue
        if _same(found, wanted, step) and noted == Counter(
            comments(candidate, spans(candidate), 0, len(candidate))
        ):
            return candidate
    for span in (*splice.above, splice.target):
        if span.aliases:
            refuse_shared(text, span, span.aliases)
    raise RewriteRefused(
        f"{shown(edit.key)} of agent {shown(edit.agent)} cannot be changed and the rest of {name} kept",
        hint="write that agent in the usual form, one key per line, and try again",
    )


def checked(edit: Edit) -> JsonValue:
    """The value as it is read back from a file: lists for tuples. Raises `RewriteRefused`."""
    key, _, setting = edit.key.partition(".")
    if key not in KEYS or (setting and key != "strategy") or "" in edit.key.split("."):
        raise RewriteRefused(
            f"{shown(edit.key)} is not a key that is rewritten", hint=listed(KEYS, what="keys")
        )
    if key in PROMPTS and not isinstance(edit.value, str | None):
        raise RewriteRefused(f"{key!r} of agent {shown(edit.agent)} must be text", hint="give a string")
    message = f"the new {edit.key!r} of agent {shown(edit.agent)} cannot be written"
    try:
        value: JsonValue = json.loads(json.dumps(edit.value, allow_nan=False))
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, TypeError, RecursionError) as error:
        raise RewriteRefused(message, hint=f"it is not plain data in Unicode: {error}") from error
    if any("\0" in text for text in _texts(value)):
        raise RewriteRefused(message, hint="take the NUL character out: no model expects one")
    return value


def _texts(value: JsonValue) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for part in (*value.keys(), *value.values()) if isinstance(value, Mapping) else value:
            yield from _texts(part)


def _data(text: str, name: str) -> Data:
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


def _changed(data: Data, step: _Step, edit: Edit) -> Data:
    """A copy with the step made. What is shared by aliases is copied on the way, and stays elsewhere."""
    agents = data["agents"]
    assert isinstance(agents, list)
    agents = [*agents]
    agents[step.index] = _with(agents[step.index], step.path, step.value, edit)
    return {**data, "agents": agents}


def _with(value: JsonValue, path: tuple[str, ...], new: JsonValue, edit: Edit) -> JsonValue:
    if isinstance(value, str):  # a strategy's name
        value = {"type": value}
    if not isinstance(value, dict):
        raise RewriteRefused(
            f"agent {shown(edit.agent)} has no settings in which to set {shown(edit.key)}",
            hint=f"set {shown(edit.key.rpartition('.')[0])}",
        )
    key, *rest = path
    members = dict(value)
    if rest:
        members[key] = _with(members.get(key), tuple(rest), new, edit)
    elif new is None:
        members.pop(key, None)
    else:
        members[key] = new
    return members


def _at(data: Any, step: _Step) -> JsonValue:  # noqa: ANN401 - any JSON
    """What the key has; None where there is none."""
    value: JsonValue = data["agents"][step.index]
    for key in step.path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _splice(text: str, root: Span, data: Data, step: _Step, edit: Edit) -> Splice:
    above: list[Span] = [root]
    steps: tuple[str | int, ...] = ("agents", step.index, *step.path[:-1])
    for key in steps:
        below = above[-1]
        if below.kind == "alias" or below.kind == "scalar":
            break
        if isinstance(key, int):
            above.append(below.items[key])
            continue
        member = below.member(key)
        if member is None:
            raise RewriteRefused(
                f"{shown(edit.key)} of agent {shown(edit.agent)} is not written there: it comes with '<<'",
                hint="write the mapping out, and try again",
            )
        above.append(member[1])
    if any(span.kind == "alias" for span in above[:3]) or len(above) < 2 + len(step.path):
        raise RewriteRefused(
            f"agent {shown(edit.agent)} is not written where it is used: an alias stands for it",
            hint="write the agent out, and try again",
        )
    return Splice(text, root, above[-1], tuple(above[:-1]), step.path, _at(data, step), step.value)


def _same(one: Data, other: Data, step: _Step) -> bool:
    """The same data, types included: 1 is not 1.0. The order of keys counts in examples only."""
    return json.dumps(_without_ends(one), sort_keys=True) == json.dumps(
        _without_ends(other), sort_keys=True
    ) and (step.path[0] != "demos" or json.dumps(_at(one, step)) == json.dumps(_at(other, step)))


def _without_ends(data: Any) -> Any:  # noqa: ANN401 - any JSON
    """The data with prompts as they are loaded, without the line breaks at their ends."""
    agents = [
        {key: value.rstrip("\n") if key in PROMPTS and isinstance(value, str) else value
         for key, value in agent.items()}
        if isinstance(agent, dict) else agent
        for agent in data["agents"]
    ]  # fmt: skip
    return {**data, "agents": agents}
