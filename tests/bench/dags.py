"""The DAG shapes that overhead is measured on: `name -> names it depends on`."""

from __future__ import annotations

Dag = dict[str, tuple[str, ...]]


def chain(length: int) -> Dag:
    """Each node depends on the one before it."""
    return {f"n{i}": (f"n{i - 1}",) if i else () for i in range(length)}


def fan(width: int) -> Dag:
    """One node, `width` that depend on it, one that depends on them all."""
    middle = tuple(f"m{i}" for i in range(width))
    return {"first": (), **dict.fromkeys(middle, ("first",)), "last": middle}


def layered(layers: int, width: int, needs: int) -> Dag:
    """Layers of equal width; each node depends on `needs` nodes of the layer before."""
    dag: Dag = {}
    for layer in range(layers):
        for i in range(width):
            before = [f"l{layer - 1}n{(i + step) % width}" for step in range(needs)] if layer else []
            dag[f"l{layer}n{i}"] = tuple(before)
    return dag
