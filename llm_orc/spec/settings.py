"""Settings in layers: defaults, the user's file, the project's file, the environment, flags."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from llm_orc.domain.json import JsonValue
from llm_orc.errors import InvalidFile, Problem, UsageFailed
from llm_orc.spec.locate import CONFIG, is_absent
from llm_orc.spec.nearest import did_you_mean
from llm_orc.spec.report import Report
from llm_orc.spec.scalars import plain_scalar
from llm_orc.spec.schema import check_schema, setting_faults

_PREFIX = "LLM_ORC_"
_TEXTS = ("default_model", "schedule", "output_format", "runs", "trace")
_FLAGS = {"default_model": "--model"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """`sources` says where each value comes from: `default`, a place in a file, a variable, a flag."""

    default_model: str | None = None
    concurrency: int | None = None
    schedule: Literal["eager", "layered"] = "eager"
    timeout_seconds: float | None = None
    output_format: Literal["rich", "text", "json", "jsonl"] | None = None
    runs: str | None = None
    keep_content: bool = True
    trace: str | None = None
    trace_redact: tuple[str, ...] = ("keys", "bearer_tokens", "emails")
    retries: JsonValue = None
    call_timeout_seconds: float | None = None
    cache: JsonValue = None
    cache_mb: float | None = None
    budget: JsonValue = None
    daily_budget: JsonValue = None
    limits: JsonValue = None
    breaker: JsonValue = None
    grace_seconds: float | None = None
    ensembles: tuple[Path, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict)


TRACE_WORDS = ("none", "console", "otlp")
"""What `trace` may be besides the path of a file."""

NAMES = tuple(name for name in Settings.__slots__ if name != "sources")


def load_settings(
    project: Path, user_dir: Path | None, environ: Mapping[str, str], flags: Mapping[str, JsonValue]
) -> Settings:
    """Later layers win. `flags` are settings by name; None means that the flag was not given.

    Raises `InvalidFile` with the problems of both files, `UsageFailed` for a variable or flag.
    """
    values: dict[str, JsonValue] = {}
    sources = dict.fromkeys(NAMES, "default")
    problems: list[Problem] = []
    files = [(user_dir / CONFIG, user_dir)] if user_dir is not None else []
    for file, folder in (*files, (project / ".llm-orc" / CONFIG, project)):
        if is_absent(file):
            continue
        try:
            _from_file(file, folder, values, sources)
        except InvalidFile as error:
            problems.extend(error.problems)
    if problems:
        raise InvalidFile(tuple(problems))
    _from_environment(environ, values, sources)
    _from_flags(flags, values, sources)
    return _settings(values, sources)


def _from_file(file: Path, folder: Path, values: dict[str, JsonValue], sources: dict[str, str]) -> None:
    from llm_orc.spec.document import read

    report = Report(read(file))
    data, _ = check_schema(report, "config")
    report.refuse()
    for name in NAMES:
        if name in data:
            values[name] = _in_folder(name, data[name], folder)
            line, _ = report.document.position((name,), key=True)
            sources[name] = f"{file}:{line}"


def _in_folder(name: str, value: JsonValue, folder: Path) -> JsonValue:
    """Paths in a file start from the folder that the file is for."""
    if name == "runs" or (name == "trace" and value not in TRACE_WORDS):
        return str(folder / Path(str(value)).expanduser())
    if name == "ensembles" and isinstance(value, list):
        return [str(folder / Path(str(entry)).expanduser()) for entry in value]
    return value


def _from_environment(
    environ: Mapping[str, str], values: dict[str, JsonValue], sources: dict[str, str]
) -> None:
    for name in NAMES:
        variable = _PREFIX + name.upper()
        given = environ.get(variable, "")
        if given:
            values[name] = _checked(name, _typed(name, given), f"the environment variable {variable}")
            sources[name] = f"environment {variable}"


def _typed(name: str, given: str) -> JsonValue:
    if name == "trace_redact":
        return given.split()
    if name == "ensembles":
        return [entry for entry in given.split(os.pathsep) if entry]
    if name not in _TEXTS:
        try:
            return json.loads(given) if given.lstrip().startswith("{") else plain_scalar(given.strip())
        except ValueError:
            return given
    return given


def _from_flags(
    flags: Mapping[str, JsonValue], values: dict[str, JsonValue], sources: dict[str, str]
) -> None:
    for name, given in flags.items():
        if name not in NAMES:
            raise UsageFailed(f"unknown setting {name!r}", hint=did_you_mean(name, NAMES))
        if given is not None:
            flag = _FLAGS.get(name, f"--{name.replace('_', '-')}")
            plain = [str(entry) for entry in given] if isinstance(given, tuple) else given
            values[name] = _checked(name, plain, flag)
            sources[name] = f"flag {flag}"


def _checked(name: str, value: JsonValue, origin: str) -> JsonValue:
    for fault in setting_faults(name, value):
        raise UsageFailed(f"{origin}: {fault.message}", hint=fault.hint)
    return value


def _settings(values: dict[str, JsonValue], sources: dict[str, str]) -> Settings:
    folders = values.pop("ensembles", None)
    checked: dict[str, Any] = dict(values)  # by the schema
    if isinstance(folders, list):
        checked["ensembles"] = tuple(Path(str(folder)).expanduser() for folder in folders)
    if "trace_redact" in checked:
        checked["trace_redact"] = tuple(checked["trace_redact"])
    return Settings(**checked, sources=sources)
