"""Watch a run as it happens: `python examples/stream_events.py`."""

from __future__ import annotations

import asyncio
import json

from llm_orc import Orchestrator
from llm_orc.domain.wire import event_json


async def main() -> None:
    async with Orchestrator() as orchestrator, orchestrator.stream("quickstart") as events:
        async for event in events:
            print(json.dumps(event_json(event))[:160])


if __name__ == "__main__":
    asyncio.run(main())
