"""The application: its routes, and what lives as long as it does."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio

from llm_orc.orchestrator import Orchestrator
from llm_orc.orchestrator.showing import follow, prepare
from llm_orc.serve.access import Access, Guard
from llm_orc.serve.actions import Actions
from llm_orc.serve.feed import Feed
from llm_orc.serve.pages import asset, page
from llm_orc.serve.refusal import refusal
from llm_orc.serve.runs_api import (
    endpoint,
    find,
    list_calls,
    list_events,
    list_runs,
    show_event,
    show_map,
    show_run,
    stream_events,
)
from llm_orc.serve.saving import save_run
from llm_orc.serve.state import State

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp


def application(
    orchestrator: Orchestrator, access: Access, interrupts: Mapping[str, anyio.Event] | None = None
) -> Starlette:
    """The page of a project's runs and what it asks for; `interrupts` end runs of this very process."""
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.routing import Route

    journal = follow(orchestrator)
    state = State(
        orchestrator=orchestrator,
        journal=journal,
        feed=Feed(journal),
        actions=Actions(orchestrator, journal, interrupts or {}),
    )

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(state.feed.follow)
            tasks.start_soon(anyio.to_thread.run_sync, prepare)
            yield
            tasks.cancel_scope.cancel()

    run = "/api/runs/{run}"
    app = Starlette(
        routes=[
            Route("/", page),
            Route("/runs/{run}", page),
            Route("/compare/{a}/{b}", page),
            Route("/assets/{name}", asset),
            Route("/api/runs", endpoint(list_runs)),
            Route(run, endpoint(show_run)),
            Route(f"{run}/map", endpoint(show_map)),
            Route(f"{run}/events", endpoint(list_events)),
            Route(f"{run}/events/{{seq}}", endpoint(show_event)),
            Route(f"{run}/stream", endpoint(stream_events)),
            Route(f"{run}/calls", endpoint(list_calls)),
            Route(f"{run}/saved", endpoint(save_run)),
            Route(f"{run}/cancel", endpoint(cancel), methods=["POST"]),
            Route(f"{run}/resume", endpoint(resume), methods=["POST"]),
        ],
        middleware=[Middleware(Guard, access=access)],
        exception_handlers={404: _nowhere, 405: _not_so, 500: _broken},
        lifespan=lifespan,
    )
    app.state.ours = state
    return app


async def cancel(request: Request, state: State) -> ASGIApp:
    """Ask for the end of a run."""
    from starlette.responses import JSONResponse

    run = await find(request, state)
    await anyio.to_thread.run_sync(state.actions.cancel, run)
    return JSONResponse({"asked": True}, 202)


async def resume(request: Request, state: State) -> ASGIApp:
    """Go on with a run."""
    from starlette.responses import JSONResponse

    await state.actions.resume(await find(request, state))
    return JSONResponse({"resumed": True}, 202)


async def _nowhere(request: Request, error: Exception) -> Response:
    return refusal(404, "there is nothing here", "/ lists the runs")


async def _not_so(request: Request, error: Exception) -> Response:
    return refusal(405, "not with this method")


async def _broken(request: Request, error: Exception) -> Response:
    return refusal(500, "this is a bug in llm-orc", f"what happened: {type(error).__name__}")
