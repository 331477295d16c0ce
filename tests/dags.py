"""Random DAGs for property tests: `name -> names it depends on`, in an order that is not topological."""

from __future__ import annotations

import random

from hypothesis import strategies as st


@st.composite
def dags(draw: st.DrawFn, max_size: int = 9) -> dict[str, tuple[str, ...]]:
    size = draw(st.integers(1, max_size))
    names = [f"n{index}" for index in range(size)]
    edges = {
        name: tuple(draw(st.lists(st.sampled_from(names[:index]), unique=True, max_size=4)) if index else ())
        for index, name in enumerate(names)
    }
    order = draw(st.permutations(names))
    return {name: edges[name] for name in order}


def ragged_dag(size: int, seed: int, width: int = 12) -> dict[str, tuple[str, ...]]:
    """A DAG of `size` nodes in which each depends on up to three of the `width` before it."""
    rng = random.Random(seed)
    return {
        f"n{i}": tuple(f"n{j}" for j in rng.sample(range(max(0, i - width), i), min(i, rng.randint(0, 3))))
        for i in range(size)
    }
