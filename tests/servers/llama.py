"""llama.cpp's own OpenAI-compatible server for one file: prints its address, ends with standard input."""

from __future__ import annotations

import sys

import xllamacpp


def main(path: str) -> None:
    parameters = xllamacpp.CommonParams()
    parameters.model.path = path
    parameters.n_parallel = 4
    parameters.n_ctx = 4 * 512
    # Beside other work two threads would only wait for each other.
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 1
    parameters.verbosity = -1
    server = xllamacpp.Server(parameters)
    # It would hang if it ended before its first answer.
    server.handle_completions({"prompt": ".", "max_tokens": 1})
    sys.stdout.write(f"{server.listening_address}\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1])
