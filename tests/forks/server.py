"""The process that is forked. Takes the path of the socket that it listens on, and `dspy` to load that too.

For each request it gets a folder, an environment, arguments and three files, and answers with the process and
how that ended.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import pkgutil
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from importlib import import_module
from typing import NoReturn

import llm_orc
from llm_orc.cli.main import main

LATER = ("llm_orc.__main__", "llm_orc.optimize.")
"""What only few commands load, and for seconds."""


def load(and_dspy: bool) -> None:
    """What commands load once they are under way."""
    for module in pkgutil.walk_packages(llm_orc.__path__, "llm_orc."):
        if not module.name.startswith(LATER):
            import_module(module.name)
    if and_dspy:
        import_module("llm_orc.optimize.optimizers")
        import_module("optuna")
    import_module("anyio._backends._asyncio")


def serve(listener: socket.socket) -> None:
    """Until the last client is gone; returns in the processes that are commands."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        connection, _ = listener.accept()
        message, files, _, _ = socket.recv_fds(connection, 1 << 20, 3)
        request = json.loads(message)
        if os.fork():
            connection.close()
            for file in files:
                os.close(file)
            continue
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        listener.close()
        pid = os.fork()
        if pid == 0:
            connection.close()
            become(request, files)
            return
        for file in (0, 1, 2, *files):
            os.close(file)
        connection.sendall(f"{pid}\n".encode())
        _, status = os.waitpid(pid, 0)
        connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
        os._exit(0)


def become(request: dict[str, object], files: list[int]) -> None:
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    sys.stdin, sys.stdout, sys.stderr = (
        open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115 - a file that is open
        for number, mode in enumerate("rww")
    )
    sys.argv = ["llm-orc", *request["arguments"]]
    # That it was started with -m is in click's messages otherwise.
    sys.modules["__main__"].__package__ = None


def end_as(command: Callable[[], NoReturn]) -> NoReturn:
    """As the interpreter ends, but for taking every module apart, which takes longer than most commands."""
    code: object = 1
    try:
        command()
    except SystemExit as end:
        code = end.code
    except BaseException:  # noqa: BLE001 - shown as the interpreter would
        traceback.print_exc()
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(sys.argv[1])
        listening.listen(64)
        load(sys.argv[2:] == ["dspy"])
        gc.collect()
        gc.freeze()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        serve(listening)
    end_as(main)
