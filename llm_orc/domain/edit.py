"""Changes to an ensemble file, as values: what is to be set or removed, and what becomes of the files."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from llm_orc.domain.json import JsonValue

_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_NO_NEWLINE = "\n\\ No newline at end of file\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetKey:
    """Set one key of an agent, whether it is there or not.

    `key` is `system_prompt`, `prompt`, `demos`, `model`, `models`, `temperature`, `strategy`, or one of the
    strategy's settings: `strategy.samples`, `strategy.early_stop.window`.
    """

    agent: str
    key: str
    value: JsonValue


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveKey:
    """Remove one key of an agent, named as in `SetKey`. One that is not there stays away."""

    agent: str
    key: str


Edit: TypeAlias = SetKey | RemoveKey


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """A file's bytes as they were read and as they are to be."""

    path: Path
    before: bytes
    after: bytes

    def diff(self) -> str:
        """The change as a unified diff, which `patch` and `git apply` understand."""
        before, after = (list(_lines(content)) for content in (self.before, self.after))
        name = self.path.as_posix().lstrip("/")
        return "".join(difflib.unified_diff(before, after, f"a/{name}", f"b/{name}"))


def _lines(content: bytes) -> Iterator[str]:
    for line in _LINE.findall(content.decode("utf-8", errors="replace")):
        yield line if line.endswith("\n") else line + _NO_NEWLINE
