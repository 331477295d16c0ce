"""GPUs, and whether the room that the catalogue speaks of is there. No GPU is fine."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from llm_orc.domain.finding import Finding, ok, warn

ASK_SECONDS = 5.0
_SLACK = 1.02
"""Vendors' gigabytes are not all of the same size."""


class _NoAnswer(Exception):
    """The vendor's program could not say."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """`total_gb` and `used_gb` in units of 10^9 bytes; None where it is not known."""

    name: str
    total_gb: float
    used_gb: float | None = None


def gpu_findings(room_gb: Sequence[float]) -> Iterator[Finding]:
    """`room_gb` is the catalogue's `vram_gb`, by device; empty where it says nothing."""
    try:
        gpus = _nvidia() or _amd() or _apple()
    except _NoAnswer as error:
        yield warn("gpu", str(error), "is its driver loaded, and of the version of its tools?")
        return
    if not gpus:
        detail = "none found"
        if any(room_gb):
            yield warn("gpu", f"{detail}; the catalogue says vram_gb {_numbers(room_gb)}",
                       "right if the models are served by another machine, else mend vram_gb")  # fmt: skip
        else:
            yield ok("gpu", detail)
        return
    yield ok("gpu", "; ".join(_shown(gpu) for gpu in gpus))
    yield from _room(gpus, room_gb)


def _room(gpus: Sequence[Gpu], room_gb: Sequence[float]) -> Iterator[Finding]:
    there = [gpu.total_gb for gpu in gpus]
    if not room_gb:
        yield ok("vram_gb", f"not set: the router takes room as endless; `vram_gb: {_numbers(there)}` in "
                 "models.yaml tells it")  # fmt: skip
    elif len(room_gb) > len(there):
        yield warn("vram_gb", f"it names {len(room_gb)} devices, {len(there)} are there",
                   f"vram_gb: {_numbers(there)}")  # fmt: skip
    # One number may stand for all of one machine's devices together.
    elif sum(room_gb) > sum(there) * _SLACK or any(
        len(room_gb) > 1 and told > real * _SLACK for told, real in zip(room_gb, there, strict=False)
    ):
        yield warn("vram_gb", f"the catalogue says {_numbers(room_gb)}, there are {_numbers(there)} GB",
                   f"vram_gb: {_numbers(there)}")  # fmt: skip
    else:
        yield ok("vram_gb", f"{_numbers(room_gb)} of {_numbers(there)} GB")


def _nvidia() -> list[Gpu]:
    query = ("--query-gpu=name,memory.total,memory.used", "--format=csv,noheader,nounits")
    gpus = []
    for line in _asked("nvidia-smi", *query).splitlines():
        cells = [cell.strip() for cell in line.rsplit(",", 2)]
        if len(cells) == 3 and cells[1].isdigit():
            used = int(cells[2]) * 2**20 / 1e9 if cells[2].isdigit() else None
            gpus.append(Gpu(cells[0], int(cells[1]) * 2**20 / 1e9, used))
    return gpus


def _amd() -> list[Gpu]:
    told = _asked("rocm-smi", "--showmeminfo", "vram", "--json")
    if not told.strip():
        return []
    try:
        cards = json.loads(told)
        return [
            Gpu(f"AMD {name}", int(card["VRAM Total Memory (B)"]) / 1e9,
                int(card["VRAM Total Used Memory (B)"]) / 1e9)
            for name, card in cards.items() if name.startswith("card")
        ]  # fmt: skip
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _NoAnswer("rocm-smi printed what is not understood") from error


def _apple() -> list[Gpu]:
    """The memory of these machines is that of their GPU too."""
    if platform.system() != "Darwin" or platform.machine() != "arm64":
        return []
    told = _asked("sysctl", "-n", "hw.memsize").strip()
    return [Gpu("Apple, memory shared with the system", int(told) / 1e9)] if told.isdigit() else []


def _asked(program: str, *arguments: str) -> str:
    """What a vendor's program prints; "" where there is none."""
    path = shutil.which(program)
    if path is None:
        return ""
    try:
        done = subprocess.run(
            [path, *arguments], capture_output=True, timeout=ASK_SECONDS, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise _NoAnswer(f"{program} did not answer within {ASK_SECONDS:g} s") from error
    except OSError as error:
        raise _NoAnswer(f"{program} cannot be started: {error.strerror}") from error
    if done.returncode:
        said = (done.stdout + done.stderr).decode(errors="replace").strip().splitlines()[:1]
        raise _NoAnswer(f"{program} failed: {''.join(said) or done.returncode}")
    return done.stdout.decode(errors="replace")


def _shown(gpu: Gpu) -> str:
    used = "" if gpu.used_gb is None else f", {gpu.used_gb:.1f} in use"
    return f"{gpu.name}: {gpu.total_gb:.1f} GB{used}"


def _numbers(values: Sequence[float]) -> str:
    return f"[{', '.join(f'{value:.4g}' for value in values)}]"
