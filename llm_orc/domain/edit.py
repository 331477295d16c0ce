"""Changes to an ensemble file, as values: what is to be set or taken out, and what becomes of the files."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from llm_orc.domain.json import JsonValue

_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_NO_NEWLINE = "\n\\ No newline at end of file\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One key of an agent, and its new value; None takes the key out.

    `key` is `system_prompt`, `prompt`, `demos`, `model`, `models`, `strategy`, a sampling setting such as
    `temperature`, or one of the strategy's settings: `strategy.samples`, `strategy.early_stop.window`.
    """

    agent: str
    key: str
    value: JsonValue


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """A file's bytes as they were read and as they are to be."""

    path: Path
    before: bytes
    after: bytes

    def diff(self, folder: Path = Path("/")) -> str:
        """The change as a unified diff, which `git apply` and `patch -p1` understand in `folder`."""
        before, after = (list(_lines(content)) for content in (self.before, self.after))
        path = self.path.absolute()
        name = (path.relative_to(folder) if path.is_relative_to(folder) else path).as_posix().lstrip("/")
        return "".join(difflib.unified_diff(before, after, f"a/{name}", f"b/{name}"))


def _lines(content: bytes) -> Iterator[str]:
    for line in _LINE.findall(content.decode("utf-8", errors="replace")):
        yield line if line.endswith("\n") else line + _NO_NEWLINE
