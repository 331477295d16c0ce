"""The process that compares expressions, or searches for patterns:
a JSON pair per line in, `true` or `false` per line out.

It ends itself when one takes too long, and when its input ends.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import logging
import os
import re
import sys
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, TextIO

SECONDS = 2.0
"""How long one comparison, or one search, may take."""
MEMORY_BYTES = 2 << 30


def main() -> None:
    """Answer until the input ends."""
    replies, sys.stdout = sys.stdout, sys.stderr
    logging.disable(logging.CRITICAL)
    work: Callable[[str, str], bool] = _search
    if sys.argv[1:] == ["equal"]:
        import math_verify  # noqa: F401 - so that its import does not count as a comparison

        work = _equal
    _limit_memory()
    print("ready", file=replies, flush=True)
    with open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: PTH123 - no path
        for line in sys.stdin:
            one, other = json.loads(line)
            with _deadline(nowhere):
                verdict = work(one, other)
            print(json.dumps(verdict), file=replies, flush=True)


@contextlib.contextmanager
def _deadline(nowhere: TextIO) -> Iterator[None]:
    # A watchdog in C: it ends the process also within one long operation on integers.
    faulthandler.dump_traceback_later(SECONDS, exit=True, file=nowhere)
    yield
    faulthandler.cancel_dump_traceback_later()


def _search(pattern: str, text: str) -> bool:
    return re.search(pattern, text, re.MULTILINE) is not None


def _equal(one: str, other: str) -> bool:
    from math_verify import verify

    try:
        first, second = _parsed(one), _parsed(other)
        if not first or not second:
            return False
        # It takes what is expected first, and reads intervals and equations differently there.
        return any(bool(verify(*pair, timeout_seconds=None)) for pair in ((first, second), (second, first)))
    except Exception:  # noqa: BLE001 - a parser of any text, not ours: what it cannot read is not equal
        return False


@lru_cache(maxsize=512)
def _parsed(text: str) -> list[Any]:
    from math_verify import parse

    parsed: list[Any] = parse(text if "$" in text else f"${text}$", parsing_timeout=None)
    return parsed


def _limit_memory() -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


if __name__ == "__main__":
    main()
