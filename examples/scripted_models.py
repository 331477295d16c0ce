"""Answers of your own in place of models, to test an ensemble: `python examples/scripted_models.py`."""

from __future__ import annotations

import asyncio

from llm_orc import Orchestrator
from llm_orc.domain.completion import Request
from llm_orc.providers.scripted import Scripted


def answer(request: Request) -> str:
    """What the models would say."""
    if "JSON" in request.messages[0].content:
        return '{"answer": 7, "item": "apples"}'
    return "3 + 4 = 7. The answer is 7."


async def main() -> None:
    models = Scripted(answer)
    async with Orchestrator(providers={"llamacpp": models}) as orchestrator:
        result = await orchestrator.invoke(
            "quickstart", "Ann has 3 apples and finds 4. How many has she now?"
        )
    print(result.output, "after", len(models.requests), "calls")


if __name__ == "__main__":
    asyncio.run(main())
