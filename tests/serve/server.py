"""A server as a user has it: a process of its own, and requests to it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from typing import Any
from urllib.parse import quote

from tests.cli.command_line import DEADLINE, CommandLine


@dataclass(frozen=True)
class Answer:
    """What the server said."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Server:
    """`link` is what it printed."""

    link: str
    port: int
    host: str = "127.0.0.1"

    def __call__(self, path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Answer:
        """One request; names of headers are written with underscores."""
        connection = HTTPConnection(self.host, self.port, timeout=DEADLINE)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body=body, headers=named)
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, found, answer.read())
        finally:
            connection.close()

    def runs(self) -> list[dict[str, Any]]:
        return list(self("/api/runs").json["runs"])

    @contextmanager
    def stream(self, run: str, **headers: str) -> Iterator[Iterator[Any]]:
        """The events of a run as they are sent, one by one; a status is a text."""
        connection = HTTPConnection(self.host, self.port, timeout=DEADLINE)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request("GET", f"/api/runs/{quote(run)}/stream", headers=named)
            yield _messages(connection.getresponse())
        finally:
            connection.close()


def _messages(answer: HTTPResponse) -> Iterator[Any]:
    assert answer.status == 200, answer.read()
    for line in answer:
        if line.startswith(b"data: "):
            found = json.loads(line[6:])
            yield from found if isinstance(found, list) else [found]


@contextmanager
def serving(project: CommandLine, *arguments: str, port: int = 0, **variables: str) -> Iterator[Server]:
    """`llm-orc serve` in a project, until the block ends."""
    with project.started("serve", "--port", str(port), *arguments, **variables) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        link = process.stdout.readline().strip()
        found = re.match(r"http://[^/]*:(\d+)/", link)
        assert found, process.stderr.read()
        yield Server(link, int(found[1]))


def agents_of(events: list[Any], kind: str) -> list[str]:
    """The agents that events of a type are about."""
    return [event["agent"] for event in events if event["type"] == kind]
