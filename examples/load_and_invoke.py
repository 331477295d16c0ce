"""Load an ensemble, run it, look at what each agent did: `python examples/load_and_invoke.py`."""

from __future__ import annotations

import asyncio

from llm_orc import Answered, Orchestrator


async def main() -> None:
    async with Orchestrator() as orchestrator:
        ensemble = orchestrator.load("quickstart")
        print(orchestrator.draw(ensemble, "text"))
        result = await orchestrator.invoke(ensemble)
    for name, outcome in result.agents.items():
        if isinstance(outcome, Answered):
            print(f"{name}: {outcome.output} ({outcome.effort.usage.output_tokens} tokens)")
    print(result.status, result.output)


if __name__ == "__main__":
    asyncio.run(main())
