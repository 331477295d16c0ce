"""The command line as a user has it: processes of their own, in a folder of their own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from time import monotonic, sleep
from typing import Any

from tests.forks import client as forks

LLM_ORC = (sys.executable, "-m", "llm_orc")
DEADLINE = 30.0
_LEAKS = (
    "LLM_ORC_",
    "XDG_",
    "OPENAI_",
    "ANTHROPIC_",
    "OLLAMA_",
    "OTEL_",
    "TRACE",
    "NO_COLOR",
    "FORCE_COLOR",
    "TERM",
    "COLUMNS",
)
_AT_START = ("PYTHON", "LANG", "LC_")
"""What Python reads when it starts: a command with such variables is not a fork."""

Done = subprocess.CompletedProcess[str]


class CommandLine:
    """Runs llm-orc in `folder`, with a home of its own and no settings of the machine."""

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder = folder
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_LEAKS)}
        quiet = {"LLM_ORC_RETRIES": "0", "LLM_ORC_CACHE": "off", "LLM_ORC_GRACE_SECONDS": "0"}
        # As in an environment that is activated: `doctor` looks for the command.
        path = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", os.defpath)])
        self.environment = {
            **kept, **quiet, "PATH": path, "HOME": str(home), "XDG_CONFIG_HOME": str(home / "config")
        }  # fmt: skip

    def __call__(self, *arguments: str, stdin: str | bytes | None = None, **variables: str) -> Done:
        """The finished process. `variables` are added to its environment."""
        given = stdin.encode() if isinstance(stdin, str) else stdin
        environment = {**self.environment, **variables}
        if len(given or b"") <= forks.PIPE_BYTES and not any(
            name.startswith(_AT_START) for name in variables
        ):
            return forks.run(arguments, self.folder, environment, given)
        done = subprocess.run(
            [*LLM_ORC, *arguments], cwd=self.folder, env=environment, input=given or b"",
            capture_output=True, timeout=60, check=False,
        )  # fmt: skip
        return Done(arguments, done.returncode, done.stdout.decode(), done.stderr.decode())

    @contextmanager
    def started(self, *arguments: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
        """A process that is still running; it is gone when the block ends, and after `DEADLINE` anyway."""
        with subprocess.Popen(
            [*LLM_ORC, *arguments], cwd=self.folder, env={**self.environment, **variables}, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        ) as process:  # fmt: skip
            watchdog = Timer(DEADLINE, process.kill)
            watchdog.start()
            try:
                yield process
            finally:
                watchdog.cancel()
                process.kill()

    def file(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def files(self) -> set[str]:
        """What lies in the folder, by name."""
        return {path.name for path in self.folder.iterdir()}

    def together(self, commands: Iterable[tuple[str, ...]]) -> dict[tuple[str, ...], Done]:
        """Many commands, one after the other."""
        return {command: self(*command) for command in commands}

    def ensemble(self, *agents: dict[str, Any], file: str = "e.yaml", **keys: Any) -> str:
        """An ensemble file, as JSON, which is YAML too; its name."""
        self.file(file, json.dumps({"name": "e", **keys, "agents": agents}))
        return file


def agent(name: str = "a", *answers: str, wait: float = 0, **keys: Any) -> dict[str, Any]:
    """An agent whose model gives these answers, or repeats its prompt, after `wait` seconds."""
    options: dict[str, Any] = {"answers": list(answers)} if answers else {}
    if wait:
        options["delay_seconds"] = wait
    return {"name": name, "model": {"provider": "scripted", "name": "m"}, "options": options, **keys}


def script(name: str, code: str, **keys: Any) -> dict[str, Any]:
    """An agent that is a line of Python."""
    return {"name": name, "script": f'python -c "{code}"', **keys}


def served(url: str, name: str = "a", api_key_env: str | None = None, **keys: Any) -> dict[str, Any]:
    """An agent whose model is on an OpenAI-compatible server."""
    key = {} if api_key_env is None else {"api_key_env": api_key_env}
    return {"name": name, "model": {"provider": "openai", "name": "m", "base_url": url, **key}, **keys}


def closed_port() -> str:
    """An address where nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/v1"


def failing(name: str, **keys: Any) -> dict[str, Any]:
    """An agent that fails at once."""
    return script(name, "import sys; sys.exit('broken')", **keys)


@contextmanager
def gate(path: Path) -> Iterator[Callable[[], None]]:
    """A pipe that a script reads a line from; what is yielded writes it. Nothing here can block."""
    os.mkfifo(path)
    pipe = os.open(path, os.O_RDWR)
    try:
        yield lambda: os.write(pipe, b"on\n") and None
    finally:
        os.close(pipe)


def appeared(path: Path) -> str:
    """The text of a file that another process writes, once it ends with a line break."""
    until = monotonic() + DEADLINE
    while monotonic() < until:
        if path.exists() and (text := path.read_text()).endswith("\n"):
            return text
        sleep(0.01)
    raise TimeoutError(f"{path.name} did not appear")


def gone(pid: int) -> bool:
    """Whether no process runs under this pid any more; waits for it."""
    until = monotonic() + DEADLINE
    while monotonic() < until:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        sleep(0.01)
    return False
