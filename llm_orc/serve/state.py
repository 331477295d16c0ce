"""What the server keeps while it runs."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING
from zlib import crc32

from llm_orc.domain.json import JsonValue
from llm_orc.orchestrator import Orchestrator
from llm_orc.serve.actions import Actions
from llm_orc.serve.feed import Feed

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from llm_orc.orchestrator.showing import Following


@dataclass(slots=True, kw_only=True)
class State:
    """`asked_at` is when the last request came, in seconds of `monotonic`."""

    orchestrator: Orchestrator
    journal: Following
    feed: Feed
    actions: Actions
    asked_at: float = field(default_factory=monotonic)

    def json(self, value: JsonValue, request: Request) -> Response:
        """An answer that a browser asks for again and gets only when it changed."""
        from starlette.responses import Response

        body = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
        headers = {"etag": f'"{crc32(body):08x}{len(body):x}"', "cache-control": "no-cache"}
        if request.headers.get("if-none-match") == headers["etag"]:
            return Response(status_code=304, headers=headers)
        return Response(body, media_type="application/json", headers=headers)
