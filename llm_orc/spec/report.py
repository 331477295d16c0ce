"""The problems of one file, collected while it is checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llm_orc.errors import InvalidFile, Problem

if TYPE_CHECKING:
    from llm_orc.spec.document import Document, Where


class Report:
    """Collects problems; one place has one problem of a kind, and a secret hides what else is wrong there."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self._problems: dict[Problem, None] = dict.fromkeys(document.problems)
        # What cannot be read has no value that could be wrong as well.
        self._final = {(problem.line, problem.column) for problem in document.problems}

    @property
    def problems(self) -> tuple[Problem, ...]:
        """In the order of the file."""
        return tuple(sorted(self._problems, key=lambda p: (p.file != self.document.name, p)))

    def add(self, where: Where, message: str, hint: str = "", *, key: bool = False) -> None:
        """A problem with the value at `where`, or with its key."""
        self.add_at(self.document.position(where, key=key), message, hint)

    def add_at(self, position: tuple[int, int], message: str, hint: str = "") -> None:
        if position not in self._final:
            self._problems[self.document.problem_at(position, message, hint)] = None

    def add_final(self, where: Where, message: str, hint: str = "", *, key: bool = False) -> None:
        """A problem that is the only one to be reported at its place."""
        self.add(where, message, hint, key=key)
        self._final.add(self.document.position(where, key=key))

    def add_other(self, problem: Problem) -> None:
        """A problem of another file that this one refers to."""
        self._problems[problem] = None

    def refuse(self) -> None:
        """Raises `InvalidFile` when there is any problem."""
        if self._problems:
            raise InvalidFile(self.problems)
