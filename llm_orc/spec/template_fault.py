"""What is wrong with a template, and on which of its lines."""

from __future__ import annotations


class TemplateFault(Exception):
    """A template that cannot be compiled; `file` is an included file's path, "" for the prompt itself."""

    def __init__(self, message: str, *, line: int = 1, file: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.file = file
        self.hint = hint
