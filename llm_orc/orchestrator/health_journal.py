"""Is there room for the journal, and is it in order?"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import time

from llm_orc.domain.finding import Finding, fail, ok, warn
from llm_orc.errors import JournalFailed

LOOK_SECONDS = 4.0
LEAST_BYTES = 16 * 2**20
FEW_BYTES = 500 * 2**20
_TRIED_BYTES = 64 * 2**10
_AHEAD_SECONDS = 120.0
_ELSEWHERE = "--runs PATH, or `runs` in config.yaml, keeps the journal elsewhere"


def journal_findings(path: Path) -> Iterator[Finding]:
    """The disk that the journal lies on, the file itself, and who may read it."""
    folder = _nearest_folder(path)
    yield _disk(folder)
    yield from _writable(folder, path)
    if os.path.lexists(path):
        yield from _journal(path)
        yield from _readers(path)
    else:
        yield ok("journal", f"none yet; the first run makes {path}")
    cache = path.with_name("cache.db")
    if os.path.lexists(cache):
        yield _cache(cache)


def _nearest_folder(path: Path) -> Path:
    """Where the journal is or would be made: the nearest folder above it that is there."""
    return next((folder for folder in path.absolute().parents if folder.is_dir()), Path("/"))


def _disk(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    detail = f"{_size(free)} free in {folder}"
    if free < LEAST_BYTES:
        return fail("disk", detail, f"make room; {_ELSEWHERE}")
    if free < FEW_BYTES:
        return warn("disk", detail, f"make room: `llm-orc runs prune` forgets old runs; {_ELSEWHERE}")
    return ok("disk", detail)


def _writable(folder: Path, path: Path) -> Iterator[Finding]:
    """Writes a file without a name. What is free says nothing of quotas, limits and read-only disks."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"\0" * _TRIED_BYTES)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        yield fail("disk", f"cannot write in {folder}: {error.strerror or error}",
                   f"check room, quota and permissions; {_ELSEWHERE}")  # fmt: skip
    yield from _size_limit(path)


def _size_limit(path: Path) -> Iterator[Finding]:
    try:
        import resource
    except ImportError:  # not on Windows
        return
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    there = path.stat().st_size if path.is_file() else 0
    if limit != resource.RLIM_INFINITY:
        detail = f"this shell allows files of {_size(limit)} at most, the journal has {_size(there)}"
        state = fail if limit < there + LEAST_BYTES else warn
        yield state("disk", detail, "ulimit -f unlimited")


def _journal(path: Path) -> Iterator[Finding]:
    from llm_orc.run.journal_check import look_at

    try:
        seen = look_at(path, LOOK_SECONDS)
    except JournalFailed as error:
        yield fail("journal", error.message, error.hint)
        return
    version = f"version {seen.version}"
    if seen.version < seen.newest_version:
        version += f", brought to {seen.newest_version} when it is next used"
    detail = f"{path}: {seen.runs} run{'s' * (seen.runs != 1)}, {_size(seen.bytes)}, {version}"
    if seen.locked:
        yield warn("journal", f"{detail}; another process is writing all the time", "wait for it or end it")
    elif not seen.whole:
        yield warn("journal", f"{detail}; too large to check all of it in {LOOK_SECONDS:g} s",
                   "`llm-orc runs prune` forgets old runs")  # fmt: skip
    else:
        yield ok("journal", f"{detail}, intact")
    if seen.last_start is not None and seen.last_start > time() + _AHEAD_SECONDS:
        yield warn("clock", "the newest run of the journal began in the future", "set the clock")


def _cache(path: Path) -> Finding:
    """It may be deleted at any time, so that nothing about it is a failure."""
    from llm_orc.run.database import CACHE
    from llm_orc.run.journal_check import look_at

    try:
        seen = look_at(path, LOOK_SECONDS, CACHE)
    except JournalFailed as error:
        return warn("cache", error.message, error.hint)
    return ok("cache", f"{path}: {_size(seen.bytes)}")


def _readers(path: Path) -> Iterator[Finding]:
    from llm_orc.run.journal_check import files_of

    if os.name != "posix":
        return
    open_to_others = [file for file in files_of(path) if file.stat().st_mode & 0o077]
    for file in open_to_others:
        mode = file.stat().st_mode & 0o777
        yield warn("permissions", f"others on this machine may read or change {file} (mode {mode:o})",
                   f"chmod 600 {file}")  # fmt: skip
    if not open_to_others:
        yield ok("permissions", "only you can read the journal")


def _size(count: float) -> str:
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.3g} {unit}"
        count /= 1024
    return f"{count:.3g} TiB"
