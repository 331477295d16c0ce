"""GGUF files, run in this process by llama.cpp (the one home of `xllamacpp`, imported on first use).

Decided by measuring, with files of 0.5 MB on two cores:
- A small file with a short context gets many slots, each with the whole context, and one thread: two gain
  little, and on a busy machine they wait for each other (3 answers a second instead of 110). A large one gets
  one slot (`concurrency` gives it more) and all threads.
- llama.cpp can be stopped only while it streams, and streaming halves what 40 requests at once get done. So
  small files do not stream: an answer that nobody waits for any more is soon over by itself. Large ones do.
"""

from __future__ import annotations

import json
import math
import secrets
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Thread
from time import perf_counter
from typing import Protocol, TypeAlias

import anyio
from anyio import CapacityLimiter, to_thread

from llm_orc.domain.completion import Completion, Installed, Request
from llm_orc.domain.json import JsonObject, JsonValue
from llm_orc.domain.model import Model
from llm_orc.errors import InvalidRequest, ModelMissing, NotAvailable, ProviderFailed
from llm_orc.providers.chat import chat_body, completion_of, joined, piece_of
from llm_orc.providers.faults import Place, failure_of
from llm_orc.providers.samples import one_by_one
from llm_orc.providers.shapes import WrongShape, parse_object

ANSWER_SECONDS = 600.0
# Of each slot, where the catalogue does not say. llama.cpp lowers it to what the model was trained for.
CONTEXT = 4096
SMALL_BYTES = 32 * 2**20
SMALL_SLOTS = 16
SILENT = -1
# Progress is told between the batches of a long prompt: it can be stopped there, too.
STREAMING: JsonObject = {
    "stream": True,
    "return_progress": True,
    "stream_options": {"include_usage": True},
}

_Chunk: TypeAlias = "JsonObject | ProviderFailed | None"


class LlamaCpp:
    """The models in GGUF files, each loaded when it is first asked and kept until `aclose`.

    A temperature that is not set means 0: the same prompt gives the same answer. One that is set means plain
    sampling at that temperature: llama.cpp's habit of cutting unlikely tokens off (top_k 40, top_p 0.95,
    min_p 0.05) applies only where the user sets it. Loading does not count against the timeout.

    The last digits of probabilities depend on what else is worked on, and on how much of the prompt was seen
    before (`options: {cache_prompt: false}` forgets it), so rarely a seed gives another text then.
    """

    def __init__(self, base_url: str | None = None, api_key_env: str | None = None) -> None:
        self._engines: dict[str, _Engine] = {}
        self._loading: anyio.Lock | None = None

    async def complete(self, request: Request) -> Completion:
        if request.n > 1:
            return await one_by_one(self.complete, request)
        engine, load_seconds = await self._engine(request.model)
        async with engine.lane:
            seconds = request.timeout_seconds or ANSWER_SECONDS
            with anyio.move_on_after(seconds):
                reply = await engine.answer(_body(request))
                return _completion(reply, request, load_seconds)
        raise _place(request.model).late(seconds)

    async def stream(self, request: Request) -> AsyncGenerator[str, None]:
        """The answer as it is written, on a thread of its own that stops when nobody listens any more."""
        engine, _ = await self._engine(request.model)
        chunks: SimpleQueue[_Chunk] = SimpleQueue()
        stop = Event()
        async with engine.lane:
            Thread(target=engine.write, args=(_body(request), chunks, stop), daemon=True).start()
            try:
                while (chunk := await to_thread.run_sync(chunks.get, abandon_on_cancel=True)) is not None:
                    if isinstance(chunk, ProviderFailed):
                        raise chunk
                    if text := piece_of(chunk)[0]:
                        yield text
            finally:
                stop.set()

    async def installed(self) -> Sequence[Installed]:
        """The files that are loaded now."""
        return tuple(
            Installed(wire_name=engine.wire_name, resident=True, details={"path": path})
            for path, engine in self._engines.items()
        )

    async def check(self, model: Model) -> None:
        """The file is there and is a GGUF file; whether it loads is seen when it does."""
        await to_thread.run_sync(_checked_file, model)

    async def unload(self, model: Model) -> None:
        """The engine lets go of its memory, unless somebody is using it."""
        engine = self._engines.get(model.path or "")
        if engine is not None and not engine.lane.borrowed_tokens:
            gone = [self._engines.pop(model.path or "")]
            del engine
            await to_thread.run_sync(gone.clear)

    async def aclose(self) -> None:
        """Unload everything."""
        engines, self._engines = self._engines, {}
        # The engine frees a model when its last reference goes, and waits for its own thread then.
        await to_thread.run_sync(engines.clear)

    async def _engine(self, model: Model) -> tuple[_Engine, float | None]:
        """The model's engine, and how long it took to load if that was now."""
        path = model.path or ""
        if path in self._engines:
            return self._engines[path], None
        if self._loading is None:
            self._loading = anyio.Lock()
        async with self._loading:
            if path in self._engines:
                return self._engines[path], None
            began = perf_counter()
            engine = await to_thread.run_sync(_load, model, abandon_on_cancel=True)
            self._engines[path] = engine
            return engine, perf_counter() - began


class _Llama(Protocol):
    """What is used of `xllamacpp.Server`: JSON in, JSON out; a callback that returns True ends a stream."""

    def handle_chat_completions(self, prompt: bytes, callback: Callable[[bytes], bool]) -> None: ...


class _Engine:
    """One loaded model."""

    def __init__(self, llama: _Llama, place: Place, wire_name: str, *, slots: int, small: bool) -> None:
        self._llama = llama
        self._place = place
        self._small = small
        self.wire_name = wire_name
        self.lane = CapacityLimiter(slots)
        # `lane` alone decides how many threads there are.
        self._threads = CapacityLimiter(math.inf)

    async def answer(self, body: JsonObject) -> JsonObject:
        """A whole reply. When cancelled, a large model stops at its next token."""
        stop = Event()
        work = self._at_once if self._small else self._piece_by_piece
        try:
            return await to_thread.run_sync(work, body, stop, abandon_on_cancel=True, limiter=self._threads)
        finally:
            stop.set()

    def write(self, body: JsonObject, chunks: SimpleQueue[_Chunk], stop: Event) -> None:
        """Put the chunks of an answer into `chunks`, then None, until `stop` is set."""

        def take(chunk: bytes) -> bool:
            chunks.put(self._understood(chunk))
            return stop.is_set()

        try:
            self._ask({**body, **STREAMING}, take)
        except ProviderFailed as error:
            chunks.put(error)
        finally:
            chunks.put(None)

    def _at_once(self, body: JsonObject, stop: Event) -> JsonObject:
        replies: list[bytes] = []
        self._ask(body, replies.append)
        return self._understood(replies[0])

    def _piece_by_piece(self, body: JsonObject, stop: Event) -> JsonObject:
        chunks: list[JsonObject] = []

        def take(chunk: bytes) -> bool:
            chunks.append(self._understood(chunk))
            return stop.is_set()

        self._ask({**body, **STREAMING}, take)
        return joined(chunks)

    def _ask(self, body: JsonObject, take: Callable[[bytes], bool | None]) -> None:
        """Blocks until the answer is complete, or `take` returned True."""
        failures: list[ProviderFailed] = []

        def guarded(chunk: bytes) -> bool:
            # The engine would swallow what is raised here.
            try:
                return bool(take(chunk))
            except ProviderFailed as error:
                failures.append(error)
                return True

        try:
            self._llama.handle_chat_completions(json.dumps(body, default=dict).encode(), guarded)
        except (ValueError, RuntimeError) as error:
            raise failure_of(self._place, 400, str(error)) from error
        if failures:
            raise failures[0]

    def _understood(self, data: bytes) -> JsonObject:
        try:
            reply = parse_object(data)
        except WrongShape as error:
            raise self._place.malformed(str(error)) from error
        if "error" in reply:
            raise failure_of(self._place, _status(reply), reply)
        return reply


def _load(model: Model) -> _Engine:
    """Blocks. Raises `ModelMissing`, `InvalidRequest` and `NotAvailable`."""
    try:
        import xllamacpp
    except ImportError as error:
        raise NotAvailable(
            "running GGUF files in process needs the package 'xllamacpp'", hint="pip install xllamacpp"
        ) from error
    path, place = _checked_file(model), _place(model)
    context = model.context or CONTEXT
    small = path.stat().st_size <= SMALL_BYTES and context <= CONTEXT
    slots = model.concurrency or (SMALL_SLOTS if small else 1)
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(path)
    parameters.n_parallel = slots
    parameters.n_ctx = slots * context
    parameters.n_batch = 512
    parameters.cache_ram_mib = 0
    parameters.warmup = False
    parameters.verbosity = SILENT
    if small:
        parameters.cpuparams.n_threads = 1
        parameters.cpuparams_batch.n_threads = 1
    # The engine always opens a port on this machine; a key that nobody knows keeps everybody out.
    parameters.n_threads_http = 1
    parameters.api_keys = [secrets.token_hex()]
    try:
        llama = xllamacpp.Server(parameters)
    except RuntimeError as error:
        raise InvalidRequest(
            f"{place}: the file cannot be loaded", hint="is it complete, and is there enough memory?"
        ) from error
    # An engine that is let go before its first answer hangs.
    llama.handle_completions({"prompt": ".", "max_tokens": 1})
    return _Engine(llama, place, model.wire_name, slots=slots, small=small)


def _checked_file(model: Model) -> Path:
    place = _place(model)
    if not model.path:
        raise InvalidRequest(f"{place}: the model has no file", hint="give the model a `path`")
    path = Path(model.path)
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise ModelMissing(f"{place}: {error.strerror}: {path}", hint="check the model's `path`") from error
    if magic != b"GGUF":
        raise InvalidRequest(f"{place}: {path} is not a GGUF file", hint="check the model's `path`")
    return path


def _place(model: Model) -> Place:
    return Place("llamacpp", Path(model.path or "-").name, model.name, over_http=False)


def _body(request: Request) -> dict[str, JsonValue]:
    sampling = request.sampling
    plain: dict[str, JsonValue] = {"temperature": 0.0}
    if sampling.temperature:
        plain = {"top_k": 0, "top_p": 1.0, "min_p": 0.0}
    return plain | chat_body(request)


def _completion(reply: JsonObject, request: Request, load_seconds: float | None) -> Completion:
    try:
        completion = completion_of(reply, request)
    except WrongShape as error:
        raise _place(request.model).malformed(str(error)) from error
    return replace(completion, model=request.model.wire_name, load_seconds=load_seconds)


def _status(reply: JsonObject) -> int:
    error = reply.get("error")
    code = error.get("code") if isinstance(error, Mapping) else None
    return code if isinstance(code, int) else 500
