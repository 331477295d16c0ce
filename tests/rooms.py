"""The rooms of the package and who may import whom, read from the source with `ast`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

PLUG_INS = {"providers", "strategies", "optimize", "engines"}
DOORS = {"cli", "serve"}
NOUNS = {"errors", "domain"}

MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "domain": NOUNS,
    "registry": NOUNS,
    "spec": NOUNS | {"spec", "registry"},
    "graph": NOUNS | {"graph"},
    "plan": NOUNS | {"plan"},
    "run": NOUNS | {"run", "graph"},
    "trace": NOUNS | {"trace"},
    "answers": NOUNS | {"answers"},
    **{plug_in: NOUNS | {plug_in, "answers"} for plug_in in PLUG_INS},
    "orchestrator": NOUNS | PLUG_INS | {"orchestrator", "registry", "spec", "graph", "plan", "run", "trace"},
    **{door: NOUNS | {door, "orchestrator", "bench", "optimize", ""} for door in DOORS},
    # The command line starts the server.
    "cli": NOUNS | {"cli", "orchestrator", "bench", "optimize", "serve", ""},
    "bench": NOUNS | {"answers", "bench", "optimize", "orchestrator", "plan", "strategies"},
    "__main__": {"cli"},
    "": NOUNS | {"orchestrator"},
}
"""Room -> rooms it may import; "" is the package itself (`llm_orc/__init__.py`)."""

HOMES: dict[str, set[str]] = {
    "yaml": {"spec"},
    "jsonschema": {"spec"},
    "referencing": {"spec"},
    "jinja2": {"spec"},
    "platformdirs": {"spec"},
    "networkx": {"graph"},
    "cvxpy": {"plan"},
    "highspy": {"plan"},
    "numpy": {"plan", "run/lexical.py", "run/vectors.py", "run/examples.py"},
    "scipy": {"optimize"},
    "pyarrow": {"optimize"},
    "anyio": {
        "run",
        "plan",
        "providers",
        "strategies",
        "engines",
        "orchestrator",
        "cli",
        "serve",
        "optimize",
    },
    "sqlite3": {"run", "optimize/calls.py"},
    "tenacity": {"providers/treated.py"},
    "aiolimiter": {"providers/rates.py"},
    "mcp": {"run/mcp_servers.py", "serve"},
    "httpx": {"providers/http.py"},
    "httpx2": {"providers/http.py"},
    "xllamacpp": {"providers/llamacpp.py"},
    "keyring": {"providers"},
    "math_verify": {"answers"},
    "sklearn": {"bench"},
    "genai_prices": {"providers/prices.py"},
    "opentelemetry": {"trace"},
    "rich": {"trace", "cli"},
    "click": {"cli"},
    "dspy": {"optimize"},
    "optuna": {"optimize/tuning.py"},
    "ray": {"engines"},
    "starlette": {"serve"},
    "uvicorn": {"serve"},
}
"""Library -> the rooms or files that may import it."""


def violations(package: Path) -> Iterator[str]:
    """Each import in `package` that breaks a rule, as one sentence."""
    for file in sorted(package.rglob("*.py")):
        place = file.relative_to(package)
        room = "" if place.name == "__init__.py" and len(place.parts) == 1 else place.parts[0]
        room = room.removesuffix(".py")
        for line, module in _imports(file):
            if module.split(".")[0] == package.name:
                other = [*module.split("."), ""][1]
                if other not in MAY_IMPORT[room]:
                    yield f"{place}:{line}: {room or 'the package'} must not import {module}"
            home = HOMES.get(module.split(".")[0])
            if home is not None and room not in home and place.as_posix() not in home:
                yield f"{place}:{line}: {module} is at home in {', '.join(sorted(home))}"


def cycles(package: Path) -> list[list[str]]:
    """Groups of modules that import each other, counting imports inside functions too."""
    import networkx as nx

    modules = {
        ".".join((package.name, *file.relative_to(package).with_suffix("").parts)).removesuffix(
            ".__init__"
        ): file
        for file in package.rglob("*.py")
    }
    graph: nx.DiGraph[str] = nx.DiGraph()
    for name, file in modules.items():
        for _, module in _imports(file):
            target = module if module in modules else module.rpartition(".")[0]
            # The package's own __init__ loads its public names on first use only.
            if target in modules and target not in (name, package.name) and name != package.name:
                graph.add_edge(name, target)
    return [sorted(group) for group in nx.strongly_connected_components(graph) if len(group) > 1]


def _imports(file: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.lineno, node.module
            for alias in node.names:
                if node.module.count(".") == 0:
                    yield node.lineno, f"{node.module}.{alias.name}"
