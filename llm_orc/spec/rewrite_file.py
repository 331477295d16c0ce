"""An ensemble file and its prompt files with edits in them, proven by loading what they would become."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from llm_orc.domain.edit import Edit, FileChange
from llm_orc.domain.ensemble import Agent, Ensemble, Llm
from llm_orc.domain.json import JsonValue
from llm_orc.domain.model import Fleet
from llm_orc.errors import InvalidFile, RewriteRefused
from llm_orc.spec.document import bytes_of, decoded, parse, read_text
from llm_orc.spec.ensemble_file import load_ensemble
from llm_orc.spec.locate import find_project
from llm_orc.spec.redaction import shown
from llm_orc.spec.rewrite import PROMPTS, SAMPLING, checked, rewrite

_MAY_CHANGE = {
    "system_prompt": {"system_prompt"}, "prompt": {"prompt"}, "demos": {"demos"},
    **{key: {"models", "strategy", "fallbacks"} for key in (*SAMPLING, "model", "models", "strategy")},
}  # fmt: skip
"""Key -> the fields of `Llm` that it decides."""


def rewrite_file(path: Path, edits: Sequence[Edit], fleet: Fleet) -> tuple[FileChange, ...]:
    """What becomes of the file, and of the prompt files in which its agents keep prompts. Nothing is written.

    A prompt file is changed only where no one else uses it. Files that would stay as they are, are left out;
    the ensemble file comes last.

    Raises `InvalidFile` for a file with problems, `NotFound` for an unknown agent, and `RewriteRefused` for
    edits after which the file would have problems, or anything but the edited keys would be loaded otherwise.
    """
    before = bytes_of(path)
    uses: list[Path] = []

    def source(file: Path) -> str:
        uses.append(file.resolve())
        return decoded(before, str(path)) if file == path else read_text(file)

    old = load_ensemble(path, fleet, need_models=False, source=source)
    in_files, inline = _divided(path, before, edits)
    changes = [_prompt_change(path, edit, file, uses) for file, edit in in_files.items()]
    changes.append(FileChange(path=path, before=before, after=rewrite(before, inline, path.name)))
    changes = [change for change in changes if change.before != change.after]
    _prove(path, old, _reloaded(path, changes, fleet), edits)
    return tuple(changes)


def _divided(path: Path, content: bytes, edits: Sequence[Edit]) -> tuple[dict[Path, Edit], list[Edit]]:
    """The edits that go into prompt files, by file, and those that go into the ensemble file."""
    data = parse(decoded(content, str(path)), str(path)).value
    agents = {agent.get("name"): agent for agent in _agents(data)}
    in_files: dict[Path, Edit] = {}
    inline: list[Edit] = []
    for edit in edits:
        name = agents.get(edit.agent, {}).get(f"{edit.key}_file") if edit.key in PROMPTS else None
        if not isinstance(name, str):
            inline.append(edit)
        elif checked(edit) is not None:
            in_files[path.parent / name] = edit
        else:
            raise RewriteRefused(
                f"{edit.key!r} of agent {shown(edit.agent)} is in the file {shown(name)}",
                hint=f"remove '{edit.key}_file' by hand",
            )
    return in_files, inline


def _agents(data: JsonValue) -> Iterator[Mapping[str, JsonValue]]:
    agents = data.get("agents") if isinstance(data, dict) else None
    yield from (agent for agent in (agents if isinstance(agents, list) else []) if isinstance(agent, dict))


def _prompt_change(path: Path, edit: Edit, file: Path, uses: Sequence[Path]) -> FileChange:
    if uses.count(file.resolve()) > 1:
        raise RewriteRefused(
            f"{file} is used more than once by {path.name}, and is to change for {shown(edit.agent)} only",
            hint="give the agent a prompt file of its own",
        )
    others = list(_other_users(path, file))
    if others:
        raise RewriteRefused(
            f"{file} is also used by {others[0]}", hint="give the agent a prompt file of its own"
        )
    before, text = bytes_of(file), str(edit.value)
    after = _prompt_bytes(before, text, file)
    if decoded(after, str(file)).rstrip("\n") != text.rstrip("\n"):
        raise RewriteRefused(
            f"the new {edit.key!r} of agent {shown(edit.agent)} cannot be kept in {file}: "
            "it has carriage returns, which a text file has at the ends of lines only",
            hint=f"move the text into the ensemble file, as '{edit.key}'",
        )
    return FileChange(path=file, before=before, after=after)


def _prompt_bytes(before: bytes, text: str, file: Path) -> bytes:
    """The text with the line ends, the mark at the start and the line break at the end that the file has."""
    old = decoded(before, str(file))
    if old.rstrip("\n") == text.rstrip("\n"):
        return before
    mark = "\ufeff" if before.startswith(b"\xef\xbb\xbf") or text.startswith("\ufeff") else ""
    line_break = "\r\n" if 2 * before.count(b"\r\n") > before.count(b"\n") else "\n"
    end = "\n" * (len(old) - len(old.rstrip("\n")))
    return mark.encode() + (text.rstrip("\n") + end).replace("\n", line_break).encode()


def _other_users(path: Path, file: Path) -> Iterator[Path]:
    """Other ensemble files that keep a prompt in `file`: they lie in its folder or above, in the project."""
    project = find_project(path.absolute().parent)
    file = file.resolve()
    folders = [folder for folder in file.parents if folder.is_relative_to(project.resolve())]
    for folder in folders or [file.parent]:
        for other in sorted((*folder.glob("*.yaml"), *folder.glob("*.yml"))):
            if other.resolve() != path.resolve() and file in _prompt_files(other, file.name):
                yield other


def _prompt_files(ensemble: Path, name: str) -> Iterator[Path]:
    try:
        text = read_text(ensemble)
        data = parse(text, str(ensemble)).value if name in text else None
    except InvalidFile:
        return
    for agent in _agents(data):
        for key in PROMPTS:
            if isinstance(given := agent.get(f"{key}_file"), str) and "\0" not in given:
                yield (ensemble.parent / given).resolve()


def _reloaded(path: Path, changes: Sequence[FileChange], fleet: Fleet) -> Ensemble:
    texts = {change.path.resolve(): decoded(change.after, str(change.path)) for change in changes}

    def source(file: Path) -> str:
        changed = texts.get(file.resolve())
        return read_text(file) if changed is None else changed

    try:
        return load_ensemble(path, fleet, need_models=False, source=source)
    except InvalidFile as error:
        raise RewriteRefused(
            f"{path} would not be valid any more: {error.problems[0]}",
            hint="the edit is not what the file can hold",
        ) from error


def _prove(path: Path, old: Ensemble, new: Ensemble, edits: Sequence[Edit]) -> None:
    """Raises `RewriteRefused` unless the two differ in what was edited only, and that is as meant."""
    may_change: dict[str, set[str]] = {}
    for edit in edits:
        may_change.setdefault(edit.agent, set()).update(_MAY_CHANGE[edit.key.split(".")[0]])
    other = _whole(old, may_change) != _whole(new, may_change)
    last = {(edit.agent, edit.key): edit for edit in edits}
    wrong = next((edit for edit in last.values() if not _as_meant(new.agents[edit.agent], edit)), None)
    if other or wrong is not None:
        what = f"{shown(wrong.key)} of agent {shown(wrong.agent)}" if wrong else "something else"
        raise RewriteRefused(
            f"{path} would be loaded otherwise than meant: {what} would differ", hint="nothing was written"
        )


def _as_meant(agent: Agent, edit: Edit) -> bool:
    """Whether a loaded agent has the text or the examples that an edit sets."""
    if edit.value is None or not isinstance(agent.work, Llm):
        return True
    work = agent.work
    match edit.key:
        case "system_prompt":
            return work.system_prompt == str(edit.value).rstrip("\n")
        case "prompt":
            return work.prompt is not None and work.prompt.source == str(edit.value).rstrip("\n")
        case "demos" if isinstance(edit.value, list | tuple):
            return [{"inputs": demo.inputs, "output": demo.output} for demo in work.demos] == list(edit.value)
    return True


def _whole(ensemble: Ensemble, without: Mapping[str, set[str]]) -> dict[str, Any]:
    """Everything that was loaded, but for the fields that edits may change."""
    whole: dict[str, Any] = _plain(ensemble)
    for name, left_out in without.items():
        work = whole["agents"][name]["work"]
        whole["agents"][name]["work"] = {key: value for key, value in work.items() if key not in left_out}
    return whole


def _plain(value: Any) -> Any:  # noqa: ANN401 - any part of an ensemble
    """A value to compare: compiled prompts, conditions and schemas by what they were compiled from."""
    if hasattr(value, "render") or hasattr(value, "holds"):
        return type(value).__name__, value.source
    if hasattr(value, "faults"):
        return value.schema
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value) if field.compare}
    if isinstance(value, Mapping):
        return {key: _plain(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
