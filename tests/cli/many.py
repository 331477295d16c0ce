"""Runs many command lines, each in a fork of one process that has all modules loaded; prints their ends.

Only that start is shared: every command has its own process, and starts at the entry point.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from importlib import import_module
from tempfile import TemporaryFile

from llm_orc.cli.main import VERBS, main


def run(arguments: list[str]) -> tuple[int, str, str]:
    with TemporaryFile() as out, TemporaryFile() as err:
        pid = os.fork()
        if pid == 0:
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            become(arguments)
        _, status = os.waitpid(pid, 0)
        out.seek(0)
        err.seek(0)
        return os.waitstatus_to_exitcode(status), out.read().decode(), err.read().decode()


def become(arguments: list[str]) -> None:
    code = 1
    sys.argv = ["llm-orc", *arguments]
    try:
        main()
    except SystemExit as end:
        code = int(end.code or 0)
    except Exception:  # noqa: BLE001 - shown as a process of its own would
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    for module, _ in VERBS.values():
        import_module(module.partition(":")[0])
    json.dump([run(arguments) for arguments in json.loads(sys.argv[1])], sys.stdout)
