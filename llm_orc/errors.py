"""The error tree. Every error says what went wrong, where, and what to do next.

OrcError                      exit code
├── UsageFailed                   2   a wrong argument, name or setting
│   ├── NotFound                  2   an ensemble, model or file that is nowhere to be found
│   ├── NotAvailable              2   a feature this version or installation does not have
│   └── RoutingFailed             2   no model can serve an agent under the given limits
├── InvalidFile                   2   a file with problems, all of them listed
├── JournalFailed                 5   the journal of runs cannot be read or written
├── RewriteRefused                1   an ensemble file cannot be changed as asked and otherwise stay as it is
├── ProviderFailed                1   a model could not answer
│   ├── Unreachable               4   no connection, or it was cut
│   ├── RateLimited               1   429; `retry_after` in seconds when the server said so
│   ├── AuthenticationFailed      1   no key, or a key that was not accepted
│   ├── InvalidRequest            1   the server says that the request can never work
│   │   ├── ModelMissing          1   the server does not have this model
│   │   └── ContextTooLong        1   the prompt does not fit the model's context
│   ├── Refused                   1   the server or the model declined to answer
│   ├── ServerFailed              1   5xx
│   ├── CircuitOpen               1   the host failed so often that it is left alone for a while
│   └── MalformedReply            1   a reply that does not follow the protocol
└── AgentFailed                   1   an agent could not do its work
    ├── DeadlinePassed            1   an agent or a call ran past its timeout
    ├── BudgetSpent               3   a budget does not allow another call
    ├── ScriptFailed              1   a script ended badly or printed what cannot be used
    ├── PromptFailed              1   a prompt could not be rendered with the values at hand
    ├── AnswerRejected            1   an answer that does not satisfy its `output_schema`
    ├── ToolFailed                1   a tool cannot be used, or a model calls tools without end
    ├── FlowFailed                1   a list, choice or loop that cannot go on with what it has
    └── NestedFailed              1   an agent of an ensemble that runs as an agent failed
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Problem:
    """One thing that is wrong with a file; `line` and `column` count from 1, 0 means the whole file."""

    file: str
    line: int = 0
    column: int = 0
    message: str
    hint: str = ""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{where}: {self.message}" + (f" ({self.hint})" if self.hint else "")


class OrcError(Exception):
    """What llm-orc raises on purpose; anything else that escapes is a bug."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    @property
    def kind(self) -> str:
        """The class name in snake case: the stable name scripts match on (`rate_limited`)."""
        name = type(self).__name__
        return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")


class UsageFailed(OrcError):
    """A wrong argument, name or setting; nothing was run."""

    exit_code = 2


class NotFound(UsageFailed):
    """An ensemble, model or file that is nowhere to be found."""


class NotAvailable(UsageFailed):
    """A feature that this version or installation does not have."""


class RoutingFailed(UsageFailed):
    """No model can serve an agent within room, money, quality and time; `agent` is its name."""

    def __init__(self, message: str, *, agent: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.agent = agent


class InvalidFile(OrcError):
    """A file with problems: `problems` lists every one of them, in the order of the file."""

    exit_code = 2

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class JournalFailed(OrcError):
    """The journal of runs cannot be read or written: a full disk, a damaged, locked or newer file."""

    exit_code = 5


class RewriteRefused(OrcError):
    """An ensemble file cannot be changed as asked and otherwise stay as it is; nothing was written."""


class ProviderFailed(OrcError):
    """A model could not answer. `retryable` says whether the same request may succeed later."""

    retryable: ClassVar[bool] = False


class Unreachable(ProviderFailed):
    """No connection, or one that was cut before the reply was complete: then the request `was_sent`."""

    exit_code = 4
    retryable = True

    def __init__(self, message: str, *, hint: str = "", was_sent: bool = True) -> None:
        super().__init__(message, hint=hint)
        self.was_sent = was_sent


class RateLimited(ProviderFailed):
    """Too many requests. `retry_after` is in seconds; None when the server did not say."""

    retryable = True

    def __init__(self, message: str, *, hint: str = "", retry_after: float | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after


class AuthenticationFailed(ProviderFailed):
    """No key, or one that was not accepted. The key itself is never part of the message."""


class InvalidRequest(ProviderFailed):
    """The server says that this request can never work."""


class ModelMissing(InvalidRequest):
    """The server does not have this model."""


class ContextTooLong(InvalidRequest):
    """The prompt, or the prompt and its answer, does not fit the model's context."""


class Refused(ProviderFailed):
    """The server or the model declined to answer this prompt."""


class ServerFailed(ProviderFailed):
    """The server broke (5xx)."""

    retryable = True


class CircuitOpen(ProviderFailed):
    """The host failed so often that no calls are sent to it for `retry_after` seconds."""

    retryable = True

    def __init__(self, message: str, *, hint: str = "", retry_after: float) -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after


class MalformedReply(ProviderFailed):
    """A reply that is not JSON, or not the JSON that the protocol promises."""

    retryable = True


class AgentFailed(OrcError):
    """An agent could not do its work."""


class DeadlinePassed(AgentFailed):
    """An agent or a call ran past its timeout."""


class BudgetSpent(AgentFailed):
    """A budget does not allow another call. `ends_run`: it is the run's, not an agent's."""

    exit_code = 3

    def __init__(self, message: str, *, hint: str = "", ends_run: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.ends_run = ends_run


class ScriptFailed(AgentFailed):
    """A script ended with a bad exit code, could not be started, or printed what cannot be used."""


class PromptFailed(AgentFailed):
    """A prompt could not be rendered with the values at hand."""


class AnswerRejected(AgentFailed):
    """An answer that does not satisfy its `output_schema`."""


class ToolFailed(AgentFailed):
    """A tool that cannot be used, or a model that calls tools without ever answering."""


class FlowFailed(AgentFailed):
    """A fan-out, a dispatch or a loop cannot go on with the values that it was given."""


class NestedFailed(AgentFailed):
    """An agent of an ensemble that runs as an agent failed; `inner_kind` and `inner_exit` are its error's."""

    def __init__(self, message: str, *, hint: str, inner_kind: str, inner_exit: int) -> None:
        super().__init__(message, hint=hint)
        self.inner_kind = inner_kind
        self.inner_exit = inner_exit
