"""A page for one run, by a server of its own that ends when nobody watches any more."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

from llm_orc.domain.events import Event, Observer, RunStarted
from llm_orc.orchestrator import Orchestrator
from llm_orc.serve.server import check_installed, listening

IDLE_SECONDS = 60


def opened_page(orchestrator: Orchestrator, tell: Callable[[str], None]) -> Observer:
    """An observer that opens a browser on the run that begins; `tell` is given the page's address.

    The server is a process of its own, so that it takes no time from the run and outlives it. Raises
    `NotAvailable` where what it needs is not installed.
    """
    check_installed()

    def observe(event: Event) -> None:
        if not isinstance(event.what, RunStarted):
            return
        on = listening("127.0.0.1", 0)
        command = [
            sys.executable, "-m", "llm_orc", "serve", "--listening-on", str(on.fileno()),
            "--open", event.what.run_id, "--until-idle", str(IDLE_SECONDS),
            "--runs", str(orchestrator.runs.path),
        ]  # fmt: skip
        # What follows is the run's own time: the child is not waited for.
        subprocess.Popen(
            command, cwd=orchestrator.project, pass_fds=[on.fileno()], start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        tell(f"http://127.0.0.1:{on.getsockname()[1]}/runs/{event.what.run_id}")
        on.close()

    return observe
