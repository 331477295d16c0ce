"""Saving a run as one file."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import anyio

from llm_orc.domain.json import JsonValue
from llm_orc.domain.recorded import RecordedRun
from llm_orc.errors import UsageFailed
from llm_orc.serve.runs_api import FOLDS, described, drawn, find
from llm_orc.serve.standalone import standalone

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp

    from llm_orc.serve.state import State

MOST_RECORDS = 200_000


async def save_run(request: Request, state: State) -> ASGIApp:
    """The page of a run as a file, with all that the journal has of it."""
    from starlette.responses import Response

    run = await find(request, state)
    text = await anyio.to_thread.run_sync(_saved, state, run)
    headers = {
        "content-disposition": f'attachment; filename="run-{run.run_id}.html"', "cache-control": "no-store",
    }  # fmt: skip
    return Response(text.encode("utf-8", "replace"), media_type="text/html", headers=headers)


def _saved(state: State, run: RecordedRun) -> str:
    path = f"/api/runs/{quote(run.run_id)}"
    events: list[JsonValue] = []
    calls: dict[str, list[JsonValue]] = {}
    for number, record in enumerate(state.journal.export(run.run_id)):
        if number > MOST_RECORDS:
            raise UsageFailed(
                f"the run is too large for one file: more than {MOST_RECORDS} events and calls",
                hint=f"llm-orc runs export {run.run_id}",
            )
        kind = record["record"]
        if kind == "call":
            calls.setdefault(str(record["agent"]), []).append(record)
        elif kind == "event":
            # The agents and plans of the last one are those of the events before it.
            events.append({name: each for name, each in record.items() if name not in ("agents", "plan")})
    about = {**described(state, run), "actions": {"cancel": False, "resume": False}}
    answers: dict[str, JsonValue] = {path: about, f"{path}/events?after=0": events}
    for fold in FOLDS:
        answers[f"{path}/map?fold={fold}"] = drawn(state, run, fold)
    for agent, found in calls.items():
        name = quote(agent, safe="!'()*-._~")  # as encodeURIComponent writes it
        answers[f"{path}/calls?agent={name}&after=0"] = {"calls": found, "more": False}
    return standalone(run.ensemble, answers)
