"""What tests of the page look for, and the projects that they look at."""

from __future__ import annotations

import json

from tests.cli.command_line import agent

from .browser import Browser
from .server import Server

BLOCKED = "open('here', 'w').write('x' + chr(10)); open('gate').readline()"


def card(name: str, state: str) -> str:
    """The card of an agent in the map, once it is in this state."""
    return f'.card.is-{state}[aria-label^="{name}:"]'


def last_run(server: Server) -> str:
    return f"{server.link}runs/{server.runs()[0]['run_id']}"


def figures(browser: Browser) -> dict[str, str]:
    """What the strip above a run says, by name."""
    cells = browser.script("return [...document.querySelectorAll('.figures > div')].map(e => e.innerText)")
    return dict(cell.split("\n") for cell in cells)


def catalogue(project, **models: object) -> None:
    """Scripted models of the project, by name."""
    usual = {"provider": "scripted", "name": "m"}
    whole = {name: {**usual, **model} for name, model in models.items()}
    project.file(".llm-orc/models.yaml", json.dumps({"models": whole}))


def asks(name: str, model: str, *answers: str, wait: float = 0, **keys: object) -> dict:
    """An agent that asks a model of the catalogue."""
    return {**agent(name, *answers, wait=wait, **keys), "model": model}
