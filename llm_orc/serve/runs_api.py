"""What the page asks of runs: lists, one run, its map, events and calls. All of it only reads."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from functools import lru_cache, partial, wraps
from itertools import islice
from time import monotonic, time
from typing import TYPE_CHECKING

import anyio

from llm_orc.domain.json import JsonValue
from llm_orc.domain.recorded import RecordedRun, run_json
from llm_orc.domain.text import moment, one_line
from llm_orc.errors import NotFound, OrcError
from llm_orc.orchestrator.showing import Fold, agents_of, budget_of, map_of, memory_of
from llm_orc.serve.feed import MOST_VIEWERS
from llm_orc.serve.lines import short
from llm_orc.serve.refusal import Unclear, failure, refusal
from llm_orc.serve.streaming import EventStream

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp

    from llm_orc.serve.state import State

Handler = Callable[["Request", "State"], Awaitable["ASGIApp"]]
Endpoint = Callable[["Request"], Awaitable["ASGIApp"]]

_STATUSES = frozenset({"running", "succeeded", "failed", "partial", "interrupted", "killed"})
FOLDS: tuple[Fold, ...] = ("auto", "none", "twins", "layers")
_MOST_RUNS = 200
_MOST_CALLS = 50
_MOST_LINES = 50_000
_INPUT = 120


def endpoint(handler: Handler) -> Endpoint:
    """What starlette calls: errors of ours become answers."""

    @wraps(handler)
    async def answer(request: Request) -> ASGIApp:
        state: State = request.app.state.ours
        state.asked_at = monotonic()
        try:
            return await handler(request, state)
        except OrcError as error:
            return failure(error)

    return answer


async def list_runs(request: Request, state: State) -> ASGIApp:
    """The newest runs that match `q`, `status`, `ensemble`, and began before the run `before`."""
    query = request.query_params
    status = query.get("status") or None
    if status is not None and status not in _STATUSES:
        raise Unclear(f"{status[:20]!r} is no status", hint=", ".join(sorted(_STATUSES)))
    limit = min(_number(query.get("limit", "50"), "limit"), _MOST_RUNS)

    def found() -> tuple[list[RecordedRun], list[str]]:
        journal = state.journal
        before = journal.find(query["before"]).started_at if query.get("before") else None
        runs = journal.matching(
            text=query.get("q") or None, status=status, ensemble=query.get("ensemble") or None, before=before
        )
        return list(islice(runs, limit + 1)), journal.ensembles()

    runs, ensembles = await anyio.to_thread.run_sync(found)
    return state.json({
        "runs": [{**run_json(run), "input": _input_line(run)} for run in runs[:limit]],
        "more": len(runs) > limit,
        "ensembles": ensembles,
        "journal": str(state.journal.path),
    }, request)  # fmt: skip


async def show_run(request: Request, state: State) -> ASGIApp:
    """A run without its agents: the events tell of them."""
    run = await find(request, state)
    return state.json(await anyio.to_thread.run_sync(described, state, run), request)


def described(state: State, run: RecordedRun) -> dict[str, JsonValue]:
    """What a page has to know of a run besides its events."""
    return {
        **run_json(run),
        "inputs": run.inputs,
        "settings": run.settings,
        "text": run.text,
        "last_seq": state.journal.last_seq(run.run_id),
        "process": run.process.rsplit(" ", 1)[0],
        "actions": state.actions.offered(run),
        "budget": budget_of(state.orchestrator, run),
        "memory": memory_of(state.orchestrator.project),
        "keeps_content": run.inputs is not None,
        "now": moment(time()),
    }


async def show_map(request: Request, state: State) -> ASGIApp:
    """Where the agents stand; 404 until the run has begun."""
    fold = request.query_params.get("fold", "auto")
    if fold not in FOLDS:
        raise Unclear(f"{fold[:20]!r} is no way to fold", hint=", ".join(FOLDS))
    run = await find(request, state)

    return state.json(await anyio.to_thread.run_sync(drawn, state, run, fold), request)


def drawn(state: State, run: RecordedRun, fold: Fold) -> dict[str, JsonValue]:
    """The map of a run. Raises `NotFound` when it has not begun."""
    started = next(state.journal.events(run.run_id, "run_started"), None)
    if started is None:
        raise NotFound("the run has not begun yet")
    return {**_map(json.dumps(started["depends_on"]), fold), "agents": agents_of(state.orchestrator, run)}


async def list_events(request: Request, state: State) -> ASGIApp:
    """The events behind number `after`, cut short as the stream has them."""
    from starlette.responses import Response

    after = _number(request.query_params.get("after", "0"), "after")
    run = await find(request, state)

    def text() -> str:
        lines = state.journal.lines_after(run.run_id, after, _MOST_LINES)
        return f"[{','.join(short(line) for _, line in lines)}]"

    body = (await anyio.to_thread.run_sync(text)).encode("utf-8", "replace")
    return Response(body, media_type="application/json", headers={"cache-control": "no-store"})


async def show_event(request: Request, state: State) -> ASGIApp:
    """One event as the journal has it."""
    from starlette.responses import Response

    seq = _number(request.path_params["seq"], "seq")
    run = await find(request, state)
    lines = await anyio.to_thread.run_sync(state.journal.lines_after, run.run_id, seq - 1, 1)
    if not lines or lines[0][0] != seq:
        raise NotFound(f"the run has no event {seq}")
    return Response(
        lines[0][1].encode("utf-8", "replace"), media_type="application/json",
        headers={"cache-control": "no-store"},
    )  # fmt: skip


async def stream_events(request: Request, state: State) -> ASGIApp:
    """Server-sent events: arrays of events as `list_events` has them, the id is the number of the last."""
    given = request.headers.get("last-event-id") or request.query_params.get("after", "0")
    after = _number(given, "after")
    run = await find(request, state)
    if request.method == "HEAD":
        return EventStream(_nothing())
    messages = state.feed.watch(run, after)
    # With its first message the place is taken.
    first = await anext(messages, None)
    if first is None:
        return refusal(429, f"{MOST_VIEWERS} pages watch already", "close some")
    return EventStream(messages, first)


async def _nothing() -> AsyncGenerator[bytes, None]:
    messages: tuple[bytes, ...] = ()
    for message in messages:
        yield message


async def list_calls(request: Request, state: State) -> ASGIApp:
    """Calls of models by one agent, with requests and answers where content is kept."""
    agent = request.query_params.get("agent", "")
    after = _number(request.query_params.get("after", "0"), "after")
    run = await find(request, state)
    calls = await anyio.to_thread.run_sync(
        partial(state.journal.calls, run.run_id, agent, after=after, limit=_MOST_CALLS + 1)
    )
    return state.json({"calls": calls[:_MOST_CALLS], "more": len(calls) > _MOST_CALLS}, request)


async def find(request: Request, state: State) -> RecordedRun:
    """The run that the path names. Raises `NotFound`."""
    return await anyio.to_thread.run_sync(state.journal.find, request.path_params["run"])


@lru_cache(maxsize=32)
def _map(depends_on: str, fold: Fold) -> dict[str, JsonValue]:
    """Kept, since 500 agents take half a second; `depends_on` is JSON."""
    needs: dict[str, list[str]] = json.loads(depends_on)
    return map_of(needs, fold)


def _input_line(run: RecordedRun) -> str:
    values = list((run.inputs or {}).values())
    return one_line(values[0] if len(values) == 1 else dict(run.inputs or {}), _INPUT) if values else ""


def _number(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise Unclear(f"{name} is a number", hint="such as 0")
    return int(text)
