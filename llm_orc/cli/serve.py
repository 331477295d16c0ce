"""`serve`: the live page of runs."""

from __future__ import annotations

import secrets
import socket
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import click

from llm_orc.cli.numbers import Number
from llm_orc.cli.signals import interrupted_by_signals
from llm_orc.errors import UsageFailed
from llm_orc.orchestrator import Orchestrator

if TYPE_CHECKING:
    from llm_orc.serve.access import Access

PORT = 8417


@click.command(epilog="\b\nExample:\n  llm-orc serve --open")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option("--port", type=click.IntRange(0, 65535), default=PORT, show_default=True,
              help="0 takes a free one.")  # fmt: skip
@click.option("--token", envvar="LLM_ORC_SERVE_TOKEN", help="What has to be known to see anything.")
@click.option("--open", "run", is_flag=False, flag_value="/", metavar="[RUN]",
              help="Open a browser, on this run or on the list.")  # fmt: skip
@click.option("--runs", type=click.Path(dir_okay=False, path_type=Path), help="Where runs are recorded.")
@click.option("--until-idle", type=Number(0, min_open=True), metavar="SECONDS",
              help="End when nobody has watched for so long.")  # fmt: skip
@click.option("--listening-on", type=click.IntRange(3), hidden=True)
def serve(
    host: str, port: int, token: str | None, run: str | None, runs: Path | None, until_idle: float | None,
    listening_on: int | None,
) -> None:  # fmt: skip
    """Serve a live page of the runs that are recorded, also of those in other processes.

    It can be reached from this machine only. With another --host a token is needed: one is made, and
    printed as part of the link, unless --token gives it.
    """
    from llm_orc.orchestrator.showing import check_journal
    from llm_orc.serve.access import SHORTEST_TOKEN, Access, is_local
    from llm_orc.serve.server import check_installed, listening

    check_installed()
    if token is not None and len(token) < SHORTEST_TOKEN:
        raise UsageFailed(f"the token is too short: {len(token)} of at least {SHORTEST_TOKEN} characters")
    if token is None and not is_local(host):
        token = secrets.token_urlsafe(24)
    orchestrator = Orchestrator(flags={"runs": None if runs is None else str(runs)})
    check_journal(orchestrator)
    if run not in (None, "/") and listening_on is None:
        orchestrator.runs.find(run)
    on = socket.socket(fileno=listening_on) if listening_on is not None else listening(host, port)
    access = Access(host=host, port=on.getsockname()[1], token=token)
    links = [link_of(name, access.port, run or "/", token) for name in (access.host, *other_names(host))]
    click.echo(f"runs of {orchestrator.runs.path}", err=True)
    anyio.run(_serve, orchestrator, access, on, until_idle, links, run is not None)


def link_of(host: str, port: int, run: str, token: str | None) -> str:
    """The address of the list, or of a run."""
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    path = "" if run == "/" else f"runs/{run}"
    return f"http://{f'[{name}]' if ':' in name else name}:{port}/{path}" + (
        f"?token={token}" if token else ""
    )


def other_names(host: str) -> tuple[str, ...]:
    """By what other machines know a server that listens at all addresses: this machine's own address."""
    family = {"0.0.0.0": socket.AF_INET, "::": socket.AF_INET6}.get(host)
    if family is None:
        return ()
    outside = "192.0.2.1" if family == socket.AF_INET else "2001:db8::1"
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as asked:
            # Nothing is sent: the system only says which of its addresses it would send from.
            asked.connect((outside, 9))
            return (str(asked.getsockname()[0]),)
    except OSError:
        return (socket.gethostname(),)


async def _serve(
    orchestrator: Orchestrator,
    access: Access,
    on: socket.socket,
    idle: float | None,
    links: Sequence[str],
    show: bool,
) -> None:
    from llm_orc.serve.server import serve as serve_page

    with interrupted_by_signals() as (end, _):
        # Connections wait from now on, and are answered in a moment.
        for link in links:
            click.echo(link)
        if show:
            webbrowser.open(links[0])
        await serve_page(orchestrator, access, on, end, idle)
