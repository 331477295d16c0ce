"""`python -m tests.bench`: every benchmark, or those that are named."""

from __future__ import annotations

import sys
from importlib import import_module

ALL = (
    "fan_out",
    "startup",
    "overhead",
    "ragged",
    "http_calls",
    "embedded",
    "layout",
    "routing_speed",
    "sampling",
    "tasks",
    "journal",
    "cached",
    "rewriting",
    "page",
    "tracing",
)

for name in sys.argv[1:] or ALL:
    import_module(f"tests.bench.{name}").main()
    print()
