"""Takes seeds on standard input, holds their files against `validate`, `graph` and `plan`, and prints what
each took: one line of JSON per file. It runs in a copy of the project, with a limit on its memory."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from time import perf_counter, process_time

import click

from llm_orc.cli.main import cli
from llm_orc.errors import InvalidFile, OrcError

from .fuzz_files import fuzzed

CPU_SECONDS = 2.0
"""Of one verb. The clock is that of the processor: a busy machine makes nothing hang."""

ROOM_BYTES = 3 * 2**29
FORMS = ("text", "mermaid", "dot", "svg", "json")


class TooSlowError(BaseException):
    """Not an `Exception`: nothing may take it for a failure of its own."""


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (ROOM_BYTES, ROOM_BYTES))
    signal.signal(signal.SIGPROF, _too_slow)
    for line in sys.stdin:
        print(json.dumps(examined(int(line))), flush=True)


def examined(seed: int) -> dict[str, object]:
    """What became of a seed's file: `failures` is empty when all went as it should."""
    made = fuzzed(seed)
    file = Path(made.place)
    file.write_bytes(made.content)
    resident = _forget_peak()
    failures: list[str] = []
    cpu: dict[str, float] = {}
    began = perf_counter()
    for verb in (("validate",), ("graph", "--format", FORMS[seed % len(FORMS)]), ("plan",)):
        clock = process_time()
        failure = _tried([verb[0], str(file), *verb[1:]])
        cpu[verb[0]] = process_time() - clock
        if failure:
            failures.append(f"{verb[0]}: {failure}")
    took = perf_counter() - began
    file.unlink()
    return {
        "seed": seed, "kind": made.kind, "failures": failures, "cpu": cpu, "wall": took,
        "grown_mb": (_status("VmHWM") - resident) / 1024,
    }  # fmt: skip


def _tried(arguments: list[str]) -> str:
    """Why a verb did not behave; "" when it did, whatever it thinks of the file."""
    said = StringIO()
    try:
        with redirect_stdout(StringIO()), redirect_stderr(said), _clock():
            cli.main(arguments, standalone_mode=False)
    except OrcError as error:
        return (
            ""
            if error.message.strip() or (isinstance(error, InvalidFile) and error.problems)
            else f"{error.kind} says nothing"
        )
    except click.ClickException:
        return ""
    except TooSlowError:
        return f"more than {CPU_SECONDS:g} s\n{traceback.format_exc(limit=-6)}"
    except BaseException:  # noqa: BLE001 - anything else is what is looked for
        return traceback.format_exc(limit=-12)
    return ""


@contextmanager
def _clock() -> Iterator[None]:
    # Again and again: the first one may come where nothing can be raised.
    signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS, 0.2)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _too_slow(number: int, frame: object) -> None:
    raise TooSlowError


def _forget_peak() -> int:
    """The resident memory now, in KiB; from now on its peak is counted anew."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return _status("VmRSS")


def _status(name: str) -> int:
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    assert found is not None
    return int(found[1])


if __name__ == "__main__":
    # Results go where they went before; what libraries print does not mix with them.
    sys.stdout = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    main()
