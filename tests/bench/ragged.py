"""A ragged DAG with unlimited concurrency takes as long as its critical path."""

from __future__ import annotations

import random
from dataclasses import replace

import anyio

from llm_orc.domain.completion import Choice, Completion, Request
from llm_orc.domain.ensemble import Ensemble, Llm
from llm_orc.graph.agent_graph import AgentGraph
from llm_orc.plan.task_typing import task_of
from llm_orc.run.run import run_ensemble
from llm_orc.strategies.single import Single
from tests.dags import ragged_dag
from tests.treated import treated

from .overhead import ensemble_of


class Slow:
    """Answers after the agent's own time, which is in its system prompt."""

    async def complete(self, request: Request) -> Completion:
        await anyio.sleep(float(request.messages[0].content))
        return Completion(choices=(Choice(text="done"),))


def main(size: int = 300) -> None:
    """Print the wall time against the critical path."""
    rng, dag = random.Random(1), ragged_dag(size, seed=1)
    seconds = {name: rng.uniform(0.005, 0.1) for name in dag}
    bare = ensemble_of(dag)
    agents = {
        name: replace(agent, work=replace(agent.work, system_prompt=str(seconds[name])))
        for name, agent in bare.agents.items()
        if isinstance(agent.work, Llm)
    }
    ensemble: Ensemble = replace(bare, agents=agents)
    _, path = AgentGraph(dag).critical_path(seconds.__getitem__)
    provider, strategy = Slow(), Single()
    result = anyio.run(
        lambda: run_ensemble(
            ensemble,
            {"input": "go"},
            treatment=treated(provider),
            strategy_of=lambda n: strategy,
            task_of=task_of,
        )
    )
    print(
        f"{f'ragged DAG of {size}':28} {result.duration_s:8.3f} s    critical path {path:6.3f} s"
        f"   ratio {result.duration_s / path:5.2f}"
    )


if __name__ == "__main__":
    main()
