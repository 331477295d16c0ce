"""Hostile edits of a hundred ensemble files: what they lose, touch, change and refuse."""

from __future__ import annotations

import json
import re
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from time import perf_counter

from llm_orc.domain.edit import Edit, FileChange
from llm_orc.domain.ensemble import Ensemble
from llm_orc.domain.model import Fleet
from llm_orc.errors import InvalidFile, RewriteRefused
from llm_orc.spec.document import decoded, parse
from llm_orc.spec.ensemble_file import load_ensemble
from llm_orc.spec.replace_file import replace_files
from llm_orc.spec.rewrite_file import rewrite_file
from tests.rewriting.edits import intended, random_edit
from tests.rewriting.evidence import alike, bytes_outside, comments_of
from tests.rewriting.files import fleet_of, write_files

FILES = 120
_BOM = b"\xef\xbb\xbf"
_SPECIAL = re.compile("[\x7f-\xa0\u2028\u2029\ufeff\ufffe\uffff]")


@dataclass
class Count:
    """What became of the edits. `not_meant`: no file can hold them, and they were refused."""

    files: int = 0
    done: int = 0
    unchanged: int = 0
    not_meant: int = 0
    accepted_wrongly: int = 0
    comments_lost: int = 0
    outside: int = 0
    loaded_otherwise: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def fuzzed(edits: int, seed: int) -> Count:
    """Each edit is of a file as it was first, or as the edit before left it."""
    random, count = Random(seed), Count()
    with tempfile.TemporaryDirectory() as folder:
        files = write_files(Path(folder), random, FILES)
        count.files = len(files)
        file, first = files[0], dict[Path, bytes]()
        for _ in range(edits):
            if random.random() < 0.7:
                for path, content in first.items():
                    path.write_bytes(content)
                file, first = random.choice(files), {}
            for change in _tried(random, file, count):
                first.setdefault(change.path, change.before)
    return count


def _tried(random: Random, file: Path, count: Count) -> tuple[FileChange, ...]:
    fleet = fleet_of(file)
    before = file.read_bytes()
    ensemble = load_ensemble(file, fleet, need_models=False)
    edit = random_edit(random, ensemble)
    meant = _meant(file, before, edit, fleet)
    began = perf_counter()
    try:
        changes = rewrite_file(file, [edit], fleet)
        replace_files(changes)
    except RewriteRefused as error:
        if meant is None:
            count.not_meant += 1
        else:
            count.refused[f"{error} ({error.hint})".replace(str(file.parent), "")] += 1
        return ()
    count.seconds.append(perf_counter() - began)
    count.done += bool(changes)
    count.unchanged += not changes
    if meant is None:
        count.accepted_wrongly += 1
        count.faults.append(f"accepted wrongly: {file.name}: {edit!r:.300}")
    else:
        _examine(file, before, edit, meant, fleet, count)
    return changes


def _meant(file: Path, before: bytes, edit: Edit, fleet: Fleet) -> Ensemble | None:
    """What is to be loaded, by way of JSON; None where that is no ensemble."""
    data = intended(parse(decoded(before, ""), "").value, edit)
    written = json.dumps(data, ensure_ascii=False)
    other = file.with_name(f"{file.stem}--intended.yaml")
    other.write_text(
        _SPECIAL.sub(lambda found: f"\\u{ord(found[0]):04x}", written), encoding="utf-8", newline=""
    )
    try:
        return load_ensemble(other, fleet, need_models=False)
    except InvalidFile:
        return None
    finally:
        other.unlink()


def _examine(file: Path, before: bytes, edit: Edit, meant: Ensemble, fleet: Fleet, count: Count) -> None:
    old, new = (content.removeprefix(_BOM).decode() for content in (before, file.read_bytes()))
    one, other = comments_of(old), comments_of(new)
    lost = (one - other).total() + (other - one).total()
    outside = bytes_outside(old, new, edit.agent, edit.key, removed=edit.value is None)
    otherwise = not alike(load_ensemble(file, fleet, need_models=False), meant)
    count.comments_lost += lost
    count.outside += outside
    count.loaded_otherwise += otherwise
    if lost or outside or otherwise:
        count.faults.append(f"{lost=} {outside=} {otherwise=}: {file.name}: {edit!r:.300}")
