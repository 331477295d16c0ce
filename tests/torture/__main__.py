"""`python -m tests.torture [NAME …]`: all of them, or those that are named."""

from __future__ import annotations

import sys
from importlib import import_module

ALL = ("kill", "faults", "fuzz", "soak")

for name in sys.argv[1:] or ALL:
    import_module(f"tests.torture.{name}").main()
