"""The layered layout against four plain barycentre sweeps over the same rows: edges that cross, and time."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import mean, pstdev

from tests.dags import ragged_dag
from tests.drawings import Dag, drawn, plain_crossings, uniform_dag

SHAPES: dict[str, Callable[[int, int], Dag]] = {
    "ragged": lambda size, seed: ragged_dag(size, seed),
    "uniform, 2 edges a node": lambda size, seed: uniform_dag(size, 2 * size, seed),
}


def main(sizes: tuple[int, ...] = (10, 30, 100, 500), seeds: int = 8) -> None:
    """Print the crossings of either, their ratio with its spread, and the time for the whole layout."""
    for shape, make in SHAPES.items():
        for size in sizes:
            _print(f"{shape}, {size}", [make(size, seed) for seed in range(seeds)])


def _print(name: str, dags: list[Dag]) -> None:
    ours, plain, seconds = [], [], []
    for dag in dags:
        begin = time.perf_counter()
        ours.append(drawn(dag).crossings)
        seconds.append(time.perf_counter() - begin)
        plain.append(plain_crossings(dag))
    ratios = [one / other for one, other in zip(ours, plain, strict=True) if other]
    print(
        f"{name:28} crossings {mean(ours):8.1f} of {mean(plain):8.1f}"
        f"   ratio {mean(ratios):4.2f} ± {pstdev(ratios):4.2f}"
        f"   {mean(seconds):5.2f} s, at most {max(seconds):5.2f} s"
    )


if __name__ == "__main__":
    main()
